"""Looks of digits: ink, and the nearest classes."""

import numpy as np

from medmnist_det.scenes.composer import SceneOptions, compose_block
from medmnist_det.scenes.looks import Looks


def test_contrast_is_the_mean_grey_of_the_tight_box(optdigits):
    digit = np.array([5, 0, 5, 99])
    found = Looks.of(optdigits, "val", digit).contrast
    for k, row in enumerate(digit):
        image = optdigits.images["val"][row]
        ys, xs = np.nonzero(image)
        tight = image[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert (
            found[k] == tight.mean(dtype=np.float64) / 255
            or abs(found[k] - tight.mean(dtype=np.float64) / 255) < 1e-12
        )


def test_margins_leave_the_digit_itself_out_of_its_class(optdigits):
    images, labels = optdigits.images["val"], optdigits.labels["val"]
    found = Looks.of(optdigits, "val", np.arange(len(labels))).margins
    pixels = images.reshape(-1, 14, 2, 14, 2).sum(axis=(2, 4)).reshape(len(labels), -1)
    pixels = pixels.astype(np.float64)
    unit = []
    plain = np.zeros((len(labels), 10))
    for k in range(len(labels)):
        others = np.arange(len(labels)) != k
        means = [pixels[others & (labels == c)].mean(axis=0) for c in range(10)]
        distance = np.array([((pixels[k] - mean) ** 2).sum() for mean in means])
        plain[k] = distance - distance[labels[k]]
        unit.append(abs(np.delete(plain[k], labels[k]).min()))
    assert np.allclose(found, plain / np.mean(unit), rtol=1e-6, atol=1e-8)
    assert (found[np.arange(len(labels)), labels] == 0).all()


def test_most_digits_are_nearest_to_their_own_class(optdigits):
    labels = optdigits.labels["train"]
    found = Looks.of(optdigits, "train", np.arange(len(labels))).margins
    assert (found.argmin(axis=1) == labels).mean() > 0.85


def test_scenes_say_which_digit_is_behind_a_box(optdigits):
    scenes = compose_block(SceneOptions(), optdigits, 0, "train", 0, 40)
    assert np.array_equal(optdigits.labels["train"][scenes.digit], scenes.labels.label)
    k = int(np.argmax(scenes.labels.box[:, 2] - scenes.labels.box[:, 0]))
    shown = optdigits.images["train"][scenes.digit[k]]
    ys, xs = np.nonzero(shown)
    height, width = scenes.strokes[k].shape
    shape = (ys.max() - ys.min() + 1) / (xs.max() - xs.min() + 1)
    assert abs(np.log(height / width / shape)) < 0.25

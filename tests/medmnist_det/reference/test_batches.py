import numpy as np
import pytest
import torch

from medmnist_det.reference.batches import Augmentation, Batches, Pool
from medmnist_det.reference.loss import Targets

CPU = torch.device("cpu")
STILL = Augmentation(shift=False, overlay=0, empty=0.0)


def pool(images=40, side=64, seed=0, looked=None):
    """Bright rectangles, every one of its own grey; image k's first class target is k / 100."""
    rng = np.random.default_rng(seed)
    pixels = torch.zeros(images, 1, side, side, dtype=torch.uint8)
    box, weight = torch.zeros(images, 3, 4), torch.zeros(images, 3)
    for k in range(images):
        for place in range(rng.integers(0, 4)):
            # One third of the width each: boxes do not overlap.
            x, y = int(rng.integers(0, 10)) + 21 * place, int(rng.integers(0, side - 20))
            width, height = (int(v) for v in rng.integers(3, 11, 2))
            pixels[k, 0, y : y + height, x : x + width] = int(rng.integers(1, 256))
            box[k, place] = torch.tensor([x, y, x + width, y + height], dtype=torch.float32)
            weight[k, place] = 1.0
    classes = torch.full((images, 3, 2), 0.5)
    classes[..., 0] = torch.arange(images)[:, None] / 100
    seen = np.ones(images, dtype=bool) if looked is None else looked
    return Pool(pixels, Targets(box, classes, weight, weight[..., None] * 0), seen, CPU)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def shown(batches):
    first = torch.cat([targets.classes[:, 0, 0] for _, targets in batches])
    return sorted((first * 100).round().int().tolist())


def test_every_labelled_image_comes_once_and_a_share_of_the_others():
    data = pool()
    labelled = data.labelled.tolist()
    assert shown(Batches(data, 1, STILL, random())) == labelled
    half = Augmentation(shift=False, overlay=0, empty=0.5)
    rows = shown(Batches(data, 1, half, random()))
    assert len(rows) == len(set(rows)) == len(labelled) + round(len(data.empty) / 2)
    assert set(labelled) < set(rows)


def test_images_that_nobody_looked_at_never_come():
    looked = np.arange(40) % 3 > 0
    rows = shown(Batches(pool(looked=looked), 1, Augmentation(overlay=0, empty=1.0), random()))
    assert rows == np.flatnonzero(looked).tolist()


def test_a_box_that_is_moved_out_of_the_image_is_not_taught():
    data = pool(images=1)
    data.images.zero_()[0, 0, 0:4, 0:4] = 9
    data.bounds[:] = torch.tensor([[0, 0, 4, 4]])
    # The ink moves by 60 pixels at the most, and takes both boxes along: one spurious, one beside.
    data.targets.box[0, :2] = torch.tensor([[0.0, 0, 4, 4], [40, 0, 50, 4]])
    data.targets.weight[0] = torch.tensor([1.0, 1.0, 0.0])
    data = Pool(data.images, data.targets, np.ones(1, dtype=bool), CPU)
    counts = set()
    for seed in range(40):
        _, targets = next(iter(Batches(data, 1, Augmentation(overlay=0), random(seed))))
        box = targets.box[0][targets.weight[0] > 0]
        assert (box[:, 2:] > box[:, :2]).all()
        counts.add(len(box))
    assert counts == {1, 2}


def test_the_same_seed_gives_the_same_batches_and_another_does_not():
    def first(seed):
        images, targets = next(iter(Batches(pool(), 4, Augmentation(), random(seed))))
        return images, targets.box

    for one, same, other in zip(first(1), first(1), first(2), strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


def test_processes_that_train_together_share_an_epoch_without_overlap():
    data, how = pool(), Augmentation(shift=False, overlay=0, empty=1.0)
    parts = [shown(Batches(data, 8, how, random(3), rank, 2)) for rank in (0, 1)]
    assert sorted(parts[0] + parts[1]) == shown(Batches(data, 8, how, random(3)))


def test_scenes_move_whole_and_their_boxes_with_them():
    data = pool()
    seen = 0
    for images, targets in Batches(data, 4, Augmentation(overlay=0, empty=0.0), random()):
        for image, box, classes, weight in zip(images, *targets[:3], strict=True):
            row = int((classes[0, 0] * 100).round())
            before = data.images[row]
            assert image.sum() == before.sum()
            for k in weight.nonzero().flatten().tolist():
                (x, y, right, below), (a, b, c, d) = box[k].int(), data.targets.box[row, k].int()
                assert torch.equal(image[0, y:below, x:right], before[0, b:d, a:c])
                seen += not torch.equal(box[k], data.targets.box[row, k])
    assert seen > 10


def test_a_laid_on_scene_is_added_up_to_white_and_brings_its_boxes():
    data = pool()
    how = Augmentation(shift=False, overlay=1, overlap=0.01, empty=0.0)
    laid = total = 0
    for images, targets in Batches(data, 4, how, random()):
        for image, classes, weight in zip(images, targets.classes, targets.weight, strict=True):
            rows = (classes[weight > 0, 0] * 100).round().int().tolist()
            below, above = rows[0], rows[-1]
            expected = data.images[below].int()
            boxes = int((data.targets.weight[below] > 0).sum())
            if above != below:
                expected = (expected + data.images[above].int()).clamp(max=255)
                boxes += int((data.targets.weight[above] > 0).sum())
                laid += 1
            assert torch.equal(image.int(), expected)
            assert len(rows) == boxes
            total += 1
    assert 0 < laid < total


def test_batches_carry_no_more_padding_than_their_fullest_image_needs():
    for _, targets in Batches(pool(), 4, Augmentation(overlay=2), random()):
        real = targets.weight > 0
        assert targets.weight.shape[1] == real.sum(dim=1).max()
        assert (real.int().diff(dim=1) <= 0).all()


def test_scenes_are_not_laid_where_boxes_would_overlap():
    data = pool(images=2)
    data.labelled = torch.tensor([0])
    data.targets.weight[0, 0] = 1.0
    data.targets.box[0, 0] = torch.tensor([5.0, 5, 20, 20])
    how = Augmentation(shift=False, overlay=1, empty=0.0)
    [(_, targets)] = Batches(data, 1, how, random())
    assert targets.weight.shape == (1, int((data.targets.weight[0] > 0).sum()))


def test_pictures_are_not_laid_on_each_other():
    # Their sum would be no picture: only scenes on black are added.
    data, how = pool(), Augmentation(shift=False, overlay=3, overlap=1.0, empty=0.0)
    data = Pool(data.images.clamp(min=9), data.targets, np.ones(40, dtype=bool), CPU)
    seen = 0
    for images, targets in Batches(data, 4, how, random()):
        for image, classes in zip(images, targets.classes, strict=True):
            assert torch.equal(image, data.images[int((classes[0, 0] * 100).round())])
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_have_one_size_and_a_large_one_takes_what_is_there(batch):
    data = pool()
    sizes = {len(images) for images, _ in Batches(data, batch, STILL, random())}
    assert sizes == {min(batch, len(data.labelled))}

"""Tiers: of every image the best, the worst or anybody's labels, and of whole raters."""

from dataclasses import replace

import numpy as np
import pytest

from medmnist_det.boxes import paired_iou
from medmnist_det.dataset import Dataset
from medmnist_det.errors import InputError
from medmnist_det.formats.export import export_folder
from medmnist_det.labels import Error
from medmnist_det.tiers import TIERS, errors, tier


def by_hand(folder, split="train"):
    """Return (errors, -overlap, rater) of everybody who looked, image by image, box by box."""
    crowd, truth = folder.crowd_with_provenance(split).labels, folder.truth(split).labels
    found = {}
    for image, rater in crowd.assigned.tolist():
        objects = set(np.flatnonzero(truth.image == image).tolist())
        wrong, overlap = 0, 0.0
        for k in np.flatnonzero((crowd.image == image) & (crowd.rater == rater)).tolist():
            if crowd.error[k] == Error.SPURIOUS:
                wrong += 1
                continue
            thing = int(crowd.true_object[k])
            objects.discard(thing)
            wrong += int(crowd.label[k] != truth.label[thing])
            overlap += float(paired_iou(crowd.box[k : k + 1], truth.box[thing : thing + 1])[0])
        found.setdefault(image, []).append((wrong + len(objects), -round(overlap, 9), rater))
    return found


def chosen(label_set):
    ids = label_set.images.ids
    return {ids[image] - 1: rater for image, rater in label_set.labels.assigned.tolist()}


def test_of_every_image_the_best_and_the_worst_are_taken(small):
    people = by_hand(small)
    best = chosen(small.labels("train", "best"))
    worst = chosen(small.labels("train", "worst"))
    assert best == {image: min(some)[2] for image, some in people.items()}
    assert worst == {
        image: min((-wrong, -overlap, rater) for wrong, overlap, rater in some)[2]
        for image, some in people.items()
    }


def test_whole_raters_are_judged_by_the_mean_of_their_images(small):
    people = [one for some in by_hand(small).values() for one in some]
    mean = [np.mean([wrong for wrong, _, rater in people if rater == k]) for k in range(3)]
    crowd = small.crowd("train")
    for which, pick in (("best-rater", np.argmin), ("worst-rater", np.argmax)):
        found = small.labels("train", which)
        assert set(chosen(found).values()) == {int(pick(mean))}
        theirs = small.labels("train", f"rater:{crowd.raters[pick(mean)]}")
        assert found.images.ids == theirs.images.ids
        for column in ("image", "box", "label"):
            assert np.array_equal(getattr(found.labels, column), getattr(theirs.labels, column))


def test_a_random_rater_an_image_is_the_same_for_everybody_and_knows_no_truth(small):
    crowd, truth = small.crowd_with_provenance("train"), small.truth("train")
    found = tier(crowd, truth, "random", 7, "train")
    assert chosen(found) == chosen(tier(crowd, truth, "random", 7, "train"))
    assert chosen(found) != chosen(tier(crowd, truth, "random", 8, "train"))
    assert chosen(found) != chosen(tier(crowd, truth, "random", 7, "val"))
    assert len(set(chosen(found).values())) > 1
    looked = {tuple(pair) for pair in crowd.labels.assigned.tolist()}
    assert set(chosen(found).items()) <= looked
    alone = tier(crowd, truth, "random-rater", 7, "train")
    assert len(set(chosen(alone).values())) == 1


def test_a_tier_has_one_rater_s_boxes_of_every_image_that_somebody_saw(small):
    crowd = small.crowd("train")
    seen = len(np.unique(crowd.labels.assigned[:, 0]))
    for which in TIERS:
        found = small.labels("train", which)
        assert len(found.labels.assigned) == len(found.images)
        if "-" not in which:
            assert len(found.images) == seen
        for image, rater in list(chosen(found).items())[:20]:
            mine = crowd.labels.box[(crowd.labels.image == image) & (crowd.labels.rater == rater)]
            row = found.images.ids.index(image + 1)
            assert np.array_equal(found.labels.box[found.labels.image == row], mine)


def test_parts_and_pairs_are_errors(small):
    crowd, truth = small.crowd_with_provenance("train"), small.truth("train")
    before, _ = errors(crowd, truth)
    labels = crowd.labels
    k = int(np.flatnonzero(labels.error == Error.NONE)[0])
    kinds = labels.error.copy()
    kinds[k] = Error.MERGE
    after, _ = errors(replace(crowd, labels=replace(labels, error=kinds)), truth)
    assert (after - before).sum() == 1
    assert after[labels.image[k], labels.rater[k]] == before[labels.image[k], labels.rater[k]] + 1


def test_the_dataset_and_exports_know_them(small, tmp_path):
    data = Dataset(small.path, "train", "worst")
    assert len(data) == len(small.labels("train", "worst").images)
    raters = {rater for k in range(len(data)) for rater in set(data[k][1]["raters"].tolist())}
    assert raters == {1, 2, 3}
    written = export_folder(small, tmp_path / "best", "yolo", "best")
    assert written["train"].boxes == len(small.labels("train", "best").labels)
    assert set(written) == {"train", "val"}
    with pytest.raises(InputError, match="'good' are not truth, crowd, .* or best, worst, random"):
        small.labels("train", "good")

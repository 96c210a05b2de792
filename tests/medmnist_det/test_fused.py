"""Fused labels and their details go there and back, and only together."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.fused import Fused, details_file, read_fused, write_fused
from medmnist_det.hashes import label_hash


def some(small, score=0.5):
    truth = small.truth("train")
    n = len(truth.labels)
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(10), n)
    return Fused(
        labels=replace(truth, labels=replace(truth.labels, score=np.full(n, score))),
        annotation_ids=[[k + 1, "x"][: 1 + k % 2] for k in range(n)],
        assigned=rng.integers(1, 4, n),
        existence=rng.random(n),
        posterior=posterior,
        method="mean",
        options={"iou": None, "weights": [1.0, 0.5]},
        crowd=label_hash(small.crowd("train")),
        facts={"iterations": 3},
        warnings=("look out",),
    )


def test_what_is_written_is_read(small, tmp_path):
    ours = some(small)
    write_fused(tmp_path / "new" / "train.json", ours)
    found = read_fused(tmp_path / "new" / "train.json", ours.crowd)
    assert found.labels == ours.labels
    assert [list(ids) for ids in found.annotation_ids] == ours.annotation_ids
    assert found.support.tolist() == [1 + k % 2 for k in range(len(ours.assigned))]
    assert found.assigned.tolist() == ours.assigned.tolist()
    assert np.abs(found.existence - ours.existence).max() < 1e-9
    assert np.abs(found.posterior - ours.posterior).max() < 1e-9
    for name in ("method", "options", "crowd", "raters", "facts", "warnings"):
        assert getattr(found, name) == getattr(ours, name)


def test_boxes_that_are_means_are_still_those_that_the_details_belong_to(small, tmp_path):
    ours = some(small)
    thirds = replace(ours.labels.labels, box=ours.labels.labels.box * (1 - 1e-3 / 3))
    file = tmp_path / "train.json"
    write_fused(file, replace(ours, labels=replace(ours.labels, labels=thirds)))
    found = read_fused(file, ours.crowd).labels.labels
    assert (found.box != thirds.box).any()  # by a last bit: files hold x and width
    np.testing.assert_allclose(found.box, thirds.box, rtol=1e-15)


def test_labels_and_details_of_two_runs_are_refused(small, tmp_path):
    path = tmp_path / "train.json"
    write_fused(path, some(small, 0.25))
    old = details_file(path).read_bytes()
    write_fused(path, some(small))
    details_file(path).write_bytes(old)
    with pytest.raises(InputError, match=r"train\.details\.json: belongs to other labels than tho"):
        read_fused(path)


def test_labels_of_another_crowd_are_refused(small, tmp_path):
    write_fused(tmp_path / "train.json", some(small))
    with pytest.raises(
        InputError, match=r"train\.json: was made from another crowd .*; run 'medmn"
    ):
        read_fused(tmp_path / "train.json", label_hash(small.crowd("val")))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("crowd"),
        lambda d: d.pop("options"),
        lambda d: d["annotations"].pop(),
        lambda d: d["annotations"][0].pop("posterior"),
        lambda d: d["annotations"][0].update(posterior=[1.0]),
        lambda d: d["annotations"][0].update(annotation_ids=None),
        lambda d: d["annotations"][0].update(assigned="three"),
        lambda d: d.update(annotations=None),
        lambda d: d["annotations"][0].update(existence=0.123),
        lambda d: d.update(method="another"),
    ],
)
def test_details_that_are_none_are_refused_in_one_sentence(change, small, tmp_path):
    path = tmp_path / "train.json"
    write_fused(path, some(small))
    details = json.loads(details_file(path).read_text())
    change(details)
    details_file(path).write_text(json.dumps(details))
    with pytest.raises(InputError, match=r"train\.details\.json: (is not what|belongs to other)"):
        read_fused(path)

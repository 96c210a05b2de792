"""Hashes see what they are said to see."""

from dataclasses import replace

import numpy as np

from medmnist_det.hashes import content_hash, label_hash, seal


def test_the_content_hash_sees_every_column(small):
    table = small.crowd_with_provenance("train")
    labels = table.labels
    variants = [
        replace(labels, box=labels.box + 1),
        replace(labels, label=(labels.label + 1) % 10),
        replace(labels, rater=labels.rater * 0),
        replace(labels, error=labels.error * 0),
        replace(labels, true_object=labels.true_object * 0),
        replace(labels, assigned=labels.assigned[1:]),
    ]
    hashes = {content_hash(replace(table, labels=variant)) for variant in [labels, *variants]}
    assert len(hashes) == 7


def test_the_label_hash_sees_scores_areas_and_flags_too(small):
    table = small.truth("train")
    n = len(table.labels)
    variants = [
        table.labels,
        replace(table.labels, score=np.full(n, 0.5)),
        replace(table.labels, area=np.full(n, 0.5)),
        replace(table.labels, iscrowd=np.ones(n, dtype=bool)),
    ]
    assert len({label_hash(replace(table, labels=one)) for one in variants}) == 4
    assert len({content_hash(replace(table, labels=one)) for one in variants}) == 1


def test_the_seal_sees_everything_but_itself(small):
    manifest = small.manifest
    assert seal(manifest | {"seal": "another"}) == manifest["seal"]
    assert seal(manifest | {"made_by": "another"}) != manifest["seal"]

"""What else is behind a crowd: written, hashed, and checked."""

import orjson
import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.errors import InputError
from medmnist_det.generation import DIGIT_CLASSES, generate
from medmnist_det.verification import verify
from tests.conftest import small_plan


@pytest.fixture(scope="module")
def related(tmp_path_factory, optdigits):
    """A data set whose annotators depend on difficulty, on each other and on the time."""
    options = (
        AnnotatorOptions(family="instance", difficulty=0.5, merges=0.5),
        AnnotatorOptions(copies=0.6, copies_from=1, drift=0.5, splits=0.2),
    )
    crowd = SimulatedCrowd.of(options, DIGIT_CLASSES.names, 0)
    return generate(tmp_path_factory.mktemp("related") / "set", small_plan(), optdigits, crowd)


def behind(folder, split="train"):
    return orjson.loads(folder.provenance_file(split).read_bytes())


def test_difficulty_order_copies_and_merges_are_stored(related):
    found, crowd = behind(related), related.crowd("train").labels
    assert len(found["difficulty"]) == len(related.truth("train").labels)
    assert sorted(found["order"]["2"]) == list(related.truth("train").images.ids)
    assert len(found["copied"]) == len(found["merged_annotation_id"]) == len(crowd)
    assert any(found["copied"])
    assert {"split", "merge"} <= set(found["error"])
    merged = [one for one in found["merged_annotation_id"] if one is not None]
    assert len(merged) == found["error"].count("merge") > 0
    assert verify(related) == related.manifest["fingerprint"]


@pytest.mark.parametrize("name", ["difficulty", "order", "copied", "merged_annotation_id"])
def test_what_was_changed_is_found(related, name):
    file = related.provenance_file("train")
    before = file.read_bytes()
    try:
        content = orjson.loads(before)
        del content[name]
        file.write_bytes(orjson.dumps(content))
        with pytest.raises(InputError, match="is not what the manifest describes"):
            verify(related)
    finally:
        file.write_bytes(before)


def test_older_crowds_have_nothing_more_and_nothing_is_smuggled_in(small):
    assert set(behind(small)) == {"true_annotation_id", "error"}
    file = small.provenance_file("train")
    before = file.read_bytes()
    try:
        file.write_bytes(orjson.dumps(orjson.loads(before) | {"difficulty": []}))
        with pytest.raises(InputError, match="is not what the manifest describes"):
            verify(small)
    finally:
        file.write_bytes(before)


def test_the_same_command_gives_the_same_labels_whatever_the_processes(
    related, tmp_path, optdigits
):
    options = (
        AnnotatorOptions(family="instance", difficulty=0.5, merges=0.5),
        AnnotatorOptions(copies=0.6, copies_from=1, drift=0.5, splits=0.2),
    )
    crowd = SimulatedCrowd.of(options, DIGIT_CLASSES.names, 0)
    again = generate(tmp_path / "set", small_plan(), optdigits, crowd, workers=2)
    assert again.manifest["fingerprint"] == related.manifest["fingerprint"]
    assert behind(again, "val") == behind(related, "val")

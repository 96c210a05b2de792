"""A truth of ten images, and a detector's boxes that fit it."""

import pytest

from evaluation.read.truth import read_truth
from tests.evaluation.files import as_results, coco, objects, write


@pytest.fixture
def truth(tmp_path):
    return read_truth(write(tmp_path / "truth.json", coco(10, objects(10, 0))))


@pytest.fixture
def rows():
    return as_results(objects(10, 0))

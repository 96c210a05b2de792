from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from annotators.infer.registry import infer
from annotators.infer.save import write_fused
from medmnist_det.formats.coco import read_coco
from tests.annotators.crowds import crowd

BOX = (10.0, 10.0, 50.0, 50.0)
TABLE = crowd([(0, 0, 1, BOX), (0, 1, 1, BOX), (0, 2, 0, BOX), (1, 2, 0, BOX)], images=3)


def test_fused_labels_are_coco_with_scores_and_details_row_by_row(tmp_path: Path) -> None:
    found = infer("wbf-agnostic", TABLE)
    path = write_fused(tmp_path / "wbf", "train", "wbf-agnostic", TABLE, (11, 12, 13, 14), found)
    again = read_coco(path)
    assert again.raters is None
    assert np.array_equal(again.labels.box, found.labels.box)
    assert again.labels.confidence.tolist() == found.labels.confidence.tolist()
    details = json.loads((tmp_path / "wbf" / "train.details.json").read_text())
    first, second = details["annotations"]
    assert first["annotation_ids"] == [11, 12, 13]
    assert first["assigned"] == 3
    assert first["posterior"] == [round(1 / 3, 9), round(2 / 3, 9), 0]
    assert second["annotation_ids"] == [14]
    assert details["raters"] is None


def test_estimated_raters_and_warnings_are_written(tmp_path: Path) -> None:
    found = infer("dawid-skene", TABLE)
    write_fused(tmp_path, "train", "dawid-skene", TABLE, (1, 2, 3, 4), found)
    details = json.loads((tmp_path / "train.details.json").read_text())
    assert [row["rater_id"] for row in details["raters"]] == [1, 2, 3]
    assert np.shape(details["raters"][0]["matrix"]) == (4, 4)
    assert details["warnings"] == list(found.warnings)


def test_no_label_is_a_valid_file(tmp_path: Path) -> None:
    empty = crowd([], images=2)
    for method in ("all", "majority-vote", "wbf", "dawid-skene"):
        path = write_fused(tmp_path / method, "val", method, empty, (), infer(method, empty))
        assert len(read_coco(path).labels) == 0
        details = (tmp_path / method / "val.details.json").read_text()
        assert json.loads(details)["annotations"] == []
        assert "NaN" not in details

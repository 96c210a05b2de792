"""The JSON file by name, on numbers that all differ."""

import numpy as np
import orjson
import pytest

from evaluation.show.json_file import as_dict, write_json
from tests.evaluation.show.made import COCO_NAMES, COUNTS, NAMES, assessment, comparison, curves


@pytest.fixture(scope="module")
def found():
    return as_dict(assessment())


def test_counts_facts_and_scores_stand_under_their_names(found):
    one = {key: found[key] for key in ("predictions", "truth", "digits", "fingerprint")}
    assert one == {
        "predictions": "preds[a].json",
        "truth": "truth[1].json",
        "digits": "optdigits",
        "fingerprint": "sha256:[feed]",
    }
    counts = ("images", "objects", "iscrowd_regions", "boxes", "images_not_looked_at")
    assert [found[key] for key in counts] == [7, 90, 2, 6033, 5]
    assert found["warnings"] == ["a warning"]
    assert list(found["scores"]) == ["mAP@0.4", "mAP@[.5:.95]"]
    assert found["scores"]["mAP@0.4"] == {
        "value": 0.82,
        "classes": 3,
        "of": 4,
        "thresholds": [0.4],
        "interval": {
            "low": 0.7811,
            "high": 0.8411,
            "resamples": 1000,
            "level": 0.95,
            "seed": 3,
        },
    }
    assert found["scores"]["mAP@[.5:.95]"]["interval"]["low"] == 0.5911
    assert found["coco"] == {
        name: {"value": 0.011 * (k + 1), "classes": 1 + k % 3, "of": 4}
        for k, name in enumerate(COCO_NAMES)
    }


def test_quality_classes_sizes_and_errors_stand_under_their_names(found):
    assert found["label_quality"] == {
        "images": 7,
        "objects": 90,
        "boxes": 6033,
        "iou": 0.4,
        "precision": 0.123,
        "recall": 0.234,
        "class_accuracy": 0.345,
        "mean_iou": 0.456,
    }
    assert [row["name"] for row in found["classes"]] == list(NAMES)
    assert found["classes"][1] == {
        "id": 2,
        "name": NAMES[1],
        "objects": 30,
        "boxes": 2007,
        "ap": {"mAP@0.4": 0.82, "mAP@[.5:.95]": 0.62},
        "ar": 0.42,
    }
    size = found["sizes"][1]
    assert (size["side"], size["objects"], size["ar"]["value"]) == ("16 to 24 px", 69, 0.51)
    assert size["ap"]["mAP@0.4"]["value"] == 0.41
    assert size["ap"]["mAP@[.5:.95]"]["value"] == pytest.approx(0.46)
    budget = found["error_budget"]["mAP@[.5:.95]"]
    assert budget["lost"] == 22.5
    assert budget["errors"][1] == {"kind": "location", "count": 211, "points": 4.5, "alone": 7.7}


def test_confusions_and_curves_stand_under_their_names(found):
    assert found["confusion"] == {
        "rows": [*NAMES, "no_obj"],
        "columns": [*NAMES, "no_obj"],
        "counts": COUNTS.tolist(),
        "iou": 0.4,
        "score": 0.6,
    }
    drawn = found["precision_recall"]
    assert drawn["recall"] == pytest.approx(np.linspace(0, 1, 101))
    assert [one["iou"] for one in drawn["precision"]] == pytest.approx(
        [0.4, *np.linspace(0.5, 0.95, 10)]
    )
    for row, one in enumerate(drawn["precision"]):
        assert one["classes"][:3] == [curves()[row, :, k].tolist() for k in range(3)]
        assert one["classes"][3] is None


def test_a_comparison_holds_both_and_what_the_second_gains(tmp_path):
    write_json(tmp_path / "x.json", comparison())
    found = orjson.loads((tmp_path / "x.json").read_bytes())

    assert (found["first"]["predictions"], found["second"]["predictions"]) == (
        "first.json",
        "second.json",
    )
    assert found["first"]["scores"]["mAP@0.4"]["value"] == pytest.approx(0.79)
    one = found["differences"]["mAP@0.4"]
    assert (one["value"], one["p_value"], one["real"]) == (0.03, 0.012, True)
    assert (one["interval"]["low"], one["interval"]["high"]) == (0.01, 0.055)
    assert found["differences"]["mAP@[.5:.95]"]["real"] is False

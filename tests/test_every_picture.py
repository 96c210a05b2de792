"""Every picture, small and large, with short, long and right-to-left names: nothing is cut or hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotators.agreement_plots import disputed_figure, pairs_figure
from annotators.infer.parts.result import Raters
from annotators.rater_plots import boxes_figure, matrices_figure, skills_figure
from evaluation.assessment import Comparison
from evaluation.metrics import HEADLINE, union
from evaluation.scores import ClassScore
from evaluation.show.figures import figures
from medmnist_det import pictures
from medmnist_det.labels import Classes, Error, Images, Labels, LabelSet
from medmnist_det.reference.curves import curves_figure
from medmnist_det.sheets import Row, sheet_figure
from tests.annotators.infer.test_registry import even
from tests.drawn import formulas, outside, overprinted, texts
from tests.evaluation.problems import boxes, problem
from tests.evaluation.show.made import assessment, comparison, confusion_of

SIZES = [(3, 2), (100, 80)]
NAMES = {
    "long": "a rather long name, number {}, of which nobody knows the end",
    "right-to-left": "\u05e9\u05dc\u05d5\u05dd \u05de\u05e1\u05e4\u05e8 {}",
}
each_size = pytest.mark.parametrize(("raters", "classes"), SIZES)
each_name = pytest.mark.parametrize("name", list(NAMES.values()), ids=list(NAMES))


def names_of(name: str, count: int) -> list[str]:
    return [name.format(k) for k in range(count)]


def check(figure: object) -> None:
    assert overprinted(figure) == []
    assert outside(figure) == []
    assert formulas(figure) == []


def said(figure: object) -> str:
    return "\n".join(text for text, _ in texts(figure))


def people(raters: int, classes: int, shift: float = 0.0) -> Raters:
    """Raters who differ in all that is estimated."""
    made, skill = even(raters, classes), np.linspace(0.5, 0.95, raters) + shift
    matrix = np.array([np.full((classes + 1,) * 2, (1 - s) / classes) for s in skill])
    for k, s in enumerate(skill):
        np.fill_diagonal(matrix[k], s)
    bias = np.linspace(-0.1, 0.1, raters * 4).reshape(raters, 4)
    return replace(made, matrix=matrix, box_bias=bias, box_spread=np.abs(bias) + 0.02)


def crowd_of(raters: int, names: list[str], who: list[str]) -> tuple[LabelSet, LabelSet]:
    """A truth of three images with nine objects each, and a crowd that errs in every way."""
    rng = np.random.default_rng(0)
    corner = np.array([(x, y) for y in (10, 110, 210) for x in (5, 100, 200)] * 3, dtype=float)
    box = np.concatenate([corner, corner + rng.integers(12, 60, (27, 2))], axis=1)
    image, label = np.repeat(np.arange(3), 9), np.arange(27) % len(names)
    classes = Classes(ids=tuple(range(len(names))), names=tuple(names))
    size = np.full(3, 320)
    images = Images(
        ids=(1, 2, 3),
        names=tuple(f"{names[-1]}{k}.png" for k in range(3)),
        width=size,
        height=size,
    )
    truth = LabelSet(
        images=images,
        classes=classes,
        labels=Labels(images=3, image=image, box=box, label=label),
    )
    rows = [(k, r) for k in range(27) for r in range(raters) if (k + r) % 5]
    of, by = (np.array(column) for column in zip(*rows, strict=True))
    error = np.where((of + by) % 4 == 1, Error.CLASS, Error.NONE)
    error = np.where((of + by) % 11 == 3, Error.SPURIOUS, error)
    drawn = box[of] + rng.integers(-4, 5, (len(of), 4))
    drawn[:, 2:] = np.maximum(drawn[:, 2:], drawn[:, :2] + 3)
    wrong = (label[of] + (error == Error.CLASS)) % len(names)
    labels = Labels.unsorted(
        images=3,
        image=image[of],
        box=np.clip(drawn, 0, 320),
        label=wrong,
        rater=by,
        error=error,
        true_object=np.where(error == Error.SPURIOUS, 27, of),
        assigned=np.array([(i, r) for i in range(3) for r in range(raters)]),
    )
    return truth, LabelSet(images=images, classes=classes, labels=labels, raters=tuple(who))


def scored(names: list[str], shift: float = 0.0) -> object:
    """An assessment of classes of these names."""
    found, count = assessment(shift), len(names)
    ap = np.linspace(0.2, 0.95, count) - shift
    rows = tuple(
        ClassScore(name=name, objects=5, detections=20, ap=(a, a - 0.15), ar=a)
        for name, a in zip(names, ap.tolist(), strict=True)
    )
    curves = np.linspace(1, 0.4, 101)[None, :, None] * np.ones((len(union(HEADLINE)), 1, count))
    scores = replace(found.scores, classes=rows, precision=curves * ap, defined=tuple(range(count)))
    rng = np.random.default_rng(1)
    objects = boxes(*((k % 20, k % count, 10, 10, 30, 30) for k in range(20 * count)))
    some = [(k % 20, k % count, int(rng.integers(0, 30)), 10, 30, 30) for k in range(20 * count)]
    detections = boxes(*some, score=rng.random(len(some)).tolist())
    return replace(
        found,
        scores=scores,
        problem=problem(objects, detections, images=20, classes=count),
        truth=replace(found.truth, classes=Classes(ids=tuple(range(count)), names=tuple(names))),
        confusion=confusion_of(np.diag(np.arange(count + 1)) + 1),
    )


@each_size
@each_name
def test_pictures_of_simulated_annotators(raters: int, classes: int, name: str) -> None:
    kinds = names_of(name, classes)
    matrix = np.eye(classes + 1).tolist()
    described = [
        {"rater_id": who, "family": "pairwise-flipper", "proficiency": 0.6188, "matrix": matrix}
        for who in names_of(name, raters)
    ]
    figure = pictures.matrices_figure({"classes": [*kinds, "no_obj"], "annotators": described})
    check(figure)
    caption = "6 of 100 annotators, evenly from best to worst"
    assert (caption in said(figure)) == (raters == 100)

    truth, crowd = crowd_of(raters, kinds, names_of(name, raters))
    figure = pictures.boxes_figure(truth, crowd)
    check(figure)
    assert ("40 of 100 raters, evenly from best to worst" in said(figure)) == (raters == 100)


@each_size
@each_name
def test_sheets_of_images(raters: int, classes: int, name: str) -> None:
    truth, crowd = crowd_of(raters, names_of(name, classes), names_of(name, raters))
    rows = [
        Row(image=k, pixels=None, raters=range(min(6, raters)), title=crowd.images.names[k])
        for k in range(3)
    ]
    figure = sheet_figure(rows, truth, crowd, "A caption of some length. " * 8)
    check(figure)
    assert "no_obj" in said(figure)

    figure = disputed_figure(crowd, np.array([0.5, np.nan, -0.2]), None, truth)
    assert figure is not None
    check(figure)
    assert ("6 of 100 raters" in said(figure)) == (raters == 100)


@each_size
@each_name
def test_pictures_of_estimated_raters(raters: int, classes: int, name: str) -> None:
    found, true = people(raters, classes), people(raters, classes, 0.02)
    who = names_of(name, raters)
    for figure, most in (
        (matrices_figure(found, who, names_of(name, classes), true), 6),
        (boxes_figure(found, who, true), 40),
        (skills_figure(found, who, true), 40),
    ):
        check(figure)
        caption = f"{most} of 100 raters"
        assert (caption in said(figure)) == (raters == 100)


@pytest.mark.parametrize("raters", [3, 100])
@each_name
@pytest.mark.parametrize("low", [0.0, -0.4])
def test_maps_of_agreement(raters: int, name: str, low: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(low, 1, (raters, raters))
    images = rng.integers(10, 5000, (raters, raters))
    figure = pairs_figure(values, images, names_of(name, raters), "alpha", "IoU above 0.5")
    check(figure)
    shown = said(figure)
    assert "IoU above 0.5" in shown
    assert "white: 0" in shown
    assert "images" in shown


@pytest.mark.parametrize("classes", [2, 80, 100])
@each_name
@pytest.mark.parametrize(
    "picture", ["precision-recall", "f1", "calibration", "classes", "errors", "confusion"]
)
def test_figures_of_one_file(picture: str, classes: int, name: str) -> None:
    check(figures(scored(names_of(name, classes)))[picture]())


@pytest.mark.parametrize("classes", [2, 80, 100])
@each_name
@pytest.mark.parametrize("picture", ["scores", "precision-recall", "classes", "errors"])
def test_figures_of_two_files(picture: str, classes: int, name: str) -> None:
    first, second = (scored(names_of(name, classes), shift) for shift in (0.03, 0.0))
    first, second = (replace(one, source=f"/a/{name}.json") for one in (first, second))
    both = Comparison(first=first, second=second, differences=comparison().differences)
    check(figures(both)[picture]())


@each_name
def test_curves_of_a_training(name: str) -> None:
    history = [
        {
            "epoch": k,
            "seconds": 60.0 * k,
            "loss": {"total": 9 / k, "box": 4 / k, "objectness": 3 / k, "classes": 2 / k},
            "validation": {"mAP@0.4": 0.5, "mAP@[.5:.95]": 0.5},
        }
        for k in range(1, 51)
    ]
    figure = curves_figure(history, name)
    check(figure)
    assert "50 epochs in 50.0 minutes" in said(figure)

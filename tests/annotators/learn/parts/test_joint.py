from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import exp, log

import numpy as np
import pytest

from annotators.learn.parts import joint
from annotators.learn.parts.calibration import Calibration
from annotators.learn.parts.heard import KINDS, Heard, hear
from annotators.learn.parts.joint import Joint, first_belief, log_joint, maximise, settle, usual
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import preset_crowd
from tests.annotators.crowds import simulated, truth
from tests.annotators.learn.seen import sightings_of

TRUE = truth(400, classes=4)
CROWDS = {
    "paper": (AnnotatorOptions(),) * 3,
    "spurious": (AnnotatorOptions(spurious=0.3, coverage=0.7),) * 4,
    "one each": (AnnotatorOptions(coverage=0.25),) * 4,
    "one rater": (AnnotatorOptions(),),
    "adversary": preset_crowd("adversary"),
}


def heard(name: str, seed: int = 0, **options: float) -> Heard:
    return hear(simulated(TRUE, CROWDS[name])[0], sightings_of(TRUE, seed=seed, **options))


@pytest.fixture(scope="module", params=CROWDS)
def said(request: pytest.FixtureRequest) -> Heard:
    return heard(request.param)


def test_its_height_never_falls(said: Heard) -> None:
    heights = np.array(settle(said).heights)
    assert len(heights) > 3
    assert (np.diff(heights) > -1e-6).all()


def test_the_e_step_is_bayes_rule(said: Heard) -> None:
    """Worked out group by group, class by class, with plain loops."""
    belief = first_belief(said)
    model = maximise(belief, said, usual(belief, said), Calibration.of(4))
    found = log_joint(model, said)
    assert found == pytest.approx(np.array(list(slow_log_joint(model, said))), abs=1e-9)


def slow_log_joint(model: Joint, said: Heard) -> Iterator[list[float]]:
    classes = len(said.crowd.classes)
    for group in range(len(said)):
        sighting = int(said.sighting[group])
        sighted = sighting < len(said.sightings.image)
        row = []
        for k in range(classes):
            total = log(model.objects) + log(model.hit[said.kind[sighting]])
            if sighted:
                raw = [
                    exp(model.calibration.shift[j])
                    * said.sightings.classes[sighting, j] ** model.calibration.sharpness
                    for j in range(classes)
                ]
                total += log(raw[k] / sum(raw))
            else:
                total += log(model.unseen[k])
            for rater, report in enumerate(said.reports[group]):
                if report >= 0:
                    total += log(model.report[rater, k, report])
            row.append(total)
        nothing, boxes = 0.0, 0
        if sighted:
            nothing, boxes = log(model.false[said.kind[sighting]]), 1
        for rater, report in enumerate(said.reports[group]):
            if 0 <= report < classes:
                nothing += log(model.spurious[rater] * model.fancy[rater, report])
                boxes += 1
        yield [*row, nothing + (boxes - 1) * log(said.coincidence)]


def test_the_m_step_counts(said: Heard) -> None:
    """The same with plain loops; pseudo-counts are .1 everywhere, and 8 of the crowd's rows."""
    rng = np.random.default_rng(0)
    belief = rng.dirichlet(np.ones(5), len(said))
    crowd = usual(belief, said)
    model = maximise(belief, said, crowd, Calibration.of(4))
    raters, images = said.reports.shape[1], said.images
    report, fancy = np.zeros((raters, 4, 5)), np.zeros((raters, 4))
    hit, false, unseen = np.full(KINDS + 1, 0.1), np.full(KINDS, 0.1), np.full(4, 0.1)
    for group, share in enumerate(belief):
        kind = said.kind[said.sighting[group]]
        hit[kind] += 1 - share[4]
        if kind < KINDS:
            false[kind] += share[4]
        else:
            unseen += share[:4]
        for rater, told in enumerate(said.reports[group]):
            if told >= 0:
                report[rater, :, told] += share[:4]
            if 0 <= told < 4:
                fancy[rater, told] += share[4]
    if int(((said.reports >= 0) & (said.reports < 4)).sum(axis=1).max()) < 2:  # one rater each
        hit[0] = hit[-1] = (hit[0] + hit[-1]) / 2
    usual_report = report.sum(axis=0) + 0.1
    usual_report /= usual_report.sum(axis=1, keepdims=True)
    usual_fancy = fancy.sum(axis=0) + 0.1
    usual_fancy /= usual_fancy.sum()
    spurious = (fancy.sum(axis=1) + 0.01) / (said.looked + 1)
    report, fancy = report + 8 * usual_report, fancy + 8 * usual_fancy
    assert model.objects == pytest.approx((belief[:, :4].sum() + 0.1) / images)
    assert model.hit == pytest.approx(hit / hit.sum())
    assert model.false == pytest.approx(false / images)
    assert model.unseen == pytest.approx(unseen / unseen.sum())
    assert model.report == pytest.approx(report / report.sum(axis=2, keepdims=True))
    assert model.spurious == pytest.approx(spurious)
    assert model.fancy == pytest.approx(fancy / fancy.sum(axis=1, keepdims=True))


def test_the_m_step_is_where_the_expected_height_is_greatest() -> None:
    """Parameters moved a little, either way, are less likely: all but the calibration."""
    said = heard("spurious")
    belief = first_belief(said)
    crowd = usual(belief, said)
    best = maximise(belief, said, crowd, Calibration.of(4))

    def height(model: Joint) -> float:
        return float((belief * log_joint(model, said)).sum()) + joint.log_prior(model, said, crowd)

    rng = np.random.default_rng(0)
    for _ in range(20):
        nudge = {}
        for name in ("hit", "unseen", "report", "fancy"):
            value = getattr(best, name) * np.exp(rng.normal(0, 0.05, getattr(best, name).shape))
            nudge[name] = value / value.sum(axis=-1, keepdims=True)
        for name in ("objects", "false", "spurious"):
            value = getattr(best, name)
            nudge[name] = value * np.exp(rng.normal(0, 0.05, np.shape(value)))
        for name, value in nudge.items():
            assert height(replace(best, **{name: value})) < height(best), name


def accuracy(said: Heard, belief: np.ndarray) -> float:
    """Return the share of right classes among the groups of true objects that are believed in."""
    right = total = 0
    for image in range(said.crowd.labels.images):
        for row in np.flatnonzero(TRUE.labels.image == image):
            centre = TRUE.labels.box[row].reshape(2, 2).mean(axis=0)
            for group in np.flatnonzero(said.groups.image == image):
                if belief[group, -1] < 0.5 and apart(said, int(group), centre) < 12:
                    right += belief[group, :-1].argmax() == TRUE.labels.label[row]
                    total += 1
    return right / total


def apart(said: Heard, group: int, centre: np.ndarray) -> float:
    every = np.concatenate([said.crowd.labels.box, said.sightings.box])
    box = every[said.groups.row[said.groups.starts[group]]]
    return float(np.abs(box.reshape(2, 2).mean(axis=0) - centre).max())


def test_detector_and_raters_name_better_than_either() -> None:
    """Two raters of p = .6 and a detector that is right in 91 of 100 cases."""
    table, _ = simulated(TRUE, (AnnotatorOptions(proficiency=0.6),) * 2)
    said, none = (hear(table, sightings_of(TRUE, seen=seen)) for seen in (0.97, 0.0))
    both = accuracy(said, settle(said).belief)
    assert both > 0.95
    assert both > accuracy(none, settle(none).belief) + 0.1


def test_one_rater_an_image_is_judged_by_the_detector() -> None:
    said = heard("one each", seed=1)
    found = settle(said)
    _, known = simulated(TRUE, CROWDS["one each"])
    error = found.model.matrix()[:, :-1] - known.matrix[:, :-1]
    assert np.sqrt((error**2).mean()) < 0.06
    assert accuracy(said, found.belief) > 0.95


def test_what_everybody_missed_is_there_where_the_detector_is_sure() -> None:
    """One rater an image misses .03 or so; the detector sees nearly all of it, and much else."""
    said = heard("one each", false=1.0)
    belief = settle(said).belief
    only = ~said.drawn.any(axis=1)
    there = only & (belief[:, -1] < 0.5)
    sure = np.append(said.sightings.objectness, 0)[said.sighting]
    assert 0 < there.sum() < 0.2 * only.sum()
    assert sure[there].min() > np.median(sure[only & ~there])


def test_what_one_rater_drew_alone_is_kept_where_nobody_can_be_compared() -> None:
    said = heard("one each")
    belief = settle(said).belief
    assert (belief[said.drawn.any(axis=1) & ~said.sighted, -1] < 0.5).all()


def test_inventions_of_one_rater_are_found_out() -> None:
    crowd = (AnnotatorOptions(spurious=1.0), AnnotatorOptions(), AnnotatorOptions())
    said = hear(simulated(TRUE, crowd)[0], sightings_of(TRUE))
    assert settle(said).model.spurious == pytest.approx([1, 0, 0], abs=0.08)


def test_nothing_at_all_gives_the_priors() -> None:
    none = hear(simulated(truth(5, most=1), CROWDS["paper"])[0], sightings_of(truth(5)))
    empty = replace(none.crowd, labels=none.crowd.labels.select(np.zeros(0, dtype=int)))
    found = settle(hear(empty, sightings_of(truth(5), seen=0.0, false=0.0)))
    assert found.belief.shape == (0, 11)
    assert np.isfinite(found.model.matrix()).all()

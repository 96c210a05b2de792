"""Three studies of inference: crowds of two to four raters, calibration, and how many agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from inference_crowds import PRESETS, class_of_groups, crowd_of, scenes

from annotators.infer.methods.dawid_skene import EmOptions, believe, worth_keeping
from annotators.infer.parts.class_model import unseen
from annotators.infer.parts.em import votes_as_belief
from annotators.infer.parts.evidence import collect, favourites
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.registry import infer
from annotators.simulate.annotator import draw_annotators
from annotators.simulate.crowd import simulate
from annotators.simulate.matrices import FAMILIES, Family
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.labels import LabelSet
from medmnist_det.scenes.digits import Digits

RATERS, MISSES, SPURIOUS = (2, 3, 4), (0.0, 0.15, 0.3, 0.45), (0.0, 0.3, 1.0)
# Crowds in which every rater mixes up all names: no method can name them.
HOPELESS: tuple[Family, ...] = ("adversarial",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Believed:
    """What Dawid-Skene and majority vote make of the groups of a crowd, beside what they are."""

    #: True class of every group, -1 for none.
    true: np.ndarray
    objects: int
    existence: np.ndarray
    posterior: np.ndarray
    label: np.ndarray
    kept: np.ndarray
    votes: np.ndarray
    majority: np.ndarray

    def f1(self, kept: np.ndarray) -> float:
        """Return the F1 of the objects when these groups are kept (a mask)."""
        return 2 * float((kept & (self.true >= 0)).sum()) / (float(kept.sum()) + self.objects)


def believed(true: LabelSet, crowd: LabelSet) -> Believed:
    """Return both methods' beliefs; no box is fused, which is what takes the time."""
    options = EmOptions()
    groups = group_boxes(crowd.labels, iou=options.iou)
    seen = collect(crowd, groups, iou=options.iou)
    if seen.assigned.max(initial=0) < 2:
        belief, compared, missed = votes_as_belief(seen), True, 0.0
    else:
        end, rates = believe(crowd, groups, seen, options)
        belief, compared = end.belief, rates.compared
        missed = unseen(end.model, seen, belief)
    belief = belief[seen.unit]
    existence = 1 - belief[:, -1]
    posterior = belief[:, :-1] / np.maximum(existence, 1e-12)[:, None]
    votes = favourites(seen)[seen.unit]
    return Believed(
        true=class_of_groups(true, crowd, groups),
        objects=len(true.labels),
        existence=existence,
        posterior=posterior,
        label=posterior.argmax(axis=1) if compared else votes,
        kept=worth_keeping(existence, missed),
        votes=votes,
        majority=(seen.size / seen.assigned >= 0.5)[seen.unit],
    )


def few_raters(digits: Digits, images: int, seeds: int) -> None:
    print(
        f"\nTwo to four raters: dawid-skene minus majority vote, {images:,} images, {seeds} seeds"
    )
    print("F1 of the objects (grouping known from provenance), and the share of right names among")
    print(
        "the objects that both keep; means over the seeds, then over the matrix families, p = .8;"
    )
    print("lowest: the family in which dawid-skene does worst, with the standard error of its mean")
    print(f"(names: without {', '.join(HOPELESS)}, where every rater mixes up every name)")
    head = ("F1 vote", "F1", "lowest", "", "names vote", "names", "lowest", "")
    print("raters misses spurious" + "".join(f"{name:>18}" for name in head))
    truths = [scenes(digits, images, seed)[0] for seed in range(seeds)]
    for raters in RATERS:
        for miss in MISSES:
            for spurious in SPURIOUS:
                rows: dict[str, np.ndarray] = {}
                for family in FAMILIES:
                    case = (raters, family, miss, spurious)
                    rows[family] = np.array([_versus(t, k, *case) for k, t in enumerate(truths)])
                named = {family: row for family, row in rows.items() if family not in HOPELESS}
                cells = "".join(f"{cell:>18}" for cell in (*_cells(rows, 0), *_cells(named, 2)))
                print(f"{raters:6} {miss:6.2f} {spurious:8.1f}{cells}", flush=True)
                lost = _lost(rows)
                if lost:
                    print(f"    below by more than .005 and two standard errors: {lost}")


def _cells(rows: dict[str, np.ndarray], column: int) -> Iterator[str]:
    """Yield the vote's mean, the mean difference, the lowest one with its error, and its family."""
    vote = np.mean([row[:, column].mean() for row in rows.values()])
    gain = {family: row[:, column + 1] for family, row in rows.items()}
    worst = min(gain, key=lambda family: gain[family].mean())
    yield f"{vote:.4f}"
    yield f"{np.mean([one.mean() for one in gain.values()]):+.4f}"
    yield f"{gain[worst].mean():+.4f} ({_error(gain[worst]):.4f})"
    yield worst


def _lost(rows: dict[str, np.ndarray]) -> str:
    found = []
    for family, row in rows.items():
        for name, column in (("F1", 1), ("names", 3)):
            mean, error = row[:, column].mean(), _error(row[:, column])
            if mean < -0.005 and mean < -2 * error:
                found.append(f"{family} {name} {mean:+.4f} ({error:.4f})")
    return ", ".join(found)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _versus(
    true: LabelSet, seed: int, raters: int, family: Family, miss: float, spurious: float
) -> list[float]:
    options = (AnnotatorOptions(family=family, spurious=spurious),) * raters
    drawn = []
    for one in draw_annotators(options, len(true.classes), seed):
        matrix = one.matrix.copy()
        names = matrix[:-1, :-1]
        matrix[:-1, :-1] = (1 - miss) * names / names.sum(axis=1, keepdims=True)
        matrix[:-1, -1] = miss
        drawn.append(replace(one, matrix=matrix))
    labels = simulate(true.labels, true.images, drawn, seed, "train")
    found = believed(true, replace(true, labels=labels, raters=tuple(range(1, raters + 1))))
    both = found.kept & found.majority & (found.true >= 0)
    vote, named = (float((x == found.true)[both].mean()) for x in (found.votes, found.label))
    theirs = found.f1(found.majority)
    return [theirs, found.f1(found.kept) - theirs, vote, named - vote]


BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


def calibration(digits: Digits, images: int, seeds: int) -> None:
    print(
        f"\nCalibration of dawid-skene: said, right and number in bins of what is said; {images:,}"
    )
    print(
        f"images x {seeds} seeds. Class: of kept groups that are an object. Object: of all groups."
    )
    print("ECE: mean distance of said and right over these bins")
    for name, preset, p in PRESETS:
        parts = []
        for seed in range(seeds):
            true, looks = scenes(digits, images, seed)
            parts.append(believed(true, crowd_of(true, looks, preset, seed, p)[0]))
        said, right = [], []
        for one in parts:
            rows = np.flatnonzero(one.kept & (one.true >= 0))
            said.append(one.posterior[rows, one.label[rows]])
            right.append(one.label[rows] == one.true[rows])
        _reliability(f"{name}: class", np.concatenate(said), np.concatenate(right))
        said = np.concatenate([one.existence for one in parts])
        _reliability(f"{name}: object", said, np.concatenate([one.true >= 0 for one in parts]))


def _reliability(name: str, said: np.ndarray, right: np.ndarray) -> None:
    where = np.clip(np.searchsorted(BINS, said, side="right") - 1, 0, len(BINS) - 2)
    cells, error = [], 0.0
    for k in range(len(BINS) - 1):
        mine = where == k
        if mine.any():
            gap = said[mine].mean() - right[mine].mean()
            error += abs(gap) * mine.mean()
            cells.append(f"{said[mine].mean():.3f} {right[mine].mean():.3f} {mine.sum():,}")
    print(f"{name}: said {said.mean():.4f}, right {right.mean():.4f}, ECE {error:.4f}")
    print("    " + " | ".join(cells), flush=True)


def agreeing(digits: Digits, images: int, seeds: int) -> None:
    print(
        f"\nEARL's c = min(T, N) over the boxes of wbf-agnostic: {images:,} images x {seeds} seeds"
    )
    print("share of the boxes with c = 1, 2, ...; right: share of the boxes on an object with its")
    print("class (provenance of most members) with c = 1, 2, ...")
    for name, preset, p in PRESETS:
        share, right = [], []
        for seed in range(seeds):
            true, looks = scenes(digits, images, seed)
            crowd = crowd_of(true, looks, preset, seed, p)[0]
            found = infer("wbf-agnostic", crowd)
            looked = np.bincount(crowd.labels.assigned[:, 0], minlength=crowd.labels.images)  # type: ignore[index]
            c = np.minimum(np.diff(found.starts), looked[found.labels.image])
            share.append(c)
            right.append(_right(true, crowd, found.support, found.starts, found.labels.label))
        c, good = np.concatenate(share), np.concatenate(right)
        count = np.bincount(c)[1:]
        print(f"{name:22} share " + " ".join(f"{x:.3f}" for x in count / count.sum()))
        print(
            f"{'':22} right "
            + " ".join(f"{good[c == k + 1].mean():.3f}" if n else "-" for k, n in enumerate(count)),
            flush=True,
        )


def _right(
    true: LabelSet, crowd: LabelSet, support: np.ndarray, starts: np.ndarray, label: np.ndarray
) -> np.ndarray:
    """Say of every fused box whether most of its members were drawn for an object of its class."""
    none = len(true.labels)
    source = np.minimum(crowd.labels.true_object[support], none)  # type: ignore[index]
    owner = np.repeat(np.arange(len(label)), np.diff(starts))
    key, count = np.unique(owner * (none + 1) + source, return_counts=True)
    box, thing = np.divmod(key, none + 1)
    order = np.lexsort((thing, -count, box))
    thing = thing[order[np.diff(box[order], prepend=-1) > 0]]
    name = np.append(true.labels.label, -1)[thing]
    return name == label

"""Annotators read back from a file that describes them: what ``--annotators-from`` takes.

The file is an ``annotators.json`` of ``generate`` or ``annotate``, or made by hand:

    classes      names of the L classes, then "no_obj"
    annotators   one object a rater: ``rater_id``, ``family``, ``box_noise``, ``spurious`` and
                 ``matrix`` (L + 1 rows of L + 1 columns); where they are not the default, the other
                 options of :class:`AnnotatorOptions`; the box law of ``biased`` (``bias_mean``,
                 ``bias_std``) and ``sized`` (``bias_mean_px``, ``bias_std_px``, too); and maybe
                 ``spurious_boxes``, the law of size and place (:mod:`.spurious`)
    teams        where images are read by teams: objects with ``raters`` (their ids) and ``share``
                 of the images; shares sum to 1

``realised``, ``reported``, ``fitted`` and ``difficulty`` are remarks, and are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from annotators.simulate.annotator import Annotator
from annotators.simulate.assignment import Team
from annotators.simulate.box_law import BoxLaw
from annotators.simulate.copying import copying_order
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import MOST_ANNOTATORS
from annotators.simulate.spurious import SpuriousLaw
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import read_json
from medmnist_det.hashes import values_hash

#: What describes no law: rates that came out, and what a fit says about its own estimates.
REMARKS = ("realised", "reported", "fitted", "difficulty")

# Rows of a matrix, and shares of teams, sum to 1 but for so much: more is no rounding.
_ROUNDING = 1e-6

_OPTIONS = {one.name for one in fields(AnnotatorOptions)}
_LAWS = ("bias_mean", "bias_std", "bias_mean_px", "bias_std_px")
_NEEDED = ("rater_id", "family", "box_noise", "spurious", "matrix")


@dataclass(frozen=True, kw_only=True, eq=False)
class Described:
    """The annotators of a file; their numbers are 1..R in the order of the file."""

    annotators: tuple[Annotator, ...]
    teams: tuple[Team, ...]


def read_described(path: Path, class_names: Sequence[str]) -> Described:
    """Return the annotators that a file describes, for data of these classes.

    Raises InputError that names the file, the annotator, the value and the remedy for a file that
    describes none, or none for these classes.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("annotators"), list):
        raise InputError(
            f"{path}: has no list 'annotators'; name an annotators.json that generate or annotate "
            "wrote"
        )
    _refuse_strange(f"{path}", content, {"classes", "annotators", "teams", "fitted", "difficulty"})
    names = content.get("classes")
    if names != [*class_names, "no_obj"]:
        theirs = names[:-1] if isinstance(names, list) else names
        have = f"{len(theirs)} classes {listed(theirs)}" if isinstance(theirs, list) else "none"
        raise InputError(
            f"{path}: 'classes' are {have}, the data has {len(class_names)} classes "
            f"{listed(class_names)} (and 'no_obj' last); take a file for these classes"
        )
    rows = content["annotators"]
    if not 1 <= len(rows) <= MOST_ANNOTATORS:
        raise InputError(f"{path}: has {len(rows)} annotators, not 1 to {MOST_ANNOTATORS}")
    number: dict[Any, int] = {}
    for k, row in enumerate(rows):
        where = f"{path}, annotator {k + 1}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: is {shown(row)}, not an object with a matrix")
        _refuse_lacking(where, row, _NEEDED)
        if not isinstance(row["rater_id"], str | int) or row["rater_id"] in number:
            raise InputError(
                f"{where}: rater_id is {shown(row['rater_id'])}; give every annotator an id of its "
                "own, a number or a name"
            )
        number[row["rater_id"]] = k + 1
    teams = _teams(path, content.get("teams", []), number)
    found = tuple(
        _annotator(f"{path}, annotator {shown(row['rater_id'])}", row, len(class_names), number)
        for row in rows
    )
    try:
        copying_order([one.options for one in found])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    sources = {"classes": names, "teams": content.get("teams", [])}
    found = tuple(
        replace(one, source=_hash(row | sources)) for one, row in zip(found, rows, strict=True)
    )
    return Described(annotators=found, teams=teams)


def _annotator(where: str, row: dict[str, Any], classes: int, number: dict[Any, int]) -> Annotator:
    known = {*_NEEDED, *_OPTIONS, *_LAWS, "spurious_boxes", "name", *REMARKS}
    _refuse_strange(where, row, known)
    matrix = _matrix(where, row["matrix"], classes)
    values = {name: row[name] for name in _OPTIONS if name in row}
    values.setdefault("proficiency", float(matrix.diagonal()[:-1].mean()))
    if values.get("copies_from") is not None:
        values["copies_from"] = _numbered(where, "copies_from", values["copies_from"], number)
    _refuse_no_numbers(where, values)
    try:
        options = AnnotatorOptions(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    nothing = float(np.exp(-options.spurious))
    if abs(matrix[-1, -1] - nothing) > _ROUNDING:
        raise InputError(
            f"{where}: the last row of 'matrix' ends with {matrix[-1, -1]:g}, the probability of "
            f"no spurious box in an image; 'spurious' {options.spurious:g} gives {nothing:g}: "
            "change one of the two"
        )
    return Annotator(
        options=options,
        matrix=matrix,
        box_law=_box_law(where, row, options.box_noise),
        spurious_law=_spurious_law(where, row.get("spurious_boxes")),
        name=_name(where, row),
    )


def _name(where: str, row: dict[str, Any]) -> str | None:
    """Return what the annotator is called: raters of simulated labels are numbers."""
    name = row.get("name", row["rater_id"] if isinstance(row["rater_id"], str) else None)
    if not isinstance(name, str | None):
        raise InputError(f"{where}: 'name' is {shown(name)}; give a text")
    return name


def _refuse_no_numbers(where: str, values: dict[str, Any]) -> None:
    words = ("family", "box_noise", "habit")
    for name, value in values.items():
        empty = value is None and name in ("hand", "copies_from")
        right = isinstance(value, str) if name in words else _is_number(value)
        if not right and not empty:
            kind = "a name" if name in words else "a number"
            raise InputError(f"{where}: {shown(name)} is {shown(value)}; give {kind}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matrix(where: str, given: Any, classes: int) -> np.ndarray:
    shape = (classes + 1, classes + 1)
    matrix = _array(where, "matrix", given, shape)
    for k, row in enumerate(matrix):
        if (row < 0).any() or abs(row.sum() - 1) > _ROUNDING:
            raise InputError(
                f"{where}: row {k + 1} of 'matrix' is {shown(row.tolist())}, which sums to "
                f"{row.sum():.6g}; a row holds probabilities that sum to 1"
            )
    return matrix


def _array(where: str, name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        found = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != shape or not np.isfinite(found).all():
        size = " x ".join(map(str, shape))
        raise InputError(f"{where}: {shown(name)} is {shown(given)}; give {size} numbers")
    return found


def _box_law(where: str, row: dict[str, Any], box_noise: str) -> BoxLaw:
    needed = {"biased": _LAWS[:2], "sized": _LAWS}.get(box_noise, ())
    _refuse_lacking(where, row, needed)
    if odd := [name for name in _LAWS if name in row and name not in needed]:
        raise InputError(
            f"{where}: {shown(odd[0])} means nothing to box_noise {shown(box_noise)}; take "
            "'sized', or leave it out"
        )
    parts = [
        _array(where, name, row[name], (4,)) if name in needed else np.zeros(4) for name in _LAWS
    ]
    for name, part in zip(_LAWS, parts, strict=True):
        if "std" in name and (part < 0).any():
            raise InputError(
                f"{where}: {shown(name)} is {shown(row[name])}; spreads are not below 0"
            )
    return BoxLaw(mean=parts[0], std=parts[1], mean_px=parts[2], std_px=parts[3])


def _spurious_law(where: str, given: Any) -> SpuriousLaw | None:
    if given is None:
        return None
    names = ("log_side_mean", "log_side_std", "log_side_correlation", "place")
    if not isinstance(given, dict):
        raise InputError(f"{where}: 'spurious_boxes' is {shown(given)}, not an object")
    where = f"{where}, spurious_boxes"
    _refuse_lacking(where, given, names)
    _refuse_strange(where, given, set(names))
    place = given["place"]
    size = (
        (len(place), len(place[0]))
        if isinstance(place, list) and place and isinstance(place[0], list)
        else (1, 1)
    )
    place = _array(where, "place", place, size)
    if (place < 0).any() or abs(place.sum() - 1) > _ROUNDING:
        raise InputError(
            f"{where}: 'place' sums to {place.sum():.6g}; its cells are probabilities that sum to 1"
        )
    spread = _array(where, "log_side_std", given["log_side_std"], (2,))
    together = float(_array(where, names[2], given[names[2]], ()))
    if (spread < 0).any() or abs(together) > 1:
        raise InputError(
            f"{where}: 'log_side_std' {shown(spread.tolist())} and 'log_side_correlation' "
            f"{together:g} are no spreads (not below 0) and correlation (-1 to 1)"
        )
    return SpuriousLaw(
        log_side_mean=_array(where, names[0], given[names[0]], (2,)),
        log_side_std=spread,
        log_side_correlation=together,
        place=place,
    )


def _teams(path: Path, given: Any, number: dict[Any, int]) -> tuple[Team, ...]:
    if not isinstance(given, list):
        raise InputError(f"{path}: 'teams' is {shown(given)}, not a list")
    teams = []
    for k, one in enumerate(given):
        where = f"{path}, team {k + 1}"
        if not isinstance(one, dict):
            raise InputError(f"{where}: is {shown(one)}, not an object")
        _refuse_lacking(where, one, ("raters", "share"))
        _refuse_strange(where, one, {"raters", "share"})
        ids, share = one["raters"], one["share"]
        if not isinstance(ids, list):
            raise InputError(f"{where}: 'raters' is {shown(ids)}, not a list of ids")
        if not _is_number(share) or not 0 < share <= 1:
            raise InputError(f"{where}: 'share' is {shown(share)}, not above 0 and up to 1")
        rows = tuple(_numbered(where, "raters", key, number) - 1 for key in ids)
        if len(set(rows)) < len(rows):
            raise InputError(f"{where}: 'raters' {shown(ids)} names somebody twice")
        teams.append(Team(raters=rows, share=float(share)))
    total = sum(team.share for team in teams)
    if teams and abs(total - 1) > _ROUNDING:
        raise InputError(f"{path}: the shares of 'teams' sum to {total:.6g}, not to 1")
    idle = set(range(len(number))) - {k for team in teams for k in team.raters}
    if teams and idle:
        names = [shown(key) for key, k in number.items() if k - 1 in idle]
        raise InputError(
            f"{path}: annotator {names[0]} is in none of the 'teams'; leave it out of the file, or "
            "put it into one"
        )
    return tuple(teams)


def _numbered(where: str, name: str, key: Any, number: dict[Any, int]) -> int:
    if not isinstance(key, str | int) or key not in number:
        raise InputError(
            f"{where}: {shown(name)} names {shown(key)}, who is none of the annotators "
            f"{listed(number)}"
        )
    return number[key]


def _refuse_lacking(where: str, row: dict[str, Any], needed: Sequence[str]) -> None:
    for name in needed:
        if name not in row:
            raise InputError(f"{where}: has no {shown(name)}; a description needs {listed(needed)}")


def _refuse_strange(where: str, row: dict[str, Any], known: set[str]) -> None:
    for name in row:
        if name not in known:
            raise InputError(
                f"{where}: {shown(name)} is not known; remove it, or put remarks under 'fitted'"
            )


def _hash(row: dict[str, Any]) -> str:
    """Return the hash of all of a description that is read."""
    told = {name: value for name, value in row.items() if name not in REMARKS}
    return values_hash(told)

"""Tables of boxes, a row each: pandas, Polars, or a dictionary of columns; and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.formats.arrays import as_array, needed
from medmnist_det.formats.rows import Name, Rows, is_gap, name_of, ordered
from medmnist_det.labels import LabelSet

_BOX = ("x_min", "y_min", "x_max", "y_max")


def is_table(data: Any) -> bool:
    """Return whether something has columns by name."""
    return isinstance(data, Mapping) or (hasattr(data, "columns") and hasattr(data, "__getitem__"))


def read_table(table: Any, what: str, *, scored: bool = False, drawn: bool = False) -> Rows:
    """Return the rows of a table with the columns image, label, x_min, y_min, x_max, y_max.

    A dictionary may have ``boxes`` (n, 4) in place of the last four. ``drawn`` asks for a column
    ``rater``, ``scored`` for ``score``. A row whose label and box are empty says that its image is
    there, and that its rater, if it names one, looked and drew nothing. Where a table of raters has
    such rows, its rows say who looked at what: nobody looked at an image without a row of theirs.
    Raises InputError that names the argument and the row or column.
    """
    names = list(table.keys() if isinstance(table, Mapping) else table.columns)
    box = _boxes(table, names, what)
    needed_columns = ["image", "label", *["rater"] * drawn, *["score"] * scored]
    _refuse_missing(names, needed_columns, what)
    image, label = _cells(table, "image"), _cells(table, "label")
    rater = _cells(table, "rater") if "rater" in names else None
    for name, column in (("label", label), ("rater", rater), ("box", box)):
        if column is not None and len(column) != len(image):
            raise InputError(f"{what}: {name} has {len(column):,} rows, image {len(image):,}")
    gaps = np.isnan(box).all(axis=1) & np.array([is_gap(one) for one in label], dtype=bool)
    full = np.flatnonzero(~gaps)
    everything = range(len(image))
    images = _names(image, everything, "image", what)
    people = None if rater is None else _names(rater, full.tolist(), "rater", what)
    looked = None
    if rater is not None and gaps.any():
        looked = [(images[k], _names(rater, [k], "rater", what)[0]) for k in everything
                  if not is_gap(rater[k])]  # fmt: skip
    score = _numbers(table, "score", full, what) if "score" in names else None
    return Rows(
        what=what,
        place=lambda k: f"row {full[k]}",
        image=[images[k] for k in full.tolist()],
        box=box[full],
        label=_names(label, full.tolist(), "label", what),
        rater=people,
        score=score,
        images=list(ordered(images)) if gaps.any() else None,
        looked=looked,
    )


def _refuse_missing(names: list[Any], wanted: list[str], what: str) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"{what}: the table has no column {', '.join(missing)} (it has {shown(names)}); name "
            f"its columns {', '.join(wanted)}, {', '.join(_BOX)}"
        )


def _boxes(table: Any, names: list[Any], what: str) -> np.ndarray:
    if isinstance(table, Mapping) and "boxes" in table:
        box = as_array(table["boxes"])
        box = box.reshape(-1, 4) if box.size == 0 else box
        if box.ndim != 2 or box.shape[1] != 4:
            raise InputError(f"{what}: boxes has the shape {box.shape}, not (n, 4)")
        return box
    _refuse_missing(names, list(_BOX), what)
    columns = [_numbers(table, name, None, what) for name in _BOX]
    if len({len(one) for one in columns}) > 1:
        raise InputError(f"{what}: the columns {', '.join(_BOX)} differ in length")
    return np.stack(columns, axis=1)


def _cells(table: Any, name: str) -> list[Any]:
    column = table[name]
    for method in ("to_list", "tolist"):
        if hasattr(column, method):
            return getattr(column, method)()
    return list(column)


def _numbers(table: Any, name: str, rows: np.ndarray | None, what: str) -> np.ndarray:
    cells = _cells(table, name)
    cells = cells if rows is None else [cells[k] for k in rows.tolist()]
    try:
        return np.array([np.nan if is_gap(one) else float(one) for one in cells], dtype=np.float64)
    except (TypeError, ValueError):
        k = next(k for k, one in enumerate(cells) if not _is_number(one))
        row = k if rows is None else int(rows[k])
        raise InputError(
            f"{what}: row {row} has {shown(cells[k])} as {name}; give a number"
        ) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return is_gap(value)
    return True


def _names(cells: list[Any], rows: Any, column: str, what: str) -> list[Name]:
    found = []
    for k in rows:
        name = name_of(cells[k])
        if name is None:
            raise InputError(
                f"{what}: row {k} has {shown(cells[k])} as {column}; give a whole number or a name"
            )
        found.append(name)
    return found


def to_frame(label_set: LabelSet, *, empty: bool = False) -> Any:
    """Return a pandas DataFrame of a label set: image, rater, label, x_min ... y_max, score.

    ``label`` is the class's name. ``empty`` adds a row without label and box for every rater who
    looked and drew nothing (or, without raters, for every image without a box), so that
    :func:`read_table` gives back what is known of who looked. Raises ImportError without pandas.
    """
    pandas = needed("pandas", "to_frame()")
    labels, ids = label_set.labels, label_set.images.ids
    columns: dict[str, Any] = {"image": [ids[k] for k in labels.image.tolist()]}
    names = label_set.raters
    if labels.rater is not None and names is not None:
        columns["rater"] = [names[k] for k in labels.rater.tolist()]
    columns["label"] = [label_set.classes.names[k] for k in labels.label.tolist()]
    columns |= {name: labels.box[:, k] for k, name in enumerate(_BOX)}
    if labels.score is not None:
        columns["score"] = labels.score
    frame = pandas.DataFrame(columns)
    blank = _blank(label_set) if empty else []
    if not blank:
        return frame
    keys = ["image", "rater"] if "rater" in columns else ["image"]
    return pandas.concat([frame, pandas.DataFrame(blank, columns=keys)], ignore_index=True)


def _blank(label_set: LabelSet) -> list[tuple[Name, ...]]:
    labels, ids, names = label_set.labels, label_set.images.ids, label_set.raters
    if labels.rater is None or names is None:
        return [(ids[k],) for k in np.flatnonzero(np.diff(labels.starts) == 0).tolist()]
    if labels.assigned is None:
        raise ValueError("nothing says who looked at which image; leave empty out")
    drew = set(zip(labels.image.tolist(), labels.rater.tolist(), strict=True))
    idle = [(i, r) for i, r in labels.assigned.tolist() if (i, r) not in drew]
    seen = set(labels.assigned[:, 0].tolist())
    return [(ids[i], names[r]) for i, r in idle] + [
        (ids[i], None)
        for i in range(len(ids))
        if i not in seen  # type: ignore[misc]
    ]

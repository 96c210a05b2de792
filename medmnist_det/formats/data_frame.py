"""Tables of boxes, a row each: pandas, Polars, or a dictionary of columns; and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.formats.arrays import as_boxes, needed
from medmnist_det.formats.rows import Name, Rows, is_gap, name_of, ordered
from medmnist_det.labels import LabelSet

_BOX = ("x_min", "y_min", "x_max", "y_max")


def is_table(data: Any) -> bool:
    """Return whether something has columns by name."""
    if isinstance(data, Mapping):
        return True
    # Not polars' LazyFrame, which has no cells yet, nor pyarrow's Table, whose columns lack names.
    lazy = hasattr(data, "collect") or hasattr(data, "column_names")
    return hasattr(data, "columns") and hasattr(data, "__getitem__") and not lazy


def read_table(table: Any, what: str, *, scored: bool = False, drawn: bool = False) -> Rows:
    """Return the rows of a table with the columns image, label, x_min, y_min, x_max, y_max.

    A dictionary may have ``boxes`` (n, 4) in place of the last four. ``drawn`` asks for a column
    ``rater``, ``scored`` for ``score``. A row whose label and box are empty says that its image is
    there, and that its rater, if it names one, looked and drew nothing. Where a table of raters has
    such rows, its rows say who looked at what: nobody looked at an image without a row of theirs.
    Raises InputError that names the argument and the row or column.
    """
    names = list(table.keys() if isinstance(table, Mapping) else table.columns)
    boxes = () if isinstance(table, Mapping) and "boxes" in table else _BOX
    wanted = ["image", "label", *["rater"] * drawn, *["score"] * scored, *boxes]
    _refuse_columns(names, wanted, what)
    read = {*wanted, *({"rater", "score"} & set(names))}
    cells = {name: _cells(table, name, what) for name in names if name in read}
    _refuse_uneven(cells, what)
    numbers = {k: _numbers(cells[k], k, what) for k in (*boxes, "score") if k in cells}
    if boxes:
        box = np.stack([numbers[k] for k in boxes], axis=1)
    else:
        box = as_boxes(table["boxes"], f"{what}: boxes")
        _refuse_uneven(cells | {"boxes": box}, what)
    image, rater = cells["image"], cells.get("rater")
    gaps = np.isnan(box).all(axis=1) & np.array([is_gap(k) for k in cells["label"]], dtype=bool)
    full, everything = np.flatnonzero(~gaps), range(len(image))
    images = _names(image, everything, "image", what)
    looked = None
    if rater is not None and gaps.any():
        there = [k for k in everything if not is_gap(rater[k])]
        who = _names(rater, there, "rater", what)
        looked = [(images[k], name) for k, name in zip(there, who, strict=True)]
    return Rows(
        what=what,
        place=lambda k: f"row {full[k]}",
        image=[images[k] for k in full.tolist()],
        box=box[full],
        label=_names(cells["label"], full.tolist(), "label", what),
        rater=None if rater is None else _names(rater, full.tolist(), "rater", what),
        score=numbers["score"][full] if "score" in numbers else None,
        images=list(ordered(images)) if gaps.any() else None,
        looked=looked,
    )


def _refuse_columns(names: list[Any], wanted: list[str], what: str) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"{what}: the table has no column {', '.join(missing)} (it has {shown(names)}); its "
            f"columns are {', '.join(wanted)}"
        )
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise InputError(f"{what}: the table has two columns {twice[0]}; rename one")


def _refuse_uneven(columns: dict[str, Any], what: str) -> None:
    rows = len(columns["image"])
    for name, column in columns.items():
        if len(column) != rows:
            raise InputError(f"{what}: {name} has {len(column):,} rows, image has {rows:,}")


def _cells(table: Any, name: str, what: str) -> list[Any]:
    column = table[name]
    for method in ("to_list", "tolist"):
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    if isinstance(column, str) or not isinstance(column, Iterable):
        raise InputError(f"{what}: {name} is {shown(column)}; give a value for every row")
    return list(column)


def _numbers(cells: list[Any], name: str, what: str) -> np.ndarray:
    try:
        return np.array([np.nan if is_gap(one) else float(one) for one in cells], dtype=np.float64)
    except (TypeError, ValueError):
        row = next(k for k, one in enumerate(cells) if not _is_number(one))
        raise InputError(
            f"{what}: row {row} has {shown(cells[row])} as {name}; give a number"
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

    ``label`` is the class's name, or its number where nobody named it. ``empty`` adds a row without
    label and box for every rater who looked and drew nothing (or, without raters, for every image
    without a box), so that :func:`read_table` gives back what is known of who looked. Raises
    ImportError without pandas.
    """
    pandas = needed("pandas", "to_frame()")
    labels, ids = label_set.labels, label_set.images.ids
    columns: dict[str, Any] = {"image": [ids[k] for k in labels.image.tolist()]}
    names = label_set.raters
    if labels.rater is not None and names is not None:
        columns["rater"] = [names[k] for k in labels.rater.tolist()]
    table = label_set.classes
    called = table.names if table.named else table.ids
    columns["label"] = [called[k] for k in labels.label.tolist()]
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
    if not idle and len(seen) == len(ids) and len(labels.assigned) < len(ids) * len(names):
        # Without such a row a table says nothing of who looked; that this rater drew, too, is fine.
        idle = labels.assigned[:1].tolist()
    return [(ids[i], names[r]) for i, r in idle] + [
        (ids[i], None)
        for i in range(len(ids))
        if i not in seen  # type: ignore[misc]
    ]

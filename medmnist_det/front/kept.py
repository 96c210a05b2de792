"""Cells that are there already: which are kept, and what may not stand beside new ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from evaluation.benchmark.cells import Cell, Data, Spec, read_cells, refuse_mixed
from medmnist_det import __version__
from medmnist_det.errors import InputError
from medmnist_det.front.cell import Place
from medmnist_det.front.plan import Asked, method_of, recipe_options


def kept(asked: Asked, place: Place) -> dict[Spec, Cell]:
    """Return the cells that are done. Raises InputError for what may not stand beside new ones."""
    cells = [cell for cell in read_cells(place.cells) if cell.error is None]
    refuse_mixed(cells, place.cells)
    for cell in cells:
        version = cell.made.versions.get("medmnist-det")
        if version != __version__:
            raise InputError(
                f"{place.cells / cell.spec.name}.json: was made by medmnist-det {version}, this is "
                f"{__version__}; move the cells away, or choose another --out"
            )
    found = {cell.spec: cell for cell in cells}
    by_name = {cell.spec.name: cell for cell in cells}
    for spec in asked.specs:
        cell = by_name.get(spec.name)
        if cell is not None:
            file = place.cells / f"{spec.name}.json"
            _refuse_other(cell, spec, file)
            _refuse_other_digits(cell, asked, file)
    return found


def _refuse_other_digits(cell: Cell, asked: Asked, file: Path) -> None:
    wanted = "mnist" if asked.digits_root is not None else asked.digits
    if wanted != "auto" and cell.data is not None and not cell.data.digits.startswith(wanted):
        raise InputError(
            f"{file}: is of {cell.data.digits}, not of {wanted}; move it away, or choose another "
            "--out"
        )


def _refuse_other(cell: Cell, spec: Spec, file: Path) -> None:
    """Raise InputError for a cell of a budget or a recipe that meant something else."""
    from medmnist_det.reference.device import CPU
    from medmnist_det.reference.recipe import recipe_of

    remedy = "move it away, or choose another --out"
    if cell.spec != spec:
        raise InputError(f"{file}: was made with another budget of that name; {remedy}")
    wanted = asdict(recipe_of(recipe_options(spec), CPU))
    there = cell.recipe or {}
    free = ("precision", "method") if method_of(spec.method)[0] == "ensemble" else ("precision",)
    other = [key for key in wanted if key not in free and there.get(key) != wanted[key]]
    if other:
        raise InputError(
            f"{file}: was trained with other options than this version has ({other[0]}); {remedy}"
        )


def refuse_other_data(cells: dict[Spec, Cell], spec: Spec, data: Data, place: Place) -> None:
    """Raise InputError where a data set is not the one that cells which are done are of."""
    for other, cell in cells.items():
        if cell.data is None or other.budget is None or other.data_name != spec.data_name:
            continue
        if cell.data != data:
            raise InputError(
                f"{place.cells / other.name}.json: is of another data set ({cell.data.digits}, "
                f"{cell.data.fingerprint[:12]}) than {place.data(spec)} ({data.digits}, "
                f"{data.fingerprint[:12]}); give the same --digits and --digits-root, or choose "
                "another --out"
            )

"""Cells that are there are kept, or named where they cannot stand beside new ones."""

from dataclasses import replace

import orjson
import pytest

from evaluation.benchmark.cells import write_cell
from medmnist_det.errors import InputError
from medmnist_det.front.benchmark import benchmark
from tests.medmnist_det.front.inline import Inline, asked, run


@pytest.fixture
def done(undisturbed, tmp_path):
    """The undisturbed cells, in a folder that may be changed."""
    for one in undisturbed[1]:
        (tmp_path / "cells").mkdir(exist_ok=True)
        write_cell(tmp_path / "cells", one)
    return tmp_path, undisturbed[1]


def test_cells_alone_are_enough_for_a_table(done):
    out, cells = done
    assert run(out, "dawid-skene", "oracle", "baseline") == (cells, [])


def test_cells_of_another_version_are_named(done):
    out, cells = done
    for one in cells:
        versions = one.made.versions | {"medmnist-det": "0.0.9"}
        write_cell(out / "cells", replace(one, made=replace(one.made, versions=versions)))
    with pytest.raises(InputError, match=r"json: was made by medmnist-det 0.0.9, this is"):
        run(out, "oracle")


def test_cells_of_other_data_are_named_before_anything_is_trained(done):
    out, cells = done
    for one in cells:
        write_cell(out / "cells", replace(one, data=replace(one.data, fingerprint="f" * 64)))
    executor = Inline()
    with pytest.raises(
        InputError, match=r"is of another data set \(optdigits, ffffffffffff\) than"
    ):
        benchmark(asked("wbf"), out, executor, workers=1)
    assert executor.did == ["prepare"]


def test_cells_of_other_digits_are_named(done, reference):
    out, _ = done
    with pytest.raises(InputError, match="json: is of optdigits, not of mnist"):
        run(out, "oracle", digits="auto", digits_root=reference)
    with pytest.raises(InputError, match="json: is of optdigits, not of mnist"):
        run(out, "oracle", digits="mnist")


def test_cells_of_another_recipe_are_named(done):
    out, cells = done
    for one in cells:
        recipe = one.recipe | {"loss": one.recipe["loss"] | {"box": 1.0}}
        write_cell(out / "cells", replace(one, recipe=recipe))
    with pytest.raises(
        InputError, match=r"trained with other options than this version has \(loss\)"
    ):
        run(out, "oracle")


def test_a_damaged_cell_is_refused_by_name(done):
    out, cells = done
    path = out / "cells" / f"{cells[0].spec.name}.json"
    content = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(content | {"scores": "lost"}))
    with pytest.raises(InputError, match=f"{path.name}: is no cell of the benchmark"):
        run(out, "oracle")

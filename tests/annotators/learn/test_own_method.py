"""docs/methods.md works as it stands, from an empty folder."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from cli import app
from medmnist_det.reference import load_checkpoint
from tests.test_documented_commands import blocks


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("my_module", None)
    yield tmp_path
    sys.modules.pop("my_module", None)


def test_a_method_of_ones_own_is_trained_and_checked(empty):
    module, *rest = blocks("docs/methods.md")
    assert len(module[module.index("class ") :].splitlines()) <= 20
    (empty / "my_module.py").write_text(module)
    said = []
    for one in rest:
        if isinstance(one, str):
            exec(compile(one, "docs/methods.md", "exec"), {"__name__": "shown"})
            continue
        result = CliRunner().invoke(app, one)
        assert result.exit_code == 0, f"{' '.join(one)}\n{result.output}"
        said.append(result.output)
    assert "mAP@0.4" in said[-1]
    # What it taught from the middle on is not what it began with: so short a training sees little.
    (file,) = empty.glob("runs/*/checkpoint.pt")
    weight = load_checkpoint(file).lessons["weight"]
    assert 0.1 <= weight.min() <= weight.max() <= 1.1
    assert (weight != 1).any()

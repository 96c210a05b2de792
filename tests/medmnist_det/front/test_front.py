"""The front door: light to import, and plain about other people's modules in its way."""

import subprocess
import sys
from pathlib import Path

import pytest

import medmnist_det

ROOT = Path(__file__).parents[3]


def python(code, folder):
    """Run code as a script in a folder does, with the repository behind it on the path."""
    script = folder / "script.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, str(script)], cwd=folder, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_importing_loads_nothing_heavy_nor_does_scoring_in_memory(tmp_path):
    code = (
        "import sys, medmnist_det\n"
        "def loaded(): return sorted(set(sys.modules) & {'torch', 'matplotlib', 'numpy', 'pandas', 'typer'})\n"
        "print(loaded())\n"
        "box = {'image': [1], 'label': [1], 'boxes': [[0, 0, 9, 9]]}\n"
        "medmnist_det.evaluate(box, box | {'score': [1]})\n"
        "medmnist_det.aggregate(box | {'rater': [1]}, 'majority-vote', assigned='all')\n"
        "print(loaded())\n"
    )
    result = python(code, tmp_path)
    assert result.stdout.splitlines() == ["[]", "['numpy']"], result.stderr


@pytest.mark.parametrize("name", ["evaluation", "annotators"])
@pytest.mark.parametrize("form", ["file", "package", "folder"])
def test_a_user_s_own_module_is_named_with_the_remedy(tmp_path, name, form):
    place = tmp_path / f"{name}.py"
    if form != "file":
        (tmp_path / name).mkdir()
        place = tmp_path / name / ("__init__.py" if form == "package" else "notes.txt")
    place.write_text("raise SystemExit('the wrong module')\n" * (form != "folder"))
    code = (
        "import medmnist_det\n"
        "try: medmnist_det.evaluate\n"
        "except ImportError as error: print(isinstance(error, ValueError), error)\n"
        "else: print('found')\n"
    )
    result = python(code, tmp_path)
    if form == "folder":  # without code in it, a folder stands behind any package
        assert result.stdout == "found\n"
        return
    assert result.stdout.startswith(f"True {place} stands in the way of the package {name!r}")
    assert "rename it, or start Python from another folder" in result.stdout
    assert str(ROOT) in result.stdout


def test_every_name_is_listed_documented_and_says_what_it_takes():
    assert set(medmnist_det.__all__) == {
        "Dataset", "aggregate", "agreement", "annotate", "evaluate", "generate", "open", "train",
    }  # fmt: skip
    for name in medmnist_det.__all__:
        assert f"``{name}(" in medmnist_det.__doc__
        assert len(getattr(medmnist_det, name).__doc__) > 60

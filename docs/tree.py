"""The tree of the source, a line a file, made from docstrings; docs/architecture.md holds it.

python docs/tree.py            writes it there
python docs/tree.py --check    fails where the page holds another one
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
_ROOMS = ("cli.py", "medmnist_det", "annotators", "evaluation", "benchmarks", "docs")
_FENCE = "```text\n"


def tree() -> str:
    """Return the tree: files in the order of their names, folders after them."""
    lines = [line for room in _ROOMS for line in _lines(ROOT / room, 0)]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:{width}}{what}".rstrip() + "\n" for name, what in lines)


def _lines(path: Path, depth: int) -> Iterator[tuple[str, str]]:
    if path.is_file():
        yield "  " * depth + path.name, _summary(path)
        return
    face = path / "__init__.py"
    yield "  " * depth + path.name + "/", _summary(face) if face.is_file() else ""
    inside = sorted(path.iterdir(), key=lambda one: (one.is_dir(), one.name))
    for one in inside:
        module = one.suffix == ".py" and one.name != "__init__.py"
        if module or (one.is_dir() and any(one.rglob("*.py"))):
            yield from _lines(one, depth + 1)


def _summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def main() -> None:
    """Write the tree into the page, or compare."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_FENCE)
    after = rest.partition("```\n")[2]
    page = f"{before}{_FENCE}{tree()}```\n{after}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
    elif page != PAGE.read_text(encoding="utf-8"):
        sys.exit("docs/architecture.md holds another tree: run 'python docs/tree.py'")


if __name__ == "__main__":
    main()

"""docs/results.md, the README's table and the figures, made of the cells in results/cells.

python benchmarks/results.py            writes them
python benchmarks/results.py --check    fails where a page holds other numbers
"""

from __future__ import annotations

import sys
from pathlib import Path

from evaluation.benchmark.cells import read_cells, refuse_mixed
from evaluation.benchmark.figures import figures
from evaluation.benchmark.page import page, readme_table
from evaluation.benchmark.table import Block, blocks
from medmnist_det.drawing import save

ROOT = Path(__file__).resolve().parents[1]
CELLS = ROOT / "results" / "cells"
_BEGIN, _END = "<!-- results: benchmarks/results.py writes this -->\n", "<!-- end of results -->\n"


def pages(found: list[Block]) -> dict[Path, str]:
    """Return what should stand in the pages, by file."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    return {
        ROOT / "docs" / "results.md": page(found, list(figures(found))),
        readme: f"{before}{_BEGIN}{readme_table(found)}{_END}{after}",
    }


def _blocks() -> list[Block]:
    cells = read_cells(CELLS)
    refuse_mixed((cell for cell in cells if cell.error is None), CELLS)
    return blocks(cells)


def main() -> None:
    """Write the pages and figures, or compare the pages."""
    found = _blocks()
    if "--check" in sys.argv[1:]:
        other = [
            str(file.relative_to(ROOT))
            for file, text in pages(found).items()
            if not file.is_file() or file.read_text(encoding="utf-8") != text
        ]
        if other:
            sys.exit(f"{', '.join(other)}: not what results/cells says: run this without --check")
        return
    for file, text in pages(found).items():
        file.write_text(text, encoding="utf-8")
    for name, make in figures(found).items():
        save(ROOT / "results" / "figures" / f"{name}.png", make())


if __name__ == "__main__":
    main()

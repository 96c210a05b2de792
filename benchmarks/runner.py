"""What `medmnist-det benchmark` costs beside the trainings: CPU seconds of the first process.

    python benchmarks/runner.py --budget quick --seeds 0,1 --digits-root ../shared/data --out runner

All words go to the command. The worker processes make data sets, train, predict and score; all
else (starting, waiting, looking at what runs, tables, figures) is the runner's own time.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    clock = time.perf_counter()
    sys.path.insert(0, str(ROOT))
    sys.argv[1:1] = ["benchmark"]
    from cli import app

    try:
        app()
    except SystemExit as end:
        if end.code:
            raise
    mine, workers = (
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    print(
        f"{time.perf_counter() - clock:.0f} s by the clock; CPU: {mine:.1f} s of the runner, "
        f"{workers:.1f} s of the workers ({mine / (mine + workers):.2%} of all)"
    )


if __name__ == "__main__":
    main()

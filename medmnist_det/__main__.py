"""``python -m medmnist_det``: the same command as ``medmnist-det``."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    # Python looks into the current folder first, where a user may have an evaluation.py or cli.py.
    root = Path(__file__).resolve().parents[1]
    if not sys.flags.safe_path and Path(sys.path[0]).resolve() != root:
        del sys.path[0]
    # The command stands on this package: it is looked up by name, when all else is there.
    import_module("cli").app(prog_name="medmnist-det")

"""Every method keeps the rules of the protocol; who breaks one is told which."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotators.learn.conformance import ConformanceError, check_teacher
from annotators.learn.registry import ENSEMBLE, methods

OTHERS = [name.replace(":K", ":2") for name in methods() if name not in ("oracle", ENSEMBLE)]


@pytest.mark.parametrize("method", OTHERS)
def test_every_method_keeps_the_rules(method, small, tmp_path):
    check_teacher(method, small, tmp_path / "work")


def test_the_oracle_reads_the_truth(small, tmp_path):
    with pytest.raises(ConformanceError, match=r"oracle: opens truth/train\.json of the data set"):
        check_teacher("oracle", small, tmp_path / "work")

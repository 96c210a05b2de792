"""The smallest benchmark, run once for all who only look at it."""

import pytest

from tests.medmnist_det.front.inline import run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Three cells of one data set, in a folder that nobody may change."""
    out = tmp_path_factory.mktemp("undisturbed")
    cells, did = run(out, "dawid-skene", "oracle", "baseline")
    return out, cells, did

import pytest

from tests.evaluation.files import data_folder


@pytest.fixture
def data(tmp_path):
    return data_folder(tmp_path)

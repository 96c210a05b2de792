"""Every package's public names are there, and no module can take their place."""

import importlib
import pkgutil

import pytest

PACKAGES = (
    "medmnist_det",
    "annotators",
    "annotators.infer",
    "annotators.simulate",
    "evaluation",
    "medmnist_det.formats",
    "medmnist_det.reference",
    "medmnist_det.scenes",
    "medmnist_det.terminal",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_face_exports_what_it_lists_and_no_module_bears_such_a_name(name):
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert package.__all__
    assert not modules & set(package.__all__)
    for public in package.__all__:
        assert getattr(package, public).__doc__
        assert public in dir(package)
    with pytest.raises(AttributeError, match="nothing_such"):
        package.nothing_such  # noqa: B018

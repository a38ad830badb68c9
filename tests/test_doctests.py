"""The examples in the docstrings run."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import netcalc

MODULES = [
    "netcalc",
    *(found.name for found in walk_packages(netcalc.__path__, "netcalc.") if "__main__" not in found.name),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    if name.startswith("netcalc.proof"):
        pytest.importorskip("torch")
    found = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not found.failed


def test_there_are_examples():
    """The control: docstrings are really read."""
    tried = sum(
        doctest.testmod(import_module(f"netcalc.{name}")).attempted
        for name in ("dims.printing", "errors", "layers.base")
    )
    assert tried > 20

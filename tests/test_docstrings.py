"""The examples of all docstrings run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("bitlight", "bitlight_hw", "bitlight_sim", "bitlight_lab")
STARTED = {"__main__"}  # whose import runs it


def modules():
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in STARTED:
                yield module.name


@pytest.mark.parametrize("name", [*modules()])
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not found.failed

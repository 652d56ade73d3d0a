"""Every public name has an example that runs; `make docs` sees that each has its entry."""

import doctest
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
spec = importlib.util.spec_from_file_location("names", DOCS / "_ext" / "names.py")
names = importlib.util.module_from_spec(spec)
spec.loader.exec_module(names)

PUBLIC = [
    pytest.param(what, name, id=f"{package}.{name}")
    for package, found in names.public().items()
    for name, what in found
    if inspect.isclass(what) or inspect.isfunction(what)
]
CODE = re.compile(r"^```(?:python|\{code-cell\}[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = "\n".join(code for page in names.pages() for code in CODE.findall(page.read_text()))


@pytest.mark.parametrize(("what", "name"), PUBLIC)
def test_has_an_example(what, name):
    own = [
        line
        for part in doctest.DocTestFinder().find(what, name)
        for line in part.examples
        if not line.options.get(doctest.SKIP)
    ]
    shown = re.search(rf"\b{name}\b", SHOWN)
    assert own or shown, "no example in its docstring, nor on any page"


def test_an_unused_name_would_be_found():
    def unseen():
        """Nothing."""

    with pytest.raises(AssertionError, match="no example"):
        test_has_an_example(unseen, "unseen")


def test_names_are_those_of_all_packages():
    assert {"bitlight.Network", "bitlight_hw.units.Window", "bitlight_sim.Board"} <= {
        param.id for param in PUBLIC
    }
    assert len(PUBLIC) > 150

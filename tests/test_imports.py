"""The house: imports go down its floors alone, late ones too, and never in a circle."""

import graphlib
from itertools import pairwise

import grimp
import pytest

# Each may import those after it.
PACKAGES = ("bitlight_lab", "bitlight_sim", "bitlight_hw", "bitlight")
# The rooms of `bitlight`, floor by floor from the roof; rooms of one floor know nothing of each
# other.
FLOORS = (
    {"cli"},
    {"store"},
    {"classifier", "features", "training"},
    {"zoo", "heads", "cluster"},
    {"freezing", "engines"},
    {"extractors", "nn", "optics", "qonnx"},
    {"data", "devices"},
    {"network"},
    {"kernels", "plugins"},
    {"files", "console", "identity", "escape", "bits"},
    {"errors"},
)


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def imports(graph):
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def test_packages_import_downwards(graph):
    place = {package: number for number, package in enumerate(PACKAGES)}
    upward = [
        (importer, imported)
        for importer, imported in imports(graph)
        if place[importer.partition(".")[0]] > place[imported.partition(".")[0]]
    ]
    assert upward == []


def test_rooms_import_downwards(graph):
    place = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    wrong = []
    for pair in imports(graph):
        parts = [module.split(".") for module in pair]
        if any(part[0] != "bitlight" or len(part) == 1 for part in parts):
            continue
        (importer, imported) = (part[1] for part in parts)
        if importer != imported and place[importer] >= place[imported]:
            wrong.append(pair)
    assert wrong == []


def test_no_circles(graph):
    sorter = graphlib.TopologicalSorter()
    for importer, imported in imports(graph):
        sorter.add(importer, imported)
    sorter.prepare()


def test_a_circle_is_found():
    sorter = graphlib.TopologicalSorter()
    for importer, imported in pairwise(["a", "b", "c", "a"]):
        sorter.add(importer, imported)
    with pytest.raises(graphlib.CycleError, match="a.*c.*b.*a"):
        sorter.prepare()

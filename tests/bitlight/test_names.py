"""What `from bitlight import *` gives, with and without the libraries that names need."""

import subprocess
import sys

import bitlight

STAR = """
from importlib.machinery import PathFinder as _Finder

_find = _Finder.find_spec

def _without(name, *more):
    return None if name.partition(".")[0] in {missing!r} else _find(name, *more)

_Finder.find_spec = _without
from bitlight import *
print(*sorted(name for name in dir() if not name.startswith("_")))
"""


def names(*missing):
    command = [sys.executable, "-c", STAR.format(missing=missing)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {*run.stdout.split()}


def test_star_gives_every_name():
    assert names() == {*bitlight.__all__}


def test_star_leaves_out_what_needs_a_library_that_is_not_there():
    left = names("torch", "amaranth", "onnx")
    assert {"Network", "BinaryFeatures", "OpticalFeatures", "Camera"} <= left
    gone = {"freeze", "import_qonnx", "export_qonnx", "OpticalProjection"}
    assert not gone & left

"""Loops that Numba compiled: kept, checked, and compiled again where they are damaged."""

import logging
import os
import pickle
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import caching

from bitlight.files import cache
from bitlight.kernels import compiled


def add(a, b):
    return a + b


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    cache._say.cache_clear()
    return tmp_path / "cache"


def ran():
    """Compile or load the function anew; whether it was in the cache."""
    function = compiled.compiled(add)
    assert function(2, 3) == 5
    return bool(function.stats.cache_hits)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_is_compiled_once(folder):
    before = numba.config.CACHE_DIR, numba.config.DISABLE_JIT
    assert [ran() for _ in range(3)] == [False, True, True]
    assert [path.suffix for path in files(folder)] == [".nbc", ".nbi"]
    assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o644}
    assert before == (numba.config.CACHE_DIR, numba.config.DISABLE_JIT)


def test_any_bit_counts(folder):
    ran()
    data, index = files(folder)
    rng = np.random.default_rng(0)
    for path in (index, data):
        whole = path.read_bytes()
        assert compiled._checked(path)
        for bit in rng.choice(8 * len(whole), 200, replace=False):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            assert compiled._checked(path) is None, bit
        path.write_bytes(whole)


class Planted:
    """A pickle that leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (os.fspath(self.path),)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("damage", ["empty", "cut", "planted", "writable"])
def test_what_is_damaged_is_compiled_again(folder, tmp_path, which, damage):
    ran()
    path = files(folder)[which]
    if damage == "writable":
        path.chmod(0o666)
    else:
        planted = pickle.dumps(Planted(tmp_path / "planted"))
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": whole[:-9], "planted": planted}[damage])
    assert [ran() for _ in range(2)] == [False, True]
    assert not (tmp_path / "planted").exists()


def test_without_a_cache_it_is_compiled_each_time(folder, caplog):
    folder.write_bytes(b"a file")
    with caplog.at_level(logging.WARNING):
        assert [ran() for _ in range(2)] == [False, False]
    assert [record.getMessage() for record in caplog.records] == [
        f"working without a cache: {folder} is no folder"
    ]


def test_without_compiling_ours_are_compiled(folder, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert not ran()
    assert numba.config.DISABLE_JIT == 1
    assert numba.njit(add) is add


def test_a_cache_that_can_only_be_read(folder, tmp_path, monkeypatch):
    """It is read, and Numba's other places stay as they are."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert not ran()
    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refuse)
    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    assert ran()
    assert not (tmp_path / "home").exists()


def refuse(*arguments, **options):
    raise PermissionError


@pytest.mark.slow
def test_the_golden_model_where_numba_is_disabled(tmp_path):
    """Compiled from nothing: in a process of its own, where Numba's own functions are disabled."""
    program = """
import numpy as np
from bitlight import Linear, Network
rng = np.random.default_rng(0)
net = Network((20,), 8, [Linear(rng.random((40, 20)) < 0.5, rng.integers(-9, 9, 40))])
x = rng.integers(0, 256, (3, 20), np.uint8)
assert (net.forward(x) == net.forward(x, engine="plain")).all()
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "BITLIGHT_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

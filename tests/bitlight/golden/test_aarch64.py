"""The inner loops of the golden model, compiled for AArch64, give what their equations say."""

import numba
import numpy as np
import pytest
from emulated import run_on_aarch64
from simulators import aarch64

from bitlight.kernels.tile import OUTPUTS, tile
from bitlight.network.golden.fusion import _finish_vector

pytestmark = [
    aarch64,
    # What every AArch64 has, and what newer ones have.
    pytest.mark.parametrize("features", ["", "+dotprod,+i8mm,+sve2"]),
]


@pytest.fixture(autouse=True)
def no_x86(monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "")


def draw_tile(rng, pixels, fires, windows):
    """Operands of a tile; words of a window lie anywhere, as do windows."""
    words = int(rng.integers(1, 40))
    x = rng.integers(0, 256, 400, np.uint8) if pixels else rng.integers(0, 1 << 32, 100, np.uint32)
    every = 1 if pixels else 4  # bytes
    start = rng.integers(0, 200 // every, windows) * every
    step = rng.integers(0, 196 // every, words) * every
    if pixels:
        weight = rng.integers(-128, 128, (words, OUTPUTS, 4)).astype(np.int8)
    else:
        weight = rng.integers(0, 1 << 32, (words, OUTPUTS), np.uint32)
    sums = tile_sums(x, start, step, weight)
    limit = (sums.mean(axis=0) + rng.integers(-9, 10, OUTPUTS)).astype(np.int32)
    out = np.zeros(windows, np.uint32) if fires else np.zeros((windows, OUTPUTS), np.int32)
    return x, start, step, weight, limit, out, windows


def tile_sums(x, start, step, weight):
    """m of each window and output."""
    places = np.add.outer(start, step)[..., np.newaxis] + np.arange(4)
    taken = x.view(np.uint8)[places]  # (windows, words, 4)
    if weight.dtype == np.int8:
        return np.einsum("nwb,wob->no", taken.astype(int), weight.astype(int))
    differ = taken[:, :, np.newaxis] ^ weight.view(np.uint8).reshape(*weight.shape, 4)
    return np.bitwise_count(differ).sum(axis=(1, 3), dtype=int)


def test_tiles(features, tmp_path):
    rng = np.random.default_rng(0)
    calls = [
        draw_tile(rng, pixels, fires, windows)
        for pixels in (False, True)
        for fires in (False, True)
        for windows in (1, 8)
        for _ in range(2)
    ]
    seen = set()
    for x, start, step, weight, limit, out, _ in run_on_aarch64(tile, calls, features, tmp_path):
        sums = tile_sums(x, start, step, weight)
        if out.ndim == 2:
            assert np.array_equal(out, sums)
        else:
            bits = out[:, np.newaxis] >> np.arange(OUTPUTS, dtype=np.uint32) & 1
            assert np.array_equal(bits, sums <= limit)
            seen |= set(bits.ravel())
    assert seen == {0, 1}


def draw_run(rng, wide):
    """Operands of a run of layers, whose integers have 32 bits where they are wide, else 16."""
    channels, rows, integers = 48, 7, (np.int16, np.int32)
    x = rng.integers(-3000, 3000, (5, channels)).astype(integers[wide])
    parameters = rng.integers(-200, 200, (6, 64)).astype(np.int32)
    numbers = np.array([rng.integers(0, 6), -2000, 2000, -2500, 2500, rng.integers(0, 6)], np.int32)
    other = rng.integers(-1000, 1000, (rows, channels)).astype(integers[not wide])
    values = np.zeros((rows, channels), integers[wide])
    words = np.zeros((rows, 3), np.uint16)
    return x, parameters, numbers, other, values, words


def run_of(x, parameters, numbers, other):
    """The last integers by the equation at the head of `fusion`."""
    multiplier, offset, before, slope, after, _ = parameters[:, : len(x)].astype(int)
    shift, low, high, least, most, bend = map(int, numbers)
    y = np.clip((multiplier * x + offset) >> shift, low, high)
    if other is not None:
        y = np.clip(y + other, least, most)
    v = y + before
    return np.where(v >= 0, v, (slope * v) >> bend) + after


def test_runs_of_layers(features, tmp_path):
    rng = np.random.default_rng(1)
    calls = []
    for number in range(24):
        arrays = draw_run(rng, wide=number % 2)
        kept = [array if rng.random() < 0.7 else array[:0] for array in arrays[3:]]
        where = int(rng.integers(5)), int(rng.integers(7)), 16 * int(rng.integers(3))
        calls.append((*arrays[:3], *kept, *where))
    done = run_on_aarch64(_finish_vector, calls, features, tmp_path)
    for x, parameters, numbers, other, values, words, row, place, lane in done:
        here = slice(lane, lane + 16)
        added = other[place, here].astype(int) if len(other) else None
        expected = run_of(x[row, here].astype(int), parameters[:, here], numbers, added)
        if len(values):
            assert np.array_equal(values[place, here], expected.astype(values.dtype))
        if len(words):
            fired = words[place, lane // 16] >> np.arange(16) & 1
            assert np.array_equal(fired, expected >= parameters[5, here])
        assert np.count_nonzero(values) <= 16
        assert np.count_nonzero(words) <= 1

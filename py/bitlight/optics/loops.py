"""Compiled loops over frames: sums, transforms, squares and counts of the media."""

import numba
import numpy as np

from bitlight.kernels.compiled import compiled
from bitlight.kernels.threads import parallel
from bitlight.kernels.tile import OUTPUTS, tile
from bitlight.optics import generator
from bitlight.optics.hadamard import transform

FRAMES = 8  # of one tile


@parallel
def count(light, scale, offset, top, out):
    """Write min(⌊offset + scale · light⌋, top), all float32, to uint8 or uint16 counts."""
    for n in numba.prange(len(light)):
        for j in range(light.shape[1]):
            out[n, j] = np.uint16(min(offset + light[n, j] * scale, top))


@parallel
def squares(re, im):
    """Re² + im² of float32 fields (N, count)."""
    found = np.empty(re.shape, np.float32)
    for n in numba.prange(len(re)):
        for j in range(re.shape[1]):
            found[n, j] = re[n, j] * re[n, j] + im[n, j] * im[n, j]
    return found


@parallel
def half_squares(re, im):
    """Half of re² + im² of int32 sums (N, count), as float32."""
    found = np.empty(re.shape, np.float32)
    for n in numba.prange(len(re)):
        for j in range(re.shape[1]):
            a, b = np.int64(re[n, j]), np.int64(im[n, j])
            found[n, j] = np.float32(a * a + b * b) * np.float32(0.5)
    return found


@parallel
def binary_sums(frames, start, step, states, last, out):
    """Blocks of 32 rows, of which no more is in memory than threads work on."""
    width = frames.shape[1]
    n, count = out.shape[1:]
    no_limit = np.zeros(OUTPUTS, np.int32)
    for block in numba.prange(len(states)):
        rows = np.empty((2, width, OUTPUTS), np.uint32)
        generator.fill(states[block], rows[0], rows[1])
        found = np.empty((len(frames), OUTPUTS), np.int32)
        first = block * OUTPUTS
        for part in range(2):
            for row in range(OUTPUTS):
                rows[part, width - 1, row] &= last
            for frame in range(0, len(frames), FRAMES):
                some, sums = start[frame:], found[frame:]
                tile(frames, some, step, rows[part], no_limit, sums, FRAMES)  # type: ignore[call-arg]
            for frame in range(n):
                for j in range(first, min(first + OUTPUTS, count)):
                    out[part, frame, j] = found[frame, j - first] - found[n, j - first]


@compiled(keep=False, inline="always")
def _scatter(frame, signs, a, b):
    """Real parts of one block's fields into b, imaginary parts into a."""
    transform(frame, signs[0], a)
    transform(a, signs[1], a)
    transform(a, signs[2], b)
    transform(a, signs[3], a)


@parallel
def structured_fields(frames, signs, first, scale, real, imaginary):
    """Write both parts of one block's fields."""
    size = 16 * frames.shape[1]
    for n in numba.prange(len(frames)):
        a, b = np.empty(size, np.float32), np.empty(size, np.float32)
        _scatter(frames[n], signs, a, b)
        for j in range(real.shape[1]):
            real[n, j] = b[first + j] * scale
            imaginary[n, j] = a[first + j] * scale


@parallel
def structured_squares(frames, signs, first, scale, out):
    """Write intensities of one block, which is never in memory as fields."""
    size = 16 * frames.shape[1]
    for n in numba.prange(len(frames)):
        a, b = np.empty(size, np.float32), np.empty(size, np.float32)
        _scatter(frames[n], signs, a, b)
        for j in range(out.shape[1]):
            re, im = b[first + j] * scale, a[first + j] * scale
            out[n, j] = re * re + im * im


@parallel
def structured_counts(frames, signs, first, field_scale, scale, offset, top, out):
    """Write counts of one block: min(⌊offset + scale · intensity⌋, top)."""
    size = 16 * frames.shape[1]
    for n in numba.prange(len(frames)):
        a, b = np.empty(size, np.float32), np.empty(size, np.float32)
        _scatter(frames[n], signs, a, b)
        for j in range(out.shape[1]):
            re, im = b[first + j] * field_scale, a[first + j] * field_scale
            out[n, j] = np.uint16(min(offset + (re * re + im * im) * scale, top))

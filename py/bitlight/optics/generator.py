"""The random bits of a medium: a few gates in hardware, the same here.

Row j of a medium has a generator of its own, an xorshift register of 64 bits (Marsaglia, 2003):

    y ← y ^ (y << 13);  y ← y ^ (y >> 7);  y ← y ^ (y << 17)

Behind its step t = 1, 2, … the lower 32 bits of y are the word t − 1 of the row's real part, and
the upper 32 those of its imaginary part; element i is bit i mod 32 of word i // 32, and 1 stands
for −1. The states that rows start from follow from one another by another xorshift,

    s ← s ^ (s << 7);  s ← s ^ (s >> 9),

row j from its step j + 1, so that a row depends on the seed and j alone.
"""

from typing import Any

import numpy as np

from bitlight.kernels.compiled import compiled

WORD = 32
FULL = (1 << 64) - 1


def origin(seed: int) -> int:
    """State before the first row, 64 bits and never zero: SplitMix64 of the seed."""
    state = (seed + 0x9E3779B97F4A7C15) & FULL
    state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & FULL
    state = ((state ^ state >> 27) * 0x94D049BB133111EB) & FULL
    return (state ^ state >> 31) or 1


def philox(first: int, second: int) -> np.random.Generator:
    """NumPy's generator with a key of two numbers of 64 bits, for what hardware has no part in."""
    # As an array: a list with a number above 2^63 would be rounded to float64.
    return np.random.Generator(np.random.Philox(key=np.array([first & FULL, second], np.uint64)))


def normals(key: int, first: int, out: np.ndarray) -> None:
    """Fill out[:, n] with standard normal numbers that depend on the key and first + n alone."""
    rng = philox(key, 0)
    state: Any = rng.bit_generator.state
    for n in range(out.shape[1]):
        state["state"]["key"][1] = first + n  # several times faster than another generator
        rng.bit_generator.state = state
        out[:, n] = rng.standard_normal((len(out), *out.shape[2:]), out.dtype)


@compiled
def starts(state, first, count):
    """States that the rows first … first + count − 1 start from: uint64 (count,)."""
    found = np.empty(count, np.uint64)
    for row in range(first + count):
        state ^= state << np.uint64(7)
        state ^= state >> np.uint64(9)
        if row >= first:
            found[row - first] = state
    return found


@compiled(nogil=True)
def fill(states, real, imaginary):
    """Write the next words of some rows: uint32 (T, rows) each; the states move on."""
    for t in range(real.shape[0]):
        for row in range(len(states)):
            y = states[row]
            y ^= y << np.uint64(13)
            y ^= y >> np.uint64(7)
            y ^= y << np.uint64(17)
            states[row] = y
            real[t, row] = np.uint32(y)
            imaginary[t, row] = np.uint32(y >> np.uint64(32))

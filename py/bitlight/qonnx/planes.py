"""Weights of a few bits as planes of ±1: W = Σ c·B, so that a layer is some binary layers added up.

An odd W up to 2^n − 1 is Σ 2^k·B_k over n planes. Any W up to 2^p is so with a second plane of
weight 1 and twice: 2·W = B_0 + B_0' + Σ 2^k·B_k, k = 1 … p. Of −1, 0 and 1 (two bits, narrow) that
is two planes, 2·W = B_0 + B_0'.
"""

from typing import NamedTuple

import numpy as np

# The largest weight, in units of a row's scale: four bits.
MOST_WEIGHT = 8


class Planes(NamedTuple):
    """What weights are made of: times·W/scale = Σ factors[k]·planes[k].

    Attributes
    ----------
    planes : list of bool arrays, of the weights' shape
        True is +1, False −1.
    factors : list of int
    times : int
    scale : float32 array, shape (outputs,)
    weight_sum : int64 array, shape (outputs,)
        Σ W/scale of each row.
    """

    planes: list[np.ndarray]
    factors: list[int]
    times: int
    scale: np.ndarray
    weight_sum: np.ndarray


def split(weight: np.ndarray) -> Planes | None:
    """Planes of float32 weights (outputs, …); None where no scale makes small integers of a row."""
    rows = weight.reshape(len(weight), -1).astype(np.float32)
    found = _integers(rows)
    if found is None:
        return None
    integers, scale = found
    most = int(np.abs(integers).max())
    if (integers % 2 == 1).all():
        factors = [1 << k for k in range(most.bit_length())]
        digits = (integers + (1 << len(factors)) - 1) // 2
        times = 1
    else:
        places = max(most - 1, 0).bit_length()
        factors = [1 << k for k in range(places + 1)] + [1]
        digits = integers + (1 << places)
        times = 2
    full = digits == sum(factors)
    planes = [full | (digits & factor != 0) for factor in factors]
    if times == 2:
        planes[-1] = full
    shaped = [np.ascontiguousarray(plane.reshape(weight.shape)) for plane in planes]
    return Planes(shaped, factors, times, scale, integers.sum(1, dtype=np.int64))


def _integers(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows as small integers times a scale of each, which is as large as it can be."""
    size = np.abs(rows)
    least = np.where(size > 0, size, np.inf).min(axis=1)
    least[np.isinf(least)] = 1
    integers = np.zeros(rows.shape, np.int64)
    scale = np.zeros(len(rows), np.float32)
    for parts in range(1, MOST_WEIGHT + 1):
        step = (least / np.float32(parts)).astype(np.float32)
        quotient = np.rint(rows / step[:, None])
        # In float64, where no such product is rounded.
        exact = quotient.astype(np.float64) * step[:, None] == rows
        fits = exact & (np.abs(quotient) <= MOST_WEIGHT)
        new = fits.all(axis=1) & (scale == 0)
        integers[new], scale[new] = quotient[new].astype(np.int64), step[new]
    return (integers, scale) if scale.all() else None

"""Integers in hardware: how wide a range is, and how a value is held within one."""

import numpy as np
from amaranth import Const, Mux, Shape, Value, signed


def integers(low: int, high: int) -> Shape:
    """Two's complement of as few bits as hold low … high."""
    return signed(max(width(low), width(high)))


def width(value: int) -> int:
    """Bits of one integer in two's complement."""
    return (value if value >= 0 else ~value).bit_length() + 1


def digits(values: np.ndarray, width: int) -> np.ndarray:
    """Bits of integers in two's complement, the lowest first: bool, one more axis at the end."""
    found: np.ndarray = np.asarray(values, np.int64)[..., None] >> np.arange(width) & 1 != 0
    return found


def clip(value: Value, low: int, high: int) -> Value:
    """min(max(value, low), high)."""
    shape = integers(low, high)
    least, most = Const(low, shape), Const(high, shape)
    return Mux(value < low, least, Mux(value > high, most, value))[: shape.width].as_signed()

"""The layers of a binary network: what each holds, what it takes, and what it gives.

A layer's `gives` says which value follows from those that it takes, or refuses these; `work` how
many products that is. What it computes, how it is written, and which hardware stands for it are
tables from the layer's type, one for each reading: `golden.plain`, `golden.packed`, `file`,
`summary`, `qonnx` and `bitlight_hw.pipeline`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitlight.errors import NetworkError
from bitlight.network.values import Integers, Levels, Shape, Value, check_values

BIT = Levels(1)
# The largest kernel of a pool, stride and padding, in rows or columns.
MOST_SIDE = 65_535


def _pair(name: str, value: Any, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    if not (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(isinstance(v, int | np.integer) and least <= v <= MOST_SIDE for v in pair)
    ):
        raise NetworkError(f"{name} must be two integers of {least} to {MOST_SIDE}, not {value!r}")
    return int(pair[0]), int(pair[1])


def _weight(value: Any, axes: tuple[str, ...]) -> np.ndarray:
    weight = np.asarray(value)
    if weight.dtype != np.bool_:
        raise NetworkError(f"weight must be a bool array, not {weight.dtype}")
    if weight.ndim != len(axes) or 0 in weight.shape:
        raise NetworkError(f"weight must have the shape [{', '.join(axes)}], not {weight.shape}")
    if not _is_constant(weight) or not weight.flags.c_contiguous:
        weight = np.array(weight, order="C")
        weight.flags.writeable = False
    return weight


def _is_constant(array: Any) -> bool:
    """Whether nobody can write to its memory."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def _threshold(value: Any, outputs: int) -> np.ndarray:
    given = np.asarray(value)
    if given.dtype.kind not in "iu" or given.shape != (outputs,):
        raise NetworkError(
            f"threshold must be int32 of shape ({outputs},), one for each output, "
            f"not {given.dtype} of shape {given.shape}"
        )
    threshold = given.astype(np.int32)
    if not np.array_equal(threshold, given):
        raise NetworkError("threshold must fit in 32 bits")
    threshold.flags.writeable = False
    return threshold


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Binary convolution and threshold: bit = 1 where the sum of products is ≥ its threshold.

    Parameters
    ----------
    weight : bool array, shape (out, kh, kw, in)
        False is −1, True is +1.
    threshold : int32 array, shape (out,)
    stride, padding : (rows, columns)
    pad_value : int
        What stands outside the image: a bit, or a pixel value when the layer sees pixels.

    Raises
    ------
    NetworkError
        If a parameter is not of this form.
    """

    weight: np.ndarray
    threshold: np.ndarray
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    pad_value: int = 1
    kernel: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        weight = _weight(self.weight, ("out", "kh", "kw", "in"))
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "threshold", _threshold(self.threshold, len(weight)))
        object.__setattr__(self, "stride", _pair("stride", self.stride, 1))
        object.__setattr__(self, "padding", _pair("padding", self.padding, 0))
        object.__setattr__(self, "kernel", weight.shape[1:3])
        if not isinstance(self.pad_value, int | np.integer):
            raise NetworkError(f"pad_value must be an integer, not {self.pad_value!r}")
        object.__setattr__(self, "pad_value", int(self.pad_value))

    @property
    def fan_in(self) -> int:
        """K, the number of products in one sum."""
        return self.weight[0].size

    def padded_shape(self, shape: Shape) -> Shape:
        """(H, W, C) of an input of that shape with what stands outside of it."""
        rows, columns = (n + 2 * p for n, p in zip(shape[:2], self.padding, strict=True))
        return rows, columns, shape[2]

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) of the output for an input of that shape."""
        if len(shape) != 3 or shape[2] != self.weight.shape[3]:
            raise NetworkError(
                f"Conv2d of weight {self.weight.shape} needs an input (H, W, "
                f"{self.weight.shape[3]}), not {shape}"
            )
        padded = self.padded_shape(shape)
        return (*_windows(padded, self.kernel, self.stride), len(self.weight))

    def gives(self, given: Value) -> Value:
        """Bits, of the shape of all windows."""
        top = given.levels.top
        if not 0 <= self.pad_value <= top:
            raise NetworkError(f"pad_value must be 0 to {top}, not {self.pad_value}")
        _check_sums(self.fan_in, given.levels)
        shape = self.output_shape(given.shape)
        check_values("its padded input", self.padded_shape(given.shape))
        return Value(shape, BIT)

    def work(self, given: Value) -> int:
        """Products of an image."""
        return math.prod(self.output_shape(given.shape)) * self.fan_in


@dataclass(frozen=True, eq=False)
class Linear:
    """Binary fully connected layer with thresholds, or with its integer sums as scores.

    Parameters
    ----------
    weight : bool array, shape (out, in)
        The input is the flattening of (h, w, c) in C order.
    threshold : int32 array, shape (out,), or None
        None gives the sums themselves as int32: the network's own classifier, its last layer.
    """

    weight: np.ndarray
    threshold: np.ndarray | None

    def __post_init__(self) -> None:
        weight = _weight(self.weight, ("out", "in"))
        object.__setattr__(self, "weight", weight)
        if self.threshold is not None:
            object.__setattr__(self, "threshold", _threshold(self.threshold, len(weight)))

    @property
    def fan_in(self) -> int:
        """K, the number of products in one sum."""
        return self.weight.shape[1]

    def output_shape(self, shape: Shape) -> Shape:
        """(n,) of the output for an input of that shape."""
        if int(np.prod(shape)) != self.fan_in:
            raise NetworkError(
                f"Linear of weight {self.weight.shape} needs {self.fan_in} inputs, not {shape}"
            )
        return (len(self.weight),)

    def gives(self, given: Value) -> Value:
        """Bits, or the sums as integers."""
        levels = given.levels
        _check_sums(self.fan_in, levels)
        shape = self.output_shape(given.shape)
        reach = levels.top * self.fan_in
        return Value(shape, Integers(-reach, reach) if self.threshold is None else BIT)

    def work(self, given: Value) -> int:
        """Products of an image."""
        return math.prod(self.output_shape(given.shape)) * self.fan_in


@dataclass(frozen=True, eq=False)
class MaxPool2d:
    """Maximum over windows of bits, that is their OR. Windows may overlap; floor mode.

    Parameters
    ----------
    kernel, stride : (rows, columns)
        A stride of None is the kernel.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", _pair("kernel", self.kernel, 1))
        stride = self.kernel if self.stride is None else self.stride
        object.__setattr__(self, "stride", _pair("stride", stride, 1))

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) of the output for an input of that shape."""
        if len(shape) != 3:
            raise NetworkError(f"MaxPool2d needs an input (H, W, C), not {shape}")
        assert self.stride is not None
        return (*_windows(shape, self.kernel, self.stride), shape[2])

    def gives(self, given: Value) -> Value:
        """Bits, of the shape of all windows."""
        if given.levels != BIT:
            raise NetworkError(
                f"MaxPool2d pools bits; the input has {given.levels.bits}-bit pixels"
            )
        return Value(self.output_shape(given.shape), BIT)

    def work(self, given: Value) -> int:
        """The bits that it looks at."""
        return math.prod(self.output_shape(given.shape)) * math.prod(self.kernel)


Layer = Conv2d | Linear | MaxPool2d
LAYERS = (Conv2d, Linear, MaxPool2d)


def _check_sums(fan_in: int, levels: Levels) -> None:
    if fan_in << levels.bits >= 1 << 30:
        raise NetworkError(f"sums over {fan_in} inputs do not fit in 32 bits")


def _windows(shape: Shape, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(shape, kernel, stride, strict=False))
    if rows < 1 or columns < 1:
        raise NetworkError(f"a window of {kernel} does not fit into an input of {shape}")
    return rows, columns

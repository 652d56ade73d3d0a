"""The layers of a binary network: what each holds, what it takes, and what it gives.

A layer's `gives` says which value follows from those that it takes, or refuses these; `work` how
many products that is. What it computes, how it is written, and which hardware stands for it are
tables from the layer's type, one for each reading: `golden.plain`, `golden.packed`, `file`,
`summary`, `qonnx` and `bitlight_hw.pipeline`.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

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


MOST_LEVEL = 255


def _integers(name: str, value: Any, shape: Shape, dtype: type = np.int32) -> np.ndarray:
    """A constant array of that shape and dtype.

    Raises
    ------
    NetworkError
        If it is of another shape, no integers, or does not fit.
    """
    given = np.asarray(value)
    wanted = np.dtype(dtype).name
    if given.dtype.kind not in "iu" or given.shape != shape:
        raise NetworkError(
            f"{name} must be {wanted} of shape {shape}, not {given.dtype} of shape {given.shape}"
        )
    found: np.ndarray = given.astype(dtype)
    if not np.array_equal(found, given):
        raise NetworkError(f"{name} must fit in {np.dtype(dtype).itemsize * 8} bits")
    found.flags.writeable = False
    return found


def _threshold(value: Any, outputs: int | None) -> np.ndarray:
    """int32 (outputs,), or (outputs, T) whose rows do not fall."""
    given = np.asarray(value)
    if given.dtype.kind not in "iu" or given.ndim not in (1, 2) or not given.size:
        raise NetworkError(f"threshold must be int32, not {given.dtype} of shape {given.shape}")
    outputs = len(given) if outputs is None else outputs
    shape = (outputs, *given.shape[1:])
    if given.shape != shape:
        raise NetworkError(
            f"threshold must be int32 of shape ({outputs},), one for each output, or of shape "
            f"({outputs}, T), not {given.dtype} of shape {given.shape}"
        )
    threshold = _integers("threshold", given, shape)
    if threshold.ndim == 2:
        if threshold.shape[1] > MOST_LEVEL:
            raise NetworkError(
                f"a level is at most {MOST_LEVEL}, and there are {threshold.shape[1]} thresholds"
            )
        if (np.diff(threshold.astype(np.int64), axis=1) < 0).any():
            raise NetworkError("the thresholds of an output must not fall")
        if threshold.shape[1] == 1:  # the same layer, and so the same id
            threshold = _integers("threshold", given[:, 0], (outputs,))
    return threshold


def _levels_of(threshold: np.ndarray) -> Levels:
    """What thresholds give: bits, or levels 0 … T."""
    return BIT if threshold.ndim == 1 else Levels(threshold.shape[1])


def _sum_kind(fan_in: int, levels: Levels) -> Integers:
    reach = levels.top * fan_in
    return Integers(-reach, reach)


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Binary convolution: a = Σ w·(2x − L) over each window, and what thresholds make of it.

    Parameters
    ----------
    weight : bool array, shape (out, kh, kw, in)
        False is −1, True is +1.
    threshold : int32 array, shape (out,) or (out, T), or None
        One for each output: the bit [a ≥ t]. T of them, not falling: the level Σ_k [a ≥ t_k],
        0 … T. None: a itself.
    stride, padding : (rows, columns)
    pad_value : int
        The level that stands outside the image, 0 … L.

    Raises
    ------
    NetworkError
        If a parameter is not of this form.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Network
    >>> weight = np.ones((1, 2, 2, 1), bool)  # one output of 2×2 weights, all +1
    >>> layer = Conv2d(weight, threshold=np.array([2]), padding=(1, 1))
    >>> net = Network((2, 2, 1), 1, [layer])
    >>> net.forward(np.ones((1, 2, 2, 1), np.uint8)).reshape(3, 3)  # bits outside are pad_value
    array([[1, 1, 1],
           [1, 1, 1],
           [1, 1, 1]], dtype=uint8)
    """

    weight: np.ndarray
    threshold: np.ndarray | None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    pad_value: int = 1
    kernel: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        weight = _weight(self.weight, ("out", "kh", "kw", "in"))
        object.__setattr__(self, "weight", weight)
        if self.threshold is not None:
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
        """Bits, levels or sums, of the shape of all windows."""
        top = given.levels.top
        if not 0 <= self.pad_value <= top:
            raise NetworkError(f"pad_value must be 0 to {top}, not {self.pad_value}")
        _check_sums(self.fan_in, given.levels)
        shape = self.output_shape(given.shape)
        check_values("its padded input", self.padded_shape(given.shape))
        sums = _sum_kind(self.fan_in, given.levels)
        return Value(shape, sums if self.threshold is None else _levels_of(self.threshold))

    def work(self, given: Value) -> int:
        """Products of an image."""
        return math.prod(self.output_shape(given.shape)) * self.fan_in


@dataclass(frozen=True, eq=False)
class Linear:
    """Binary fully connected layer with thresholds, or with its integer sums, as scores are.

    Parameters
    ----------
    weight : bool array, shape (out, in)
        The input is the flattening of (h, w, c) in C order.
    threshold : int32 array, shape (out,) or (out, T), or None
        As for `Conv2d`; None gives the sums themselves, as a network's own classifier does.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Network
    >>> net = Network((3,), 1, [Linear(np.array([[True, True, False]]), threshold=None)])
    >>> net.forward(np.array([[1, 1, 0], [0, 1, 1]], np.uint8))  # +1 +1 +1, and −1 +1 −1
    array([[ 3],
           [-1]], dtype=int32)
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
        """Bits, levels, or the sums as integers."""
        levels = given.levels
        _check_sums(self.fan_in, levels)
        shape = self.output_shape(given.shape)
        sums = _sum_kind(self.fan_in, levels)
        return Value(shape, sums if self.threshold is None else _levels_of(self.threshold))

    def work(self, given: Value) -> int:
        """Products of an image."""
        return math.prod(self.output_shape(given.shape)) * self.fan_in


@dataclass(frozen=True, eq=False)
class MaxPool2d:
    """Maximum over windows of levels; of bits that is OR. Windows may overlap; floor mode.

    Parameters
    ----------
    kernel, stride : (rows, columns)
        A stride of None is the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Network
    >>> net = Network((2, 4, 1), 1, [MaxPool2d(2)])
    >>> net.forward(np.array([[0, 1, 0, 0, 0, 0, 0, 0]], np.uint8).reshape(1, 2, 4, 1))
    array([[1, 0]], dtype=uint8)
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
        """The same levels, of the shape of all windows."""
        return Value(self.output_shape(given.shape), given.levels)

    def work(self, given: Value) -> int:
        """The levels that it looks at."""
        return math.prod(self.output_shape(given.shape)) * math.prod(self.kernel)


@dataclass(frozen=True, eq=False)
class SumPool2d:
    """Sum over windows of integers, or of what levels stand for; floor mode.

    Parameters
    ----------
    kernel : (rows, columns) or "all"
        "all" is the whole image: what global average pooling is, but for its scale, which goes on
        to what follows.
    stride : (rows, columns)
        None is the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Network
    >>> net = Network((2, 2, 1), 1, [SumPool2d("all")])
    >>> net.forward(np.array([1, 1, 1, 0], np.uint8).reshape(1, 2, 2, 1))  # 1 + 1 + 1 − 1
    array([[2]], dtype=int32)
    """

    kernel: tuple[int, int] | Literal["all"] = (2, 2)
    stride: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kernel == "all":
            if self.stride is not None:
                raise NetworkError("a SumPool2d over all of the image has no stride")
            return
        object.__setattr__(self, "kernel", _pair("kernel", self.kernel, 1))
        stride = self.kernel if self.stride is None else self.stride
        object.__setattr__(self, "stride", _pair("stride", stride, 1))

    def window(self, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Kernel and stride for an input (H, W, C)."""
        if len(shape) != 3:
            raise NetworkError(f"SumPool2d needs an input (H, W, C), not {shape}")
        if self.kernel == "all":
            return (shape[0], shape[1]), (1, 1)
        assert self.stride is not None
        return self.kernel, self.stride

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) of the output for an input of that shape."""
        kernel, stride = self.window(shape)
        return (*_windows(shape, kernel, stride), shape[2])

    def gives(self, given: Value) -> Value:
        """Integers, as many times as large as a window has places."""
        count = math.prod(self.window(given.shape)[0])
        kind = Integers(count * given.kind.low, count * given.kind.high)
        return Value(self.output_shape(given.shape), kind)

    def work(self, given: Value) -> int:
        """The values that it adds up."""
        return math.prod(self.output_shape(given.shape)) * math.prod(self.window(given.shape)[0])


@dataclass(frozen=True, eq=False)
class Threshold:
    """Levels from integers: Σ_k [x ≥ t_k], for each channel.

    Parameters
    ----------
    threshold : int32 array, shape (C,) or (C, T), rows not falling

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> sums = Linear(np.ones((1, 2), bool), threshold=None)
    >>> net = Network((2,), 1, [sums, Threshold(np.array([[-1, 1]]))])
    >>> net.forward(np.array([[0, 0], [0, 1], [1, 1]], np.uint8))  # of −2, 0 and 2
    array([[0],
           [1],
           [2]], dtype=uint8)
    """

    threshold: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", _threshold(self.threshold, None))

    def gives(self, given: Value) -> Value:
        """Bits, or levels 0 … T."""
        _ = given.integers
        _check_channels(given, len(self.threshold))
        return Value(given.shape, _levels_of(self.threshold))

    def work(self, given: Value) -> int:
        """Comparisons with thresholds, for an image."""
        return given.size * math.prod(self.threshold.shape[1:])


@dataclass(frozen=True, eq=False)
class Affine:
    """y = clip((m_c·x + β_c) >> shift, low, high), of integers or of what levels stand for.

    >> rounds down.

    Parameters
    ----------
    multiplier : int32 array, shape (C,)
    offset : int64 array, shape (C,)
    shift : int, 0 to 62
    low, high : int

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Network
    >>> half = Affine(np.array([1]), np.array([0]), shift=1, low=-100, high=100)
    >>> net = Network((1,), 8, [half])
    >>> net.forward(np.array([[0], [127], [255]], np.uint8))  # ⌊(2x − 255) / 2⌋, clipped
    array([[-100],
           [  -1],
           [ 100]], dtype=int32)
    """

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    low: int
    high: int

    def __post_init__(self) -> None:
        count = np.asarray(self.multiplier).shape
        if len(count) != 1 or not count[0]:
            raise NetworkError(f"multiplier must be int32 of shape (C,), not of shape {count}")
        object.__setattr__(self, "multiplier", _integers("multiplier", self.multiplier, count))
        object.__setattr__(self, "offset", _integers("offset", self.offset, count, np.int64))
        _check_shift(self.shift)
        _check_range(self.low, self.high)

    def gives(self, given: Value) -> Value:
        """Integers: what the range that comes in can become."""
        _check_channels(given, len(self.multiplier))
        found = []
        for m, b in zip(self.multiplier.tolist(), self.offset.tolist(), strict=True):
            ends = [m * end + b for end in (given.kind.low, given.kind.high)]
            if max(map(abs, ends)) >= 1 << 63:
                raise NetworkError(f"{max(ends, key=abs):,} does not fit in 64 bits")
            found += [end >> self.shift for end in ends]
        low, high = (min(max(end, self.low), self.high) for end in (min(found), max(found)))
        return Value(given.shape, Integers(low, high))

    def work(self, given: Value) -> int:
        """Products of an image, one for each value."""
        return given.size


@dataclass(frozen=True, eq=False)
class PReLU:
    """v = x + γ_c; y = (v if v ≥ 0 else (p_c·v) >> shift) + ζ_c. Slope 0 is ReLU.

    Parameters
    ----------
    slope : int32 array, shape (C,); p
    shift : int, 0 to 62
    before, after : int32 array, shape (C,); γ and ζ

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> sums = Linear(np.ones((1, 4), bool), threshold=None)
    >>> leaky = PReLU(np.array([1]), shift=1, before=np.array([0]), after=np.array([0]))
    >>> net = Network((4,), 1, [sums, leaky])
    >>> net.forward(np.array([[0, 0, 0, 0], [1, 1, 1, 1]], np.uint8))  # of −4 and 4
    array([[-2],
           [ 4]], dtype=int32)
    """

    slope: np.ndarray
    shift: int
    before: np.ndarray
    after: np.ndarray

    def __post_init__(self) -> None:
        count = np.asarray(self.slope).shape
        if len(count) != 1 or not count[0]:
            raise NetworkError(f"slope must be int32 of shape (C,), not of shape {count}")
        for name in ("slope", "before", "after"):
            object.__setattr__(self, name, _integers(name, getattr(self, name), count))
        _check_shift(self.shift)

    def gives(self, given: Value) -> Value:
        """Integers: what the range that comes in can become."""
        kind = given.integers
        _check_channels(given, len(self.slope))
        found = []
        rows = zip(self.slope.tolist(), self.before.tolist(), self.after.tolist(), strict=True)
        for p, before, after in rows:
            low, high = kind.low + before, kind.high + before
            asked = {
                low,
                high,
                *({-1} if low < 0 <= high else ()),
                *({0} if low <= 0 <= high else ()),
            }
            found += [(v if v >= 0 else (p * v) >> self.shift) + after for v in asked]
        return Value(given.shape, Integers(min(found), max(found)))

    def work(self, given: Value) -> int:
        """Products of an image, one for each value."""
        return given.size


@dataclass(frozen=True, eq=False)
class Add:
    """clip(Σ, low, high) of two or more integers of one shape.

    Parameters
    ----------
    low, high : int, optional
        By default nothing is clipped.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> plus, minus = (Linear(np.full((1, 2), sign), threshold=None) for sign in (True, False))
    >>> nodes = {"a": (plus, "input"), "b": (minus, "input"), "sum": (Add(), "a", "b")}
    >>> Network((2,), 1, nodes).forward(np.array([[1, 1]], np.uint8))  # 2 and −2
    array([[0]], dtype=int32)
    """

    low: int = -(1 << 31)
    high: int = (1 << 31) - 1

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)

    def gives(self, *given: Value) -> Value:
        """Integers of the sums' range."""
        _check_several(given)
        low, high = (sum(getattr(v.integers, end) for v in given) for end in ("low", "high"))
        if low < -(1 << 62) or high >= 1 << 62:
            raise NetworkError("the sums do not fit in 64 bits")
        clipped = (min(max(end, self.low), self.high) for end in (low, high))
        return Value(given[0].shape, Integers(*clipped))

    def work(self, *given: Value) -> int:
        """Additions of an image."""
        return given[0].size * (len(given) - 1)


@dataclass(frozen=True, eq=False)
class Concat:
    """Two or more values of one kind, height and width, side by side along the channels.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> plus, minus = (Linear(np.full((1, 2), sign), threshold=None) for sign in (True, False))
    >>> nodes = {"a": (plus, "input"), "b": (minus, "input"), "both": (Concat(), "a", "b")}
    >>> Network((2,), 1, nodes).forward(np.array([[1, 1]], np.uint8))
    array([[ 2, -2]], dtype=int32)
    """

    def gives(self, *given: Value) -> Value:
        """The same kind; of integers a range that holds all."""
        if len(given) < 2:
            raise NetworkError(f"it takes two values or more, not {len(given)}")
        if len({v.shape[:-1] for v in given}) > 1 or len({len(v.shape) for v in given}) > 1:
            raise NetworkError(f"it takes values of one height and width, not {_list(given)}")
        shape = (*given[0].shape[:-1], sum(v.channels for v in given))
        if all(isinstance(v.kind, Integers) for v in given):
            low, high = min(v.kind.low for v in given), max(v.kind.high for v in given)
            return Value(shape, Integers(low, high))
        if len({v.kind for v in given}) > 1:
            raise NetworkError(f"it takes values of one kind, not {_list(given)}")
        return Value(shape, given[0].kind)

    def work(self, *given: Value) -> int:
        """None: values only move."""
        return 0


Layer = Conv2d | Linear | MaxPool2d | SumPool2d | Threshold | Affine | PReLU | Add | Concat
LAYERS = (Conv2d, Linear, MaxPool2d, SumPool2d, Threshold, Affine, PReLU, Add, Concat)
JOINS = (Add, Concat)  # that take several values
# Of which chains of bits are made, that QONNX, the older hardware and rivals know.
ChainLayer = Conv2d | Linear | MaxPool2d


def _check_channels(given: Value, channels: int) -> None:
    if given.channels != channels:
        raise NetworkError(f"it has parameters of {channels} channels, and is given {given}")


def _check_several(given: tuple[Value, ...]) -> None:
    if len(given) < 2:
        raise NetworkError(f"it takes two values or more, not {len(given)}")
    if len({value.shape for value in given}) > 1:
        raise NetworkError(f"it takes values of one shape, not {_list(given)}")


def _check_shift(shift: Any) -> None:
    if type(shift) is not int or not 0 <= shift <= 62:
        raise NetworkError(f"shift must be 0 to 62, not {shift!r}")


def _check_range(low: Any, high: Any) -> None:
    if type(low) is not int or type(high) is not int:
        raise NetworkError(f"low and high must be integers, not {low!r} and {high!r}")
    Integers(low, high)


def _list(given: tuple[Value, ...]) -> str:
    return " and ".join(map(str, given))


def _check_sums(fan_in: int, levels: Levels) -> None:
    if fan_in << levels.bits >= 1 << 30:
        raise NetworkError(f"sums over {fan_in} inputs do not fit in 32 bits")


def _windows(shape: Shape, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(shape, kernel, stride, strict=False))
    if rows < 1 or columns < 1:
        raise NetworkError(f"a window of {kernel} does not fit into an input of {shape}")
    return rows, columns

"""An imported network, with what its graph does before the first bit and behind the last sum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bitlight.errors import ExchangeError
from bitlight.network.network import Network
from bitlight.network.surroundings import OutputScale
from bitlight.qonnx.layout import Layout
from bitlight.qonnx.steps import Step


@dataclass(frozen=True)
class Code:
    """What the numbers in a graph are: value = scale·(gain·u + lowest), u = 0 … top.

    ±s is Code(1, s, gain=2, lowest=-1); a signed byte Code(255, s, gain=1, lowest=-128); −s, 0 and
    s, which are two bits, narrow, Code(2, s, gain=1, lowest=-1).

    Examples
    --------
    >>> import numpy as np
    >>> code = Code(top=1, scale=1.0, gain=2, lowest=-1)  # bits that stand for −1 and +1
    >>> code.scale * (code.gain * np.array([0, 1]) + code.lowest)
    array([-1.,  1.])
    """

    top: int
    scale: float
    gain: int
    lowest: int

    @property
    def bits(self) -> int:
        """Bits of one u."""
        return self.top.bit_length()

    def code_of(self, value: float) -> int | None:
        """The u that stands for a value; None if there is none."""
        u, rest = divmod(value / self.scale - self.lowest, self.gain)
        return int(u) if rest == 0 and 0 <= u <= self.top else None

    def values(self, u: np.ndarray) -> np.ndarray:
        """Codes to the float32 values they stand for."""
        return (self.gain * u.astype(np.float32) + self.lowest) * np.float32(self.scale)


@dataclass(frozen=True)
class Sums:
    """The floats in a graph that stand for a layer's integer sums a.

    The graph sums w·(gain·u + lowest), bitlight w·(2u − top): one follows from the other by the sum
    of the weights alone.

    Attributes
    ----------
    code : Code
        Of the layer's input.
    weight_sum : int64 array, shape (outputs,)
        Σ w of each row, where its smallest weight is 1.
    scale : float32 array, shape (outputs,)
        Of the weights.
    steps : tuple of Step
        What follows.
    times : int
        How many times those sums the integers are: planes of weights give 2·a.

    Examples
    --------
    >>> code = Code(top=1, scale=1.0, gain=2, lowest=-1)
    >>> sums = Sums(code, np.array([2]), np.array([0.5], np.float32))
    >>> sums.weight_sum
    array([2])
    """

    code: Code
    weight_sum: np.ndarray
    scale: np.ndarray
    steps: tuple[Step, ...] = ()
    times: int = 1

    @staticmethod
    def on_grid(unit: float, channels: int) -> "Sums":
        """Integers x that stand for x·unit."""
        zero = Code(top=0, scale=unit, gain=2, lowest=0)
        return Sums(zero, np.zeros(channels, np.int64), np.ones(channels, np.float32))

    def reachable(self, low: int) -> tuple[np.ndarray, int]:
        """The least integer from `low` on that each output can be, and how far the next is."""
        if self.code.top == 0:
            return np.full(len(self.scale), low, np.int64), 1
        step = 2 * self.times
        return low + (-self.times * self.code.top * self.weight_sum - low) % step, step

    @property
    def description(self) -> str:
        """The scale and the steps in words."""
        factor = np.unique(np.float32(self.code.scale) * self.scale)
        scaled = [] if (factor == 1).all() else [f"x × {factor[0]:.6g}"]
        scaled = ["x × scale of the output"] if factor.size > 1 else scaled
        return ", ".join([*scaled, *(step.text for step in self.steps)]) or "x"

    def scale_of_scores(self) -> OutputScale | None:
        """What follows the integer sums as factor and summand of each class; None for neither.

        Raises
        ------
        ExchangeError
            If it is something else.
        """
        code, scale = self.code, np.float64(self.code.scale) * self.scale
        factor = code.gain / 2 / self.times * scale
        shift = (code.gain / 2 * code.top + code.lowest) * self.weight_sum * scale
        for step in self.steps:
            if step.affine is None:
                raise ExchangeError(f"{step.text} stands behind the scores, where only a scale may")
            factor, shift = step.affine[0] * factor, step.affine[0] * shift + step.affine[1]
        factor, shift = np.broadcast_arrays(factor + 0.0 * shift, shift + 0.0 * factor)
        if (factor == factor[0]).all() and factor[0] > 0 and (shift == shift[0]).all():
            return None  # the order of the classes is that of the scores
        return OutputScale(factor, shift)

    def floats(self, a: np.ndarray) -> np.ndarray:
        """int sums (..., outputs) to the float32 values behind the last step."""
        code = self.code
        a = a.astype(np.int64) // self.times + code.top * self.weight_sum
        sums = code.gain * a // 2 + code.lowest * self.weight_sum
        with np.errstate(over="ignore", invalid="ignore"):
            x = sums.astype(np.float32) * (np.float32(code.scale) * self.scale)
            return _apply(self.steps, x)


@dataclass(frozen=True)
class InputCode:
    """How the floats that a graph takes become the codes that its `Network` takes.

    Attributes
    ----------
    graph_shape : tuple of int
        Of one image as the graph takes it: (C, H, W), (H, W, C) or (n,).
    channels_first : bool
        Whether that is (C, H, W).
    code : Code
        What the quantised values are.
    steps : tuple of Step
        What the graph does before it quantises.
    quantise : function
        float32 array to codes, as uint8.
    text : str
        The quantiser as one writes it.
    annotated : bool
        Whether there is no quantiser: the graph takes codes.

    Examples
    --------
    >>> code = Code(top=1, scale=1.0, gain=2, lowest=-1)
    >>> bits = InputCode((3,), False, code, (), lambda x: (x >= 0).astype(np.uint8), "x ≥ 0")
    >>> bits.encode(np.array([[-0.5, 0.0, 2.0]], np.float32))
    array([[0, 1, 1]], dtype=uint8)
    """

    graph_shape: tuple[int, ...]
    channels_first: bool
    code: Code
    steps: tuple[Step, ...]
    quantise: Callable[[np.ndarray], np.ndarray]
    text: str
    annotated: bool = False

    def table(self, channels: int) -> np.ndarray | None:
        """Codes of the 256 values of a pixel p, the graph taking p/255: uint8 (256,) or (C, 256).

        None where the graph takes codes as they are, or these are the pixel's upper bits.
        """
        if self.annotated:
            return None
        pixels = np.arange(256, dtype=np.float32) / np.float32(255)
        x = np.repeat(pixels[:, np.newaxis], channels, axis=1)
        found = self.quantise(_apply(self.steps, x)).T
        if (found == found[0]).all():
            found = found[0]
            if np.array_equal(found, np.arange(256) >> (8 - self.code.bits)):
                return None
        return np.ascontiguousarray(found)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Floats as the graph takes them, shape (N, *graph_shape), to uint8 images (N, H, W, C).

        Raises
        ------
        ExchangeError
            If the shape is another, a value is not finite, or a graph without a quantiser gets what
            is no code.
        """
        x = np.asarray(x, np.float32)
        if x.shape[1:] != self.graph_shape:
            wanted = ", ".join(map(str, self.graph_shape))
            raise ExchangeError(f"the graph takes the shape (N, {wanted}), not {x.shape}")
        if not np.isfinite(x).all():
            raise ExchangeError("the graph takes finite values alone")
        if self.channels_first:
            x = x.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(self.quantise(_apply(self.steps, x)))

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 images (N, H, W, C) of pixels p to codes, the graph taking p/255 as floats."""
        x = pixels.astype(np.float32) / np.float32(255)
        return self.encode(x.transpose(0, 3, 1, 2) if self.channels_first else x)

    @property
    def description(self) -> str:
        """The steps in words."""
        return ", ".join([step.text for step in self.steps] + [self.text])


@dataclass(frozen=True)
class Imported:
    """What `import_qonnx` gives: `network` is the whole of it but for floats at both ends.

    Attributes
    ----------
    network : Network
    input : InputCode
    output : Sums or Code
        What the graph's output is: floats of integer scores, or values of bits.
    nodes : tuple of str
        For each layer, the name of the node that became it.
    layout : Layout
        Of the graph's output.

    Examples
    --------
    >>> imported = import_qonnx("cnv.onnx")                        # doctest: +SKIP
    >>> imported.network.forward(imported.input.encode(x))         # doctest: +SKIP
    >>> imported(x)              # the floats that the graph gives   # doctest: +SKIP
    >>> import tempfile
    >>> from pathlib import Path
    >>> from bitlight import Linear, export_qonnx, import_qonnx
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> file = Path(tempfile.mkdtemp()) / "net.onnx"
    >>> export_qonnx(net, file)
    >>> imported = import_qonnx(file)
    >>> imported.network.forward(np.ones((1, 8), np.uint8))
    array([[1, 1, 1, 1]], dtype=uint8)
    """

    network: Network
    input: InputCode
    output: Sums | Code
    nodes: tuple[str, ...]
    layout: Layout

    def decode(self, features: np.ndarray) -> np.ndarray:
        """What `network.forward` gives, (N, features), as the graph's own output, float32.

        In the graph's own shape and order too: (N, C, H, W), say, where `features` are (h, w, c).
        """
        if isinstance(self.output, Sums):
            return self.output.floats(features)
        ordered = np.empty_like(features)
        ordered[:, self.layout.columns()] = features
        return self.output.values(ordered).reshape(len(features), *self.layout.graph_shape[1:])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The graph's output for float32 inputs, shape (N, *input.graph_shape)."""
        return self.decode(self.network.forward(self.input.encode(x)))


def _apply(steps: tuple[Step, ...], x: np.ndarray) -> np.ndarray:
    for step in steps:
        x = step.apply(x)
    return x

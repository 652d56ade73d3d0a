"""A binary network as integers and bits alone: the one description of what is computed."""

import math
import os
from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import numpy as np

from bitlight import forks  # noqa: F401, notes every fork from here on
from bitlight.errors import NetworkError
from bitlight.layers import Conv2d, Layer, Linear, MaxPool2d, Shape
from bitlight.surroundings import OutputScale, check_codes, encode

Engine = Literal["packed", "plain"]
# Of one image, between two layers: 4,096 × 4,096 bits. A file of some hundred bytes cannot ask for
# more memory than that, and no product of sizes leaves 64 bits.
MOST_VALUES = 1 << 24
# Products of one image in all layers: some seconds of the golden model.
MOST_WORK = 1 << 42


class Network:
    """A feed-forward binary network; the golden model and the hardware are readings of it.

    Parameters
    ----------
    input_shape : (H, W, C) or (n,)
    input_bits : int, 1 to 8
        Bits of a pixel. 1: the input is bits and the first layer is a binary layer.
    layers : sequence of Conv2d, Linear, MaxPool2d
        A Linear without thresholds gives integer scores and must be the last.
    codes : uint8 array, shape (256,) or (C, 256), optional
        The code of each value of an 8-bit pixel, where that is not its upper bits: what a trained
        network does to pixels before its first layer. See `encode`.
    output_scale : OutputScale, optional
        What a trained network does to its scores: see `logits`. For networks that give scores.

    Attributes
    ----------
    work : int
        Products of an image in all layers, and the bits that its pools look at.

    Raises
    ------
    NetworkError
        If a layer does not fit behind the one before, or the network is too large: `MOST_VALUES`
        between two layers, padding included, `MOST_WORK` products for an image. The message names
        the layer.

    Examples
    --------
    >>> net = Network((4,), 1, [Linear(np.array([[True, True, False, False]]), np.array([2]))])
    >>> net.forward(np.array([[1, 1, 0, 1], [0, 1, 1, 1]], dtype=np.uint8))
    array([[1],
           [0]], dtype=uint8)
    """

    def __init__(
        self,
        input_shape: Shape,
        input_bits: int,
        layers: Iterable[Layer],
        *,
        codes: np.ndarray | None = None,
        output_scale: OutputScale | None = None,
    ) -> None:
        self.input_shape = _input_shape(input_shape)
        if not isinstance(input_bits, int | np.integer) or not 1 <= input_bits <= 8:
            raise NetworkError(f"input_bits must be 1 to 8, not {input_bits!r}")
        self.input_bits = int(input_bits)
        self.layers: tuple[Layer, ...] = tuple(layers)
        self.shapes: tuple[Shape, ...] = tuple(self._shapes())
        channels = self.input_shape[-1]
        self.codes = None if codes is None else check_codes(codes, channels, self.input_bits)
        self.output_scale = output_scale
        if output_scale is not None:
            self._check_output_scale(output_scale)

    def _shapes(self) -> Iterable[Shape]:
        if not self.layers:
            raise NetworkError("a network needs at least one layer")
        shape, self.work = self.input_shape, 0
        _check_values("the input", shape)
        yield shape
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, Conv2d | Linear | MaxPool2d):
                raise NetworkError(f"layer {index}: not a bitlight layer but {layer!r}")
            if index and self._gives_scores(index - 1):
                raise NetworkError(f"layer {index}: nothing can follow a Linear without thresholds")
            self._check_depth(index, layer)
            try:
                before, shape = shape, layer.output_shape(shape)
                if isinstance(layer, Conv2d):
                    _check_values("its padded input", layer.padded_shape(before))
                _check_values("its output", shape)
                self.work += _work(layer, shape)
                if self.work > MOST_WORK:
                    raise NetworkError(
                        f"an image takes {self.work:,} products up to here, "
                        f"and {MOST_WORK:,} at most"
                    )
            except NetworkError as error:
                raise NetworkError(f"layer {index}: {error}") from None
            yield shape

    def _check_depth(self, index: int, layer: Layer) -> None:
        bits = self.depth(index)
        if isinstance(layer, MaxPool2d) and bits > 1:
            raise NetworkError(
                f"layer {index}: MaxPool2d pools bits; the input has {bits}-bit pixels"
            )
        if isinstance(layer, Conv2d) and not 0 <= layer.pad_value < 1 << bits:
            raise NetworkError(
                f"layer {index}: pad_value must be 0 to {(1 << bits) - 1}, not {layer.pad_value}"
            )
        if isinstance(layer, Conv2d | Linear) and layer.fan_in << bits >= 1 << 30:
            raise NetworkError(
                f"layer {index}: sums over {layer.fan_in} inputs do not fit in 32 bits"
            )

    def _check_output_scale(self, scale: OutputScale) -> None:
        if not self.gives_scores:
            raise NetworkError("output_scale is for scores, and the last layer gives bits")
        if scale.offset.size != self.n_features:
            raise NetworkError(
                f"output_scale must have {self.n_features} classes, not {scale.offset.size}"
            )

    def depth(self, index: int) -> int:
        """Bits of one element that layer `index` receives: `input_bits` for the first, else 1."""
        return self.input_bits if index == 0 else 1

    def reach(self, index: int) -> int:
        """The largest sum of layer `index`: (2^b − 1)·K; the smallest is its negative."""
        layer = self.layers[index]
        assert not isinstance(layer, MaxPool2d)
        return ((1 << self.depth(index)) - 1) * layer.fan_in

    def _gives_scores(self, index: int) -> bool:
        layer = self.layers[index]
        return isinstance(layer, Linear) and layer.threshold is None

    @property
    def gives_scores(self) -> bool:
        """Whether the last layer gives int32 scores rather than bits."""
        return self._gives_scores(len(self.layers) - 1)

    @property
    def output_shape(self) -> Shape:
        """(H, W, C) or (n,) of the last layer's output."""
        return self.shapes[-1]

    @property
    def n_features(self) -> int:
        """How many features (or scores) `forward` gives for one image."""
        return int(np.prod(self.output_shape))

    def name_output(self, element: int) -> str:
        """Say which element of the output, in C order, that is: pixel and channel of its layer."""
        index = len(self.layers) - 1
        layer = f"layer {index} ({type(self.layers[index]).__name__})"
        if len(self.output_shape) == 1:
            return f"output {element} of {layer}"
        row, column, channel = np.unravel_index(element, self.output_shape)
        return f"pixel ({row}, {column}), channel {channel} of {layer}"

    def upto(self, k: int) -> "Network":
        """The network of the first `k` layers."""
        if not 1 <= k <= len(self.layers):
            raise NetworkError(f"upto must be 1 to {len(self.layers)} layers, not {k}")
        return (
            self
            if k == len(self.layers)
            else Network(self.input_shape, self.input_bits, self.layers[:k], codes=self.codes)
        )

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Turn 8-bit pixels into the codes that `forward` takes.

        Parameters
        ----------
        pixels : uint8 array, shape (N, H, W, C) or (N, n)

        Returns
        -------
        uint8 array of the same shape
            By the table `codes`, or the upper `input_bits` of each pixel where there is none.

        Raises
        ------
        NetworkError
            If the images have another shape or dtype.
        """
        self._check_form(pixels)
        return encode(pixels, self.codes, self.input_bits)

    def logits(self, scores: np.ndarray) -> np.ndarray:
        """Turn the scores that `forward` gives into what the trained network gave: float64.

        Raises
        ------
        NetworkError
            If the network gives bits.
        """
        if not self.gives_scores:
            raise NetworkError("the network gives bits: a head makes classes of them")
        if self.output_scale is None:
            return scores.astype(np.float64)
        return self.output_scale.logits(scores)

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Number of the best class for each of the images that `forward` takes, int64 (N,)."""
        return self.logits(self.forward(x)).argmax(axis=1)

    def forward(
        self, x: np.ndarray, upto: int | None = None, *, engine: Engine = "packed"
    ) -> np.ndarray:
        """Compute the golden output.

        Parameters
        ----------
        x : uint8 array, shape (N, H, W, C) or (N, n)
        upto : int, optional
            Stop behind that many layers.
        engine : "packed" or "plain"
            XNOR-popcount on packed words, or plain NumPy that reads like the arithmetic.

        Returns
        -------
        uint8 array of 0/1, shape (N, features), or int32 scores

        Raises
        ------
        NetworkError
            If the images have another shape, dtype or range than the network takes.
        """
        self.check_images(x)
        if upto is not None:
            return self.upto(upto).forward(x, engine=engine)
        if engine == "packed":
            from bitlight.golden import packed as golden
        elif engine == "plain":
            from bitlight.golden import plain as golden  # type: ignore[no-redef]
        else:
            raise NetworkError(f"engine must be 'packed' or 'plain', not {engine!r}")
        return golden.forward(self, x)

    def check_images(self, x: np.ndarray) -> None:
        """Raise NetworkError unless `x` is a batch of images as this network takes them."""
        self._check_form(x)
        top = (1 << self.input_bits) - 1
        if self.input_bits < 8 and x.size and x.max() > top:
            raise NetworkError(
                f"images must have values of 0 to {top}, not {x.max()}: `encode` makes them of "
                "8-bit pixels"
            )

    def _check_form(self, x: np.ndarray) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8:
            kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise NetworkError(f"images must be a uint8 array, not {kind}")
        if x.shape[1:] != self.input_shape:
            wanted = ", ".join(map(str, self.input_shape))
            raise NetworkError(f"images must have the shape (N, {wanted}), not {x.shape}")

    @cached_property
    def id(self) -> str:
        """SHA-256 over all that the network computes, as 64 hexadecimal digits."""
        from bitlight import bnn

        return bnn.digest(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .bnn file: safetensors with a JSON header. Same network, same bytes."""
        from bitlight import bnn

        bnn.save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Network":
        """Read a .bnn file.

        Raises
        ------
        NetworkError
            If the file is missing, truncated, altered, or of an unknown version.
        """
        from bitlight import bnn

        return bnn.load(path)

    def __repr__(self) -> str:
        return (
            f"<Network {self.id[:12]} {self.input_shape} of {self.input_bits} bits, "
            f"{len(self.layers)} layers, {self.n_features} features>"
        )


def _check_values(what: str, shape: Shape) -> None:
    values = math.prod(shape)
    if values > MOST_VALUES:
        raise NetworkError(f"{what}, {shape}, has {values:,} values, and {MOST_VALUES:,} at most")


def _work(layer: Layer, shape: Shape) -> int:
    """Products of a layer for one image; of a pool, the bits that it looks at."""
    if isinstance(layer, MaxPool2d):
        return math.prod(shape) * math.prod(layer.kernel)
    return math.prod(shape) * layer.fan_in


def _input_shape(shape: Shape) -> Shape:
    if (
        not isinstance(shape, tuple | list)
        or len(shape) not in (1, 3)
        or not all(isinstance(n, int | np.integer) and n > 0 for n in shape)
    ):
        raise NetworkError(f"input_shape must be (H, W, C) or (n,), not {shape!r}")
    return tuple(int(n) for n in shape)

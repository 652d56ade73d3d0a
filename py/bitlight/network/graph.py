"""What a network is, without what can be done with it: nodes, what each takes, what it gives."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bitlight.errors import NetworkError
from bitlight.network.layers import LAYERS, Layer, MaxPool2d
from bitlight.network.surroundings import OutputScale, check_codes
from bitlight.network.values import Integers, Levels, Shape, Value, check_values

# Products of one image in all layers: some seconds of the golden model.
MOST_WORK = 1 << 42
INPUT = "input"  # the name of the image, among those of nodes


@dataclass(frozen=True, eq=False)
class Node:
    """A layer in its place.

    Attributes
    ----------
    name : str
        In a chain, the number of the layer.
    layer : Layer
    inputs : tuple of str
        Names of what it takes: nodes before it, or "input".
    value : Value
        What it gives.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    value: Value


class Graph:
    """A network as data: golden model, file and hardware read it, each by a table of its own.

    Parameters
    ----------
    input_shape, input_bits, layers, codes, output_scale
        See `Network`.

    Attributes
    ----------
    nodes : tuple of Node
        Each after those that it takes; the last one gives the output.
    work : int
        Products of an image in all layers, and the bits that its pools look at.
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
        check_values("the input", self.input_shape)
        self.input = Value(self.input_shape, Levels((1 << self.input_bits) - 1))
        self.work = 0
        self.nodes: tuple[Node, ...] = tuple(self._nodes(layers))
        if not self.nodes:
            raise NetworkError("a network needs at least one layer")
        self._values = {INPUT: self.input} | {node.name: node.value for node in self.nodes}
        self.layers: tuple[Layer, ...] = tuple(node.layer for node in self.nodes)
        self.shapes: tuple[Shape, ...] = (
            self.input_shape,
            *(node.value.shape for node in self.nodes),
        )
        channels = self.input_shape[-1]
        self.codes = None if codes is None else check_codes(codes, channels, self.input_bits)
        self.output_scale = output_scale
        if output_scale is not None:
            self._check_output_scale(output_scale)

    def _nodes(self, layers: Iterable[Layer]) -> Iterable[Node]:
        before, value = INPUT, self.input
        for index, layer in enumerate(layers):
            if not isinstance(layer, LAYERS):
                raise NetworkError(f"layer {index}: not a bitlight layer but {layer!r}")
            try:
                found = self._checked(layer, [value])
            except NetworkError as error:
                raise NetworkError(f"layer {index}: {error}") from None
            yield Node(str(index), layer, (before,), found)
            before, value = str(index), found

    def _checked(self, layer: Layer, given: Sequence[Value]) -> Value:
        """What a layer gives, if the network is not too large with it."""
        found = layer.gives(*given)
        check_values("its output", found.shape)
        self.work += layer.work(*given)
        if self.work > MOST_WORK:
            raise NetworkError(
                f"an image takes {self.work:,} products up to here, and {MOST_WORK:,} at most"
            )
        return found

    def _check_output_scale(self, scale: OutputScale) -> None:
        if not self.gives_scores:
            raise NetworkError("output_scale is for scores, and the last layer gives bits")
        if scale.offset.size != self.n_features:
            raise NetworkError(
                f"output_scale must have {self.n_features} classes, not {scale.offset.size}"
            )

    def value(self, name: str) -> Value:
        """What the node of that name gives; of "input", the image."""
        return self._values[name]

    def takes(self, index: int) -> Value:
        """What layer `index` of a chain takes."""
        return self.nodes[index - 1].value if index else self.input

    def depth(self, index: int) -> int:
        """Bits of one element that layer `index` takes: `input_bits` for the first, else 1."""
        return self.takes(index).levels.bits

    def reach(self, index: int) -> int:
        """The largest sum of layer `index`: (2^b − 1)·K; the smallest is its negative."""
        layer = self.layers[index]
        assert not isinstance(layer, MaxPool2d)
        return self.takes(index).levels.top * layer.fan_in

    @property
    def output(self) -> Value:
        """What the last node gives."""
        return self.nodes[-1].value

    @property
    def gives_scores(self) -> bool:
        """Whether the last layer gives int32 scores rather than bits."""
        return isinstance(self.output.kind, Integers)

    @property
    def output_shape(self) -> Shape:
        """(H, W, C) or (n,) of the last layer's output."""
        return self.output.shape

    @property
    def n_features(self) -> int:
        """How many features (or scores) `forward` gives for one image."""
        return math.prod(self.output_shape)

    def name_output(self, element: int) -> str:
        """Say which element of the output, in C order, that is: pixel and channel of its layer."""
        node = self.nodes[-1]
        layer = f"layer {node.name} ({type(node.layer).__name__})"
        if len(self.output_shape) == 1:
            return f"output {element} of {layer}"
        row, column, channel = np.unravel_index(element, self.output_shape)
        return f"pixel ({row}, {column}), channel {channel} of {layer}"


def _input_shape(shape: Shape) -> Shape:
    if (
        not isinstance(shape, tuple | list)
        or len(shape) not in (1, 3)
        or not all(isinstance(n, int | np.integer) and n > 0 for n in shape)
    ):
        raise NetworkError(f"input_shape must be (H, W, C) or (n,), not {shape!r}")
    return tuple(int(n) for n in shape)

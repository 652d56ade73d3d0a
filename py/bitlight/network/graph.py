"""What a network is, without what can be done with it: nodes, what each takes, what it gives."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bitlight.errors import NetworkError
from bitlight.network.layers import BIT, JOINS, LAYERS, ChainLayer, Conv2d, Layer, Linear
from bitlight.network.surroundings import OutputScale, check_codes
from bitlight.network.values import Integers, Levels, Shape, Value, check_values

# Products of one image in all layers: some seconds of the golden model.
MOST_WORK = 1 << 42
INPUT = "input"  # the name of the image, among those of nodes
# A chain; or a graph: from the name of a node to its layer and the names of what that takes.
Layers = Iterable[Layer] | Mapping[str, tuple[Any, ...]]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


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
        layers: Layers,
        *,
        codes: np.ndarray | None = None,
        output_scale: OutputScale | None = None,
    ) -> None:
        self.input = check_input(input_shape, input_bits)
        self.input_shape, self.input_bits = self.input.shape, self.input.levels.bits
        self.work = 0
        self.nodes: tuple[Node, ...] = tuple(self._nodes(layers))
        if not self.nodes:
            raise NetworkError("a network needs at least one layer")
        self._check_all_used()
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

    def _nodes(self, layers: Layers) -> Iterator[Node]:
        """The nodes, checked one after the other."""
        known = {INPUT: self.input}
        for node, layer, inputs, what in _numbered(layers):
            if not isinstance(layer, LAYERS):
                raise NetworkError(f"{what}: not a bitlight layer but {layer!r}")
            if len(inputs) > 1 and not isinstance(layer, JOINS):
                raise NetworkError(f"{what}: {type(layer).__name__} takes one value")
            for name in inputs:
                if name not in known:
                    raise NetworkError(
                        f"{what}: it takes {name!r}, which is no node before it; there are "
                        f"{', '.join(known)}"
                    )
            try:
                known[node] = self._checked(layer, [known[name] for name in inputs])
            except NetworkError as error:
                raise NetworkError(f"{what}: {error}") from None
            yield Node(node, layer, inputs, known[node])

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

    def _check_all_used(self) -> None:
        used = {name for node in self.nodes for name in node.inputs} | {self.nodes[-1].name}
        if unused := [node.name for node in self.nodes if node.name not in used]:
            raise NetworkError(
                f"nothing takes what {', '.join(unused)} gives: the last node is the output"
            )

    @property
    def is_chain(self) -> bool:
        """Whether each node takes what the one before it gives."""
        names = [INPUT, *(node.name for node in self.nodes)]
        return all(node.inputs == (name,) for name, node in zip(names, self.nodes, strict=False))

    @cached_property
    def is_binary_chain(self) -> bool:
        """Whether it is what `chain` gives."""
        try:
            return bool(self.chain)
        except NetworkError:
            return False

    @cached_property
    def chain(self) -> tuple[ChainLayer, ...]:
        """The layers of a chain of Conv2d, Linear and MaxPool2d that gives bits, or scores last.

        Raises
        ------
        NetworkError
            If the network is more than that; the message names the first node that is.
        """
        before = INPUT
        found: list[ChainLayer] = []
        for node in self.nodes:
            bits = node.value.kind == BIT or (
                node is self.nodes[-1]
                and isinstance(node.layer, Linear)
                and node.layer.threshold is None
            )
            if node.inputs != (before,) or not isinstance(node.layer, ChainLayer) or not bits:
                raise NetworkError(
                    f"this takes chains of Conv2d, Linear and MaxPool2d of bits, and node "
                    f"{node.name}, {type(node.layer).__name__} of {' and '.join(node.inputs)}, "
                    f"gives {node.value}"
                )
            before = node.name
            found.append(node.layer)
        return tuple(found)

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

    def needed_for(self, name: str) -> set[str]:
        """Names of a node and of all nodes that it needs."""
        found = {name}
        for node in reversed(self.nodes):
            if node.name in found:
                found |= {taken for taken in node.inputs if taken != INPUT}
        return found

    def takes(self, index: int) -> Value:
        """What layer `index` takes; of a join, the first of these values."""
        return self.value(self.nodes[index].inputs[0])

    def depth(self, index: int) -> int:
        """Bits of one element that layer `index` takes: `input_bits` for the first, else 1."""
        return self.takes(index).levels.bits

    def reach(self, index: int) -> int:
        """The largest sum of layer `index`: (2^b − 1)·K; the smallest is its negative."""
        layer = self.layers[index]
        assert isinstance(layer, Conv2d | Linear)
        return self.takes(index).levels.top * layer.fan_in

    @property
    def output(self) -> Value:
        """What the last node gives."""
        return self.nodes[-1].value

    @property
    def gives_scores(self) -> bool:
        """Whether the last layer gives int32 scores rather than bits or levels."""
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


def _numbered(layers: Layers) -> Iterator[tuple[str, Layer, tuple[str, ...], str]]:
    """Name, layer, inputs of each node, and what an error calls it."""
    if not isinstance(layers, Mapping):
        before = INPUT
        for index, layer in enumerate(layers):
            yield str(index), layer, (before,), f"layer {index}"
            before = str(index)
        return
    for name, entry in layers.items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or name == INPUT:
            raise NetworkError(
                f"a node's name must be letters, digits and _, not a digit first, and not "
                f"{INPUT!r}: {name!r:.80}"
            )
        if not isinstance(entry, tuple | list) or len(entry) < 2:
            raise NetworkError(
                f"node {name}: it must be (layer, name, …), with the names of what it takes"
            )
        layer, *inputs = entry
        yield name, layer, tuple(inputs), f"node {name}"


def check_input(shape: Shape, bits: int) -> Value:
    """What a network of that input takes.

    Raises
    ------
    NetworkError
        If there is no such input.
    """
    shape = _input_shape(shape)
    if not isinstance(bits, int | np.integer) or not 1 <= bits <= 8:
        raise NetworkError(f"input_bits must be 1 to 8, not {bits!r}")
    check_values("the input", shape)
    return Value(shape, Levels((1 << int(bits)) - 1))


def _input_shape(shape: Shape) -> Shape:
    if (
        not isinstance(shape, tuple | list)
        or len(shape) not in (1, 3)
        or not all(isinstance(n, int | np.integer) and n > 0 for n in shape)
    ):
        raise NetworkError(f"input_shape must be (H, W, C) or (n,), not {shape!r}")
    return tuple(int(n) for n in shape)

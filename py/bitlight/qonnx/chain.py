"""What is known of the values between two nodes: floats, codes, or sums before their quantiser."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import onnx

from bitlight.errors import ExchangeError, NetworkError
from bitlight.network.bisection import find_level_thresholds
from bitlight.network.graph import INPUT
from bitlight.network.layers import Add, Affine, Conv2d, Linear, MaxPool2d, Threshold
from bitlight.network.values import MOST_VALUES, Shape
from bitlight.qonnx.building import Building
from bitlight.qonnx.constants import Constants
from bitlight.qonnx.file import describe, refusal
from bitlight.qonnx.imported import Code, InputCode, Sums
from bitlight.qonnx.layout import Layout
from bitlight.qonnx.quantisers import Quantiser
from bitlight.qonnx.steps import INEXACT, Step


class NotBinary(ExchangeError):
    """A layer whose weights are not ±s: the head of a body that is binary, perhaps.

    Parameters
    ----------
    node : onnx.NodeProto
    why : str
    """

    def __init__(self, node: onnx.NodeProto, why: str) -> None:
        super().__init__(
            f"{describe(node)}: {why}; where it is the last layer, `--body` (body=True) reads what "
            "comes before it, and the head is yours to train"
        )


class Padding(NamedTuple):
    """A Pad node that waits for its Conv."""

    node: onnx.NodeProto
    size: tuple[int, int]
    value: float


class Waiting(NamedTuple):
    """Binary layers whose sums, each times its factor, add up to those of weights of a few bits."""

    layers: Sequence[Conv2d | Linear]
    factors: list[int]


@dataclass
class Pending:
    """Sums that have not met their quantiser yet, and the pools on the way to it.

    Of a layer that waits for its thresholds, or integers that `source` gives.
    """

    node: onnx.NodeProto
    waiting: Waiting | None
    sums: Sums
    source: str
    pools: list[tuple[onnx.NodeProto, MaxPool2d]] = field(default_factory=list)
    # Channels in which the values fell after a pool: the maximum of what was pooled there is the
    # smallest of what comes, so that the pool takes the levels turned over, and gives them so.
    turned: np.ndarray | None = None


class Chain:
    """What is known of the values that a chain of nodes gives; each branch goes on with a copy.

    Parameters
    ----------
    building : Building
        The network so far, which all branches share.
    constants : Constants
    layout : Layout
        Of the graph's input.
    annotation : Quantiser or None
        The integer type that the graph's input is annotated with.
    """

    def __init__(
        self,
        building: Building,
        constants: Constants,
        layout: Layout,
        annotation: Quantiser | None,
        planes: bool = True,
    ) -> None:
        self.building = building
        self.constants = constants
        self.layout = layout
        self.annotation = annotation
        self.planes = planes  # whether weights of a few bits are read, or are those of a head
        self.input_layout = layout
        self.input_steps: tuple[Step, ...] = ()
        self.code: Code | None = None
        self.source = INPUT  # of the network's nodes, that which gives the codes
        self.padding: Padding | None = None
        self.pending: Pending | None = None
        self.turned: np.ndarray | None = None  # channels of the last values that are turned over
        self.last: onnx.NodeProto | None = None  # after which nothing may come

    def branch(self) -> "Chain":
        """A chain that goes on from here on its own."""
        found = copy.copy(self)
        if self.pending is not None:
            found.pending = replace(self.pending, pools=list(self.pending.pools))
        return found

    def end(self, node: onnx.NodeProto) -> None:
        """Leave out a node that makes nothing but a choice of the scores."""
        if self.pending is None:
            raise refusal(node, "must stand behind scores")
        self.last = node

    def constant(self, node: onnx.NodeProto, index: int) -> np.ndarray:
        """The node's input of that index, which must be constant."""
        if index >= len(node.input) or node.input[index] not in self.constants:
            raise refusal(node, f"its input {index} must be a constant")
        constant = self.constants[node.input[index]]
        if not np.isfinite(constant).all():
            raise refusal(node, "has constants that are not finite")
        return constant

    def channels(self, node: onnx.NodeProto, index: int) -> np.ndarray:
        """A constant input as float32 (1,) or (channels,)."""
        constant = self.layout.channels(self.constant(node, index))
        if constant is None:
            raise refusal(node, "its constant must be one number, or one for each channel")
        return constant.astype(np.float32)

    def codes(self, node: onnx.NodeProto) -> Code:
        """What the values are that a layer takes."""
        if self.code is None and self.pending is None and not self.input_steps and self.annotation:
            self.quantise(node, self.annotation)
        if self.code is None:
            raise refusal(node, "takes values that were not quantised to bits or pixels")
        return self.code

    def step(self, node: onnx.NodeProto, step: Step) -> None:
        """Arithmetic on floats before the first quantiser, or on a layer's sums."""
        if self.code is not None:
            raise refusal(node, "stands behind a quantiser; it must stand between sums and sign")
        if self.pending is None:
            self.input_steps = (*self.input_steps, step)
            return
        if self.pending.pools and step.falls.any():
            before = self.pending.turned
            none = np.zeros(self.layout.n_channels, bool)
            self.pending.turned = (none if before is None else before) ^ step.falls
        sums = self.pending.sums
        self.pending.sums = replace(sums, steps=(*sums.steps, step))

    def quantise(self, node: onnx.NodeProto, quantiser: Quantiser) -> None:
        """Floats of the input become codes, pending sums get their thresholds."""
        if self.code is not None:
            raise refusal(node, "quantises what is quantised already")
        if self.pending is not None:
            self.code = quantiser.code
            self._close(self.pending, quantiser)
            return
        if self.building.input is not None:
            raise refusal(node, "quantises the input, which another node has quantised")
        whole, layout = quantiser.of_input(), self.input_layout
        self.code = whole.code
        found = InputCode(
            layout.graph_shape[1:],
            layout.axes == "chw",
            whole.code,
            self.input_steps,
            whole.apply,
            whole.text,
            quantiser is self.annotation,
        )
        self.building.start(layout.shape, found)

    def _close(self, pending: Pending, quantiser: Quantiser) -> None:
        """Compare what is pending with the thresholds of a quantiser."""
        low, high = self._lattice(pending)
        reach = high - low if pending.waiting is None else high
        begin = low if pending.waiting is None else 0

        def levels(a: np.ndarray) -> np.ndarray:
            integers = (a + reach) // 2 + begin if pending.waiting is None else a
            return quantiser.apply(pending.sums.floats(integers))

        channels = len(pending.sums.scale)
        threshold, flipped = find_level_thresholds(levels, quantiser.code.top, reach, channels)
        if pending.turned is not None and pending.turned.any():
            # The opposite level, of which the pools take the maximum: ¬[a ≥ t] is [−a ≥ 2 − t].
            turned = pending.turned[:, np.newaxis]
            threshold = np.where(turned, 2 - threshold[:, ::-1], threshold).astype(np.int32)
            flipped = flipped ^ pending.turned
            self.turned = pending.turned
        self.source = self._compare(pending, threshold, flipped, (low, high))
        for node, pool in pending.pools:
            self.source = self.building.append(node, pool, self.source)
        self.pending = None

    def _lattice(self, pending: Pending) -> tuple[int, int]:
        """The least and the largest of the integers that are compared."""
        if pending.waiting is None:
            kind = self.building.integers(pending.source)
            return kind.low, kind.high
        code = self.building.values[pending.source].kind
        fan_in = pending.waiting.layers[0].fan_in
        reach = sum(pending.waiting.factors) * code.high * fan_in
        return -reach, reach

    def _compare(
        self,
        pending: Pending,
        threshold: np.ndarray,
        flipped: np.ndarray,
        ends: tuple[int, int],
    ) -> str:
        """The node that gives the levels; where they fall, that of the negatives."""
        append, node = self.building.append, pending.node
        if pending.waiting is not None:
            layers = [_turn(layer, flipped) for layer in pending.waiting.layers]
            if len(layers) == 1:
                return append(node, replace(layers[0], threshold=threshold), pending.source)
            waiting = Waiting(layers, pending.waiting.factors)
            return append(node, Threshold(threshold), self._add_up(node, waiting, pending.source))
        low, high = ends
        source = pending.source
        if flipped.any():
            signs = np.where(flipped, -1, 1)
            none, most = np.zeros(len(signs), np.int64), max(abs(low), abs(high))
            source = append(node, Affine(signs, none, 0, -most, most), source)
        begin = np.where(flipped, -high, low)[:, np.newaxis]
        moved = (threshold.astype(np.int64) + high - low) // 2 + begin
        return append(node, Threshold(moved.clip(-(1 << 31), (1 << 31) - 1)), source)

    def _add_up(self, node: onnx.NodeProto, waiting: Waiting, source: str) -> str:
        """The node that gives the sums of planes, each times its factor."""
        found = []
        for layer, factor in zip(waiting.layers, waiting.factors, strict=True):
            name = self.building.append(node, replace(layer, threshold=None), source)
            if factor > 1:
                factors = np.full(len(layer.weight), factor, np.int32)
                none, most = np.zeros(len(factors), np.int64), self.building.integers(name).high
                affine = Affine(factors, none, 0, -factor * most, factor * most)
                name = self.building.append(node, affine, name)
            found.append(name)
        return found[0] if len(found) == 1 else self.building.append(node, Add(), *found)

    def settle(self) -> None:
        """Let a layer that waits for its thresholds give its sums, where others take these too."""
        pending = self.pending
        if pending is None or pending.waiting is None:
            return
        if pending.pools:
            raise refusal(pending.pools[0][0], "pools sums that are not quantised after it")
        source = self._add_up(pending.node, pending.waiting, pending.source)
        self.pending = replace(pending, waiting=None, source=source)

    def sum(self, node: onnx.NodeProto, waiting: Waiting, sums: Sums) -> None:
        """Take a layer whose thresholds are not known yet."""
        first = waiting.layers[0]
        reach = sum(waiting.factors) * self.codes(node).top * first.fan_in
        if 2 * reach >= INEXACT:
            raise refusal(node, f"its sums reach {reach}, too large to be exact in float32")
        layers = self._turned_over(node, waiting.layers)
        self.reshape(node, first)
        self.pending = Pending(node, Waiting(layers, waiting.factors), sums, self.source)
        self.code = None

    def give(self, node: onnx.NodeProto, source: str, sums: Sums) -> None:
        """Take integers that a node of the network gives."""
        self.pending = Pending(node, None, sums, source)
        self.code = self.turned = None

    def _turned_over(
        self, node: onnx.NodeProto, layers: Sequence[Conv2d | Linear]
    ) -> Sequence[Conv2d | Linear]:
        """Layers that take some channels turned over: their weights for them are, too."""
        turned, self.turned = self.turned, None
        if turned is None:
            return layers
        if isinstance(layers[0], Conv2d) and any(layers[0].padding):
            raise refusal(
                node,
                "pads what a MaxPool gives before a batch norm of negative gain, which is "
                "padded with both bits",
            )
        repeated = np.tile(turned, layers[0].weight.shape[-1] // len(turned))
        return [replace(layer, weight=layer.weight ^ repeated) for layer in layers]

    def pool(self, node: onnx.NodeProto, pool: MaxPool2d) -> None:
        """Pool levels, or sums on their way to the quantiser."""
        if self.pending is None and self.codes(node).bits > 1 and self.source == INPUT:
            raise refusal(node, "pools pixels; a binary network pools bits")
        if self.turned is not None:
            raise refusal(node, "pools once more after a MaxPool and a batch norm of negative gain")
        self.reshape(node, pool)
        if self.pending is not None:
            self.pending.pools.append((node, pool))
        else:
            self.source = self.building.append(node, pool, self.source)

    def reshape(self, node: onnx.NodeProto, layer: Conv2d | Linear | MaxPool2d) -> None:
        """The layout behind a layer."""
        shape = self.layout.shape
        try:
            if isinstance(layer, Conv2d) and any(layer.padding):
                rows, columns = (n + 2 * p for n, p in zip(shape, layer.padding, strict=False))
                self._check_size(node, (rows, columns, *shape[2:]))
            shape = layer.output_shape(shape)
        except NetworkError as error:
            raise refusal(node, str(error)) from error
        self.lay_out(node, shape)

    def lay_out(self, node: onnx.NodeProto, shape: Shape) -> None:
        """The layout of what a node gives in that shape."""
        self._check_size(node, shape)
        axes, flat = ("n", True) if len(shape) == 1 else ("chw", False)
        self.layout = Layout(shape, axes, flat, self.layout.batch)

    def _check_size(self, node: onnx.NodeProto, shape: Shape) -> None:
        if math.prod(shape) > MOST_VALUES:
            raise refusal(node, f"gives {shape}, more than {MOST_VALUES} values for one image")

    def output(self) -> Sums | Code:
        """What the last values are; sums become the scores of a last Linear."""
        if self.turned is not None:
            raise ExchangeError(
                "the graph ends in a MaxPool before a batch norm of negative gain, whose bits are "
                "turned over: no layer is left to take that back"
            )
        if self.code is not None:
            return self.code
        pending = self.pending
        assert pending is not None  # floats of the input are refused before
        if len(self.layout.shape) > 1:
            raise refusal(
                pending.node, "its sums are not quantised, and only MatMul and Gemm give scores"
            )
        if pending.pools:
            raise refusal(pending.pools[0][0], "pools scores")
        self.settle()
        assert self.pending is not None
        self.source = self.pending.source
        return pending.sums


def _turn(layer: Conv2d | Linear, flipped: np.ndarray) -> Conv2d | Linear:
    """A layer with the rows of some outputs turned over, whose sums are the negatives there."""
    return replace(layer, weight=layer.weight ^ flipped.reshape(-1, *[1] * (layer.weight.ndim - 1)))

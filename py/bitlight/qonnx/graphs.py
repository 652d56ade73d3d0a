"""Networks that are graphs to QONNX: levels as 2·u − L, integers as they are, all in float32.

Every value that a node of the graph gives is exact: what float32 does not hold, and what ONNX has
no exact operation for, is refused.
"""

import math
from collections.abc import Callable

import numpy as np

from bitlight.errors import ExchangeError
from bitlight.network.graph import INPUT, Node
from bitlight.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Linear,
    MaxPool2d,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight.qonnx.chains import Writer
from bitlight.qonnx.constants import DOMAIN
from bitlight.qonnx.steps import INEXACT


class GraphWriter(Writer):
    """Appends nodes as `Writer` does, after any of those before."""

    def write(self) -> None:
        """All layers of the network."""
        named = {INPUT: (self.name, self.shape)}
        for index, node in enumerate(self.net.nodes):
            given = [named[name] for name in node.inputs]
            if not isinstance(node.layer, Conv2d | Linear):
                given = [self._centred() if name == "input" else (name, s) for name, s in given]
            (self.name, self.shape), *others = given
            NODES[type(node.layer)](self, index, node, [name for name, _ in others])
            self._check_exact(node, node.value.kind.low, node.value.kind.high)
            named[node.name] = self.name, self.shape

    def _check_exact(self, node: Node, *ends: int) -> None:
        most = max(map(abs, ends))
        if most >= INEXACT:
            raise ExchangeError(
                f"node {node.name} ({type(node.layer).__name__}): its integers reach {most:,}, "
                "too large to be exact in float32"
            )

    def _centred(self) -> tuple[str, tuple[int, ...]]:
        """The input as 2·x − top, written once; bits are so already."""
        shape = self._graph_shape(self.net.input_shape)
        if self.net.input_bits > 1 and not any(node.output[0] == "centred" for node in self.nodes):
            self.name = "input"
            self._node("Mul", "doubled", [self._tensor("two", np.full(1, 2, np.float32))], shape)
            top = np.full(1, (1 << self.net.input_bits) - 1, np.float32)
            self._node("Sub", "centred", [self._tensor("top", top)], shape)
        return ("centred" if self.net.input_bits > 1 else "input"), shape

    def _is_pixels(self, index: int) -> bool:
        return self.net.nodes[index].inputs == (INPUT,) and self.net.input_bits > 1

    def _outside(self, index: int, level: int) -> int:
        return level if self._is_pixels(index) else 2 * level - self.net.takes(index).levels.top

    def _compare(self, index: int, threshold: np.ndarray | None) -> None:
        """Thresholds of a layer's sums, or these: of pixels the graph sums w·x."""
        if self._is_pixels(index):
            if threshold is None:
                layer = self.net.layers[index]
                assert isinstance(layer, Conv2d | Linear)
                self._scores_of_pixels(index, layer)
                return
            moved = threshold.reshape(len(threshold), -1) + self._offset(index)[:, np.newaxis]
            self._levels(index, -(-moved // 2))
        elif threshold is not None:
            self._levels(index, threshold)

    def _levels(self, index: int, threshold: np.ndarray) -> None:
        """MultiThreshold of integers: 2·u − T."""
        rows = threshold.reshape(len(threshold), -1).astype(np.int64)
        # Beyond what is compared, where float32 is exact.
        name = self._tensor(f"threshold{index}", rows.clip(-INEXACT, INEXACT).astype(np.float32))
        self.kinds[name] = "INT32"
        top = rows.shape[1]
        self._node(
            "MultiThreshold",
            f"levels{index}",
            [name],
            self.shape,
            domain=DOMAIN,
            out_dtype="BIPOLAR" if top == 1 else "INT32",
            out_scale=2.0,
            out_bias=float(-top),
            data_layout="NCHW" if len(self.shape) == 4 else "NC",
        )

    def _channels(self, name: str, values: np.ndarray) -> str:
        """A constant of each channel."""
        shape = (-1, 1, 1) if len(self.shape) == 4 else (-1,)
        found = values.astype(np.float32)
        if not np.array_equal(found.astype(np.float64), values.astype(np.float64)):
            raise ExchangeError(f"{name}: its constants are too large to be exact in float32")
        return self._tensor(name, found.reshape(shape))

    def _clip(self, index: int, low: int, high: int, ends: tuple[int, int]) -> None:
        """Clip, where what comes in can be beyond."""
        if low <= ends[0] and ends[1] <= high:
            return
        limits = [
            self._tensor(f"{name}{index}", np.array(np.clip(value, -INEXACT, INEXACT), np.float32))
            for name, value in (("low", low), ("high", high))
        ]
        self._node("Clip", f"clipped{index}", limits, self.shape)


def _threshold(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    assert isinstance(node.layer, Threshold)
    writer._levels(index, node.layer.threshold)


def _layer(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    write = Writer._convolve if isinstance(node.layer, Conv2d) else Writer._multiply
    write(writer, index, node.layer)  # type: ignore[arg-type]


def _max_pool(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    assert isinstance(node.layer, MaxPool2d)
    writer._pool(index, node.layer)


def _sum_pool(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    """The mean, times how many: exact where that is a power of two."""
    assert isinstance(node.layer, SumPool2d)
    kernel, stride = node.layer.window(writer.net.takes(index).shape)
    count = math.prod(kernel)
    if count & (count - 1):
        raise ExchangeError(
            f"node {node.name} (SumPool2d): ONNX has means alone, which float32 rounds for "
            f"{count} values; 2, 4, 8 and so on are exact"
        )
    shape = writer._graph_shape(node.value.shape)
    writer._node(
        "AveragePool", f"mean{index}", [], shape, kernel_shape=kernel, strides=stride, pads=[0] * 4
    )
    name = writer._tensor(f"count{index}", np.full(1, count, np.float32))
    writer._node("Mul", f"summed{index}", [name], shape)


def _affine(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    layer = node.layer
    assert isinstance(layer, Affine)
    kind = writer.net.takes(index).kind
    products = np.outer([kind.low, kind.high], layer.multiplier.astype(np.int64))
    sums = products + layer.offset
    writer._check_exact(node, *map(int, products.ravel()), *map(int, sums.ravel()))
    name = writer._channels(f"multiplier{index}", layer.multiplier)
    writer._node("Mul", f"scaled{index}", [name], writer.shape)
    name = writer._channels(f"summand{index}", layer.offset)
    writer._node("Add", f"moved{index}", [name], writer.shape)
    if layer.shift:
        name = writer._tensor(f"fraction{index}", np.full(1, 2.0**-layer.shift, np.float32))
        writer._node("Mul", f"shifted{index}", [name], writer.shape)
        writer._node("Floor", f"floored{index}", [], writer.shape)
    sums >>= layer.shift
    writer._clip(index, layer.low, layer.high, (int(sums.min()), int(sums.max())))


def _prelu(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    layer = node.layer
    assert isinstance(layer, PReLU)
    kind = writer.net.takes(index).kind
    ends = np.add.outer([kind.low, kind.high], layer.before.astype(np.int64))
    writer._check_exact(node, *map(int, ends.ravel()), *map(int, (ends * layer.slope).ravel()))
    name = writer._channels(f"before{index}", layer.before)
    writer._node("Add", f"moved{index}", [name], writer.shape)
    slope = layer.slope / 2.0**layer.shift
    writer._node("PRelu", f"bent{index}", [writer._channels(f"slope{index}", slope)], writer.shape)
    if layer.shift:
        writer._node("Floor", f"floored{index}", [], writer.shape)
    name = writer._channels(f"after{index}", layer.after)
    writer._node("Add", f"given{index}", [name], writer.shape)


def _add(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    assert isinstance(node.layer, Add)
    kinds = [writer.net.value(name).kind for name in node.inputs]
    low, high = (sum(getattr(kind, end) for kind in kinds) for end in ("low", "high"))
    writer._check_exact(node, low, high)
    for number, other in enumerate(others):
        writer._node("Add", f"sum{index}_{number}", [other], writer.shape)
    writer._clip(index, node.layer.low, node.layer.high, (low, high))


def _concat(writer: GraphWriter, index: int, node: Node, others: list[str]) -> None:
    shape = writer._graph_shape(node.value.shape)
    writer._node("Concat", f"joined{index}", others, shape, axis=1)


NODES: dict[type, Callable[[GraphWriter, int, Node, list[str]], None]] = {
    Add: _add,
    Affine: _affine,
    Concat: _concat,
    Conv2d: _layer,
    Linear: _layer,
    MaxPool2d: _max_pool,
    PReLU: _prelu,
    SumPool2d: _sum_pool,
    Threshold: _threshold,
}

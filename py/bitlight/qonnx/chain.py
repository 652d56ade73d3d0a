"""The state between two nodes of a chain: floats, codes, or sums that have not met their sign."""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import onnx

from bitlight.errors import ExchangeError, NetworkError
from bitlight.network.bisection import find_thresholds
from bitlight.network.layers import ChainLayer, Conv2d, Linear, MaxPool2d
from bitlight.network.values import MOST_VALUES
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


@dataclass
class Pending:
    """A layer whose sums have not met their sign yet, and the pools on the way to it."""

    node: onnx.NodeProto
    layer: Conv2d | Linear
    sums: Sums
    reach: int
    pools: list[tuple[onnx.NodeProto, MaxPool2d]] = field(default_factory=list)
    # Channels in which the values fell after a pool: the maximum of what was pooled there is the
    # smallest of what comes, so that the pool takes the bits turned over, and gives them so.
    turned: np.ndarray | None = None


class Chain:
    """What is known behind the nodes read so far.

    Parameters
    ----------
    constants : Constants
    layout : Layout
        Of the graph's input.
    annotation : Quantiser or None
        The integer type that the graph's input is annotated with.
    """

    def __init__(self, constants: Constants, layout: Layout, annotation: Quantiser | None) -> None:
        self.constants = constants
        self.layout = layout
        self.annotation = annotation
        self.input_layout = layout
        self.input: InputCode | None = None
        self.input_steps: list[Step] = []
        self.code: Code | None = None
        self.padding: Padding | None = None
        self.pending: Pending | None = None
        self.layers: list[ChainLayer] = []
        self.nodes: list[str] = []
        self.turned: np.ndarray | None = None  # channels of the last values that are turned over
        self.last: onnx.NodeProto | None = None  # after which nothing may come

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
            self.input_steps.append(step)
            return
        if self.pending.pools and step.falls.any():
            before = self.pending.turned
            none = np.zeros(len(self.pending.layer.weight), bool)
            self.pending.turned = (none if before is None else before) ^ step.falls
        sums = self.pending.sums
        self.pending.sums = replace(sums, steps=(*sums.steps, step))

    def quantise(self, node: onnx.NodeProto, quantiser: Quantiser) -> None:
        """Floats of the input become codes, a pending layer gets its thresholds."""
        if self.code is not None:
            raise refusal(node, "quantises what is quantised already")
        if self.pending is not None:
            if quantiser.code.bits > 1:
                raise refusal(
                    node, f"quantises to {quantiser.code.bits} bits; a binary network has one"
                )
            self._close(self.pending, quantiser)
        else:
            first, layout = self.input_layout.axes == "chw", self.input_layout
            self.input = InputCode(
                layout.graph_shape[1:],
                first,
                quantiser.code,
                tuple(self.input_steps),
                quantiser.apply,
                quantiser.text,
                quantiser is self.annotation,
            )
        self.code = quantiser.code

    def _close(self, pending: Pending, quantiser: Quantiser) -> None:
        layer = pending.layer
        threshold, flipped = find_thresholds(
            lambda a: quantiser.apply(pending.sums.floats(a)) == 1,
            pending.reach,
            len(layer.weight),
        )
        if pending.turned is not None and pending.turned.any():
            # The bit's opposite, of which the pools take the maximum: ¬[a ≥ t] is [−a ≥ 2 − t].
            threshold = np.where(pending.turned, 2 - threshold, threshold).astype(np.int32)
            flipped = flipped ^ pending.turned
            self.turned = pending.turned
        weight = layer.weight ^ flipped.reshape(-1, *[1] * (layer.weight.ndim - 1))
        self._append(pending.node, replace(layer, weight=weight, threshold=threshold))
        for node, pool in pending.pools:
            self._append(node, pool)
        self.pending = None

    def _append(self, node: onnx.NodeProto, layer: ChainLayer) -> None:
        self.layers.append(layer)
        self.nodes.append(node.name or node.output[0])

    def sum(self, node: onnx.NodeProto, layer: Conv2d | Linear, scale: np.ndarray) -> None:
        """Take a layer whose thresholds are not known yet."""
        code = self.codes(node)
        weight = layer.weight.reshape(len(layer.weight), -1)
        reach = code.top * layer.fan_in
        if 2 * reach >= INEXACT:
            raise refusal(node, f"its sums reach {reach}, too large to be exact in float32")
        weight_sum = 2 * weight.sum(1, dtype=np.int64) - layer.fan_in
        layer = self._turned_over(node, layer)
        self.reshape(node, layer)
        self.pending = Pending(node, layer, Sums(code, weight_sum, scale), reach)
        self.code = None

    def _turned_over(self, node: onnx.NodeProto, layer: Conv2d | Linear) -> Conv2d | Linear:
        """A layer that takes some channels turned over: its weights for them are, too."""
        turned, self.turned = self.turned, None
        if turned is None:
            return layer
        if isinstance(layer, Conv2d) and any(layer.padding):
            raise refusal(
                node,
                "pads what a MaxPool gives before a batch norm of negative gain, which is "
                "padded with both bits",
            )
        repeated = np.tile(turned, layer.weight.shape[-1] // len(turned))
        return replace(layer, weight=layer.weight ^ repeated)

    def pool(self, node: onnx.NodeProto, pool: MaxPool2d) -> None:
        """Pool bits, or sums on their way to the sign."""
        if self.pending is None and self.codes(node).bits > 1:
            raise refusal(node, "pools pixels; a binary network pools bits")
        if self.turned is not None:
            raise refusal(node, "pools once more after a MaxPool and a batch norm of negative gain")
        self.reshape(node, pool)
        if self.pending is not None:
            self.pending.pools.append((node, pool))
        else:
            self._append(node, pool)

    def reshape(self, node: onnx.NodeProto, layer: ChainLayer) -> None:
        """The layout behind a layer."""
        shape = self.layout.shape
        try:
            if isinstance(layer, Conv2d) and any(layer.padding):
                rows, columns = (n + 2 * p for n, p in zip(shape, layer.padding, strict=False))
                self._check_size(node, (rows, columns, *shape[2:]))
            shape = layer.output_shape(shape)
        except NetworkError as error:
            raise refusal(node, str(error)) from error
        self._check_size(node, shape)
        axes, flat = ("n", True) if len(shape) == 1 else ("chw", False)
        self.layout = Layout(shape, axes, flat, self.layout.batch)

    def _check_size(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> None:
        if math.prod(shape) > MOST_VALUES:
            raise refusal(node, f"gives {shape}, more than {MOST_VALUES} values for one image")

    def output(self) -> Sums | Code:
        """What the last values are; sums become the scores of a last Linear."""
        if self.turned is not None:
            raise ExchangeError(
                "the graph ends in a MaxPool before a batch norm of negative gain, whose bits are "
                "turned over: no layer is left to take that back"
            )
        if self.pending is None:
            assert self.code is not None
            return self.code
        node, layer = self.pending.node, self.pending.layer
        if isinstance(layer, Conv2d):
            raise refusal(node, "its sums are not quantised, and only MatMul and Gemm give scores")
        if self.pending.pools:
            raise refusal(self.pending.pools[0][0], "pools scores")
        self._append(node, layer)
        return self.pending.sums

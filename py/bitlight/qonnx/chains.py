"""Chains of bits to the nodes of QONNX, one layer after the other."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bitlight.errors import ExchangeError
from bitlight.network.layers import Conv2d, Linear, MaxPool2d
from bitlight.network.network import Network
from bitlight.network.values import Shape
from bitlight.qonnx.constants import DOMAIN
from bitlight.qonnx.steps import INEXACT

# The versions that FINN's onnx reads.
_OPSET, _IR_VERSION = 13, 8


class Writer:
    """Writes a chain of bits: nodes behind `self.name`, whose shape is `self.shape`."""

    def __init__(self, net: Network, batch: int) -> None:
        self.net, self.batch = net, batch
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.values: list[onnx.ValueInfoProto] = []
        self.name, self.shape = "input", self._graph_shape(net.input_shape)
        self.kinds = {"input": "BIPOLAR" if net.input_bits == 1 else f"UINT{net.input_bits}"}
        self._tensor("one", np.ones(1, np.float32))

    def model(self) -> onnx.ModelProto:
        """The whole model."""
        taken = self._value(self.name, self.shape)
        self.write()
        if len(self.shape) == 4:
            batch, channels, height, width = self.shape
            shape = (batch, height, width, channels)
            self._node("Transpose", "features", [], shape, perm=[0, 2, 3, 1])
            self._node("Flatten", "flat_features", [], (batch, math.prod(shape[1:])), axis=1)
        given = self.values.pop()
        graph = helper.make_graph(
            self.nodes, "bitlight", [taken], [given], self.tensors, value_info=self.values
        )
        for name, kind in self.kinds.items():
            annotation = graph.quantization_annotation.add(tensor_name=name)
            annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=kind)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(DOMAIN, 1)]
        model = helper.make_model(
            graph, producer_name="bitlight", opset_imports=opsets, ir_version=_IR_VERSION
        )
        helper.set_model_props(model, {"bitlight_network": self.net.id})
        return model

    def write(self) -> None:
        """All layers of the network."""
        for index, layer in enumerate(self.net.chain):
            NODES[type(layer)](self, index, layer)

    def _is_pixels(self, index: int) -> bool:
        """Whether a layer takes pixels as they are, not what levels stand for."""
        return self.net.depth(index) > 1

    def _outside(self, index: int, level: int) -> int:
        """What stands outside the image, as the graph has it."""
        return level if self._is_pixels(index) else 2 * level - 1

    def _check_reach(self, index: int) -> None:
        if 2 * self.net.reach(index) >= INEXACT:
            raise ExchangeError(
                f"layer {index}: its sums reach {self.net.reach(index)}, too large to be exact in "
                "float32"
            )

    def _convolve(self, index: int, layer: Conv2d) -> None:
        self._check_reach(index)
        rows, columns = layer.padding
        if rows or columns:
            value = self._outside(index, layer.pad_value)
            batch, channels, height, width = self.shape
            pads = np.array([0, 0, rows, columns] * 2, np.int64)
            constants = [
                self._tensor(f"pads{index}", pads),
                self._tensor(f"outside{index}", np.array(value, np.float32)),
            ]
            shape = (batch, channels, height + 2 * rows, width + 2 * columns)
            self._node("Pad", f"padded{index}", constants, shape, mode="constant")
        weight = self._weight(index, layer.weight.transpose(0, 3, 1, 2))
        self._node(
            "Conv",
            f"sums{index}",
            [weight],
            self._graph_shape(self.net.shapes[index + 1]),
            kernel_shape=layer.kernel,
            strides=layer.stride,
            pads=[0] * 4,
            dilations=[1, 1],
            group=1,
        )
        self._compare(index, layer.threshold)

    def _multiply(self, index: int, layer: Linear) -> None:
        self._check_reach(index)
        weight = layer.weight
        if len(self.shape) == 4:
            batch, channels, height, width = self.shape
            images = weight.reshape(-1, height, width, channels)
            weight = images.transpose(0, 3, 1, 2).reshape(len(weight), -1)
            self._node("Flatten", f"flat{index}", [], (batch, layer.fan_in), axis=1)
        name = self._weight(index, weight.T)
        self._node("MatMul", f"sums{index}", [name], (self.batch, len(weight)))
        self._compare(index, layer.threshold)

    def _compare(self, index: int, threshold: np.ndarray | None) -> None:
        """Thresholds of a layer's sums, or these themselves."""
        layer = self.net.chain[index]
        if threshold is not None:
            self._threshold(index, threshold)
        elif self._is_pixels(index):
            assert isinstance(layer, Linear)
            self._scores_of_pixels(index, layer)

    def _threshold(self, index: int, threshold: np.ndarray) -> None:
        """Integers in the graph's own sums: a ≥ t where Σ w·x ≥ (t + top·Σ w)/2 for pixels x."""
        reach = self.net.reach(index)
        least = np.clip(threshold.astype(np.int64), -reach, reach + 2)
        least += (least - reach) % 2  # a sum has the parity of the largest
        if self.net.depth(index) > 1:
            least = (least + self._offset(index)) // 2
        name = self._tensor(f"threshold{index}", least[:, None].astype(np.float32))
        self.kinds[name] = "INT32"
        self._node(
            "MultiThreshold",
            f"bits{index}",
            [name],
            self.shape,
            domain=DOMAIN,
            out_dtype="BIPOLAR",
            out_scale=2.0,
            out_bias=-1.0,
            data_layout="NCHW" if len(self.shape) == 4 else "NC",
        )

    def _scores_of_pixels(self, index: int, layer: Conv2d | Linear) -> None:
        """a = 2·Σ w·x − top·Σ w."""
        two = self._tensor("two", np.full(1, 2, np.float32))
        self._node("Mul", f"doubled{index}", [two], self.shape)
        sides = (-1, 1, 1) if isinstance(layer, Conv2d) else (-1,)
        moved = self._offset(index).astype(np.float32).reshape(sides)
        offset = self._tensor(f"offset{index}", moved)
        self._node("Sub", f"scores{index}", [offset], self.shape)

    def _offset(self, index: int) -> np.ndarray:
        """top·Σ w of a layer that sees pixels: int64 (outputs,)."""
        layer = self.net.layers[index]
        assert isinstance(layer, Conv2d | Linear)
        ones = layer.weight.reshape(len(layer.weight), -1).sum(1, dtype=np.int64)
        return ((1 << self.net.input_bits) - 1) * (2 * ones - layer.fan_in)

    def _pool(self, index: int, layer: MaxPool2d) -> None:
        self._node(
            "MaxPool",
            f"pooled{index}",
            [],
            self._graph_shape(self.net.shapes[index + 1]),
            kernel_shape=layer.kernel,
            strides=layer.stride,
            pads=[0] * 4,
        )

    def _weight(self, index: int, weight: np.ndarray) -> str:
        """Weights of ±1 behind a BipolarQuant; the name of what it gives."""
        name = self._tensor(f"weight{index}", np.where(weight, np.float32(1), np.float32(-1)))
        output = f"bipolar_weight{index}"
        self.nodes.append(
            helper.make_node(
                "BipolarQuant", [name, "one"], [output], f"BipolarQuant_{index}", domain=DOMAIN
            )
        )
        self.values.append(self._value(output, weight.shape))
        return output

    def _node(
        self,
        kind: str,
        output: str,
        constants: list[str],
        shape: Shape,
        domain: str = "",
        **more: Any,
    ) -> None:
        """A node that takes the last values and gives the next."""
        name = f"{kind}_{output}"
        node = helper.make_node(
            kind, [self.name, *constants], [output], name, domain=domain or None, **more
        )
        self.nodes.append(node)
        self.values.append(self._value(output, shape))
        self.name, self.shape = output, shape

    def _tensor(self, name: str, array: np.ndarray) -> str:
        if any(tensor.name == name for tensor in self.tensors):
            return name
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _value(self, name: str, shape: Shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def _graph_shape(self, shape: Shape) -> Shape:
        if len(shape) == 1:
            return (self.batch, *shape)
        height, width, channels = shape
        return (self.batch, channels, height, width)


# What each type of layer becomes.
NODES: dict[type, Callable[..., None]] = {
    Conv2d: Writer._convolve,
    Linear: Writer._multiply,
    MaxPool2d: Writer._pool,
}

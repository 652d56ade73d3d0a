"""What a graph computes from constants alone: weights, scales and shapes, worked out once."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from bitlight.errors import ExchangeError
from bitlight.qonnx.file import attributes, refusal, to_array

DOMAIN = "qonnx.custom_op.general"
# Names under which the same operations were written before, or by others; qonnx takes them too.
_ALIASES = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")


def domain_of(node: onnx.NodeProto) -> str:
    """A node's domain by its present name: "" for ONNX itself, or `DOMAIN`."""
    if node.domain in ("", "ai.onnx"):
        return ""
    return DOMAIN if node.domain in _ALIASES else node.domain


Inputs = Sequence[np.ndarray]


class Constants:
    """Tensors known before the network runs.

    Parameters
    ----------
    graph : onnx.GraphProto
        Its initializers are the first constants.

    Raises
    ------
    ExchangeError
        If a tensor is not whole, or all together take more memory than six times the file.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.widths: dict[str, int] = {}  # bits of those that a Quant gave, also when turned
        self.arrays = {tensor.name: to_array(tensor) for tensor in graph.initializer}
        self._budget = 6 * graph.ByteSize() + (1 << 18)

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def fold(self, node: onnx.NodeProto) -> None:
        """Compute a node whose inputs are all constant.

        Raises
        ------
        ExchangeError
            If it is no operation on constants that Brevitas writes, or its result is too large.
        """
        inputs = [self.arrays[name] for name in node.input if name]
        known = domain_of(node) in ("", DOMAIN) and node.op_type in _FOLDS
        if not known or len(node.output) != 1:
            raise refusal(node, "is not among the operations on constants that are read")
        try:
            self._budget -= 8 * _FOLDED_SIZES.get(node.op_type, _size_of_first)(inputs)
            if self._budget < 0:
                raise refusal(node, "gives constants that are much larger than the file")
            result = np.asarray(_FOLDS[node.op_type](inputs, attributes(node)))
        except ExchangeError:
            raise
        except (ValueError, TypeError, LookupError) as error:
            raise refusal(node, f"cannot be computed: {error}") from error
        self.arrays[node.output[0]] = result
        if node.op_type == "Quant":
            self.widths[node.output[0]] = int(inputs[3].item())
        elif node.op_type in ("Transpose", "Reshape", "Identity") and node.input[0] in self.widths:
            self.widths[node.output[0]] = self.widths[node.input[0]]


def bipolar(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """QONNX's BipolarQuant: ±scale, + where x ≥ 0."""
    return np.where(x >= 0, np.float32(1), np.float32(-1)) * scale


def _size_of_first(inputs: Inputs) -> int:
    return inputs[0].size if inputs else 1 << 10


def _size_of_broadcast(inputs: Inputs) -> int:
    try:
        return math.prod(np.broadcast_shapes(*(x.shape for x in inputs)))
    except ValueError:
        return 0  # the operation itself says why


def _constant(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    if "value" in attribute:
        return to_array(attribute["value"])
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        for key in (name, f"{name}s"):
            if key in attribute:
                return np.array(attribute[key], dtype)
    raise ValueError("it has no value that is read")


def _reshape(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    return inputs[0].reshape([int(n) for n in inputs[1]])


def _unsqueeze(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    axes = inputs[1] if len(inputs) > 1 else attribute["axes"]
    return np.expand_dims(inputs[0], tuple(int(axis) for axis in axes))


def _power(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    # torch computes a power of a half as a square root, which is rounded correctly.
    return np.sqrt(inputs[0]) if np.all(inputs[1] == 0.5) else np.power(*inputs)


def quantise(
    attribute: Mapping[str, Any],
    x: np.ndarray,
    scale: np.ndarray,
    zero: np.ndarray,
    bits: np.ndarray,
) -> np.ndarray:
    """QONNX's Quant of constants: the nearest of 2^bits levels, float32."""
    signed, narrow = bool(attribute.get("signed", 1)), bool(attribute.get("narrow", 0))
    mode = attribute.get("rounding_mode", b"ROUND").upper()
    if mode not in (b"ROUND", b"HALF_EVEN") or bits.size != 1 or not 1 <= bits.item() <= 32:
        raise ValueError("it rounds otherwise, or to another number of bits than 1 to 32")
    width = 2.0 ** float(bits.item())
    low = -width / 2 + (signed and narrow) if signed else 0.0
    high = width / 2 - 1 if signed else width - 1 - narrow
    levels = np.rint(np.clip(x / scale + zero, low, high))
    return ((levels - zero) * scale).astype(np.float32)


def _constant_of_shape(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    value = to_array(attribute["value"]) if "value" in attribute else np.zeros(1, np.float32)
    return np.full([int(n) for n in inputs[0]], value.item(), value.dtype)


def _slice(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    array, starts, ends = inputs[:3]
    axes = inputs[3] if len(inputs) > 3 else np.arange(len(starts))
    steps = inputs[4] if len(inputs) > 4 else np.ones(len(starts), np.int64)
    index: list[slice] = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = array.shape[int(axis)]
        stop = None if step < 0 and end < -size else int(end)
        index[int(axis)] = slice(int(start), stop, int(step))
    return array[tuple(index)]


def _cast(inputs: Inputs, attribute: Mapping[str, Any]) -> np.ndarray:
    kinds = {1: np.float32, 6: np.int32, 7: np.int64, 11: np.float64}
    return inputs[0].astype(kinds[attribute["to"]])


def _sum_size(inputs: Inputs) -> int:
    return sum(x.size for x in inputs)


_FOLDS: dict[str, Callable[[Inputs, Mapping[str, Any]], Any]] = {
    "Constant": _constant,
    "Identity": lambda inputs, attribute: inputs[0],
    "BipolarQuant": lambda inputs, attribute: bipolar(*inputs),
    "Quant": lambda inputs, attribute: quantise(attribute, *inputs),
    "ConstantOfShape": _constant_of_shape,
    "Slice": _slice,
    "Cast": _cast,
    "Squeeze": lambda inputs, attribute: np.squeeze(
        inputs[0], tuple(int(n) for n in (inputs[1] if inputs[1:] else attribute["axes"]))
    ),
    "Neg": lambda inputs, attribute: np.negative(inputs[0]),
    "Transpose": lambda inputs, attribute: inputs[0].transpose(attribute.get("perm")),
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Concat": lambda inputs, attribute: np.concatenate(inputs, attribute["axis"]),
    "Gather": lambda inputs, attribute: inputs[0].take(inputs[1], attribute.get("axis", 0)),
    "Add": lambda inputs, attribute: np.add(*inputs),
    "Sub": lambda inputs, attribute: np.subtract(*inputs),
    "Mul": lambda inputs, attribute: np.multiply(*inputs),
    "Div": lambda inputs, attribute: np.divide(*inputs),
    "Pow": _power,
    "Sqrt": lambda inputs, attribute: np.sqrt(inputs[0]),
}

_FOLDED_SIZES: dict[str, Callable[[Inputs], int]] = {
    **dict.fromkeys(["Add", "Sub", "Mul", "Div", "Pow", "BipolarQuant"], _size_of_broadcast),
    "Quant": lambda inputs: _size_of_broadcast(inputs[:3]),
    "ConstantOfShape": lambda inputs: math.prod(int(n) for n in inputs[0]),
    "Concat": _sum_size,
    "Gather": lambda inputs: math.prod(inputs[0].shape[1:]) * inputs[1].size + inputs[0].size,
}

"""ONNX files from anywhere: sizes are compared before memory is taken, nothing is executed."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.errors import ExchangeError, reason
from bitlight.files.opening import read_regular

# This module is the first of its package that is loaded, so that one line says what is missing.
try:
    import onnx
    from google.protobuf.message import DecodeError
except ImportError as error:
    raise ExchangeError(
        f"{error.name} is not installed: pip install 'bitlight[onnx]' reads and writes QONNX"
    ) from error

# A binary network of this size has 2^27 weights, twice as many as AlexNet.
LARGEST_FILE = 1 << 29
# A field takes two bytes in a file and up to 150 when parsed; CNV has two thousand.
MOST_FIELDS = 5000
BYTES_PER_FIELD = 20  # of a larger file
# An integer of a packed list takes a byte in a file, eight when parsed, and eight in an array.
PACKED_PER_FIELD = 8
# model, graph, value, type, tensor, shape, dimension, and one to spare: no graphs inside graphs.
DEEPEST = 8

_DTYPES: dict[int, tuple[str, str]] = {
    onnx.TensorProto.FLOAT: ("<f4", "float_data"),
    onnx.TensorProto.DOUBLE: ("<f8", "double_data"),
    onnx.TensorProto.INT64: ("<i8", "int64_data"),
    onnx.TensorProto.INT32: ("<i4", "int32_data"),
    onnx.TensorProto.INT8: ("i1", "int32_data"),
}


def read_graph(path: str | os.PathLike[str]) -> onnx.GraphProto:
    """Read a file and check all that its graph may not have.

    Raises
    ------
    ExchangeError
        If the file is missing, too large, damaged or crafted to take more memory than it has, or
        if it has functions, sparse tensors or several inputs or outputs.
    """
    if not Path(path).is_file():
        raise ExchangeError(f"no such file: {path}")
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise ExchangeError(f"cannot read {path}: {reason(error)}") from error
    size = len(content)
    try:
        most = max(MOST_FIELDS, size // BYTES_PER_FIELD)
        if _count_fields(memoryview(content), onnx.ModelProto.DESCRIPTOR, most, DEEPEST) < 0:
            raise ExchangeError(
                f"it has more than {most} fields and integers, too many for its size"
            )
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, UnicodeDecodeError, ExchangeError) as error:
        raise ExchangeError(f"{path} is not a whole ONNX file: {reason(error)}") from error
    if not model.graph.node:
        raise ExchangeError(f"{path} holds no graph")
    for name, held in (
        ("functions of its own", model.functions),
        ("sparse tensors", model.graph.sparse_initializer),
    ):
        if held:
            raise ExchangeError(f"{path} has {name}, which are not read")
    return model.graph


def to_array(tensor: onnx.TensorProto) -> np.ndarray:
    """The numbers of a tensor that lies in the file itself.

    Raises
    ------
    ExchangeError
        If its data lies in another file, is of another size than its shape says, or is of a type
        that no binary network needs.
    """
    name = f"tensor {shorten(tensor.name)}"
    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        raise ExchangeError(f"{name} lies in another file, which is not read: save it in one file")
    if tensor.HasField("segment") or tensor.data_type not in _DTYPES:
        raise ExchangeError(f"{name} must hold floats or integers, not type {tensor.data_type}")
    dtype, field = _DTYPES[tensor.data_type]
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > 4:
        raise ExchangeError(f"{name} must have up to four dimensions, not {shape}")
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data)
    else:
        held = len(getattr(tensor, field)) * np.dtype(dtype).itemsize
    if held != wanted:
        raise ExchangeError(f"{name} of shape {shape} needs {wanted} bytes, but has {held}")
    if tensor.HasField("raw_data"):
        array = np.frombuffer(tensor.raw_data, dtype)
    else:
        array = np.fromiter(getattr(tensor, field), dtype, count=math.prod(shape))
    return array.reshape(shape)


def shorten(name: str) -> str:
    """A name from a file, quoted, on one line, and not longer than one reads."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def describe(node: onnx.NodeProto) -> str:
    """A node as messages name it.

    Examples
    --------
    >>> describe(onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="Conv_3"))
    "node 'Conv_3' (Conv)"
    """
    kind = shorten(f"{node.domain}.{node.op_type}" if node.domain else node.op_type)[1:-1]
    if node.name:
        return f"node {shorten(node.name)} ({kind})"
    return f"node of output {shorten(node.output[0] if node.output else '')} ({kind})"


def refusal(node: onnx.NodeProto, reason: str) -> ExchangeError:
    """The error for a node that no binary network can compute."""
    return ExchangeError(f"{describe(node)}: {reason}")


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Those attributes that any node's reading depends on, by name; tensors as they stand.

    Raises
    ------
    ExchangeError
        If one is of another type than ONNX and QONNX say, or is a graph.
    """
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        wanted = _ATTRIBUTES.get(attribute.name)
        if attribute.type in _GRAPHS or wanted not in (None, attribute.type):
            kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
            raise refusal(node, f"its attribute {shorten(attribute.name)} must not be a {kind}")
        if wanted is not None:
            found[attribute.name] = onnx.helper.get_attribute_value(attribute)
    return found


_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
_ATTRIBUTES: dict[str, int] = {
    **dict.fromkeys(
        [
            "axis",
            "ceil_mode",
            "group",
            "keepdims",
            "narrow",
            "signed",
            "to",
            "training_mode",
            "transA",
            "transB",
        ],
        onnx.AttributeProto.INT,
    ),
    **dict.fromkeys(
        ["axes", "dilations", "kernel_shape", "pads", "perm", "strides", "value_ints"],
        onnx.AttributeProto.INTS,
    ),
    **dict.fromkeys(
        ["alpha", "beta", "epsilon", "max", "min", "out_bias", "out_scale", "value_float"],
        onnx.AttributeProto.FLOAT,
    ),
    **dict.fromkeys(
        ["auto_pad", "data_layout", "mode", "rounding_mode"], onnx.AttributeProto.STRING
    ),
    "value": onnx.AttributeProto.TENSOR,
    "value_int": onnx.AttributeProto.INT,
    "value_floats": onnx.AttributeProto.FLOATS,
}


def _count_fields(data: memoryview, message: Any, left: int, depth: int) -> int:
    """Walk over the fields of a message and parse none; how many of `left` remain, or below 0."""
    if depth == 0:
        raise ExchangeError("its messages are nested too deeply")
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        left -= 1
        if left < 0:
            return left
        length, at = _length(data, at, tag & 7)
        if at + length > len(data):
            raise ExchangeError("it ends too early")
        field = message.fields_by_number.get(tag >> 3)
        if tag & 7 == 2 and field is not None:
            part = data[at : at + length]
            if field.message_type is not None:
                left = _count_fields(part, field.message_type, left, depth - 1)
            elif field.type == field.TYPE_STRING:
                str(part, "utf-8")  # onnx gives bytes where a name is no text
            elif field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64):
                left -= length // PACKED_PER_FIELD
        at += length
    return left


def _length(data: memoryview, at: int, wire_type: int) -> tuple[int, int]:
    """How long a field is, and where it begins."""
    if wire_type == 0:
        return 0, _varint(data, at)[1]
    if wire_type == 2:
        return _varint(data, at)
    if wire_type in (1, 5):
        return (8 if wire_type == 1 else 4), at
    raise ExchangeError("it has fields of no known kind")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise ExchangeError("it ends too early")

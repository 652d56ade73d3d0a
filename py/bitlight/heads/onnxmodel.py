"""A head as an ONNX model.

Its sums are float64, which for bits and uint8 are exact: see `readout`. So its class is the head's,
however the runtime orders the sums.
"""

import os
from typing import Any

import numpy as np

from bitlight.errors import HeadError
from bitlight.files.replacing import replacing
from bitlight.heads.head import Head

OPSET = 17
IR_VERSION = 9


def write(head: Head, path: str | os.PathLike[str]) -> None:
    """Write the model.

    Input `features`: uint8 (N, features), bits as 0 and 1, or float32 if the head was trained on
    floats. Outputs: `label` (N,), of the head's own labels; `scores` (N, outputs) and
    `probabilities` (N, classes), float64.

    Parameters
    ----------
    head : Head
        A trained or loaded one; weights are written as `save` writes them, bits as int8.
    path : path

    Raises
    ------
    HeadError
        If the package onnx is not there.
    BitlightError
        If the file cannot be written.
    """
    with replacing(path) as file:
        file.write(model(head.shipped()).SerializeToString())


def model(head: Head) -> Any:
    """The ModelProto of a head whose weights are of a stored type."""
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise HeadError("this needs the package onnx: pip install 'bitlight[onnx]'") from error

    readout = head.readout_
    outputs, features = readout.weight.shape
    kind = TensorProto.FLOAT if head.inputs_ == "float" else TensorProto.UINT8
    labels = _labels(head)
    graph = helper.make_graph(
        _nodes(outputs, len(head.classes_)),
        type(head).__name__,
        [helper.make_tensor_value_info("features", kind, ["N", features])],
        [
            helper.make_tensor_value_info(
                "label", helper.np_dtype_to_tensor_dtype(labels.dtype), ["N"]
            ),
            helper.make_tensor_value_info("scores", TensorProto.DOUBLE, ["N", outputs]),
            helper.make_tensor_value_info(
                "probabilities", TensorProto.DOUBLE, ["N", len(head.classes_)]
            ),
        ],
        [
            onnx.numpy_helper.from_array(array, name)
            for name, array in _constants(head, labels).items()
        ],
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="bitlight"
    )
    made.ir_version = IR_VERSION
    helper.set_model_props(made, {"extractor_id": head.extractor_id_ or ""})
    onnx.checker.check_model(made, full_check=True)
    return made


def _nodes(outputs: int, classes: int) -> list[Any]:
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes = [
        node("Cast", ["features"], ["x"], to=TensorProto.DOUBLE),
        node("Cast", ["weight"], ["w"], to=TensorProto.DOUBLE),
        node("MatMul", ["x", "w"], ["products"]),
        node("Add", ["products", "bias"], ["sums"]),
        node("Mul", ["sums", "scale"], ["scores"]),
        node("Div", ["scores", "temperature"], ["logits"]),
    ]
    if outputs == 1:
        nodes += [
            node("Greater", ["sums", "zero"], ["second"]),
            node("Cast", ["second"], ["column"], to=TensorProto.INT64),
            node("Squeeze", ["column", "axis"], ["index"]),
            node("Mul", ["logits", "zero"], ["first"]),
            node("Concat", ["first", "logits"], ["both"], axis=1),
            node("Softmax", ["both"], ["probabilities"], axis=1),
        ]
    else:
        nodes += [
            node("ArgMax", ["sums"], ["index"], axis=1, keepdims=0),
            node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
    return [*nodes, node("Gather", ["labels", "index"], ["label"])]


def _constants(head: Head, labels: np.ndarray) -> dict[str, np.ndarray]:
    readout = head.readout_
    stored = readout.factors.astype(np.int8) if readout.dtype == "bits" else readout.weight
    constants = {
        "weight": np.ascontiguousarray(stored.T),
        "bias": readout.bias,
        "scale": np.array(readout.scale),
        "temperature": np.array(head.temperature_),
        "labels": labels,
    }
    if len(readout.bias) == 1:
        constants |= {"zero": np.array(0.0), "axis": np.array([1])}
    return constants


def _labels(head: Head) -> np.ndarray:
    """The classes as ONNX has them: integers, floats or text."""
    classes = head.classes_
    if classes.dtype.kind in "biu":
        return classes.astype(np.int64)
    return classes.astype(np.float64 if classes.dtype.kind == "f" else object)

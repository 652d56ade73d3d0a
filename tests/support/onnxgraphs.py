"""ONNX graphs by hand, and what qonnx computes for them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class Graph:
    """A graph that grows at its end; `self.last` is what the next node takes."""

    def __init__(self, *shape):
        self.nodes, self.tensors, self.values = [], [], []
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        self.last = "x"
        self.kind = None

    def constant(self, array):
        """The name of a new initializer."""
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def floats(self, value):
        return self.constant(np.asarray(value, np.float32))

    def node(self, kind, *constants, left=False, name=None, domain="", outputs=(), **attributes):
        """A node named like its kind, with arrays as constants behind (or left of) the input."""
        taken = [c if isinstance(c, str) else self.constant(c) for c in constants]
        taken = [*taken, self.last] if left else [self.last, *taken]
        number = sum(node.op_type == kind for node in self.nodes)
        output = f"y{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                kind,
                taken,
                [output, *outputs],
                name or f"{kind}_{number}",
                domain=domain or None,
                **attributes,
            )
        )
        self.last = output
        return self

    def bipolar(self, scale=1.0):
        return self.node("BipolarQuant", self.floats(scale), domain=QONNX)

    def quant(self, scale, zero, bits, **attributes):
        constants = map(self.floats, (scale, zero, bits))
        attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | attributes
        return self.node("Quant", *constants, domain=QONNX, **attributes)

    def annotate(self, kind):
        """Say of what integer type the input is."""
        self.kind = kind
        return self

    def model(self):
        output = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [self.input], [output], self.tensors)
        if self.kind:
            annotation = graph.quantization_annotation.add(tensor_name="x")
            annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=self.kind)
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, path):
        onnx.save(self.model(), path)
        return path


def execute(path, x):
    """What qonnx's executor computes."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(path))
    if not model.check_all_tensor_shapes_specified():
        model = model.transform(InferShapes())
    (output,) = execute_onnx(model, {model.graph.input[0].name: x}).values()
    return output

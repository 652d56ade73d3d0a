"""What no binary network can compute is refused, and the node is named."""

import re

import numpy as np
import pytest
from onnxgraphs import QONNX, Graph

from bitlight import ExchangeError
from bitlight.qonnx import import_qonnx

ones = np.ones(4, np.float32)


def chain(*shape):
    return Graph(*(shape or (1, 2, 6, 6))).bipolar()


def conv(graph=None, **attributes):
    return (graph or chain()).node("Conv", np.ones((4, 2, 3, 3), np.float32), **attributes)


def linear(graph=None):
    return (graph or chain(1, 8)).node("MatMul", np.ones((8, 4), np.float32))


def shortcut(kind="Add", scale=1.0, inputs=4):
    """Bits, and sums times a scale, which meet."""
    graph = linear().bipolar()
    first = graph.last
    graph.node("MatMul", np.ones((4, inputs), np.float32)).node("Mul", np.float32(scale))
    return graph.node(kind, first, **({"axis": 0} if kind == "Concat" else {}))


def averaged(*shape):
    return conv(Graph(1, *shape).bipolar()).node("Relu").node("GlobalAveragePool")


def pooled_and_added():
    graph = conv().node("MaxPool", kernel_shape=[2, 2])
    return graph.node("Add", graph.nodes[-1].input[0])


def weights(*rows):
    return chain(1, 2).node("MatMul", np.float32(rows))


class Saved:
    """A model that is altered before it is saved."""

    def __init__(self, graph, alter):
        self.model = graph.model()
        alter(self.model.graph)

    def save(self, path):
        path.write_bytes(self.model.SerializeToString())
        return path


def unknown_name():
    graph = linear()
    graph.last = "elsewhere"
    return graph.node("Identity")


def quantised_again():
    graph = Graph(1, 8)
    first = graph.bipolar().last
    graph.last = "x"
    return graph.quant(0.5, 0, 2).node("Add", first)


def unnamed(graph):
    return Saved(graph, lambda g: g.node[-1].ClearField("name"))


def two_inputs():
    return Saved(linear().bipolar(), lambda g: g.input.add().CopyFrom(g.input[0]))


def another_output():
    return Saved(linear().bipolar(), lambda g: setattr(g.output[0], "name", "c0"))


def again():
    return Saved(linear().bipolar(), lambda g: g.node[-1].output.__setitem__(0, "c0"))


def absurd():
    """Constants that double themselves, 64 times over."""
    graph = linear()
    end, name = graph.last, graph.constant(np.ones((1 << 10, 1), np.float32))
    graph.last = graph.constant(np.ones((1, 1 << 6), np.float32))
    graph.node("Mul", name)
    graph.node("Mul", np.ones((1 << 10, 1, 1), np.float32))
    graph.last = end
    return graph


def unknown_constant():
    graph = linear()
    end, graph.last = graph.last, graph.constant(ones)
    graph.node("Erf")
    graph.last = end
    return graph


def eight_bits():
    graph = chain(1, 8)
    end, graph.last = graph.last, graph.constant(np.linspace(-1, 1, 32, dtype=np.float32))
    graph.quant(0.01, 0, 8).node("Reshape", np.array([8, 4]))
    weight, graph.last = graph.last, end
    return graph.node("MatMul", weight)


REFUSED = {
    "a product of two": (
        lambda: shortcut("Mul"),
        "node 'Mul_1' (Mul): takes 'y2' as well: only Add, Sub and Concat join",
    ),
    "a shortcut that is rounded": (
        lambda: shortcut(scale=0.1),
        "node 'Add_0' (Add): takes values whose scales are on no common grid",
    ),
    "a shortcut whose sums are bent": (
        lambda: shortcut(scale=3e38),
        "node 'Add_0' (Add): takes values that are not finite",
    ),
    "a shortcut of another shape": (
        lambda: shortcut(inputs=5),
        "node 'Add_0' (Add): adds (1, 4) to (1, 5): only values of one shape are added",
    ),
    "images one below the other": (
        lambda: shortcut("Concat"),
        "node 'Concat_0' (Concat): must put images of one height and width, or vectors, side",
    ),
    "an average of what is bent": (
        lambda: averaged(2, 6, 6),
        "node 'GlobalAveragePool_0' (GlobalAveragePool): takes clip(x, 0, inf), which is rounded",
    ),
    "sums of a pool": (
        pooled_and_added,
        "node 'Add_0' (Add): adds (1, 4, 4, 4) to (1, 4, 3, 3)",
    ),
    "a name that nothing gives": (
        unknown_name,
        "node 'Identity_0' (Identity): takes 'elsewhere', which no node before it gives",
    ),
    "two quantisers of the input": (
        quantised_again,
        "node 'Quant_0' (qonnx.custom_op.general.Quant): quantises the input, which another node",
    ),
    "two inputs of a network": (
        two_inputs,
        "a network has one input and one output, not 2 and 1",
    ),
    "an output elsewhere": (
        another_output,
        "the output 'c0' is not what the input becomes",
    ),
    "the same name twice": (
        again,
        "node 'BipolarQuant_1' (qonnx.custom_op.general.BipolarQuant): must give one output",
    ),
    "the same twice": (
        lambda: (g := linear()).node("Mul", g.last),
        "node 'Mul_0' (Mul): takes the same values twice",
    ),
    "zero padding": (
        lambda: conv(pads=[1] * 4).bipolar(),
        "node 'Conv_0' (Conv): pads with 0, which is no value of the layer's input",
    ),
    "padding of another value": (
        lambda: conv(chain().node("Pad", np.array([0, 0, 1, 1] * 2), np.float32(0.5))),
        "node 'Pad_0' (Pad): pads with 0.5, which is no value",
    ),
    "padding of one side": (
        lambda: conv(pads=[1, 1, 0, 0]),
        "node 'Conv_0' (Conv): must pad both sides alike, not [1, 1, 0, 0]",
    ),
    "padding of nothing": (
        lambda: chain().node("Pad", np.array([0, 0, 1, 1] * 2), np.float32(1)),
        "node 'Pad_0' (Pad): must stand before a Conv",
    ),
    "automatic padding": (lambda: conv(auto_pad="SAME_UPPER"), "auto_pad must be NOTSET"),
    "groups": (lambda: conv(group=2), "node 'Conv_0' (Conv): group must be 1, not 2"),
    "dilation": (lambda: conv(dilations=[2, 2]), "dilations must be [1, 1], not [2, 2]"),
    "a wide kernel": (
        lambda: conv(chain(1, 2, 2, 6)),
        "node 'Conv_0' (Conv): ",
    ),
    "weights of many bits": (
        lambda: weights([1, 2], [9, -1]),
        "node 'MatMul_0' (MatMul): its weights must be ±s, with one s > 0 for each output",
    ),
    "weights that are rounded": (
        lambda: weights([1, 1], [1.3, 1]),
        "its weights must be ±s, with one s > 0 for each output, or whole multiples of it up to 8",
    ),
    "weights that are not finite": (lambda: weights([np.inf, 1], [1, 1]), "not finite"),
    "weights on the left": (
        lambda: chain(1, 2).node("MatMul", np.ones((1, 1), np.float32), left=True),
        "node 'MatMul_0' (MatMul): must have its weights on the right",
    ),
    "too few inputs": (lambda: linear(chain(1, 9)), "has 8 inputs, but 9 values come in"),
    "no flatten": (lambda: linear(chain()), "must multiply flat values, not (1, 2, 6, 6)"),
    "part of a reshape": (
        lambda: chain().node("Reshape", np.array([2, -1])),
        "node 'Reshape_0' (Reshape): must flatten all but the batch, not give the shape [2, -1]",
    ),
    "a flatten of sums": (
        lambda: conv().node("Flatten"),
        "node 'Flatten_0' (Flatten): flattens sums; it must stand behind their quantiser",
    ),
    "a float activation": (lambda: linear().node("Relu"), "stands behind the scores, where only"),
    "a slope that falls": (
        lambda: linear().node("PRelu", np.float32([-0.5])).bipolar(),
        "node 'PRelu_0' (PRelu): falls below 0, its slope being -0.5",
    ),
    "a layer behind the best class": (
        lambda: linear().node("Softmax").node("Mul", np.float32(2)),
        "node 'Mul_0' (Mul): stands behind Softmax, which must be the end",
    ),
    "weights of eight bits": (
        eight_bits,
        "node 'MatMul_0' (MatMul): its weights must be ±s, with one s > 0 for each output, or "
        "whole multiples of it up to 8; they have 8 bits",
    ),
    "an unknown operation": (
        lambda: unnamed(linear().node("Sign2", domain="elsewhere")),
        "node of output 'y2' (elsewhere.Sign2): no binary network can compute this",
    ),
    "thresholds of other channels": (
        lambda: linear().node("MultiThreshold", np.ones((3, 3), np.float32), domain=QONNX),
        "must have 1 to 255 thresholds for each of 4 channels, not (3, 3)",
    ),
    "thresholds of another bias": (
        lambda: linear().node(
            "MultiThreshold", np.ones((4, 1), np.float32), domain=QONNX, out_bias=0.3
        ),
        "out_scale s > 0 and an out_bias of whole s/2 are read, not 1 and 0.3",
    ),
    "thresholds of a bias beyond all steps": (
        lambda: linear().node(
            "MultiThreshold", np.ones((4, 1), np.float32), domain=QONNX, out_bias=1e38
        ),
        "an out_bias of 1e+38 makes steps of 1 too small for float32",
    ),
    "a negative scale": (lambda: linear().bipolar(-1.0), "its scale must be one positive number"),
    "a scale of each channel": (lambda: linear().bipolar(ones), "must be one positive number"),
    "a layer of several scales": (
        lambda: linear().quant([1, 2, 1, 1], 0, 2).node("MatMul", np.ones((4, 4), np.float32)),
        "node 'MatMul_1' (MatMul): takes values that were not quantised to bits or pixels",
    ),
    "scales on no grid": (
        lambda: linear().quant([1, 0.3, 1, 1], 0, 2).node("Mul", np.float32(2)),
        "node 'Quant_0' (qonnx.custom_op.general.Quant): takes values whose scales are on no",
    ),
    "pixels of several scales": (
        lambda: Graph(1, 4).quant([1, 2, 1, 1], 0, 2),
        "its scale must be one positive number, or one of each channel of sums",
    ),
    "a mean over channels": (
        lambda: chain().node("ReduceMean", axes=[1]),
        "node 'ReduceMean_0' (ReduceMean): must be the mean over rows and columns, axes 2 and 3",
    ),
    "pixels of 9 bits": (lambda: Graph(1, 8).quant(1, 0, 9), "must quantise to 1 to 8 bits"),
    "another rounding": (
        lambda: Graph(1, 8).quant(1, 0, 4, rounding_mode="FLOOR"),
        "rounding_mode must be ROUND",
    ),
    "half a zero point": (
        lambda: Graph(1, 8).quant(1, 0.5, 4),
        "must be an integer up to 256, not 0.5",
    ),
    "quantised twice": (lambda: chain().bipolar(), "quantises what is quantised already"),
    "a factor of bits": (
        lambda: chain().node("Mul", np.float32(2)),
        "node 'Mul_0' (Mul): stands behind a quantiser",
    ),
    "a constant of each value": (
        lambda: conv().node("Mul", np.ones((4, 4, 4), np.float32)),
        "node 'Mul_0' (Mul): its constant must be one number, or one for each channel",
    ),
    "a division by 0": (lambda: linear().node("Div", np.float32(0)), "divides by what it takes"),
    "a division of a constant": (
        lambda: linear().node("Div", np.float32(1), left=True),
        "node 'Div_0' (Div): divides by what it takes, or by 0",
    ),
    "a falling factor behind a pool": (
        lambda: conv().node("MaxPool", kernel_shape=[2, 2]).node("Mul", np.float32(-1)).bipolar(),
        "the graph ends in a MaxPool before a batch norm of negative gain",
    ),
    "a pool of pixels": (
        lambda: Graph(1, 2, 6, 6).quant(1, 0, 4).node("MaxPool", kernel_shape=[2, 2]),
        "node 'MaxPool_0' (MaxPool): pools pixels",
    ),
    "a pool that rounds up": (
        lambda: chain().node("MaxPool", kernel_shape=[2, 2], ceil_mode=1),
        "node 'MaxPool_0' (MaxPool): ceil_mode must be 0, not 1",
    ),
    "batch norm of the input": (
        lambda: Graph(1, 4).node("BatchNormalization", ones, ones, ones, ones),
        "the graph has no layer of ±1 weights behind a quantiser",
    ),
    "a negative variance": (
        lambda: linear().node("BatchNormalization", ones, ones, ones, -ones),
        "has a variance that is not positive",
    ),
    "no quantiser": (
        lambda: linear(Graph(1, 8)),
        "node 'MatMul_0' (MatMul): takes values that were not quantised to bits or pixels",
    ),
    "sums that are not quantised": (
        lambda: linear(linear()),
        "node 'MatMul_1' (MatMul): takes values that were not quantised",
    ),
    "a convolution at the end": (
        conv,
        "node 'Conv_0' (Conv): its sums are not quantised, and only MatMul and Gemm give scores",
    ),
    "nothing but a quantiser": (chain, "a network needs at least one layer"),
    "nothing but floats": (
        lambda: Graph(1, 8).node("Mul", np.float32(2)),
        "the graph has no layer of ±1 weights behind a quantiser",
    ),
    "a fixed batch that is reshaped away": (
        lambda: chain(4, 2, 6, 6).node("Reshape", np.array([1, -1])),
        "must flatten all but the batch",
    ),
    "sizes that are not known": (
        lambda: Graph(1, 2, "height", 6).bipolar(),
        "input 'x' must have fixed sizes behind the batch",
    ),
    "three axes": (lambda: Graph(1, 2, 6).bipolar(), "must be floats (N, C, H, W) or (N, n)"),
    "an absurd input": (
        lambda: Graph(1, 1 << 20, 1 << 20, 1 << 20).bipolar(),
        "input 'x' must have fixed sizes behind the batch, of at most 16777216 values",
    ),
    "absurd padding": (
        lambda: (
            Graph(1, 2, 6, 6)
            .quant(1, 0, 4)
            .node("Conv", np.ones((4, 2, 3, 3), np.float32), pads=[1 << 40] * 4)
        ),
        "node 'Conv_0' (Conv): padding must be two integers of 0 to 65535, not (1099511627776, ",
    ),
    "absurd constants": (
        absurd,
        "node 'Mul_0' (Mul): gives constants that are much larger than the file",
    ),
    "an operation on constants": (
        unknown_constant,
        "node 'Erf_0' (Erf): is not among the operations on constants that are read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name, tmp_path):
    build, message = REFUSED[name]
    with pytest.raises(ExchangeError, match=re.escape(message)) as caught:
        import_qonnx(build().save(tmp_path / "a.onnx"))
    assert len(str(caught.value).splitlines()) == 1


def test_sums_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("bitlight.qonnx.chain.INEXACT", 16)
    with pytest.raises(ExchangeError, match="sums reach 8, too large to be exact in float32"):
        import_qonnx(linear().save(tmp_path / "a.onnx"))

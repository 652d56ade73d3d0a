"""Graphs by hand give what qonnx gives for them."""

import re

import numpy as np
import pytest
from onnxgraphs import QONNX, Graph, execute

from bitlight import Conv2d, ExchangeError, Linear, MaxPool2d
from bitlight.qonnx import import_qonnx

N = 40


def signs(rng, *shape, scale=1.0):
    return (rng.choice([-1.0, 1.0], shape) * scale).astype(np.float32)


def norm(rng, graph, channels):
    """Batch norm with gains of both signs."""
    constants = rng.normal(size=(3, channels)).astype(np.float32) * [[1], [1], [4]]
    variance = rng.random(channels, np.float32) * 30 + 1
    return graph.node("BatchNormalization", *constants.astype(np.float32), variance)


def head(rng, graph, inputs, outputs=5):
    """A last MatMul behind a Flatten."""
    return graph.node("Flatten", axis=1).node("MatMul", signs(rng, inputs, outputs))


def zero_padding_of_signed_pixels(rng):
    graph = Graph(N, 2, 6, 5).quant(0.125, 0, 4)
    graph.node("Conv", signs(rng, 4, 2, 3, 3), pads=[1, 2, 1, 2], strides=[2, 1])
    return head(rng, norm(rng, graph, 4).bipolar(), 4 * 3 * 7), [Conv2d, Linear]


def unsigned_pixels_with_a_zero_point(rng):
    graph = Graph(N, 30).quant(0.25, 3, 5, signed=0)
    graph.node("MatMul", signs(rng, 30, 8))
    return head(rng, norm(rng, graph, 8).bipolar(), 8), [Linear, Linear]


def narrow_pixels(rng):
    graph = Graph(N, 30).quant(0.25, 0, 3, narrow=1)
    graph.node("MatMul", signs(rng, 30, 8)).node("Add", signs(rng, 8)).bipolar()
    return graph, [Linear]


def pool_before_the_sign(rng):
    graph = Graph(N, 2, 7, 7).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph, 6).node("MaxPool", kernel_shape=[3, 2], strides=[2, 1])
    graph.node("Mul", graph.floats(0.5)).node("Sub", rng.random((6, 1, 1), np.float32)).bipolar()
    return head(rng, graph, 6 * 2 * 5), [Conv2d, MaxPool2d, Linear]


def constants_on_both_sides(rng):
    graph = Graph(N, 3, 4, 4).bipolar().node("Conv", signs(rng, 5, 3, 3, 3, scale=0.5))
    graph.node("Sub", rng.random((1, 5, 1, 1), np.float32), left=True)
    graph.node("Mul", rng.normal(size=(5, 1, 1)).astype(np.float32), left=True)
    graph.node("Div", graph.floats([[[[-3]]]])).node("Add", graph.floats(0.3), left=True)
    return head(rng, graph.bipolar(2.0), 5 * 4), [Conv2d, Linear]


def biases_and_scales_of_each_output(rng):
    graph = Graph(N, 20).bipolar(0.5)
    scale = np.float32([[0.25], [0.5], [2], [1], [4], [0.125]])
    graph.node("Gemm", signs(rng, 6, 20) * scale, rng.normal(size=6).astype(np.float32), transB=1)
    graph.bipolar().node("Gemm", signs(rng, 6, 3), rng.normal(size=3).astype(np.float32))
    return graph, [Linear, Linear]


def thresholds_and_bits_of_0_and_1(rng):
    graph = Graph(N, 2, 5, 5).annotate("UINT3")
    graph.node("Pad", np.array([0, 0, 1, 0] * 2), graph.floats(6.0), mode="constant")
    graph.node("Conv", signs(rng, 6, 2, 3, 3))
    limits = rng.integers(-20, 21, (6, 1)).astype(np.float32)
    graph.node("MultiThreshold", limits, domain=QONNX, out_dtype="BINARY")
    graph.node("MaxPool", kernel_shape=[2, 2], strides=[1, 1])
    return head(rng, graph, 6 * 4 * 2), [Conv2d, MaxPool2d, Linear]


def channels_last_at_the_input(rng):
    graph = Graph(N, 4, 5, 3).node("Transpose", perm=[0, 3, 1, 2])
    graph.node("Mul", rng.random((3, 1, 1), np.float32)).bipolar()
    return head(rng, graph, 60), [Linear]


def one_bit_of_padding(rng):
    graph = Graph(N, 2, 5, 5).bipolar(2.0)
    graph.node("Pad", np.array([0, 0, 1, 1] * 2), graph.floats(-2.0))
    graph.node("Conv", signs(rng, 6, 2, 3, 3)).bipolar()
    graph.node("Transpose", perm=[0, 2, 3, 1])
    return graph.node("Reshape", np.array([N, -1])), [Conv2d]


READ = [
    zero_padding_of_signed_pixels,
    unsigned_pixels_with_a_zero_point,
    narrow_pixels,
    pool_before_the_sign,
    constants_on_both_sides,
    biases_and_scales_of_each_output,
    thresholds_and_bits_of_0_and_1,
    channels_last_at_the_input,
    one_bit_of_padding,
]


@pytest.mark.parametrize("build", READ, ids=lambda build: build.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_gives_what_qonnx_gives(build, seed, tmp_path):
    rng = np.random.default_rng(seed)
    graph, layers = build(rng)
    shape = [dim.dim_value for dim in graph.input.type.tensor_type.shape.dim]
    x = rng.normal(size=shape).astype(np.float32)
    if graph.kind == "UINT3":
        x = rng.integers(0, 8, shape).astype(np.float32)
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    assert [type(layer) for layer in imported.network.layers] == layers
    expected = execute(tmp_path / "a.onnx", x)
    if build is biases_and_scales_of_each_output:
        # ONNX Runtime adds the bias before the products, and so rounds otherwise.
        np.testing.assert_allclose(imported(x), expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(imported(x), expected)


def test_encode_refuses(tmp_path):
    graph = Graph(1, 8).annotate("INT4").node("MatMul", np.ones((8, 4), np.float32)).bipolar()
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    x = np.float32([[-8, 7, 0, 1, 2, 3, -4, 5]])
    assert imported.input.encode(x).tolist() == [[0, 15, 8, 9, 10, 11, 4, 13]]
    for wrong in (x + 0.5, x * 2):
        with pytest.raises(ExchangeError, match="the graph takes values of INT4 alone"):
            imported.input.encode(wrong)
    with pytest.raises(ExchangeError, match="the graph takes finite values alone"):
        imported.input.encode(x * np.nan)
    with pytest.raises(ExchangeError, match=re.escape("takes the shape (N, 8), not (1, 4)")):
        imported.input.encode(x[:, :4])

"""Graphs by hand give what qonnx gives for them."""

import re
import warnings

import numpy as np
import onnx
import pytest
import torch
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


def monotonic_activations(rng):
    graph = Graph(N, 20).bipolar().node("MatMul", signs(rng, 20, 8))
    norm(rng, graph, 8).node("Clip", graph.floats(-0.75), graph.floats(0.5))
    graph.node("PRelu", rng.random(8).astype(np.float32)).node("Sub", graph.floats(0.1)).bipolar()
    graph.node("MatMul", signs(rng, 8, 8)).node("Relu").node("Sub", graph.floats(1.5)).bipolar()
    graph.node("MatMul", signs(rng, 8, 8)).node("LeakyRelu", alpha=0.25).bipolar()
    return head(rng, graph, 8), [Linear] * 4


def pool_before_batch_norm_of_both_signs(rng):
    graph = Graph(N, 2, 9, 9).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), 6).bipolar()
    graph.node("Conv", signs(rng, 8, 6, 2, 2))
    norm(rng, norm(rng, graph, 8).node("MaxPool", kernel_shape=[2, 2], strides=[1, 1]), 8).bipolar()
    return head(rng, graph, 8 * 4), [Conv2d, MaxPool2d, Conv2d, MaxPool2d, Linear]


def batch_norm_of_the_input(rng):
    graph = norm(rng, Graph(N, 3, 4, 4), 3).quant(0.125, 0, 4)
    return head(rng, graph, 48), [Linear]


def older_domains(rng):
    """As the public model zoo has them."""
    graph = Graph(N, 20)
    graph.node("BipolarQuant", graph.floats(1), domain="onnx.brevitas")
    graph.node("MatMul", signs(rng, 20, 6))
    graph.node("BipolarQuant", graph.floats(1), domain="onnx.brevitas")
    return head(rng, graph, 6), [Linear, Linear]


def bias_that_is_quantised(rng):
    graph = Graph(N, 20).bipolar().node("MatMul", signs(rng, 20, 6))
    end, graph.last = graph.last, graph.floats(rng.normal(size=6))
    graph.quant(0.25, 0, 4)
    bias, graph.last = graph.last, end
    return head(rng, graph.node("Add", bias).bipolar(), 6), [Linear, Linear]


def flattened_bits(rng):
    """In the graph's order, which is not the network's."""
    graph = Graph(N, 2, 5, 5).bipolar().node("Conv", signs(rng, 6, 2, 3, 3)).bipolar()
    return graph.node("Flatten", axis=1), [Conv2d]


def bits_of_images(rng):
    graph = Graph(N, 2, 5, 5).bipolar().node("Conv", signs(rng, 6, 2, 3, 3)).bipolar()
    return graph.node("MaxPool", kernel_shape=[2, 2]), [Conv2d, MaxPool2d]


READ = [
    monotonic_activations,
    pool_before_batch_norm_of_both_signs,
    batch_norm_of_the_input,
    older_domains,
    bias_that_is_quantised,
    flattened_bits,
    bits_of_images,
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


def test_a_domain_of_finn(tmp_path):
    """Which qonnx runs only where FINN is installed."""
    found = []
    for domain in (QONNX, "finn.custom_op.general", "onnx.brevitas"):
        graph = Graph(1, 8)
        graph.node("BipolarQuant", graph.floats(1), domain=domain)
        graph.node("MatMul", np.ones((8, 4), np.float32))
        graph.node("BipolarQuant", graph.floats(1), domain=domain)
        found.append(import_qonnx(graph.save(tmp_path / "a.onnx")).network.id)
    assert len(set(found)) == 1


@pytest.mark.parametrize("kind", ["Softmax", "ArgMax", "LogSoftmax"])
def test_a_choice_at_the_end_is_left_out(kind, tmp_path):
    graph = Graph(1, 8).bipolar().node("MatMul", np.ones((8, 4), np.float32)).node(kind)
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    assert imported.network.gives_scores


def test_the_scale_of_the_scores_is_kept(tmp_path):
    """The best class is the graph's, which need not be that of the largest score."""
    rng = np.random.default_rng(0)
    graph = Graph(500, 40).bipolar(0.5).node("MatMul", signs(rng, 40, 6, scale=0.25))
    norm(rng, graph, 6).node("Mul", graph.floats(-0.5)).node("Add", rng.normal(size=6).astype("f4"))
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    x = rng.normal(size=(500, 40)).astype(np.float32)
    expected = execute(tmp_path / "a.onnx", x)
    codes = imported.input.encode(x)
    scores = imported.network.forward(codes)
    np.testing.assert_allclose(imported.network.logits(scores), expected, rtol=1e-4, atol=1e-4)
    assert np.array_equal(imported.network.classify(codes), expected.argmax(1))
    assert np.count_nonzero(scores.argmax(1) != expected.argmax(1)) > 100


def test_what_is_done_to_pixels_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    graph = Graph(50, 3, 4, 4).node("Sub", rng.random((3, 1, 1)).astype(np.float32))
    graph.node("Div", (rng.random((3, 1, 1)) + 0.2).astype(np.float32)).quant(0.25, 0, 4)
    graph.node("Flatten", axis=1).node("MatMul", signs(rng, 48, 9)).bipolar()
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    pixels = rng.integers(0, 256, (50, 4, 4, 3), np.uint8)
    net = imported.network
    assert net.codes.shape == (3, 256)
    assert np.array_equal(net.encode(pixels), imported.input.encode_pixels(pixels))
    x = (pixels.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    expected = execute(tmp_path / "a.onnx", np.ascontiguousarray(x)) > 0
    assert np.array_equal(net.forward(net.encode(pixels)), expected)


def test_a_body_ends_before_other_weights(tmp_path):
    rng = np.random.default_rng(0)
    graph = Graph(N, 2, 5, 5).bipolar().node("Conv", signs(rng, 6, 2, 3, 3)).bipolar()
    graph.node("Flatten", axis=1).node("MatMul", rng.normal(size=(54, 4)).astype(np.float32))
    path = graph.node("Softmax").save(tmp_path / "a.onnx")
    with pytest.raises(ExchangeError, match=r"they have \d+ sizes; .*`--body` \(body=True\) reads"):
        import_qonnx(path)
    imported = import_qonnx(path, body=True)
    assert [type(layer) for layer in imported.network.layers] == [Conv2d]
    assert not imported.network.gives_scores
    assert imported(np.zeros((1, 2, 5, 5), np.float32)).shape == (1, 54)


def test_padding_of_bits_that_are_turned_over_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    graph = Graph(N, 2, 9, 9).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), 6).bipolar()
    graph.node("Pad", np.array([0, 0, 1, 1] * 2), graph.floats(1.0))
    graph.node("Conv", signs(rng, 8, 6, 2, 2)).bipolar()
    with pytest.raises(ExchangeError, match="pads what a MaxPool gives before a batch norm"):
        import_qonnx(graph.save(tmp_path / "a.onnx"))


def test_what_torchscript_writes(tmp_path):
    """Padding worked out from constants, limits of Hardtanh, slopes of PReLU."""
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(nn.ConstantPad2d(1, 1.0), nn.Conv2d(2, 4, 3, bias=False), nn.Hardtanh())
    module.append(nn.PReLU(4))
    with torch.no_grad():
        module[1].weight.sign_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            torch.zeros(N, 2, 5, 5),
            str(tmp_path / "t.onnx"),
            dynamo=False,
            opset_version=13,
        )
    model = onnx.load(tmp_path / "t.onnx")
    graph = Graph(N, 2, 5, 5).bipolar()
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == model.graph.input[0].name:
                node.input[index] = graph.last
    graph.nodes.extend(model.graph.node)
    graph.tensors.extend(model.graph.initializer)
    graph.last = model.graph.output[0].name
    graph.bipolar()
    x = np.random.default_rng(0).normal(size=(N, 2, 5, 5)).astype(np.float32)
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    with torch.no_grad():
        sums = module(torch.where(torch.from_numpy(x) >= 0, 1.0, -1.0)).numpy()
    np.testing.assert_array_equal(imported(x), np.where(sums >= 0, 1, -1))


@pytest.mark.parametrize("at", [0, 1], ids=["the input", "floats of it"])
def test_an_output_that_no_layer_gives_is_refused(at, tmp_path):
    graph = Graph(1, 8).node("Mul", np.float32(0.5)).bipolar()
    graph.node("MatMul", np.ones((8, 4), np.float32)).bipolar()
    graph.last = ("x", "y0")[at]
    message = f"no layer gives the output '{graph.last}'"
    with pytest.raises(ExchangeError, match=re.escape(message)):
        import_qonnx(graph.save(tmp_path / "a.onnx"))

"""Graphs with branches, levels, averages and weights of a few bits give what qonnx gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from networks import seeds
from onnxgraphs import QONNX, Graph, execute

from bitlight import Conv2d, ExchangeError, Linear, MaxPool2d
from bitlight.network.layers import Add, Affine, Concat, SumPool2d, Threshold
from bitlight.qonnx import import_qonnx
from bitlight.qonnx.planes import split

N = 30


def small(rng, *shape, low=-1, high=1, scale=1.0):
    return (rng.integers(low, high + 1, shape) * scale).astype(np.float32)


def signs(rng, *shape, scale=1.0):
    return (rng.choice([-1.0, 1.0], shape) * scale).astype(np.float32)


def norm(rng, graph, channels):
    """Batch norm with gains of both signs, and sums that stay away from ties."""
    constants = rng.normal(size=(3, channels)).astype(np.float32) * [[1], [1], [4]]
    variance = rng.random(channels, np.float32) * 30 + 1
    return graph.node("BatchNormalization", *constants.astype(np.float32), variance)


def conv(rng, graph, weight, **attributes):
    return graph.node("Conv", weight, pads=[1] * 4, **attributes)


def shortcut_of_levels(rng):
    """A block of Brevitas' ResNet: what was quantised is added to what is, by one scale."""
    graph = Graph(N, 2, 5, 5).quant(0.25, 0, 4)
    norm(rng, conv(rng, graph, signs(rng, 6, 2, 3, 3)), 6).quant(0.5, 0, 2, narrow=1)
    first = graph.last
    norm(rng, conv(rng, graph, signs(rng, 6, 6, 3, 3)), 6).quant(0.5, 0, 3, narrow=1)
    graph.node("Add", first).node("Relu").quant(0.5, 0, 2, signed=0)
    graph.node("Flatten").node("MatMul", signs(rng, 150, 4))
    return graph, {Conv2d: 2, Affine: 2, Add: 1, Threshold: 1, Linear: 1}


def shortcut_of_sums(rng):
    """Sums kept beside their bits, each with a scale that is a power of two."""
    graph = Graph(N, 2, 5, 5).bipolar()
    graph.node("Conv", signs(rng, 6, 2, 3, 3)).node("Mul", 2.0 ** small(rng, 6, 1, 1))
    first = graph.last
    graph.bipolar().node("Pad", np.array([0, 0, 1, 1] * 2), graph.floats(1.0))
    graph.node("Conv", signs(rng, 6, 6, 3, 3)).node("Mul", 0.5 * signs(rng, 6, 1, 1))
    graph.node("Add", first)
    norm(rng, graph, 6).bipolar().node("Flatten").node("MatMul", signs(rng, 54, 4))
    return graph, {Conv2d: 2, Threshold: 2, Add: 1, Linear: 1}


def difference_of_sums(rng):
    """Sub of values that both come from the input, and a mean over rows and columns."""
    graph = Graph(N, 2, 5, 5).bipolar().node("Conv", signs(rng, 6, 2, 3, 3))
    first = graph.last
    graph.bipolar().node("Conv", signs(rng, 6, 6, 1, 1, scale=0.5)).node("Sub", first)
    norm(rng, graph, 6).quant(0.5, 0, 3)
    graph.node("ReduceMean", axes=[2, 3], keepdims=0)
    return graph, {Conv2d: 2, Threshold: 2, Add: 1, SumPool2d: 1}


def scales_of_each_channel(rng):
    """Levels whose scales are powers of two, one for each channel, on one grid."""
    graph = Graph(N, 3, 5, 5).bipolar()
    begin = graph.last
    norm(rng, graph.node("Conv", signs(rng, 6, 3, 2, 2)), 6)
    graph.quant(2.0 ** small(rng, 1, 6, 1, 1), 0, 4)
    first, graph.last = graph.last, begin
    norm(rng, graph.node("Conv", signs(rng, 6, 3, 2, 2)), 6)
    graph.quant(2.0 ** small(rng, 6, 1, 1), 0, 2, narrow=1).node("Add", first)
    graph.quant(1, 0, 3).node("Flatten").node("MatMul", signs(rng, 96, 4))
    return graph, {Conv2d: 2, Add: 1, Threshold: 1, Linear: 1}


def nested_branches(rng):
    graph = Graph(N, 3, 4, 4).quant(0.5, 0, 3)
    conv(rng, graph, signs(rng, 4, 3, 3, 3)).quant(2.0, 0, 2, narrow=1)
    outer = graph.last
    conv(rng, graph, signs(rng, 4, 4, 3, 3)).quant(2.0, 0, 2, narrow=1)
    inner = graph.last
    conv(rng, graph, signs(rng, 4, 4, 3, 3)).quant(2.0, 0, 2, narrow=1).node("Add", inner)
    graph.quant(2.0, 0, 3, narrow=1).node("Add", outer, left=True).quant(4.0, 0, 2)
    graph.node("Flatten").node("MatMul", signs(rng, 64, 3))
    return graph, {Conv2d: 3, Add: 2, Affine: 4, Threshold: 2, Linear: 1}


def side_by_side(rng):
    """Two branches of one scale, as levels; a convolution takes both."""
    graph = Graph(N, 2, 5, 5).bipolar()
    norm(rng, graph.node("Conv", signs(rng, 4, 2, 3, 3)), 4).quant(1, 0, 2, narrow=1)
    first, graph.last = graph.last, "y0"
    norm(rng, graph.node("Conv", signs(rng, 3, 2, 3, 3)), 3).quant(1, 0, 2, narrow=1)
    graph.node("Concat", first, axis=1).node("Conv", signs(rng, 5, 7, 3, 3)).bipolar()
    return graph.node("Flatten"), {Conv2d: 3, Concat: 1}


def side_by_side_with_other_scales(rng):
    graph = Graph(N, 12).bipolar()
    graph.node("MatMul", signs(rng, 12, 4)).quant(1, 0, 2, narrow=1)
    first, graph.last = graph.last, "y0"
    graph.node("MatMul", signs(rng, 12, 3)).quant(0.25, 1, 3, signed=0)
    graph.node("Concat", first, axis=-1).quant(0.5, 0, 3)
    return graph.node("MatMul", signs(rng, 7, 3)), {Linear: 3, Affine: 2, Concat: 1, Threshold: 1}


def average_of_levels(rng):
    graph = Graph(N, 2, 6, 6).quant(0.25, 0, 4)
    norm(rng, graph.node("Conv", signs(rng, 6, 2, 3, 3)), 6).quant(0.5, 0, 4, signed=0)
    graph.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).quant(0.25, 0, 3, signed=0)
    graph.node("Conv", signs(rng, 5, 6, 1, 1)).quant(1, 0, 2).node("GlobalAveragePool")
    graph.node("Flatten").node("Mul", graph.floats(3)).node("Add", small(rng, 5))
    return graph, {Conv2d: 2, SumPool2d: 2, Threshold: 1}


def average_of_a_shortcut(rng):
    graph = Graph(N, 2, 4, 4).bipolar().node("Conv", signs(rng, 6, 2, 1, 1))
    first = graph.last
    graph.bipolar().node("Conv", signs(rng, 6, 6, 1, 1)).node("Add", first)
    graph.node("GlobalAveragePool").node("Flatten").quant(0.5, 0, 4)
    return graph.node("MatMul", signs(rng, 6, 3)), {
        Conv2d: 2,
        Threshold: 2,
        Add: 1,
        SumPool2d: 1,
        Linear: 1,
    }


def weights_of_two_bits(rng):
    """Narrow; of all four values; in odd steps; each with scales of its own outputs."""
    graph = Graph(N, 2, 5, 5).quant(0.5, 0, 3)
    weight = small(rng, 6, 2, 3, 3) * np.float32(2.0) ** small(rng, 6, 1, 1, 1)
    norm(rng, conv(rng, graph, weight), 6).quant(0.5, 0, 2, narrow=1)
    norm(rng, conv(rng, graph, small(rng, 5, 6, 3, 3, low=-2)), 5).bipolar()
    graph.node("Flatten").node("MatMul", 2 * small(rng, 125, 7, low=-2) + 1)
    norm(rng, graph, 7).quant(1, 0, 3, narrow=1).node("MatMul", small(rng, 7, 4))
    return graph, {Conv2d: 5, Add: 4, Affine: 2, Threshold: 3, Linear: 4}


def pool_before_levels_of_both_signs(rng):
    """A maximum of sums whose batch norm falls: of levels turned over."""
    graph = Graph(N, 2, 9, 9).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), 6)
    graph.quant(0.5, 0, 3, narrow=1).node("Conv", signs(rng, 8, 6, 2, 2)).bipolar()
    return graph.node("Flatten"), {Conv2d: 2, MaxPool2d: 1}


def pool_of_levels(rng):
    graph = Graph(N, 2, 9, 9).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph, 6).quant(0.5, 1, 2).node("MaxPool", kernel_shape=[3, 2], strides=[2, 1])
    graph.node("Flatten").node("MatMul", signs(rng, 126, 4))
    return graph, {Conv2d: 1, MaxPool2d: 1, Linear: 1}


def many_thresholds(rng):
    """In no order, with a bias of half steps, as FINN writes what it has streamlined."""
    graph = Graph(N, 20).bipolar().node("MatMul", signs(rng, 20, 6))
    limits = rng.integers(-9, 10, (6, 5)).astype(np.float32)
    more = {"out_dtype": "FLOAT32", "domain": QONNX}
    graph.node("MultiThreshold", limits, out_scale=0.5, out_bias=-1.25, **more)
    graph.node("MatMul", signs(rng, 6, 4)).node("MultiThreshold", small(rng, 1, 3, high=5), **more)
    return graph, {Linear: 2}


def levels_turned_over_and_averaged(rng):
    graph = Graph(N, 2, 9, 9).bipolar().node("Conv", signs(rng, 6, 2, 2, 2))
    norm(rng, graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), 6)
    graph.quant(0.5, 0, 3, narrow=1).node("GlobalAveragePool").node("Flatten")
    return graph, {Conv2d: 1, MaxPool2d: 1, Affine: 1, SumPool2d: 1}


READ = [
    difference_of_sums,
    scales_of_each_channel,
    shortcut_of_levels,
    shortcut_of_sums,
    nested_branches,
    side_by_side,
    side_by_side_with_other_scales,
    average_of_levels,
    average_of_a_shortcut,
    weights_of_two_bits,
    pool_before_levels_of_both_signs,
    pool_of_levels,
    many_thresholds,
    levels_turned_over_and_averaged,
]


@pytest.mark.parametrize("build", READ)
def test_a_graph_gives_what_qonnx_gives(build, tmp_path):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        graph, kinds = build(rng)
        imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
        found = [type(node.layer) for node in imported.network.nodes]
        assert {kind: found.count(kind) for kind in kinds} == kinds
        assert set(found) <= {*kinds, Affine}
        assert len(imported.nodes) == len(found)
        x = rng.normal(size=[dim.dim_value for dim in graph.input.type.tensor_type.shape.dim])
        x = x.astype(np.float32)
        codes = imported.input.encode(x)
        scores = imported.network.forward(codes)
        assert np.array_equal(imported.decode(scores), execute(tmp_path / "a.onnx", x))
        assert np.array_equal(imported.network.forward(codes, engine="plain"), scores)
        assert len(np.unique(scores)) > 1


@given(seeds())
@settings(max_examples=60, deadline=None)
def test_planes_add_up_to_the_weights(seed):
    rng = np.random.default_rng(seed)
    most = int(rng.integers(1, 9))
    integers = rng.integers(-most, most + 1, (5, 3, 4))
    if rng.random() < 0.3:
        integers = 2 * rng.integers(-4, 4, (5, 3, 4)) + 1
    scale = (2.0 ** rng.integers(-3, 4, 5)).astype(np.float32) * np.float32(rng.choice([1, 0.375]))
    weight = integers.astype(np.float32) * scale[:, None, None]
    found = split(weight)
    assert found is not None
    total = sum(
        factor * np.where(plane, 1, -1)
        for factor, plane in zip(found.factors, found.planes, strict=True)
    )
    rows = total.reshape(5, -1) / found.times
    assert np.array_equal(rows * found.scale[:, None], weight.reshape(5, -1))
    assert np.array_equal(rows.sum(1), found.weight_sum)


def test_ternary_weights_are_two_planes_and_signs_are_one():
    assert len(split(np.float32([[0, 1, -1], [0.5, 0.5, 0]])).planes) == 2
    assert len(split(np.float32([[2, -2], [0.3, 0.3]])).planes) == 1
    assert split(np.float32([[1, 9]])) is None
    # What float32 has rounded is no multiple: 3 · 0.1 lies between two floats.
    assert split(np.float32([[0.1, 3 * np.float32(0.1)]])) is None


def test_one_changed_weight_of_a_branch_is_found(tmp_path):
    graph, _ = shortcut_of_levels(np.random.default_rng(0))
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    graph, _ = shortcut_of_levels(np.random.default_rng(0))
    weight = next(t for t in graph.tensors if tuple(t.dims) == (6, 6, 3, 3))
    values = np.frombuffer(weight.raw_data, np.float32).copy()
    values[::7] *= -1
    weight.raw_data = values.tobytes()
    x = np.random.default_rng(1).normal(size=(N, 2, 5, 5)).astype(np.float32)
    expected = execute(graph.save(tmp_path / "b.onnx"), x)
    assert np.count_nonzero(imported(x) != expected) > 10


def test_what_nothing_takes_is_left_out(tmp_path):
    graph = Graph(N, 8).bipolar().node("MatMul", np.ones((8, 4), np.float32)).bipolar()
    last = graph.last
    graph.node("MatMul", np.ones((4, 3), np.float32)).bipolar().last = last
    imported = import_qonnx(graph.save(tmp_path / "a.onnx"))
    assert [type(node.layer) for node in imported.network.nodes] == [Linear]


def test_a_mean_of_nine_is_rounded_and_so_not_added(tmp_path):
    rng = np.random.default_rng(0)
    graph = Graph(1, 2, 3, 3).bipolar().node("Conv", signs(rng, 4, 2, 1, 1)).bipolar()
    graph.node("GlobalAveragePool")
    first = graph.last
    graph.quant(0.5, 0, 2).node("Add", first)
    with pytest.raises(ExchangeError, match=r"node 'Add_0' \(Add\): takes x / 9, which is rounded"):
        import_qonnx(graph.save(tmp_path / "a.onnx"))

"""Exported networks, run by qonnx's executor and read back."""

import dataclasses

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from networks import draw_images, draw_network, seeds
from onnxgraphs import execute

from bitlight import BitlightError, Conv2d, ExchangeError, Linear, Network, extractors
from bitlight.qonnx import export_qonnx, import_qonnx
from bitlight.qonnx.writer import to_model


def taken(net, images):
    """Images as the graph takes them."""
    x = images.astype(np.float32)
    x = 2 * x - 1 if net.input_bits == 1 else x
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def given_by(net, images):
    """What the graph must give."""
    features = net.forward(images).astype(np.float32)
    return features if net.gives_scores else 2 * features - 1


@given(seeds())
@settings(max_examples=40, deadline=None)
def test_generated_networks_by_qonnx_and_back(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    images = draw_images(rng, net, 4)
    path = tmp_path_factory.mktemp("onnx") / "a.onnx"
    export_qonnx(net, path, batch=4)
    onnx.checker.check_model(onnx.load(path))
    x = taken(net, images)
    assert np.array_equal(execute(path, x), given_by(net, images))
    again = import_qonnx(path)
    assert np.array_equal(again.input.encode(x), images)
    assert np.array_equal(again(x), given_by(net, images))
    assert [type(layer) for layer in again.network.layers] == [type(layer) for layer in net.layers]
    # Thresholds between two sums come back as the greater of the two, and stay so.
    export_qonnx(again.network, path)
    assert import_qonnx(path).network.id == again.network.id


def test_the_shipped_extractor_comes_back_as_it_was(tmp_path):
    net = extractors.load("fashion28")
    images = draw_images(np.random.default_rng(0), net, 200)
    export_qonnx(net, tmp_path / "a.onnx", batch=200)
    differ = execute(tmp_path / "a.onnx", taken(net, images)) != given_by(net, images)
    assert np.count_nonzero(differ) == 0
    assert import_qonnx(tmp_path / "a.onnx").network.id == net.id


def test_one_flipped_weight_is_found(tmp_path):
    net = extractors.load("fashion28")
    weight = net.layers[-1].weight.copy()
    weight[3, 5] ^= True
    last = dataclasses.replace(net.layers[-1], weight=weight)
    changed = Network(net.input_shape, net.input_bits, [*net.layers[:-1], last])
    images = draw_images(np.random.default_rng(1), net, 8)
    export_qonnx(changed, tmp_path / "a.onnx", batch=8)
    differ = execute(tmp_path / "a.onnx", taken(net, images)) != given_by(net, images)
    assert differ[:, 3].all()
    assert np.count_nonzero(differ) == 8


def test_same_network_same_bytes(tmp_path):
    for name in "ab":
        export_qonnx(draw_network(np.random.default_rng(3)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_finn_looks_for():
    rng = np.random.default_rng(0)
    layers = [
        Conv2d(rng.random((4, 3, 3, 2)) < 0.5, rng.integers(-99, 99, 4)),
        Linear(rng.random((5, 64)) < 0.5, None),
    ]
    net = Network((6, 6, 2), 4, layers)
    model = to_model(net)
    assert model.producer_name == "bitlight"
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "bitlight_network": net.id
    }
    kinds = {
        annotation.tensor_name: annotation.quant_parameter_tensor_names[0].value
        for annotation in model.graph.quantization_annotation
    }
    assert kinds == {"input": "UINT4", "threshold0": "INT32"}
    assert [node.op_type for node in model.graph.node] == [
        "BipolarQuant",
        "Conv",
        "MultiThreshold",
        "Flatten",
        "BipolarQuant",
        "MatMul",
    ]
    (threshold,) = (t for t in model.graph.initializer if t.name == "threshold0")
    array = onnx.numpy_helper.to_array(threshold)
    assert np.array_equal(array, np.rint(array))


def test_refuses_what_floats_cannot_hold(tmp_path, monkeypatch):
    net = Network((30,), 8, [Linear(np.ones((2, 30), bool), None)])
    monkeypatch.setattr("bitlight.qonnx.chains.INEXACT", 2 * 30 * 255)
    with pytest.raises(ExchangeError, match="layer 0: its sums reach 7650, too large to be exact"):
        export_qonnx(net, tmp_path / "a.onnx")
    monkeypatch.setattr("bitlight.qonnx.writer.LARGEST_FILE", 200)
    with pytest.raises(ExchangeError, match="60 weights of four bytes each make a file of more"):
        export_qonnx(net, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BitlightError, match="cannot write"):
        export_qonnx(draw_network(np.random.default_rng(3)), tmp_path / "none" / "a.onnx")

"""Networks that are graphs, written, run by qonnx's executor and, where that is read, read back."""

import re

import numpy as np
import onnx
import pytest
from graphs import draw_graph, draw_values
from onnxgraphs import execute

from bitlight import Conv2d, ExchangeError, Linear, Network
from bitlight.network.layers import Add, Affine, Concat, SumPool2d, Threshold
from bitlight.qonnx import export_qonnx, import_qonnx

REFUSED = re.compile("too large to be exact|ONNX has means alone")


def taken(net, images):
    """Images as the graph takes them."""
    x = images.astype(np.float32)
    x = 2 * x - 1 if net.input_bits == 1 else x
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def test_generated_graphs_by_qonnx(tmp_path):
    """What is written gives every value, and so does what is read back; or it is refused."""
    written = again = 0
    refused, unread = [], []
    path = tmp_path / "a.onnx"
    for seed in range(40):
        rng = np.random.default_rng(seed)
        net = draw_graph(rng)
        images = draw_values(rng, net, 3)
        try:
            export_qonnx(net, path, batch=3)
        except ExchangeError as error:
            refused.append(str(error))
            continue
        onnx.checker.check_model(onnx.load(path))
        found = net.forward(images).astype(np.float64)
        if not net.gives_scores:
            found = 2 * found - net.output.kind.top
        assert np.array_equal(execute(path, taken(net, images)), found)
        written += 1
        try:
            imported = import_qonnx(path)
        except ExchangeError as error:
            unread.append(str(error))
            continue
        assert np.array_equal(imported(taken(net, images)).reshape(found.shape), found)
        again += 1
    assert [message for message in refused if not REFUSED.search(message)] == []
    assert [message for message in unread if not re.search("node '|scores", message)] == []
    assert written >= 20
    assert again >= 3


def test_a_residual_network_comes_back(tmp_path):
    rng = np.random.default_rng(0)

    def weight(*shape):
        return rng.random(shape) < 0.5

    def rows(outputs, count, spread):
        return np.sort(rng.integers(-spread, spread, (outputs, count)), axis=1)

    layers = {
        "stem": (Conv2d(weight(6, 3, 3, 2), rows(6, 3, 40), padding=(1, 1)), "input"),
        "first": (Conv2d(weight(6, 3, 3, 6), None, padding=(1, 1), pad_value=2), "stem"),
        "bits": (Threshold(rows(6, 1, 20)), "first"),
        "second": (Conv2d(weight(6, 3, 3, 6), None, padding=(1, 1)), "bits"),
        "sum": (Add(), "first", "second"),
        "levels": (Threshold(rows(6, 2, 30)), "sum"),
        "both": (Concat(), "levels", "other"),
        "scores": (Linear(weight(4, 6 * 6 * 12), None), "both"),
    }
    layers["other"] = (Conv2d(weight(6, 1, 1, 6), rows(6, 2, 9)), "stem")
    layers = {name: layers[name] for name in [*list(layers)[:6], "other", "both", "scores"]}
    net = Network((6, 6, 2), 4, layers)
    export_qonnx(net, tmp_path / "a.onnx", batch=20)
    images = draw_values(rng, net, 20)
    imported = import_qonnx(tmp_path / "a.onnx")
    assert np.array_equal(imported(taken(net, images)), net.forward(images))
    kinds = [sorted(type(layer).__name__ for layer in n.layers) for n in (net, imported.network)]
    assert kinds[0] == kinds[1]


def test_a_mean_that_would_be_rounded_is_refused(tmp_path):
    layer = Conv2d(np.ones((2, 1, 1, 1), bool), None)
    net = Network((3, 3, 1), 1, {"a": (layer, "input"), "b": (SumPool2d("all"), "a")})
    with pytest.raises(ExchangeError, match=r"node b \(SumPool2d\): ONNX has means alone"):
        export_qonnx(net, tmp_path / "a.onnx")


def test_integers_too_large_for_floats_are_refused(tmp_path):
    layer = Conv2d(np.ones((2, 1, 1, 1), bool), None)
    affine = Affine(np.array([1 << 24, 1]), np.zeros(2, np.int64), 3, -9, 9)
    net = Network((3, 3, 1), 1, {"a": (layer, "input"), "b": (affine, "a")})
    with pytest.raises(ExchangeError, match=r"node b \(Affine\): its integers reach 16,777,216"):
        export_qonnx(net, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())

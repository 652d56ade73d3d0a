"""The engines that speed is measured against compute the same, and figures add up."""

import importlib.util

import numpy as np
import pytest
from graphs import draw_graph, draw_values
from networks import draw_images, draw_network

from bitlight import BitlightError, Conv2d, Linear, MaxPool2d, Network
from bitlight_lab.benchmarks import golden as speed
from bitlight_lab.benchmarks import harness, rivals


@pytest.mark.parametrize("seed", range(10))
def test_engines_agree(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    x = draw_images(rng, net, 5)
    expected = net.forward(x)
    whole = 0
    for name, run in rivals.engines(net, 1):
        found = run(x)
        assert (found is None) == name.endswith("alone")
        if found is not None:
            whole += 1
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected), name
    assert whole >= 4


@pytest.mark.parametrize("seed", range(20))
def test_engines_of_graphs_agree(seed):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng, multiple=16 if seed % 2 else 1)
    x = draw_values(rng, net, 5)
    expected = net.forward(x)
    for name, run in rivals.engines(net, 1):
        found = run(x)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), name


def test_bnn_lab_is_measured_only_where_it_is_installed():
    net = draw_network(np.random.default_rng(0))
    names = [name for name, _ in rivals.engines(net, 1)]
    assert any("bnn-lab" in name for name in names) == bool(importlib.util.find_spec("bnn"))


def test_figures(monkeypatch):
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    monkeypatch.setattr(harness, "REST", 0.0)
    net = Network((6, 6, 2), 8, [Conv2d(np.ones((5, 3, 3, 2), bool), np.zeros(5, np.int32))])
    found = speed.measure(net, 1, rounds=2, without=("torch",))
    assert found["macs"] == 16 * 18 * 5
    assert set(found["engines"]) >= {"packed", "plain"}
    assert not any(name.startswith("torch") for name in found["engines"])
    for row in found["engines"].values():
        assert len(row["seconds_per_image"]) == 2
        assert row["gmacs_per_s"] == pytest.approx(row["images_per_s"] * found["macs"] / 1e9)
    assert found["engines"]["packed"]["ratio"] == 1


def test_a_wrong_engine_is_found_out(monkeypatch):
    def engines(net, threads):
        yield "packed", net.forward
        yield "wrong", lambda x: 1 - net.forward(x)

    monkeypatch.setattr(rivals, "engines", engines)
    net = Network((6, 6, 2), 8, [Conv2d(np.ones((5, 3, 3, 2), bool), np.zeros(5, np.int32))])
    with pytest.raises(BitlightError, match="wrong gives other features"):
        speed.measure(net, 1)


def test_layers(monkeypatch):
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    monkeypatch.setattr(harness, "REST", 0.0)
    conv = Conv2d(np.ones((5, 3, 3, 2), bool), np.zeros(5, np.int32))
    net = Network((6, 6, 2), 8, [conv, MaxPool2d(), Linear(np.ones((3, 20), bool), None)])
    rows = speed.layers(net, 1, batch=4)
    assert [row["macs"] for row in rows] == [16 * 18 * 5, 20 * 3]
    assert all(row["gmacs_per_s"] > 0 for row in rows)

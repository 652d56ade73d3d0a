"""Graphs: the packed engine against the plain one, node by node; arithmetic by hand; refusals."""

import numpy as np
import pytest
from graphs import draw_graph, draw_values

from bitlight import Add, Affine, Concat, Linear, Network, NetworkError, PReLU, Threshold

ONE = Linear(np.ones((1, 4), bool), None)


@pytest.mark.parametrize("seed", range(300))
def test_packed_equals_plain_at_every_node(seed):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng)
    x = draw_values(rng, net, 3)
    for node in net.nodes:
        part = net.upto(node.name)
        expected = part.forward(x, engine="plain")
        found = part.forward(x)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), (node.name, type(node.layer).__name__)
        low, high = (node.value.kind.low, node.value.kind.high)
        if part.gives_scores:
            assert low <= expected.min()
            assert expected.max() <= high


@pytest.mark.parametrize("seed", range(60))
def test_a_graph_is_stored_as_it_is(seed, tmp_path):
    net = draw_graph(np.random.default_rng(seed))
    net.save(tmp_path / "net.bnn")
    again = Network.load(tmp_path / "net.bnn")
    assert again.id == net.id
    assert [(n.name, n.inputs, n.value) for n in again.nodes] == [
        (n.name, n.inputs, n.value) for n in net.nodes
    ]
    x = draw_values(np.random.default_rng(seed), net, 2)
    assert np.array_equal(again.forward(x), net.forward(x))
    again.save(tmp_path / "again.bnn")
    assert (tmp_path / "again.bnn").read_bytes() == (tmp_path / "net.bnn").read_bytes()


def run(layer, value, engine):
    """What a layer gives for one image of integers, by way of a Linear that makes them."""
    size = len(value)
    # Integers of any size: sums of a Linear, then an Affine that puts the value in their place.
    first = Linear(np.ones((size, 1), bool), None)
    place = Affine(np.zeros(size, int), np.array(value), 0, -(1 << 31), (1 << 31) - 1)
    net = Network((1,), 1, {"a": (first, "input"), "b": (place, "a"), "c": (layer, "b")})
    return net.forward(np.zeros((1, 1), np.uint8), engine=engine)[0].tolist()


@pytest.mark.parametrize("engine", ["plain", "packed"])
def test_equations_by_hand(engine):
    def given(layer, *value):
        return run(layer, value, engine)

    # (m·x + β) >> s rounds down, then clips.
    assert given(Affine(np.array([3, -3]), np.array([1, 1]), 2, -9, 9), 5, 5) == [4, -4]
    assert given(Affine(np.array([100]), np.array([0]), 0, -9, 9), 1) == [9]
    # v = x + γ; v or (p·v) >> s, rounded down; + ζ.
    ramp = PReLU(np.array([3, 3]), 2, np.array([1, 1]), np.array([10, 10]))
    assert given(ramp, 4, -4) == [15, 10 + (-9 >> 2)]
    # Σ_k [x ≥ t_k].
    assert given(Threshold(np.array([[-1, 0, 5], [7, 7, 8]])), 0, 7) == [2, 2]
    assert given(Threshold(np.array([3, 4])), 3, 3) == [1, 0]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"a": (ONE, "inputs")}, "node a: it takes 'inputs', which is no node before it"),
        ({"a": (ONE, "b"), "b": (ONE, "input")}, "node a: it takes 'b', which is no node before"),
        ({"a": (ONE, "input"), "b": (ONE, "input")}, "nothing takes what a gives"),
        ({"a": (ONE, "input", "input")}, "node a: Linear takes one value"),
        ({"input": (ONE, "input")}, "a node's name must be"),
        ({"a/b": (ONE, "input")}, "a node's name must be"),
        ({"a": (ONE,)}, "node a: it must be"),
        ({"a": (Add(), "input", "input")}, "node a: it takes integers, not bits"),
        ({"a": (Threshold(np.array([1])), "input")}, "node a: it takes integers, not bits"),
        ({"s": (ONE, "input"), "a": (Concat(), "s")}, "node a: it takes two values or more"),
        ({}, "at least one layer"),
    ],
)
def test_graphs_that_are_refused(nodes, message):
    with pytest.raises(NetworkError, match=message):
        Network((4,), 1, nodes)


def test_ranges_follow_from_what_comes_before():
    sums = Linear(np.ones((2, 4), bool), None)
    double = Affine(np.array([2, -3]), np.array([1, 0]), 1, -100, 5)
    net = Network((4,), 1, {"s": (sums, "input"), "d": (double, "s"), "j": (Add(), "s", "d")})
    assert [str(node.value.kind) for node in net.nodes] == [
        "integers -4 … 4",
        "integers -6 … 5",
        "integers -10 … 9",
    ]
    with pytest.raises(NetworkError, match="do not fit in 32 bits"):
        Network(
            (4,),
            1,
            {
                "s": (sums, "input"),
                "d": (
                    Affine(np.array([1 << 30] * 2), np.zeros(2, int), 0, -(1 << 31), (1 << 31)),
                    "s",
                ),
            },
        )

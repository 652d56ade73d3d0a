"""Projector: intensities of generated vectors against the model, bit for bit and to the cycle."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Fragment
from hypothesis import given, settings
from networks import draw_accelerator, draw_bits_network, draw_projection, seeds
from streams import PAUSES, Pauses, beats, check

from bitlight import FoldingError, Linear, Network, OpticsError
from bitlight_hw import Accelerator, Projection, timing
from bitlight_hw.family import FAMILIES, SIMULATION
from bitlight_hw.folding import slowest_layer
from bitlight_hw.layerplans import layers

# Features, and their projection.
CASES = [
    pytest.param(64, Projection(6, 1, 3, components=2), id="two words"),
    pytest.param(70, Projection(4, 2), id="a part of a word"),
    pytest.param(96, Projection(6, 3, 2, lanes=8, components=6), id="all components at once"),
    pytest.param(33, Projection(8, 4, 4, lanes=16, components=8), id="some side by side"),
    pytest.param(20, Projection(12, 7, 1, components=4), id="all side by side"),
    pytest.param(5, Projection(3, 5, lanes=1, components=3), id="a lane"),
    pytest.param(1, Projection(1, 6), id="a feature, a component"),
    pytest.param(300, Projection(7, 8, 6, components=7), id="one behind the other"),
    pytest.param(40, Projection(2, 9, 20, lanes=4), id="dark"),
]


class Elaborated(Elaboratable):
    """A unit as it is elaborated for a family, whatever the simulator asks for."""

    def __init__(self, unit, family):
        self.i, self.o, self.timing = unit.i, unit.o, unit.timing
        self.fragment = Fragment.get(unit, family)

    def elaborate(self, platform):
        return self.fragment


def vectors(rng, features, count=4):
    """Random ones, and the darkest and the brightest."""
    x = rng.integers(0, 2, (count, features), dtype=np.uint8)
    x[0], x[-1] = 0, 1
    return x


def check_projector(features, projection, family, pauses, model=None):
    unit = projection.projector(features)
    x = vectors(np.random.default_rng(1), features)
    filled = np.pad(x, [(0, 0), (0, -features % projection.lanes)])
    sent = [unit.turns * beats(row, projection.lanes, 1) for row in filled]
    expected = [beats(row, unit.side, 8) for row in (model or projection).of(x)]
    check(Elaborated(unit, family), sent, expected, pauses)


@pytest.mark.parametrize("pauses", [PAUSES[0], PAUSES[2], PAUSES[4]])
@pytest.mark.parametrize(("features", "projection"), CASES)
def test_gives_intensities(features, projection, pauses):
    check_projector(features, projection, SIMULATION, pauses)


@pytest.mark.parametrize(("features", "projection"), CASES)
def test_on_an_fpga(features, projection):
    check_projector(features, projection, FAMILIES["xc7"], PAUSES[3])


@given(seeds())
@settings(max_examples=12, deadline=None)
def test_generated_projections(seed):
    rng = np.random.default_rng(seed)
    family = FAMILIES[str(rng.choice([*FAMILIES]))]
    pauses = Pauses(*rng.choice([0.0, 0.3, 0.7], 2))
    check_projector(int(rng.integers(1, 120)), draw_projection(rng), family, pauses)


@pytest.mark.parametrize("change", [{"seed": 2}, {"shift": 4}], ids=str)
def test_another_medium_or_shift_is_found(change):
    projection = Projection(6, 1, 3, components=2)
    with pytest.raises(AssertionError, match="^beat [0-9]+ is"):
        check_projector(64, projection, SIMULATION, Pauses(), replace(projection, **change))


def test_a_place_less_costs_cycles(monkeypatch):
    projection = Projection(12, components=3)
    places = projection.projector(96).places
    monkeypatch.setattr("bitlight_hw.optics.Projector.places", places - 1)
    with pytest.raises(AssertionError, match="interval"):
        check_interval(projection)
    monkeypatch.undo()
    check_interval(projection)


def check_interval(projection):
    unit = projection.projector(96)
    found = timing.run(unit.timing, unit.turns * unit.beats, unit.n_components // unit.side)
    assert found.interval == unit.turns * unit.beats, "interval"


@pytest.mark.parametrize("seed", range(40))
def test_a_chain_that_ends_in_it_keeps_its_interval(seed):
    rng = np.random.default_rng(seed)
    net, projection = draw_bits_network(rng), draw_projection(rng)
    acc = draw_accelerator(rng, net, projection)
    vector = -(-net.n_features // projection.lanes)
    turns = projection.n_components // projection.components
    assert acc.cycles_per_image >= max(turns * vector, slowest_layer(net, acc.folding))
    assert acc.cycles_per_image == max(slowest_layer(net, acc.folding), *acc.links.values())
    assert acc.beats_out.shape == (projection.n_components,)
    *_, planned = layers(acc, "xc7")
    assert planned.name == "Projection"
    assert planned.cycles >= turns * vector


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lanes": 24}, FoldingError, "lanes must divide 32, not 24"),
        ({"lanes": 0}, FoldingError, "lanes must divide 32, not 0"),
        (
            {"components": 4},
            FoldingError,
            "components at once must divide 6 components, not 4",
        ),
        ({"components": 0}, FoldingError, "components at once must divide 6 components, not 0"),
        ({"shift": -1}, OpticsError, "shift must be at least 0, not -1"),
        ({"n_components": 0}, OpticsError, "64 features and 0 components are no projection"),
    ],
)
def test_refuses_what_cannot_be_built(change, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        replace(Projection(6), **change).projector(64)


def test_refuses_scores():
    net = Network((8,), 1, [Linear(np.ones((4, 8), bool), None)])
    with pytest.raises(OpticsError, match="^a projection takes bits, not the scores"):
        Accelerator(net, projection=Projection(4))

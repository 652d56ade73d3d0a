"""The accelerator's predictions: the interval that the folding promises, kept by every image."""

import numpy as np
import pytest
from hypothesis import given, settings
from networks import draw_accelerator, draw_network, seeds

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight_hw import Accelerator, fold, timing
from bitlight_hw.folding import folded_layers
from bitlight_hw.units import window
from bitlight_hw.units.matvec import STAGES


def ones(shape, **geometry):
    """A Conv2d or Linear of that weight shape."""
    kind = Conv2d if len(shape) == 4 else Linear
    return kind(np.ones(shape, bool), np.zeros(shape[0], np.int32), **geometry)


def parts(accelerator):
    return [part for unit in accelerator.units.values() for part in unit.timing]


def trace(accelerator, images):
    beats = accelerator.beats_in.count, accelerator.beats_out.count
    return timing.run(parts(accelerator), *beats, images)


def slowest_layer(net, folding):
    """The largest (MH/PE)·(MW/SIMD)·OH·OW."""
    cycles = [
        (net.layers[index].weight.size // (pe * simd)) * int(np.prod(net.shapes[index + 1][:-1]))
        for index, (pe, simd) in zip(folded_layers(net), folding, strict=True)
    ]
    return max(cycles, default=0)


def most_beats(accelerator):
    """The most beats per image of any stream, counted along the units."""
    beats = [accelerator.beats_in.count]
    for part in parts(accelerator):
        match part:
            case timing.Step(actions):
                takes = np.count_nonzero(actions & timing.TAKE)
                gives = np.count_nonzero(actions & timing.GIVE)
                beats.append(beats[-1] * gives // takes)
            case timing.Buffer():
                beats.append(len(part.offsets) * part.repeats * len(part.releases))
    assert beats[-1] == accelerator.beats_out.count
    return max(beats)


@given(seeds())
@settings(max_examples=200, deadline=None)
def test_every_image_keeps_the_interval(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    accelerator = draw_accelerator(rng, net)
    cycles = accelerator.cycles_per_image
    assert cycles == max(slowest_layer(net, accelerator.folding), most_beats(accelerator))
    # The first images may still fill the rings; all behind them come in equal distances.
    assert set(np.diff(trace(accelerator, 48).completed)[24:]) == {cycles}


@given(seeds())
@settings(max_examples=50, deadline=None)
def test_no_image_is_held_up_by_those_behind_it(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    accelerator = draw_accelerator(rng, net)
    assert trace(accelerator, 12).completed[0] == trace(accelerator, 1).completed[0]


# Units that give in bursts, before others that take only now and then.
BURSTS = [
    pytest.param((1, 4, 2), [MaxPool2d((1, 1), (1, 3)), ones((1, 4))], [(1, 1)], 4, id="x, narrow"),
    pytest.param((1, 4, 2), [MaxPool2d((1, 3), 1), ones((1, 4))], [(1, 1)], 4, id="x, overlapping"),
    pytest.param((1, 3, 3), [MaxPool2d((1, 2), 1), ones((1, 6))], [(1, 2)], 3, id="x, 3 to 2"),
    pytest.param(
        (6, 8, 4), [MaxPool2d((2, 2), (2, 1)), ones((8, 84))], [(8, 3)], 48, id="y, 4 to 3"
    ),
    pytest.param((2, 3, 1), [ones((1, 2, 2, 1))], [(1, 2)], 6, id="windows, cut in two"),
    pytest.param((3, 4, 1), [ones((1, 2, 2, 1))], [(1, 2)], 12, id="windows of two rows"),
    pytest.param(
        (6, 4, 4), [ones((3, 3, 1, 4), stride=(2, 1), padding=(2, 0))], [(3, 6)], 40, id="padded"
    ),
]


@pytest.mark.parametrize(("shape", "layers", "folding", "cycles"), BURSTS)
def test_no_cycle_is_lost_to_bursts(shape, layers, folding, cycles):
    accelerator = Accelerator(Network(shape, 1, layers), folding)
    assert accelerator.cycles_per_image == cycles
    assert set(np.diff(trace(accelerator, 48).completed)[24:]) == {cycles}


def test_a_strided_first_layer_is_bound_by_its_pixels():
    net = Network((9, 9, 2), 8, [ones((4, 1, 1, 2), stride=(3, 3))])
    assert Accelerator(net, [(4, 2)]).cycles_per_image == 81
    assert Accelerator(net, [(1, 1)]).cycles_per_image == 162  # pixels come in two parts
    assert Accelerator(net, [(1, 2)]).cycles_per_image == 81


def test_latency_of_one_layer_counts_every_register():
    # Those of the unit, a register or a ring of results, two cycles through a window if there is
    # one, one for each further beat.
    net = Network((12,), 1, [ones((6, 12))])
    ring = window.LATENCY
    assert Accelerator(net, [(6, 12)]).latency == STAGES + ring
    assert Accelerator(net, [(1, 1)], "output").latency == 2 + STAGES + 1 + 6 * 12 - 1
    assert Accelerator(net, [(2, 4)], "output").latency == 2 + STAGES + ring + 3 * 3 - 1
    assert Accelerator(net, [(2, 4)], "input").latency == STAGES + ring + 3 * 3 - 1


def test_the_default_folding_is_that_of_fold():
    net = draw_network(np.random.default_rng(14))
    assert Accelerator(net).folding == fold(net)


@pytest.mark.parametrize("kernel", [(2, 2), (1, 1)])
@pytest.mark.parametrize("folding", [None, []])
def test_pools_alone_are_a_network_too(folding, kernel):
    net = Network((4, 6, 3), 1, [MaxPool2d(kernel)])
    assert Accelerator(net, folding).cycles_per_image == 24


def test_ports_have_the_width_of_the_beats():
    net = Network((3, 3, 5), 4, [ones((6, 2, 2, 5))])
    accelerator = Accelerator(net, [(3, 10)])
    assert len(accelerator.i.payload) == accelerator.beats_in.width == 5 * 4
    assert len(accelerator.o.payload) == accelerator.beats_out.width == 3


def test_features_of_padding_alone_may_leave_before_a_pixel_is_taken():
    conv = Conv2d(np.ones((1, 1, 1, 1), bool), np.zeros(1, int), (5, 5), (2, 2))
    assert Accelerator(Network((1, 1, 1), 1, [conv])).latency == STAGES + window.LATENCY + 2 - 12


@given(seeds())
@settings(max_examples=50, deadline=None)
def test_latency_is_that_of_the_first_image(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    accelerator = draw_accelerator(rng, net)
    assert accelerator.latency == trace(accelerator, 4).latency

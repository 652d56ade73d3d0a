"""The chain of units: which stand for which layer, and how their streams fit together."""

import re

import numpy as np
from hypothesis import given, settings
from networks import draw_folding, draw_network, seeds

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.stages import Beats
from bitlight_hw.units import Gearbox, MatrixVector, OrPool, Pad, Slide, Window

UNITS = {
    "gear": Gearbox,
    "gear_window": Gearbox,
    "matvec": MatrixVector,
    "pad": Pad,
    "pool_x": OrPool,
    "pool_y": OrPool,
    "queue": Window,
    "queue_window": Window,
    "slide": Slide,
    "window": Window,
}


def test_beats_count_elements_and_bits():
    beats = Beats((4, 3, 6), elements=2, bits=8)
    assert (beats.count, beats.inner, beats.width) == (36, 3, 16)
    assert beats.as_bits() == Beats((4 * 3 * 6 * 8,), elements=16, bits=1)
    assert (beats.as_bits().count, beats.as_bits().width) == (beats.count, beats.width)


def names(shape, bits, layers, folding):
    return [stage.name for stage in Pipeline.of(Network(shape, bits, layers), folding).stages]


def convolution(inputs, outputs, **geometry):
    return Conv2d(np.ones((outputs, 3, 3, inputs), bool), np.zeros(outputs, np.int32), **geometry)


def linear(inputs, outputs):
    return Linear(np.ones((outputs, inputs), bool), None)


def test_pixels_go_straight_into_the_window():
    assert names((5, 5, 3), 8, [convolution(3, 4)], [(2, 3)]) == ["layer0_window", "layer0_matvec"]


def test_simd_that_divides_the_channels_narrows_the_pixels():
    found = names((5, 5, 6), 8, [convolution(6, 4)], [(2, 3)])
    assert found == ["layer0_gear", "layer0_window", "layer0_matvec"]


def test_simd_that_does_not_divide_the_channels_needs_whole_windows():
    found = names((5, 5, 3), 8, [convolution(3, 4, padding=(1, 1))], [(2, 9)])
    assert sorted(found) == sorted(
        f"layer0_{name}" for name in ["pad", "slide", "gear_window", "window", "matvec"]
    )


def test_pools_of_one_pixel_are_nothing():
    layers = [MaxPool2d((1, 1)), MaxPool2d((1, 2)), MaxPool2d((2, 1)), MaxPool2d((1, 1), (2, 1))]
    found = names((8, 8, 3), 1, layers, [])
    assert found == ["layer1_pool_x", "layer2_pool_y", "layer3_pool_y"]


def test_a_pool_counts_beats_along_a_line():
    net = Network((6, 5, 4), 1, [convolution(4, 8), MaxPool2d((2, 3), (2, 1))])
    *_, across, down = (stage.unit for stage in Pipeline.of(net, [(2, 4)]).stages)
    assert (across.inner, across.length) == (4, 3)
    assert (down.inner, down.length) == (1 * 4, 4)


def test_a_fully_connected_layer_reads_its_vector_in_parts():
    found = names((12,), 1, [linear(12, 6)], [(3, 4)])
    assert found == ["layer0_window", "layer0_matvec"]


@given(seeds())
@settings(max_examples=200, deadline=None)
def test_streams_fit_together(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    chain = Pipeline.of(net, draw_folding(rng, net))
    before, layer_before = chain.beats_in, 0
    for stage in chain.stages:
        layer, kind = re.fullmatch(r"layer(\d+)_(\w+)", stage.name).groups()
        assert isinstance(stage.unit, UNITS[kind])
        assert layer_before <= int(layer) < len(net.layers)
        assert len(stage.unit.i.payload) == before.width
        assert len(stage.unit.o.payload) == stage.beats.width
        before, layer_before = stage.beats, int(layer)
    assert len({stage.name for stage in chain.stages}) == len(chain.stages)
    assert not any(stage.spare for stage in chain.stages if "_queue" not in stage.name)


@given(seeds())
@settings(max_examples=200, deadline=None)
def test_the_ends_have_the_form_of_the_network(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    chain = Pipeline.of(net, draw_folding(rng, net))
    first, last = chain.beats_in, chain.beats
    assert (first.shape, first.bits, first.signed) == (net.input_shape, net.input_bits, False)
    assert first.count * first.elements == np.prod(net.input_shape)
    assert np.prod(last.shape) == net.n_features == last.count * last.elements
    assert last.signed == net.gives_scores
    if net.gives_scores:
        reach = net.reach(len(net.layers) - 1)
        assert -(1 << last.bits - 1) <= -reach < reach < 1 << last.bits - 1
    else:
        assert last.bits == 1


def test_counts_every_stream():
    net = Network((5, 4, 6), 1, [convolution(6, 4, padding=(1, 0)), MaxPool2d((2, 1))])
    chain = Pipeline.of(net, [(2, 3)])
    found = dict(
        zip(["in", *(stage.name for stage in chain.stages)], chain.stream_beats, strict=True)
    )
    assert found == {
        "in": 5 * 4,
        "layer0_gear": 5 * 4 * 2,
        "layer0_pad": 7 * 4 * 2,
        "layer0_window": 5 * 2 * 2 * 3 * 3 * 2,
        "layer0_matvec": 5 * 2 * 2,
        "layer1_pool_y": 2 * 2 * 2,
    }

"""Folding: FINN's cycles, the fewest lanes that reach an interval, and what is refused."""

from math import prod

import numpy as np
import pytest
from networks import draw_network

from bitlight import Conv2d, FoldingError, Linear, MaxPool2d, Network
from bitlight_hw import Accelerator, fold
from bitlight_hw.folding import check, folded_layers, layer_cycles
from bitlight_hw.search import DEFAULT_COST, minimum_cycles

# CNV-w1a1 as FINN publishes it: (index of the layer in the network, PE, SIMD, cycles).
CNV = [
    (0, 16, 3, 32_400),
    (1, 32, 32, 28_224),
    (3, 16, 32, 20_736),
    (4, 16, 32, 28_800),
    (6, 4, 32, 20_736),
    (7, 1, 32, 18_432),
    (8, 1, 4, 32_768),
    (9, 1, 8, 32_768),
    (10, 5, 1, 1_024),
]


def convolution(rng, inputs, outputs, **geometry):
    weight = rng.random((outputs, 3, 3, inputs)) < 0.5
    return Conv2d(weight, np.zeros(outputs, np.int32), **geometry)


def linear(rng, inputs, outputs, scores=False):
    weight = rng.random((outputs, inputs)) < 0.5
    return Linear(weight, None if scores else np.zeros(outputs, np.int32))


@pytest.fixture(scope="module")
def cnv():
    rng = np.random.default_rng(11)
    layers = [
        convolution(rng, 3, 64),
        convolution(rng, 64, 64),
        MaxPool2d(),
        convolution(rng, 64, 128),
        convolution(rng, 128, 128),
        MaxPool2d(),
        convolution(rng, 128, 256),
        convolution(rng, 256, 256),
        linear(rng, 256, 512),
        linear(rng, 512, 512),
        linear(rng, 512, 10, scores=True),
    ]
    return Network((32, 32, 3), 8, layers)


@pytest.fixture(scope="module")
def small():
    """A convolution of 3 channels to 4, a pool, and a layer of 16 inputs and 6 outputs."""
    rng = np.random.default_rng(12)
    return Network(
        (6, 6, 3), 8, [convolution(rng, 3, 4), MaxPool2d(), linear(rng, 16, 6, scores=True)]
    )


def test_layer_cycles_are_the_published_ones(cnv):
    assert [layer_cycles(cnv, index, pe, simd) for index, pe, simd, _ in CNV] == [
        cycles for _, _, _, cycles in CNV
    ]


def test_cnv_runs_at_the_published_interval(cnv):
    accelerator = Accelerator(cnv, [(pe, simd) for _, pe, simd, _ in CNV])
    assert accelerator.cycles_per_image == 32_768


def test_the_default_is_the_fastest_with_4096_lanes(cnv):
    def lanes(folding):
        return sum(map(prod, folding))

    folding = fold(cnv)
    pairs = zip(folded_layers(cnv), folding, strict=True)
    interval = max(layer_cycles(cnv, index, *pair) for index, pair in pairs)
    assert lanes(folding) <= DEFAULT_COST == 4096
    assert lanes(fold(cnv, interval - 1)) > DEFAULT_COST
    assert folding == fold(cnv, interval)


def test_the_default_of_a_small_network_is_as_fast_as_can_be(small):
    assert fold(small) == fold(small, minimum_cycles(small))


def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def choices(net, index):
    outputs, fan_in = len(net.layers[index].weight), net.layers[index].fan_in
    return [(pe, simd) for pe in divisors(outputs) for simd in divisors(fan_in)]


def cost(net, index, pe, simd):
    """Lanes, and what is held of a window whose channels cannot be cut into SIMD elements."""
    layer, channels = net.layers[index], net.shapes[index][-1]
    if not isinstance(layer, Conv2d) or channels % simd == 0:
        return pe * simd
    several_windows = prod(net.shapes[index + 1][:-1]) > 1
    return pe * simd + net.depth(index) * (layer.fan_in if several_windows else channels)


def test_a_single_window_is_not_cut_across_its_pixels():
    # 6 lanes would be fewer than 8, but give a choice of any 6 of 256 channels.
    weight = np.random.default_rng(0).random((16, 3, 3, 256)) < 0.5
    net = Network((3, 3, 256), 1, [Conv2d(weight, np.zeros(16, np.int32))])
    assert fold(net, 16 * 2304 // 6) == [(1, 8)]


def intervals(net, rng):
    least = minimum_cycles(net)
    return {least, least + 1, *(int(least * factor) for factor in rng.uniform(1, 8, 2))}


def cycles_per_image(net, folding):
    return Accelerator(net, folding).cycles_per_image


# Foldings whose layers are fast enough, but not the streams in front of them.
STREAMS = [
    pytest.param((1, 1, 2), (1, 1), (1, 2), (0, 1), 4, id="padding between the windows"),
    pytest.param((1, 4, 2), (1, 1), (1, 4), (0, 0), 4, id="pixels between the windows"),
]


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "cycles"), STREAMS)
def test_streams_keep_to_the_interval_as_well(shape, kernel, stride, padding, cycles):
    layer = Conv2d(np.ones((1, *kernel, 2), bool), np.zeros(1, np.int32), stride, padding)
    net = Network(shape, 1, [layer])
    assert cycles_per_image(net, fold(net, cycles)) <= cycles


@pytest.mark.parametrize("seed", range(60))
def test_reaches_what_is_asked_for(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    for cycles in intervals(net, rng):
        assert cycles_per_image(net, fold(net, cycles)) <= cycles


@pytest.mark.parametrize("seed", range(12))
def test_no_layer_can_do_with_fewer_lanes(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng, depth=3)
    for cycles in intervals(net, rng):
        folding = fold(net, cycles)
        for place, index in enumerate(folded_layers(net)):
            chosen = cost(net, index, *folding[place])
            for choice in choices(net, index):
                if cost(net, index, *choice) < chosen:
                    cheaper = [*folding[:place], choice, *folding[place + 1 :]]
                    assert cycles_per_image(net, cheaper) > cycles


@pytest.mark.parametrize("seed", range(20))
def test_the_least_interval_is_that_of_the_widest_folding(seed):
    net = draw_network(np.random.default_rng(seed))
    widest = [choices(net, index)[-1] for index in folded_layers(net)]
    assert minimum_cycles(net) == cycles_per_image(net, widest)


def test_an_interval_that_no_folding_reaches_is_refused(small):
    # 36 pixels come in, one beat each.
    assert minimum_cycles(small) == 36
    message = "^no folding reaches 35 cycles per image, the fastest is 36$"
    with pytest.raises(FoldingError, match=message):
        fold(small, cycles=35)


@pytest.mark.parametrize(
    ("folding", "message"),
    [
        ([(1, 1)], r"folding must have 2 pairs \(PE, SIMD\), .* not \[\(1, 1\)\]"),
        ([(1, 1)] * 3, r"folding must have 2 pairs"),
        ([], r"folding must have 2 pairs \(PE, SIMD\), .* not \[\]"),
        (7, "folding must have 2 pairs .* not 7"),
        ([4, (1, 1)], r"layer 0: folding must be \(PE, SIMD\), not 4"),
        ([(1, 1), (1, 1, 1)], r"layer 2: folding must be \(PE, SIMD\), not \(1, 1, 1\)"),
        ([(1, 1), "11"], r"layer 2: folding must be \(PE, SIMD\), not '11'"),
        ([(3, 1), (1, 1)], "layer 0: PE must divide 4 outputs, not 3"),
        ([(8, 1), (1, 1)], "layer 0: PE must divide 4 outputs, not 8"),
        ([(1, 4), (1, 1)], "layer 0: SIMD must divide 27 inputs, not 4"),
        ([(1, 1), (4, 1)], "layer 2: PE must divide 6 outputs, not 4"),
        ([(1, 1), (1, 3)], "layer 2: SIMD must divide 16 inputs, not 3"),
        ([(0, 1), (1, 1)], "layer 0: PE must divide 4 outputs, not 0"),
        ([(1, 1), (1, -2)], "layer 2: SIMD must divide 16 inputs, not -2"),
        ([(2.0, 1), (1, 1)], "layer 0: PE must divide 4 outputs, not 2.0"),
        ([("2", 1), (1, 1)], "layer 0: PE must divide 4 outputs, not '2'"),
        ([(1, None), (1, 1)], "layer 0: SIMD must divide 27 inputs, not None"),
    ],
)
def test_a_folding_that_does_not_fit_is_refused(small, folding, message):
    with pytest.raises(FoldingError, match=f"^{message}"):
        check(small, folding)
    with pytest.raises(FoldingError, match=f"^{message}"):
        Accelerator(small, folding)


def test_pairs_may_be_lists_and_numpy_integers(small):
    found = check(small, ((np.int64(2), 9), [3, np.uint8(8)]))
    assert found == [(2, 9), (3, 8)]
    assert {type(number) for pair in found for number in pair} == {int}

"""The plan: every layer, cycles as the accelerator predicts them, memory to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from networks import draw_accelerator, draw_network, seeds

from bitlight import FoldingError, Linear, Network
from bitlight.zoo.published import FOLDINGS
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, fold
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import FAMILIES
from bitlight_hw.layerplans import layers


@given(seeds())
@settings(max_examples=60, deadline=None)
def test_the_slowest_layer_is_the_interval(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    acc = draw_accelerator(rng, net)
    planned = layers(acc, "xc7")
    assert len(planned) == len(net.layers)
    assert max(row.cycles for row in planned) == acc.cycles_per_image
    total = Estimate.total(row.estimate for row in planned)
    assert total == Estimate.total(acc.estimate().values())


def test_every_weight_is_in_the_roms():
    acc = Accelerator(TOPOLOGIES["sfc"].random(0), FOLDINGS["sfc"])
    weights = sum(layer.weight.size for layer in acc.net.layers)
    rom_bits = sum(row.estimate.rom_bits for row in layers(acc, "xc7"))
    starts = sum(
        layer.weight.shape[0] * acc.units[f"layer{index}_matvec"].start_width
        for index, layer in enumerate(acc.net.layers)
        if layer.threshold is not None
    )
    assert weights <= rom_bits <= weights + starts


@pytest.mark.parametrize("target", ["xc7", "ecp5", "ice40"])
def test_cnv_fits_its_budget(target):
    acc = Accelerator(TOPOLOGIES["cnv"].random(0), FOLDINGS["cnv"])
    total = Estimate.total(acc.estimate(target).values())
    if target == "xc7":
        assert total.luts + total.memory_luts <= 9000
        assert total.blocks <= 2 * 107
    assert total.rom_bits >= 1_542_848  # its weights
    assert total.blocks * FAMILIES[target].block[-1][0] >= 0.5 * total.rom_bits


def chain():
    rng = np.random.default_rng(0)
    layers = [
        Linear(rng.random((64, 256)) < 0.5, np.zeros(64, np.int32)),
        Linear(rng.random((64, 64)) < 0.5, np.zeros(64, np.int32)),
    ]
    return Network((256,), 1, layers)


def test_a_budget_of_tables_is_kept_and_used():
    found = {}
    for luts in (300, 600, 2000):
        acc = Accelerator(chain(), fold(chain(), luts=luts))
        taken = Estimate.total(acc.estimate().values())
        assert taken.luts + taken.memory_luts <= luts
        found[luts] = acc.cycles_per_image
    assert found[300] > found[600] > found[2000]


def test_a_budget_that_is_too_small_is_refused():
    with pytest.raises(
        FoldingError, match="no folding fits 10 look-up tables: layer . alone takes"
    ):
        fold(chain(), luts=10)

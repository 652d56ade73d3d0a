"""The fastest folding within a budget, against all foldings; and how soon it is refused."""

import itertools
import time

import numpy as np
import pytest
from networks import draw_network

from bitlight import Conv2d, FoldingError, Linear, Network
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, fold, timing
from bitlight_hw.budget import Budget, Search, fastest
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.family import FAMILIES
from bitlight_hw.folding import choices, folded_layers

TARGETS = ("xc7", "ecp5", "ice40")


def foldings(net):
    """All of them."""
    return [list(f) for f in itertools.product(*(choices(net, i) for i in folded_layers(net)))]


def small(seed, most):
    """A network of at least four foldings, and no more than so many."""
    rng = np.random.default_rng(seed)
    while not 4 <= len(foldings(net := draw_network(rng, depth=3))) <= most:
        pass
    return net


def exhaustive(net, target):
    """(cycles, tables, block RAM, folding) of every folding."""
    found = []
    for folding in foldings(net):
        acc = Accelerator(net, folding)
        taken = Estimate.total(acc.estimate(target).values())
        found.append((acc.cycles_per_image, tables(taken), taken.blocks, folding))
    return found


def agrees(net, target, rng):
    """Compare with all foldings, for budgets below, among and above them."""
    found = exhaustive(net, target)
    luts = sorted({row[1] for row in found})
    most_blocks = max(row[2] for row in found)
    for budget in (luts[0] - 1, int(rng.choice(luts)), int(rng.choice(luts)) + 3, luts[-1]):
        for blocks in (None, int(rng.integers(most_blocks + 1))):
            fitting = [
                row for row in found if row[1] <= budget and (blocks is None or row[2] <= blocks)
            ]
            if not fitting:
                with pytest.raises(FoldingError, match="no folding fits"):
                    fold(net, luts=budget, target=target, blocks=blocks)
                continue
            chosen = fold(net, luts=budget, target=target, blocks=blocks)
            (row,) = [row for row in fitting if row[3] == chosen]
            assert row[:2] == min(fitting)[:2]


@pytest.mark.parametrize("seed", range(50))
def test_as_an_exhaustive_search(seed):
    agrees(small(seed, 16), TARGETS[seed % 3], np.random.default_rng(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_as_an_exhaustive_search_of_hundreds(seed):
    agrees(small(seed, 300), TARGETS[seed % 3], np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_no_folding_takes_less_than_its_bound(seed):
    net, target = small(seed, 40), TARGETS[seed % 3]
    search = Search(net, FAMILIES[target])
    bounds = {tuple(f): bound for bound, f in search.foldings(np.inf, Budget(1 << 30))}
    found = exhaustive(net, target)
    assert len(bounds) == len(found)
    for _, luts, _, folding in found:
        assert bounds[tuple(folding)] <= luts


def chain():
    """Two layers, for whose weights block RAM is worth while."""
    rng = np.random.default_rng(0)
    layers = [
        Linear(rng.random((32, 243)) < 0.5, np.zeros(32, np.int32)),
        Linear(rng.random((27, 32)) < 0.5, np.zeros(27, np.int32)),
    ]
    return Network((243,), 1, layers)


def test_both_bounds_hold_or_it_is_refused():
    net = chain()
    folding = fold(net, cycles=4000, luts=400)
    acc = Accelerator(net, folding)
    assert acc.cycles_per_image <= 4000
    assert tables(Estimate.total(acc.estimate().values())) <= 400
    with pytest.raises(FoldingError, match="no folding fits 400 look-up tables"):
        fold(net, cycles=64, luts=400)
    image = Network((4, 4, 1), 1, [Conv2d(np.ones((1, 1, 1, 1), bool), np.zeros(1, int))])
    with pytest.raises(FoldingError, match="no folding reaches 15 cycles per image, .* is 16$"):
        fold(image, cycles=15, luts=1000)


def test_tables_are_those_of_the_target():
    net = chain()
    for target in TARGETS:
        taken = Accelerator(net, fold(net, luts=700, target=target)).estimate(target)
        assert tables(Estimate.total(taken.values())) <= 700
    assert fold(net, luts=700, target="xc7") != fold(net, luts=700, target="ice40")
    with pytest.raises(FoldingError, match="target must be one of xc7, .*ecp5-25k.* not 'xc8'"):
        fold(net, luts=700, target="xc8")


def test_block_ram_of_the_part_counts():
    net = chain()

    def blocks(most=None):
        acc = Accelerator(net, fold(net, luts=1500, target="ice40", blocks=most))
        return Estimate.total(acc.estimate("ice40").values()).blocks

    free = blocks()
    assert free > 1
    assert blocks(free - 1) < free
    deep = Network((4096,), 1, [Linear(np.ones((16, 4096), bool), np.arange(16))])
    with pytest.raises(FoldingError, match="0 RAM40_4K: that is too little block RAM, at"):
        fold(deep, luts=300, target="ice40", blocks=0)
    part = Accelerator(net, fold(net, luts=5000, target="ice40-up5k"))
    taken = Estimate.total(part.estimate("ice40").values())
    assert taken.blocks <= 30
    assert FAMILIES["ice40"].occupied(taken) <= 5280


def test_a_hurried_search_still_fits(monkeypatch):
    monkeypatch.setattr("bitlight_hw.budget.PATIENCE", 0)
    net, family = chain(), FAMILIES["xc7"]
    for luts in (250, 300, 700):
        acc = Accelerator(net, fastest(net, family, Budget(luts)))
        assert tables(Estimate.total(acc.estimate().values())) <= luts


def test_a_hurried_search_says_that_nothing_fits(monkeypatch):
    """The shortest interval alone is asked for, where carries take more places than there are."""
    monkeypatch.setattr("bitlight_hw.budget.PATIENCE", 0)
    net, family = chain(), FAMILIES["ecp5"]
    search = Search(net, family)
    least = int(search.least(search.base, None))
    with pytest.raises(FoldingError, match="no folding fits"):
        fastest(net, family, Budget(least, cells=least), search.base)


@pytest.mark.parametrize("name", ["tfc", "cnv", "alexnet"])
def test_a_large_network_is_refused_soon(name):
    net = TOPOLOGIES[name].random(0)
    began = time.process_time()
    with pytest.raises(FoldingError, match="no folding fits 10 look-up tables: layer . alone"):
        fold(net, luts=10)
    assert time.process_time() - began < 2


def test_layers_are_refused_together():
    """None of them alone, which the whole search would find, too."""
    net, family = chain(), FAMILIES["xc7"]
    least = Search(net, family).least(np.inf, None)
    with pytest.raises(FoldingError, match=r"tables: layers 0 and 1 take \d+ or more$"):
        fold(net, luts=int(least) - 40)
    with pytest.raises(FoldingError, match="no folding fits"):
        fold(net, luts=int(least) - 1)


def test_what_would_be_stepped_for_hours_is_refused():
    net = TOPOLOGIES["cnv"].random(0)
    began = time.process_time()
    with pytest.raises(FoldingError, match="an image takes 28,901,376 cycles in this folding"):
        Accelerator(net, fold(net, cycles=100_000_000))
    vast = Network((4096, 4096, 1), 1, [Conv2d(np.ones((1, 1, 1, 1), bool), np.zeros(1, int))])
    message = rf"an image takes 16,777,216 .* up to {timing.MOST_CYCLES:,}"
    with pytest.raises(FoldingError, match=message):
        Accelerator(vast)
    with pytest.raises(FoldingError, match="no folding reaches"):
        fold(vast, luts=1000)
    assert time.process_time() - began < 5

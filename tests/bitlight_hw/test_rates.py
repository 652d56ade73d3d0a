"""The most images a second on a part, against all foldings of small networks."""

import numpy as np
import pytest
from foldings import foldings, small

from bitlight import FoldingError
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, fold
from bitlight_hw.budget import Budget, Search
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import FAMILIES
from bitlight_hw.parts import Part, part
from bitlight_hw.rates import FULL, Rates

FAMILIES_WITH_CLOCKS = ("ecp5", "ice40")
GAP = 0.05


def every(net, family):
    """(taken, cycles, MHz) of every folding."""
    found = {}
    for folding in foldings(net):
        acc = Accelerator(net, folding)
        taken = Estimate.total(acc.estimate(family.name).values())
        found[tuple(folding)] = taken, acc.cycles_per_image, acc.clock(family.name).mhz
    return found


def fitting(found, family, budget):
    return {f: row for f, row in found.items() if budget.holds(row[0], family)}


def rate(row):
    return row[2] * 1e6 / row[1]


def cases(seed):
    """A network, all its foldings, and three budgets."""
    net, rng = small(seed, 40), np.random.default_rng(seed)
    family = FAMILIES[FAMILIES_WITH_CLOCKS[seed % 2]]
    found = every(net, family)
    cells = sorted(family.occupied(taken) for taken, _, _ in found.values())
    for most in (cells[0], int(rng.choice(cells)), cells[-1]):
        yield net, family, found, Budget(1 << 20, None, most)


def gap(seed):
    """By how much all foldings hold a better one, at most."""
    worst = 0.0
    for net, family, found, budget in cases(seed):
        rated = Rates(Search(net, family), budget).best()
        rows = fitting(found, family, budget)
        ours = rows[tuple(rated.folding)]
        assert rated.images_per_s == pytest.approx(rate(ours))
        worst = max(worst, max(map(rate, rows.values())) / rated.images_per_s - 1)
    return worst


@pytest.mark.parametrize("seed", range(20))
def test_the_best_of_all(seed):
    assert gap(seed) <= GAP


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 60))
def test_the_best_of_all_of_more(seed):
    assert gap(seed) <= GAP


@pytest.mark.parametrize("seed", range(10))
def test_the_fewest_cycles_at_a_clock(seed):
    for net, family, found, budget in cases(seed):
        rows = fitting(found, family, budget)
        clocks = sorted(mhz for _, _, mhz in rows.values())
        for asked in (clocks[0], clocks[len(clocks) // 2]):
            rated = Rates(Search(net, family), budget).fewest_cycles(asked)
            _, cycles, mhz = rows[tuple(rated.folding)]
            assert (rated.cycles, rated.mhz) == (cycles, pytest.approx(mhz))
            assert mhz >= asked
        with pytest.raises(FoldingError, match="predicted to reach"):
            Rates(Search(net, family), budget).fewest_cycles(2 * clocks[-1])


def test_a_search_finds_the_same_again():
    """What did not fit one budget is no answer to another."""
    net, family = small(14, 40), FAMILIES["ecp5"]
    search = Search(net, family)
    free, tight = Budget(1 << 20, None, None), Budget(120, None, None)
    found = [search.fastest(budget) for budget in (free, tight, free, tight)]
    assert found[:2] == found[2:]
    assert found[0] != found[1]


def test_fold_fills_a_part():
    net, device = TOPOLOGIES["sampler"].random(0), part("ice40-up5k")
    acc = Accelerator(net, fold(net, part="ice40-up5k"))
    taken = Estimate.total(acc.estimate("ice40").values())
    assert device.family.occupied(taken) <= FULL * device.cells
    assert taken.blocks <= device.blocks
    clock = acc.clock("ice40").mhz
    plain = Accelerator(net, fold(net, luts=int(FULL * device.cells), target="ice40-up5k"))
    assert clock / acc.cycles_per_image >= plain.clock("ice40").mhz / plain.cycles_per_image
    reached = Accelerator(net, fold(net, part="ice40-up5k", clock=0.99 * clock))
    assert reached.clock("ice40").mhz >= 0.99 * clock
    with pytest.raises(FoldingError, match="predicted to reach 200 MHz"):
        fold(net, part="ice40-up5k", clock=200)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"part": "ecp5"}, "an FPGA of known size"),
        ({"part": Part("none", FAMILIES["ecp5"])}, "an FPGA of known size"),
        ({"part": "ecp5-25k", "cycles": 100}, "cycles or part"),
        ({"clock": 50.0}, "give part"),
        ({"part": "ecp5-25k", "clock": 0.0}, "MHz above 0"),
        ({"part": "ecp5-25k", "clock": float("nan")}, "MHz above 0"),
        ({"part": "ecp5-25k", "clock": 1e6}, "predicted to reach 1e\\+06 MHz"),
        ({"part": "ice40-up5k", "luts": 10}, "no folding fits"),
    ],
)
def test_what_does_not_go_together_is_refused(asked, told):
    with pytest.raises(FoldingError, match=told):
        fold(small(0, 16), **asked)

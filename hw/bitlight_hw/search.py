"""`fold`: the cheapest folding of an interval, or the fastest that a part has room for."""

import math
from collections.abc import Callable, Iterator

from bitlight import FoldingError, Network
from bitlight_hw import parts, rates
from bitlight_hw.budget import Budget, Search
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.folding import (
    Folding,
    choices,
    folded_layers,
    layer_cost,
    layer_interval,
    matrix,
    number_pairs,
)
from bitlight_hw.parts import Part
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.plan import Plan

# Cost of the folding that is chosen when nothing is asked for: a small FPGA's worth of lanes.
DEFAULT_COST = 4096


def fold(
    net: Network,
    cycles: int | None = None,
    luts: int | None = None,
    *,
    target: str | Part = "xc7",
    blocks: int | None = None,
    part: str | Part | None = None,
    clock: float | None = None,
) -> Folding:
    """Choose a folding.

    Parameters
    ----------
    net : Network
    cycles : int, optional
        The interval to reach, in cycles per image.
    luts : int, optional
        The look-up tables that the accelerator may take, as logic and as memory, as
        `Accelerator.estimate(target)` predicts them. The folding is then the fastest that fits, and
        of those the one of the fewest tables; with `cycles` too, it must also reach these.
    target : str or Part
        Whose tables these are: a family, or a part, into which the folding must fit, too.
    blocks : int, optional
        With `luts` or `part`, the smallest block RAMs that it may take; no more than a part has.
    part : str or Part, optional
        The FPGA that it may fill to `bitlight_hw.rates.FULL`, whose clock is predicted. The folding
        is then that of the most images/s at its predicted clock, of those that are looked at
        (`bitlight_hw.rates`). Of a graph it is the fastest that fits, of those that are the
        cheapest for their interval.
    clock : float, optional
        With `part`, MHz that it is predicted to reach: the folding is the fastest that does.

    Returns
    -------
    list of (PE, SIMD), one for each Conv2d and Linear. Without `luts` the cheapest that reach the
        interval: the cost is that of `layer_cost`, PE·SIMD XNOR lanes, and the bits of a window for
        each layer whose SIMD does not divide its channels. With neither, the interval is the
        shortest that a cost of 4,096 can have.

    Raises
    ------
    FoldingError
        If no folding is that fast, or that small; if what is asked for does not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear
    >>> weight = np.ones((8, 16), dtype=bool)
    >>> fold(Network((16,), 1, [Linear(weight, np.zeros(8, dtype=np.int32))]), cycles=32)
    [(1, 4)]
    """
    if part is not None:
        if cycles is not None:
            raise FoldingError("give cycles or part, not both: part asks for the most images/s")
        return _filling(
            net, parts.part(part) if isinstance(part, str) else part, luts, blocks, clock
        )
    if clock is not None:
        raise FoldingError("a clock is predicted for a part: give part, as in part='ecp5-25k'")
    if luts is not None:
        return _within(net, cycles, luts, target, blocks)
    if cycles is None:
        return next(_fastest(net, lambda folding: _cost(net, folding) <= DEFAULT_COST))
    fastest = minimum_cycles(net)
    if cycles < fastest:
        raise FoldingError(
            f"no folding reaches {cycles} cycles per image, the fastest is {fastest}"
        )
    return [_smallest(net, index, cycles) for index in folded_layers(net)]


def minimum_cycles(net: Network) -> int:
    """The interval of the widest folding: the beats that its streams still carry."""
    return max(Pipeline.of(net, [matrix(net, index) for index in folded_layers(net)]).stream_beats)


def _smallest(net: Network, index: int, cycles: int) -> tuple[int, int]:
    """The cheapest choice; of equals, the one with the fewest accumulators."""
    return min(
        (c for c in choices(net, index) if layer_interval(net, index, *c) <= cycles),
        key=lambda choice: (layer_cost(net, index, *choice), choice[0]),
    )


def _cost(net: Network, folding: Folding) -> int:
    return sum(layer_cost(net, *choice) for choice in number_pairs(net, folding))


def _fastest(net: Network, fits: Callable[[Folding], bool]) -> Iterator[Folding]:
    """The folding of the shortest interval whose folding fits, then those of longer ones."""
    fastest = minimum_cycles(net)
    intervals = sorted(
        {
            max(fastest, layer_interval(net, index, *choice))
            for index in folded_layers(net)
            for choice in choices(net, index)
        }
    )
    if not intervals:  # nothing but pools
        yield []
        return
    low, high = 0, len(intervals) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(fold(net, intervals[middle])):
            high = middle
        else:
            low = middle + 1
    for interval in intervals[high:]:
        yield fold(net, interval)


def _within(
    net: Network, cycles: int | None, luts: int, target: str | Part, blocks: int | None
) -> Folding:
    found = parts.part(target) if isinstance(target, str) else target
    budget = Budget(luts, _fewest(blocks, found.blocks), found.cells)
    if net.is_binary_chain:
        return Search(net, found.family).fastest(budget, cycles)
    folding = _fastest_graph(net, found.family, budget)
    if cycles is not None and Plan.of(net, folding).cycles_per_image > cycles:
        raise FoldingError(f"none that fits {luts:,} look-up tables reaches {cycles:,} cycles")
    return folding


def _filling(
    net: Network, found: Part, luts: int | None, blocks: int | None, clock: float | None
) -> Folding:
    if found.cells is None:
        known = ", ".join(parts.PARTS)
        raise FoldingError(f"part must be an FPGA of known size, {known}, not {found.name!r}")
    if clock is not None and not 0 < clock < math.inf:
        raise FoldingError(f"clock must be a number of MHz above 0, not {clock!r}")
    cells = int(rates.FULL * found.cells)
    budget = Budget(cells if luts is None else luts, _fewest(blocks, found.blocks), cells)
    if net.is_binary_chain:
        choice = rates.Rates(Search(net, found.family), budget)
        rated = choice.best() if clock is None else choice.fewest_cycles(clock)
        return rated.folding
    folding = _fastest_graph(net, found.family, budget)
    if clock is None:
        return folding
    reached = Plan.of(net, folding).clock(found.family.name)
    if reached is None or reached.mhz < clock:
        told = "none" if reached is None else f"{reached.mhz:.0f} MHz"
        raise FoldingError(
            f"the fastest folding of a graph that fits is predicted to reach {told}, not {clock:g}"
        )
    return folding


def _fewest(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _fastest_graph(net: Network, family: Family, budget: Budget) -> Folding:
    def fits(folding: Folding) -> bool:
        taken = Estimate.total(Plan.of(net, folding).estimate(family.name).values())
        return budget.holds(taken, family)

    folding = next(filter(fits, _fastest(net, fits)), None)
    if folding is None:
        raise FoldingError(
            f"no folding of a graph that was tried fits {budget.luts:,} look-up tables"
        )
    return folding

"""Foldings by the thousand: which of them are the best for some purpose, and which fit.

A folding is on the Pareto front if no other one is as good in look-up tables, block RAM and cycles
for an image, and better in one of them. Candidates are found interval by interval: from the
cheapest folding that keeps it, one layer's (PE, SIMD) after the other is changed as long as
luts + λ·blocks falls, for several prices λ of a block RAM. Every folding that is looked at on the
way is a point, priced by `bitlight_hw.pricing`: its interval, and bounds of what it takes, which
make the front. Some of the front are then planned in full, as far as the effort goes: the fastest
that fits, then some from all along it.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bitlight import FoldingError, Network
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.family import Family
from bitlight_hw.folding import (
    as_text,
    choices,
    folded_layers,
    layer_cost,
    layer_interval,
)
from bitlight_hw.plan import Plan
from bitlight_hw.pricing import Price, Pricing
from bitlight_hw.search import minimum_cycles
from bitlight_hw.timing import MOST_CYCLES

# Choices of a layer that are tried for an interval: those of the fewest lanes that keep it; more
# where these are too few foldings.
CHOICES = 8
# Look-up tables that a block RAM is worth, as multiples of the family's own price.
WORTH = (0.0, 1.0, 8.0)
PASSES = 2
# Cycles times units that plans may cost together: some 10 seconds; and what each costs beside.
PATIENCE = 12_000_000
EACH = 500_000


class Taken(NamedTuple):
    """Look-up tables, smallest block RAMs, and places for look-up tables."""

    luts: int
    blocks: int
    cells: int


@dataclass(frozen=True)
class Point:
    """A folding and what it takes.

    Attributes
    ----------
    folding : tuple of (PE, SIMD)
    cycles : int, the interval, exact
    least : Taken
        Bounds: the accelerator takes as many, or some more.
    planned : Taken or None
        What it takes, of a folding that was planned in full.
    front : bool, whether no other point's bounds and interval are better in all
    fits : bool or None, None where nothing says what there is
    """

    folding: tuple[tuple[int, int], ...]
    cycles: int
    least: Taken
    planned: Taken | None = None
    front: bool = False
    fits: bool | None = None

    @property
    def taken(self) -> Taken:
        """The best that is known."""
        return self.planned or self.least

    @property
    def text(self) -> str:
        """The folding as `--folding` takes it."""
        return as_text(self.folding)


@dataclass(frozen=True)
class Room:
    """What there is on a part or board; None where it is not known."""

    name: str
    family: Family
    cells: int | None = None
    blocks: int | None = None

    def holds(self, point: Point) -> bool | None:
        """Whether a point fits."""
        if self.cells is None and self.blocks is None:
            return None
        taken = point.taken
        return (self.cells is None or taken.cells <= self.cells) and (
            self.blocks is None or taken.blocks <= self.blocks
        )


@dataclass(frozen=True)
class Explored:
    """The points of a network in some room.

    Attributes
    ----------
    net_id : str
    room : Room
    points : list of Point, from the shortest interval on
    """

    net_id: str
    room: Room
    points: list[Point]

    @cached_property
    def front(self) -> list[Point]:
        """Those on the front, in the same order."""
        return [point for point in self.points if point.front]

    @property
    def fastest(self) -> Point | None:
        """The fastest that fits, of those the one of the fewest look-up tables; or None."""
        return _fastest(self.front)


def explore(
    net: Network,
    room: Room,
    foldings: int = 2000,
    plans: int = 16,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Explored:
    """Look at about so many foldings.

    Parameters
    ----------
    net : Network
    room : Room
    foldings : int
        About how many points there will be; all foldings where there are no more.
    plans : int
        How many points of the front are planned in full at most.
    progress : callable
        Gets what is done and how much there is to do, first of intervals, then of plans.

    Raises
    ------
    FoldingError
        If the network has no folding that can be timed.
    """
    pricing = Pricing(net, room.family)
    prices: dict[tuple[tuple[int, int], ...], Price] = {}

    def price(folding: Sequence[tuple[int, int]]) -> Price:
        key = tuple(folding)
        if key not in prices:
            prices[key] = pricing.of(list(key))
        return prices[key]

    ways = [list(choices(net, index)) for index in folded_layers(net)]
    every = 1
    for way in ways:
        every *= len(way)
    if every <= foldings:
        for folding in itertools.product(*ways):
            price(folding)
    else:
        intervals = _some(_intervals(net), max(4, foldings // (len(ways) * CHOICES)))
        for wide in (CHOICES, 4 * CHOICES, 16 * CHOICES):
            for place, interval in enumerate(intervals):
                _descend(net, interval, room.family, price, wide)
                progress(place + 1, len(intervals))
            if len(prices) >= foldings:
                break
            intervals = _intervals(net)
    points = [
        Point(folding, found.cycles, Taken(found.luts, found.blocks, found.cells))
        for folding, found in prices.items()
        if found.cycles <= MOST_CYCLES
    ]
    if not points:
        raise FoldingError(f"no folding of {net!r} takes {MOST_CYCLES:,} cycles or fewer")
    points.sort(key=lambda point: (point.cycles, point.least, point.folding))
    values = np.array([(p.cycles, p.least.luts, p.least.blocks) for p in points])
    marked = [
        replace(point, front=mark, fits=room.holds(point))
        for point, mark in zip(points, front(values).tolist(), strict=True)
    ]
    return Explored(net.id, room, _plan(net, room, marked, plans, progress))


def front(values: np.ndarray) -> np.ndarray:
    """Which rows no other row is as good as in all columns, and better in one: less is better.

    Of equal rows all are.

    Parameters
    ----------
    values : array (points, quantities)

    Returns
    -------
    bool array (points,)

    Examples
    --------
    >>> front(np.array([[1, 5], [2, 2], [2, 6], [3, 2]])).tolist()
    [True, True, False, False]
    """
    best = np.zeros((0, values.shape[1]), values.dtype)
    found = np.zeros(len(values), bool)
    for place in np.lexsort(values.T[::-1]):
        row = values[place]
        beaten = (best <= row).all(axis=1) & (best < row).any(axis=1)
        if not beaten.any():
            found[place] = True
            best = np.concatenate([best, row[None]])
    return found


def _intervals(net: Network) -> list[int]:
    """All that a folding can have and that can be timed, rising."""
    least = minimum_cycles(net)
    found = {
        max(least, layer_interval(net, index, *pair))
        for index in folded_layers(net)
        for pair in choices(net, index)
    }
    return sorted(interval for interval in found | {least} if interval <= MOST_CYCLES)


def _some(values: list[int], count: int) -> list[int]:
    """So many of them, evenly."""
    places = np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int)
    return [values[place] for place in sorted(set(places.tolist()))]


def _descend(
    net: Network,
    interval: int,
    family: Family,
    price: Callable[[Sequence[tuple[int, int]]], Price],
    wide: int,
) -> None:
    """Price foldings that keep an interval, from one to a better one, of so many for each layer."""
    tried = []
    for index in folded_layers(net):
        fast = [c for c in choices(net, index) if layer_interval(net, index, *c) <= interval]
        if not fast:
            return
        tried.append(sorted(fast, key=lambda c: (layer_cost(net, index, *c), c[0]))[:wide])
    for worth in WORTH:
        folding = [some[0] for some in tried]

        def cost(folding: Sequence[tuple[int, int]], worth: float = worth) -> float:
            found = price(folding)
            return found.luts + worth * family.block_price * found.blocks

        for _ in range(PASSES):
            before = list(folding)
            for place, some in enumerate(tried):
                ways = [[*folding[:place], choice, *folding[place + 1 :]] for choice in some]
                folding = min(ways, key=cost)
            if folding == before:
                break


def _plan(
    net: Network,
    room: Room,
    points: list[Point],
    plans: int,
    progress: Callable[[int, int], None],
) -> list[Point]:
    """Plan some of the front in full, while there is effort left."""
    found = [*points]
    left, units = PATIENCE, 3 * len(net.nodes)
    for done in range(plans):
        open_ = [
            point
            for point in cheapest([point for point in found if point.front])
            if point.planned is None and EACH + point.cycles * units <= left
        ]
        if not open_:
            break
        best = _fastest(found)
        point = open_[_turn(done, len(open_))]
        if best is not None and best.planned is None and 4 * done < 3 * plans:
            point = best
        plan = Plan.of(net, list(point.folding))
        total = Estimate.total(plan.estimate(room.family.name).values())
        left -= EACH + point.cycles * len(plan.stages)
        taken = Taken(tables(total), total.blocks, room.family.occupied(total))
        known = replace(point, planned=taken)
        found[found.index(point)] = replace(known, fits=room.holds(known))
        progress(done + 1, plans)
    return found


def cheapest(points: Sequence[Point]) -> list[Point]:
    """Of sorted points, of each interval the one of the fewest look-up tables."""
    return [next(same) for _, same in itertools.groupby(points, key=lambda point: point.cycles)]


def _fastest(points: Sequence[Point]) -> Point | None:
    fitting = [point for point in points if point.fits and point.front]
    return min(fitting, key=lambda point: (point.cycles, point.taken), default=None)


def _turn(number: int, count: int) -> int:
    """Places that are spread over so many, whatever the number of turns: van der Corput's."""
    share, step = 0.0, 0.5
    while number:
        share, number, step = share + step * (number & 1), number >> 1, step / 2
    return int(share * count)

"""The most images a second on a part: cycles that fit it, and the clock that they leave.

A folding x gives f(x)/c(x) images a second, with its interval c and its predicted clock f. Fewer
cycles want wider units, which are slower: the fewest that fit need not give the most. So the
foldings of the fewest tables are looked at, of some intervals from the shortest that fits on: first
of all options, then of those of which the units of each layer alone reach a clock, a higher one
each time. Their clocks are predicted before queues are sized; the best are then planned in full
until no other could be better. Of a network of few foldings all are looked at.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bitlight import FoldingError
from bitlight_hw import clock as clocks
from bitlight_hw.budget import Budget, Search
from bitlight_hw.folding import Folding, slowest_layer
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.stages import Stage
from bitlight_hw.timing import MOST_CYCLES

# From one clock that is asked of each layer to the next.
STEP = 1.05
# Intervals at each, and foldings of each of these.
INTERVALS = 3
FOLDINGS = 4
# So many are looked at all, where there are no more.
ALL = 200
# The share of a clock that is asked for which a folding is to have before queues are sized.
NEAR = 0.95
# The least share that a clock can be found to have before queues are sized: a ring whose depth
# becomes a power of two gains so much.
ROUGH = 0.75
# How many are planned in full at most.
PLANS = 12
# Cycles, as multiples of the fewest that fit, beyond which the most images/s are not looked for.
SLOWEST = 2.0
# The share of a part's places that is filled. Beyond it the placer has little choice left, and
# wires get longer than the clock model knows (docs/synthesis.md, "Predicted clock").
FULL = 0.85


@dataclass(frozen=True)
class Rated:
    """A folding and what is predicted of it.

    Attributes
    ----------
    folding : list of (PE, SIMD)
    cycles : int, the interval
    mhz : float, the predicted clock
    """

    folding: Folding
    cycles: int
    mhz: float

    @property
    def images_per_s(self) -> float:
        """At the predicted clock."""
        return self.mhz * 1e6 / self.cycles


@dataclass
class Rates:
    """The foldings of a chain within a budget, by their predicted images a second.

    The family of `search` must be one whose clock is predicted.
    """

    search: Search
    budget: Budget

    def best(self) -> Rated:
        """The one of the most images a second of those that are looked at.

        Raises
        ------
        FoldingError
            If no folding fits.
        """
        best = self._planned(self.search.fastest(self.budget))
        rough = sorted(
            (self._rough(folding) for folding in self._candidates(best)),
            key=lambda rated: -rated.images_per_s,
        )
        for one in rough[:PLANS]:
            if one.images_per_s <= ROUGH * best.images_per_s:
                break
            planned = self._fitting(one.folding)
            if planned is not None and planned.images_per_s > best.images_per_s:
                best = planned
        return best

    def fewest_cycles(self, mhz: float) -> Rated:
        """Of those that are looked at and reach a clock, the one of the fewest cycles.

        Raises
        ------
        FoldingError
            If no folding fits, or none of them reaches the clock.
        """
        first = self._planned(self.search.fastest(self.budget))
        reached = [first.mhz]
        rough = [first, *(self._rough(folding) for folding in self._candidates(first, mhz))]
        for one in sorted(rough, key=lambda rated: (rated.cycles, -rated.mhz)):
            if one.mhz < NEAR * mhz:
                reached.append(one.mhz)
                continue
            planned = self._fitting(one.folding)
            if planned is not None:
                reached.append(planned.mhz)
                if planned.mhz >= mhz:
                    return planned
        raise FoldingError(
            f"no folding of {len(reached)} that were tried is predicted to reach {mhz:g} MHz, but "
            f"{max(reached):.1f}"
        )

    def _candidates(self, first: Rated, mhz: float = 0.0) -> Iterator[Folding]:
        """Foldings of the fewest tables, each once, from those of all options on."""
        every = list(itertools.islice(self.search.foldings(np.inf, self.budget), ALL + 1))
        if len(every) <= ALL:
            yield from (folding for _, folding in every)
            return
        seen = {tuple(first.folding)}
        most = MOST_CYCLES if mhz else SLOWEST * first.cycles
        alone = {index: self._alone(index, most) for index in self.search.folded}
        highest = min(float(found.max()) for found in alone.values())
        asked = 0.0
        while asked <= highest:
            search = self._among({index: found >= asked for index, found in alone.items()})
            intervals = [i for i in search.intervals if first.cycles <= i <= most]
            start = search.first_within(intervals, self.budget)
            for interval in intervals[start : start + INTERVALS]:
                for _, folding in itertools.islice(
                    search.foldings(interval, self.budget), FOLDINGS
                ):
                    if tuple(folding) not in seen:
                        seen.add(tuple(folding))
                        yield folding
            asked = max(asked * STEP, first.mhz, mhz)

    def _among(self, kept: dict[int, np.ndarray]) -> Search:
        """The same search among some options of each layer."""
        search = self.search
        listed = {index: search.options(index).where(which) for index, which in kept.items()}
        return replace(search, listed=listed)

    def _alone(self, index: int, most: float) -> np.ndarray:
        """The clock of the units of each option of a layer; below 0 for those that are too slow."""
        options = self.search.options(index)
        found: dict[int, float] = {}
        for stages, cycles in zip(options.units, options.interval, strict=True):
            if id(stages) not in found:
                found[id(stages)] = self._mhz(stages) if cycles <= most else -1.0
        return np.array([found[id(stages)] for stages in options.units])

    def _rough(self, folding: Folding) -> Rated:
        """Before queues are sized: the clock is what it will be, or a little more or less."""
        chain = Pipeline.of(self.search.net, folding)
        cycles = max(slowest_layer(self.search.net, folding), *chain.stream_beats)
        return Rated(folding, cycles, self._mhz(chain.stages))

    def _planned(self, folding: Folding) -> Rated:
        plan = self.search.plan(folding)
        return Rated(folding, plan.cycles_per_image, self._mhz(plan.stages))

    def _fitting(self, folding: Folding) -> Rated | None:
        """What is predicted of a folding that fits."""
        taken = self.search.taken(folding)
        return self._planned(folding) if self.budget.holds(taken, self.search.family) else None

    def _mhz(self, stages: list[Stage]) -> float:
        clock = clocks.predict(stages, self.search.family)
        if clock is None:
            raise FoldingError(f"no clock is predicted for {self.search.family.name}")
        return clock.mhz

"""The fastest folding within a budget of look-up tables and block RAM.

What a folding x = (x_1 … x_n) takes, T(x) tables, is known for certain from its settled plan alone:
how long queues must be, which are needed and in which order a layer works follow from all layers
together. But it has a bound that is a sum along the chain,

    T(x) ≥ t(x) = Σ_i a_i(x_i) + g_i(x_{i−1}, x_i),

of what layer i takes at least, and what lies between two neighbours: pools, and a gearbox from the
PE of one to the inputs of the next. So, with X_i the foldings of layer i that take no more cycles
than an interval, and b_i the blocks of both, the least that can still come with b blocks left is

    A_i(x_{i−1}, b) = min_{x_i ∈ X_i} a_i(x_i) + g_i(x_{i−1}, x_i) + A_{i+1}(x_i, b − b_i),

a dynamic programme from the last layer to the first. What a beginning takes plus A is the least
bound of all that begin so; a search that goes on with the least of these first (A*, Hart, Nilsson
and Raphael 1968) names the foldings in the order of t.

Why the result is the best: intervals are taken from the shortest on. At each, all foldings with
t ≤ budget are asked, which are all that can fit, since T ≥ t; if none does, none of that interval
fits. Where one does, asking ends as soon as the next bound is no less than the least T that fits:
every later folding has T ≥ t ≥ that.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bitlight import FoldingError, Linear, MaxPool2d, Network
from bitlight_hw import dataflow
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.family import Family
from bitlight_hw.folding import Folding, choices, folded_layers, layer_cycles
from bitlight_hw.pipeline import Pipeline, elements_taken
from bitlight_hw.plan import Plan
from bitlight_hw.stages import Beats, Stage
from bitlight_hw.timing import MOST_CYCLES

# Steps of a part of a chain, by which accelerators are asked before the search only goes on where
# what they took beyond their bounds is left: some seconds.
PATIENCE = 3_000_000
# And what an accelerator costs beside its steps.
EACH = 10_000


@dataclass(frozen=True)
class Budget:
    """What an accelerator may take.

    Attributes
    ----------
    luts : int, look-up tables as logic and as memory
    blocks : int or None, smallest block RAMs
    cells : int or None, places for look-up tables
    """

    luts: int
    blocks: int | None = None
    cells: int | None = None

    @property
    def most_luts(self) -> int:
        """No design has more tables than that: each has a place of its own."""
        return self.luts if self.cells is None else min(self.luts, self.cells)

    def holds(self, taken: Estimate, family: Family) -> bool:
        """Whether that fits."""
        return (
            tables(taken) <= self.luts
            and (self.blocks is None or taken.blocks <= self.blocks)
            and (self.cells is None or family.occupied(taken) <= self.cells)
        )


@dataclass(frozen=True)
class Options:
    """What one layer can be, in arrays of equal lengths; for a (PE, SIMD) there may be several.

    Attributes
    ----------
    pairs : list of (PE, SIMD)
    given, taken : int arrays
        Places in the layer's `outputs`, PE, and `inputs`, the elements of a beat that it takes.
    interval, luts, blocks : int arrays
        Cycles for an image, and the least that its units take.
    units : list of lists of Stage
        What each is made of.
    """

    outputs: list[int]
    inputs: list[int]
    pairs: list[tuple[int, int]]
    given: np.ndarray
    taken: np.ndarray
    interval: np.ndarray
    luts: np.ndarray
    blocks: np.ndarray
    units: list[list[Stage]]

    def where(self, kept: np.ndarray) -> "Options":
        """Those that are kept, a bool array."""
        places = np.flatnonzero(kept)
        arrays = ("given", "taken", "interval", "luts", "blocks")
        return replace(
            self,
            pairs=[self.pairs[place] for place in places],
            units=[self.units[place] for place in places],
            **{name: getattr(self, name)[places] for name in arrays},
        )


@dataclass
class Search:
    """The foldings of a network on a family of FPGAs: all, or those of the options `listed`.

    `plans` are those that other searches of the network have made. `known`, `effort` and
    `excess` are of the present call of `fastest`: what was asked, what that cost, and by how much
    it was beyond its bound.
    """

    net: Network
    family: Family
    known: dict[tuple[tuple[int, int], ...], Estimate] = field(init=False, default_factory=dict)
    effort: int = field(init=False, default=0)
    excess: int = field(init=False, default=0)
    listed: dict[int, Options] = field(default_factory=dict)
    plans: dict[tuple[tuple[int, int], ...], Plan] = field(default_factory=dict)

    def fastest(self, budget: Budget, cycles: int | None = None) -> Folding:
        """The folding of the fewest cycles that fits; of those, the one of the fewest tables.

        Every folding whose bound is within the budget is asked, until `PATIENCE` is used up. Then
        what the asked ones took beyond their bounds is put aside, and the first that fits is taken.

        Raises
        ------
        FoldingError
            If no folding fits, or none that fits takes so few cycles.
        """
        self.known.clear()  # what did not fit another budget may fit this one
        self.effort = self.excess = 0
        most = MOST_CYCLES if cycles is None else min(cycles, MOST_CYCLES)
        self.check_layers(most, budget)
        intervals = [interval for interval in self.intervals if interval <= most]
        if not intervals:
            raise FoldingError(
                f"no folding reaches {most:,} cycles per image, the fastest is {self.base:,}"
            )
        first = self.first_within(intervals, budget)
        for place in range(first, len(intervals)):
            found = self.best(intervals[place], budget)
            if found is not None:
                return found
            if self.effort > PATIENCE:
                found = self.any_within(intervals[place + 1 :], budget)
                if found is not None:
                    return found
                break
        raise self.refusal(intervals, budget)

    def check_layers(self, most: int, budget: Budget) -> None:
        """Refuse at once what some layers alone exceed, beginning with those of few choices."""
        least, summed = 0, []
        for index in sorted(folded_layers(self.net), key=lambda i: len(list(choices(self.net, i)))):
            options = self.options(index)
            least += int(options.luts[options.interval <= most].min(initial=1 << 40))
            summed.append(index)
            if least >= 1 << 40:  # none is so fast, which is said better elsewhere
                return
            if least > budget.most_luts:
                which = " and ".join(map(str, sorted(summed)))
                alone = f"layer {which} alone takes" if len(summed) == 1 else f"layers {which} take"
                raise FoldingError(
                    f"no folding fits {self.limits(budget)}: {alone} {least:,} or more"
                )

    def first_within(self, intervals: list[int], budget: Budget) -> int:
        """Place of the shortest interval that has a bound within the budget; or behind the last."""
        low, high = 0, len(intervals)
        while low < high:
            middle = (low + high) // 2
            if self.least(intervals[middle], budget.blocks) <= budget.most_luts:
                high = middle
            else:
                low = middle + 1
        return low

    def best(self, interval: int, budget: Budget) -> Folding | None:
        """Of those at that interval that fit, the one of the fewest tables."""
        found: tuple[int, Folding] | None = None
        for bound, folding in self.foldings(interval, budget):
            if found is not None and bound >= found[0]:
                break
            if tuple(folding) in self.known:  # did not fit
                continue
            if self.effort > PATIENCE:
                break
            taken = self.ask(folding, bound)
            if budget.holds(taken, self.family) and (found is None or tables(taken) < found[0]):
                found = tables(taken), folding
        return found and found[1]

    def any_within(self, intervals: list[int], budget: Budget) -> Folding | None:
        """The first that fits, with what bounds leave out put aside; None where none does."""
        while True:
            near = replace(budget, luts=budget.luts - self.excess)
            place = self.first_within(intervals, near)
            if place == len(intervals):
                return None
            bound, folding = next(self.foldings(intervals[place], near))
            if budget.holds(self.ask(folding, bound), self.family):
                return folding
            intervals = intervals[place + 1 :]

    def ask(self, folding: Folding, bound: int) -> Estimate:
        """What the accelerator of a folding takes."""
        taken = self.known[tuple(folding)] = self.taken(folding)
        self.excess = max(self.excess, tables(taken) - bound)
        return taken

    def taken(self, folding: Folding) -> Estimate:
        """What its plan takes."""
        return Estimate.total(self.plan(folding).estimate(self.family.name).values())

    def plan(self, folding: Folding) -> Plan:
        """Its settled plan."""
        key = tuple(folding)
        if key not in self.plans:
            plan = self.plans[key] = Plan.of(self.net, folding)
            self.effort += EACH + plan.cycles_per_image * len(plan.stages)
        return self.plans[key]

    def refusal(self, intervals: list[int], budget: Budget) -> FoldingError:
        """Why nothing fits."""
        slowest = intervals[-1]
        least = self.least(slowest, None)
        reason = f"the smallest takes {least:,.0f} look-up tables or more"
        if least <= budget.most_luts < self.least(slowest, budget.blocks):
            reason = "that is too little block RAM"
        fits = f"no folding fits {self.limits(budget)}"
        return FoldingError(f"{fits}: {reason}, at {slowest:,} cycles per image")

    def limits(self, budget: Budget) -> str:
        """The budget in words."""
        words = f"{budget.luts:,} look-up tables"
        if budget.cells is not None:
            words += f", {budget.cells:,} places for them"
        if budget.blocks is not None:
            words += f" and {budget.blocks:,} {self.family.block_name}"
        return words

    @cached_property
    def layers(self) -> list[Options]:
        """The options of each layer that computes."""
        return [self.options(index) for index in self.folded]

    @cached_property
    def folded(self) -> list[int]:
        """The indices of the layers that compute."""
        return folded_layers(self.net)

    def options(self, index: int) -> Options:
        """The options of one of them."""
        if index not in self.listed:
            self.listed[index] = self._options(index)
        return self.listed[index]

    @cached_property
    def between(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(tables, blocks) from each output of the layer before to each input of a layer.

        One more behind the last layer, to the features.
        """
        return [
            self._between(place, index)
            for place, index in enumerate([*folded_layers(self.net), len(self.net.chain)])
        ]

    @cached_property
    def base(self) -> int:
        """The interval below which no folding gets."""
        fastest = [int(options.interval.min()) for options in self.layers]
        if isinstance(self.net.chain[0], Linear):  # its images come in beats of any size
            return max(fastest)
        return max([*fastest, *self._pools(0, None).stream_beats])

    @cached_property
    def intervals(self) -> list[int]:
        """All that a folding can have, rising."""
        found = {int(i) for options in self.layers for i in options.interval}
        return sorted({max(self.base, interval) for interval in found} | {self.base})

    def least(self, interval: float, blocks: int | None) -> float:
        """The least bound of tables at that interval; infinite where no folding is so fast."""
        return self._ahead(interval, blocks)[0].flat[-1]

    def foldings(self, interval: float, budget: Budget) -> Iterator[tuple[int, Folding]]:
        """Those whose bounds are within the budget, with their tables: the least first."""
        ahead = self._ahead(interval, budget.blocks)
        top, limited = ahead[0].shape[1] - 1, budget.blocks is not None
        seen: set[tuple[tuple[int, int], ...]] = set()
        # (bound, pairs so far, place of the output of the last, tables so far, blocks left)
        open_: list[tuple[float, tuple[tuple[int, int], ...], int, float, int]] = []
        heapq.heappush(open_, (ahead[0][0, top], (), 0, 0.0, top))
        while open_ and open_[0][0] <= budget.most_luts:
            bound, pairs, before, taken, left = heapq.heappop(open_)
            if len(pairs) == len(self.layers):
                if pairs not in seen:
                    seen.add(pairs)
                    yield int(bound), list(pairs)
                continue
            options = self.layers[len(pairs)]
            tables_here, blocks_here = self.between[len(pairs)]
            own = tables_here[before, options.taken] + options.luts + taken
            rest = left - (blocks_here[before, options.taken] + options.blocks) * limited
            within = (options.interval <= interval) & (rest >= 0)
            bounds = own + ahead[len(pairs) + 1][options.given, np.maximum(rest, 0)]
            for choice in np.flatnonzero(within & (bounds <= budget.most_luts)):
                entry = (*pairs, options.pairs[choice]), int(options.given[choice])
                heapq.heappush(open_, (bounds[choice], *entry, own[choice], int(rest[choice])))

    def _ahead(self, interval: float, blocks: int | None) -> list[np.ndarray]:
        """The least tables from each layer on: by the output of the one before and blocks left."""
        left = np.arange(1 if blocks is None else blocks + 1)
        tail_luts, tail_blocks = self.between[-1]
        ahead = [np.where(tail_blocks * (blocks is not None) <= left, tail_luts, np.inf)]
        for options, (luts, taken) in zip(
            reversed(self.layers), reversed(self.between[:-1]), strict=True
        ):
            fast = np.flatnonzero(options.interval <= interval)
            behind = ahead[0][options.given[fast]]
            rows = []
            for before in range(len(luts)):
                own = luts[before, options.taken[fast]] + options.luts[fast]
                if blocks is None:
                    rows.append((own[:, None] + behind).min(axis=0, initial=np.inf))
                    continue
                need = taken[before, options.taken[fast]] + options.blocks[fast]
                rest = left - need[:, None]
                placed = np.take_along_axis(behind, np.maximum(rest, 0), axis=1)
                total = np.where(rest >= 0, own[:, None] + placed, np.inf)
                rows.append(total.min(axis=0, initial=np.inf))
            ahead.insert(0, np.array(rows))
        return ahead

    def _options(self, index: int) -> Options:
        """Every (PE, SIMD) of one layer, in every order in which it may work."""
        layer, shape = self.net.chain[index], self.net.shapes[index]
        assert not isinstance(layer, MaxPool2d)
        if isinstance(layer, Linear):
            shape = (1, 1, layer.fan_in)
        found = list(choices(self.net, index))
        outputs = sorted({pe for pe, _ in found})
        inputs = sorted({elements_taken(layer, simd) for _, simd in found})
        pairs, rows, units = [], [], []
        for pe, simd in found:
            taken = elements_taken(layer, simd)
            beats = Beats(shape, taken, self.net.depth(index))
            for flow in dataflow.open_to(self.net, index, pe):
                chain = Pipeline.of_layer(layer, beats, (pe, simd), flow)
                interval = max(*chain.stream_beats, layer_cycles(self.net, index, pe, simd))
                for least in self._least(chain):
                    pairs.append((pe, simd))
                    units.append(chain.stages)
                    places = outputs.index(pe), inputs.index(taken)
                    rows.append((*places, interval, tables(least), least.blocks))
        given, inside, interval, luts, blocks = np.array(rows, np.int64).T
        return Options(outputs, inputs, pairs, given, inside, interval, luts, blocks, units)

    def _least(self, chain: Pipeline) -> list[Estimate]:
        """What the units of a chain take at least, in each way in which its ring may lie."""
        ways = [Estimate()]
        for stage in chain.stages:
            if stage.spare:
                continue
            each = stage.unit.least_estimates(self.family)
            ways = [way + one for way in ways for one in each]
        return ways

    def _between(self, place: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Pools in front of a layer, and the gearbox from what they give to what it takes."""
        before = self.layers[place - 1].outputs if place else [None]
        inputs = self.layers[place].inputs if place < len(self.layers) else [None]
        found = np.zeros((2, len(before), len(inputs)), np.int64)
        for row, elements in enumerate(before):
            pools = self._pools(place, elements)
            fixed = Estimate.total(stage.unit.estimate(self.family) for stage in pools.stages)
            for column, wanted in enumerate(inputs):
                # A Linear in front is given the elements that it takes.
                source = not place and index == 0 and isinstance(self.net.chain[0], Linear)
                gear = pools if wanted is None or source else Pipeline.of_gear(pools.beats, wanted)
                own = Estimate() if gear is pools else self._least(gear)[0]
                taken = fixed + own
                found[:, row, column] = tables(taken), taken.blocks
        return found[0], found[1]

    def _pools(self, place: int, elements: int | None) -> Pipeline:
        """The pools in front of a layer that computes, behind beats of so many elements."""
        layers = folded_layers(self.net)
        first = layers[place - 1] + 1 if place else 0
        last = layers[place] if place < len(layers) else len(self.net.chain)
        shape = self.net.shapes[first]
        scores = first == len(self.net.chain)  # which nothing looks at
        bits = 1 if scores else self.net.depth(first)
        beats = Beats(shape, elements or shape[-1], bits)
        chain = Pipeline(beats, beats)
        for layer in self.net.chain[first:last]:
            found = Pipeline.of_layer(layer, chain.beats)
            chain = Pipeline(beats, found.beats, [*chain.stages, *found.stages])
        return chain

"""What any folding takes at least, quickly: each node is looked at once in each way that it stands.

The units of a node follow from its own folding and loop order, from how many elements are in a beat
of what it takes and, where a node has no folding, from the interval. So what it takes is kept by
these, and a folding is a walk through the nodes. What is left out is what the settled plan alone
knows: queues that may be spared, and words of rings beyond one window. So the interval is exact,
look-up tables and block RAM are bounds: the accelerator takes as many or more, mostly by a few
percent.
"""

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from bitlight import Network
from bitlight.network.graph import INPUT
from bitlight_hw import dataflow
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.family import Family
from bitlight_hw.folding import Folding, folded_layers, slowest_layer
from bitlight_hw.pipeline import Pipeline, elements_in
from bitlight_hw.stages import Beats
from bitlight_hw.units import Fork, MatrixVector, Unit
from bitlight_hw.units.matvec import Dataflow


@dataclass(frozen=True)
class Price:
    """What a folding takes at least, and its interval.

    Attributes
    ----------
    cycles : int, the interval
    luts, blocks, cells : int
        Look-up tables, smallest block RAMs, places for look-up tables.
    """

    cycles: int
    luts: int
    blocks: int
    cells: int


@dataclass(frozen=True)
class _Least:
    """What a node takes at least, and the beats that it gives."""

    beats: Beats
    longest: int
    luts: int
    blocks: int
    cells: float


@dataclass
class Pricing:
    """The prices of a network's foldings on a family of FPGAs."""

    net: Network
    family: Family
    known: dict[tuple[Any, ...], _Least] = field(default_factory=dict)
    _weights: dict[tuple[Any, ...], list[Estimate]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folded = folded_layers(self.net)
        uses = Counter(name for node in self.net.nodes for name in node.inputs)
        self._forked = {name: count for name, count in uses.items() if count > 1}
        self._positions = max(math.prod(shape[:-1]) for shape in self.net.shapes)

    def of(self, folding: Folding) -> Price:
        """The price of one folding, which must fit the network."""
        net = self.net
        slowest = slowest_layer(net, folding)
        most = max(slowest, self._positions)
        choices = dict(zip(self._folded, folding, strict=True))
        beats = Beats.of(
            net.input, elements_in(net, {i: (c, "") for i, c in choices.items()}, most)
        )
        ways, taken = {INPUT: beats}, [self._fork(INPUT, beats)]
        for index, node in enumerate(net.nodes):
            given = tuple(ways[name] for name in node.inputs)
            least = self._node(index, choices.get(index), given, most)
            ways[node.name] = least.beats
            taken += [least, self._fork(node.name, least.beats)]
        return Price(
            max(slowest, beats.count, *(least.longest for least in taken)),
            sum(least.luts for least in taken),
            sum(least.blocks for least in taken),
            math.floor(sum(least.cells for least in taken)),
        )

    def _node(
        self, index: int, pair: tuple[int, int] | None, given: tuple[Beats, ...], most: float
    ) -> _Least:
        key = index, pair, tuple(b.elements for b in given), None if pair else most
        if key not in self.known:
            flows = ("output",) if pair is None else dataflow.open_to(self.net, index, pair[0])
            ways = [self._built(index, pair and (pair, flow), given, most) for flow in flows]
            self.known[key] = replace(
                ways[0],
                **{
                    name: min(getattr(way, name) for way in ways)
                    for name in ("luts", "blocks", "cells")
                },
            )
        return self.known[key]

    def _built(
        self,
        index: int,
        choice: tuple[tuple[int, int], Dataflow] | None,
        given: tuple[Beats, ...],
        most: float,
    ) -> _Least:
        chain = Pipeline.of_node(self.net, index, choice, given, most)
        luts, blocks, cells = 0, 0, 0.0
        for stage in chain.stages:
            if stage.spare:
                continue
            ways = self._least(index, choice, stage.unit)
            luts += min(tables(way) for way in ways)
            blocks += min(way.blocks for way in ways)
            cells += min(self._cells(way) for way in ways)
        longest = max((stage.beats.count for stage in chain.stages), default=0)
        return _Least(chain.beats, longest, luts, blocks, cells)

    def _least(self, index: int, choice: Any, unit: Unit) -> list[Estimate]:
        if not isinstance(unit, MatrixVector):
            return unit.least_estimates(self.family)
        key = index, choice  # what it holds is looked at once, whatever stands before it
        if key not in self._weights:
            self._weights[key] = unit.least_estimates(self.family)
        return self._weights[key]

    def _cells(self, taken: Estimate) -> float:
        return tables(taken) + self.family.cells_beside(taken)

    def _fork(self, name: str, beats: Beats) -> _Least:
        if name not in self._forked:
            return _Least(beats, 0, 0, 0, 0.0)
        taken = Fork(beats.width, self._forked[name]).estimate(self.family)
        return _Least(beats, beats.count, tables(taken), taken.blocks, self._cells(taken))

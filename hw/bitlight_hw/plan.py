"""What a folded network will be in hardware: its units, settled, with cycles, latency and area.

Everything here is known before any hardware is: a plan needs no elaboration.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bitlight import FoldingError, Network, OpticsError, SimulationError
from bitlight_hw import clock as clocks
from bitlight_hw import dataflow as dataflows
from bitlight_hw import family as families
from bitlight_hw import folding as foldings
from bitlight_hw import timing
from bitlight_hw.estimate import Estimate
from bitlight_hw.folding import Folding
from bitlight_hw.optics import Projection
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.settling import named, settle
from bitlight_hw.stages import Beats, Stage, circuit, without
from bitlight_hw.units import Unit, Window
from bitlight_hw.units.matvec import Dataflow

# What the last chains settled to, so that a folding that was asked for its area is at hand: the
# depth of each unit that a chain kept, None where it is no ring.
_Kept = dict[str, int | None]
_known: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()
MOST_KNOWN = 64


@dataclass(frozen=True, eq=False)
class Plan:
    """A network, folded, whose units keep the interval with no queue or word more than it needs.

    Attributes
    ----------
    net : Network
    folding : list of (PE, SIMD), one for each Conv2d and Linear
    dataflow : list of "output" or "input", likewise
    projection : Projection or None
    stages : list of Stage, in stream order
    beats_in, beats_out : Beats
    cycles_per_image : int
        Interval between images that follow each other: the largest (MH/PE)·(MW/SIMD)·OH·OW, or
        the most beats of a stream where that is more; a projection is fed
        ⌈features/lanes⌉·components/(components at once) of them.
    """

    net: Network
    folding: Folding
    dataflow: list[Dataflow]
    projection: Projection | None
    stages: list[Stage]
    beats_in: Beats
    beats_out: Beats
    cycles_per_image: int

    @staticmethod
    def of(
        net: Network, folding: Any, dataflow: Any = None, projection: Projection | None = None
    ) -> "Plan":
        """Check and settle; the parameters are those of `Accelerator`.

        Raises
        ------
        FoldingError
            If the folding or the dataflow does not fit the network, or the projection's do not
            divide.
        OpticsError
            If scores should be projected.
        """
        if projection is not None and net.gives_scores:
            raise OpticsError("a projection takes bits, not the scores of the last layer")
        folding = foldings.check(net, folding)
        # Before anything is as long as an image: its pixels, or what the slowest layer does.
        slowest = foldings.slowest_layer(net, folding)
        check_cycles(max(slowest, int(np.prod(net.input_shape[:-1]))))
        flows = (
            dataflows.choose(net, folding, projection)
            if dataflow is None
            else dataflows.check(net, dataflow)
        )
        pipeline = Pipeline.of(net, folding, flows, projection)
        cycles = max(slowest, *pipeline.stream_beats)
        check_cycles(cycles)
        return Plan(
            net,
            folding,
            flows,
            projection,
            _as_known(net, folding, flows, projection, pipeline, cycles),
            pipeline.beats_in,
            pipeline.beats,
            cycles,
        )

    @property
    def latency(self) -> int:
        """Cycles from the first beat taken to the last beat given, in an idle pipeline."""
        return self._trace.latency

    @property
    def first_completed(self) -> int:
        """The cycle, from the first on, in which the last beat of the first image is given."""
        return int(self._trace.completed[0])

    @cached_property
    def _trace(self) -> timing.Trace:
        # A second image, because features of padding alone may leave before a pixel is taken.
        counts = self.beats_in.count, self.beats_out.count
        return timing.run(self.circuit, *counts, images=2)

    @cached_property
    def unsettled(self) -> int:
        """How many images leave before the distance between them is the interval for good."""
        counts = self.beats_in.count, self.beats_out.count
        completed = timing.run(self.circuit, *counts).completed
        others = np.flatnonzero(np.diff(completed) != self.cycles_per_image)
        return int(others.max(initial=-1)) + 1

    @property
    def circuit(self) -> timing.Circuit:
        """When units take and give, and the streams between them."""
        return circuit(self.stages)

    @property
    def units(self) -> dict[str, Unit]:
        """The units, by name, none before one that it takes from."""
        return {stage.name: stage.unit for stage in self.stages}

    @property
    def links(self) -> dict[str, int]:
        """Beats per image of every stream, by the name of the unit that gives it."""
        return {"input": self.beats_in.count} | {
            name: stage.beats.count for stage in self.stages for name in stage.links.values()
        }

    @property
    def takers(self) -> list[str]:
        """The unit that takes each of these streams, "output" where that is the sink."""
        taken = {n: stage.name for stage in self.stages for n in stage.takes}
        streams = [0, *(n for stage in self.stages for n in stage.gives)]
        return [taken.get(n, "output") for n in streams]

    def estimate(self, target: str = "xc7") -> dict[str, Estimate]:
        """What each unit will take on a family of FPGAs.

        Block RAM follows from the rules by which memories are shaped; look-up tables are fitted to
        what Yosys counts.

        Parameters
        ----------
        target : "xc7", "ecp5" or "ice40"
        """
        family = families.named(target)
        return {name: unit.estimate(family) for name, unit in self.units.items()}

    def clock(self, target: str) -> clocks.Clock | None:
        """The highest clock that it will have on a family of FPGAs; None where none is predicted.

        Parameters
        ----------
        target : "ecp5" or "ice40"
        """
        return clocks.predict(self.stages, families.named(target))


def check_cycles(cycles: int) -> None:
    """Refuse an interval that is too long to be stepped through.

    Raises
    ------
    FoldingError
    """
    if cycles > timing.MOST_CYCLES:
        raise FoldingError(
            f"an image takes {cycles:,} cycles in this folding; timing is found up to "
            f"{timing.MOST_CYCLES:,}: take more PE or SIMD"
        )


def _as_known(
    net: Network,
    folding: Folding,
    flows: list[Dataflow],
    projection: Projection | None,
    pipeline: Pipeline,
    cycles: int,
) -> list[Stage]:
    """The stages as they settle, from memory where the same ones have settled before."""
    key = (net.id, tuple(folding), tuple(flows), projection)
    if key not in _known:
        settled = settle(pipeline, cycles)
        if settled is None:
            raise SimulationError(
                f"the chain of {net!r} with folding {folding} does not keep its interval of "
                f"{cycles} cycles"
            )
        _known[key] = {
            stage.name: stage.unit.depth if isinstance(stage.unit, Window) else None
            for stage in settled
        }
        if len(_known) > MOST_KNOWN:
            _known.popitem(last=False)
        return settled
    kept = pipeline.stages
    for stage in pipeline.stages:
        if stage.name not in _known[key]:
            kept = without(kept, named(kept, stage.name))
    for stage in kept:
        depth = _known[key][stage.name]
        if isinstance(stage.unit, Window) and depth is not None:
            stage.unit.depth = depth
    return kept

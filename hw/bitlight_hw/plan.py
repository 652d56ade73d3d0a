"""What a folded network will be in hardware: its units, settled, with cycles, latency and area.

Everything here is known before any hardware is: a plan needs no elaboration.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bitlight import FoldingError, Network, OpticsError, SimulationError
from bitlight_hw import dataflow as dataflows
from bitlight_hw import family as families
from bitlight_hw import folding as foldings
from bitlight_hw import timing
from bitlight_hw.estimate import Estimate
from bitlight_hw.folding import Folding
from bitlight_hw.optics import Projection
from bitlight_hw.pipeline import Beats, Pipeline, Stage
from bitlight_hw.units import Unit, Window
from bitlight_hw.units.matvec import Dataflow

# Images that a chain is tried with before it is stepped until it settles.
TRIALS = (4, 16, 64)
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

    @cached_property
    def _trace(self) -> timing.Trace:
        # A second image, because features of padding alone may leave before a pixel is taken.
        counts = self.beats_in.count, self.beats_out.count
        return timing.run(_parts(self.stages), *counts, images=2)

    @property
    def units(self) -> dict[str, Unit]:
        """The chain of units, by name, in stream order."""
        return {stage.name: stage.unit for stage in self.stages}

    @property
    def links(self) -> dict[str, int]:
        """Beats per image of every stream, by the name of the unit that gives it."""
        behind = {stage.name: stage.beats.count for stage in self.stages}
        return {"input": self.beats_in.count, **behind}

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
        settled = _settled(pipeline, cycles)
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
    kept = [stage for stage in pipeline.stages if stage.name in _known[key]]
    for stage in kept:
        depth = _known[key][stage.name]
        if isinstance(stage.unit, Window) and depth is not None:
            stage.unit.depth = depth
    return kept


def _settled(pipeline: Pipeline, cycles: int) -> list[Stage] | None:
    """The stages that keep the interval for ever, with no queue or word too many; None if none do.

    A few images mostly tell; where a ring fills up later, more are tried.
    """
    counts = pipeline.beats_in.count, pipeline.beats.count

    def interval(parts: Sequence[timing.Part], images: int | None = None) -> int:
        return timing.run(parts, *counts, images).interval

    for images in TRIALS:
        stages = pipeline.stages
        for stage in stages:
            without = [other for other in stages if other is not stage]
            ample = timing.with_ample_depths(_parts(without))
            if stage.spare and interval(ample, images) == cycles:
                stages = without
        depths = timing.tight_depths(_parts(stages), *counts, cycles, images)
        rings = [stage.unit for stage in stages if isinstance(stage.unit, Window)]
        for ring, depth in zip(rings, depths, strict=True):
            ring.depth = depth
        if interval(_parts(stages)) == cycles:
            return stages
    return None


def _parts(stages: list[Stage]) -> list[timing.Part]:
    return [part for stage in stages for part in stage.unit.timing]

"""The accelerator: a network, folded, as a chain of stream units."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight import FoldingError, Network, OpticsError, SimulationError
from bitlight_hw import dataflow as dataflows
from bitlight_hw import family as families
from bitlight_hw import folding as foldings
from bitlight_hw import timing
from bitlight_hw.chain import Chain, Stage
from bitlight_hw.estimate import Estimate
from bitlight_hw.optics import Projection
from bitlight_hw.units import Unit, Window
from bitlight_hw.units.rules import StreamRules, watch
from bitlight_hw.units.separate import separate

# Images that a chain is tried with before it is stepped until it settles.
TRIALS = (4, 16, 64)
# What the last chains settled to, so that a folding that was asked for its area is at hand: the
# depth of each unit that a chain kept, None where it is no ring.
_Kept = dict[str, int | None]
_known: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()
MOST_KNOWN = 64


class Accelerator(wiring.Component):
    """Hardware that computes a network: stream of pixels in, stream of features out.

    With a projection, its components follow from the features and leave in their place.

    Parameters
    ----------
    net : Network
    folding : list of (PE, SIMD), optional
        One pair for each Conv2d and Linear; by default `fold(net)`.
    dataflow : "output", "input" or a list of these, optional
        Loop order of each Conv2d and Linear: output-stationary or input-stationary. By default
        what `bitlight_hw.dataflow.choose` finds to have the shortest latency.
    projection : Projection, optional

    Attributes
    ----------
    cycles_per_image : int
        Interval between images that follow each other: the largest (MH/PE)·(MW/SIMD)·OH·OW, or
        the most beats of a stream where that is more; a projection is fed
        ⌈features/lanes⌉·components/(components at once) of them.
    latency : int
        Cycles from the first beat taken to the last beat given, for an image in an idle pipeline.
    beats_in, beats_out : Beats

    Raises
    ------
    FoldingError
        If the folding or the dataflow does not fit the network, or the projection's do not divide.
    OpticsError
        If scores should be projected.
    """

    i: Any
    o: Any
    # Predictions are worth having without the hardware; Amaranth would warn of that.
    _MustUse__silence = True

    def __init__(
        self,
        net: Network,
        folding: Any = None,
        dataflow: Any = None,
        projection: Projection | None = None,
    ) -> None:
        if projection is not None and net.gives_scores:
            raise OpticsError("a projection takes bits, not the scores of the last layer")
        self.net = net
        self.projection = projection
        self.folding = foldings.fold(net) if folding is None else foldings.check(net, folding)
        # Before anything is as long as an image: its pixels, or what the slowest layer does.
        slowest = foldings.slowest_layer(net, self.folding)
        check_cycles(max(slowest, int(np.prod(net.input_shape[:-1]))))
        self.dataflow = (
            dataflows.choose(net, self.folding, projection)
            if dataflow is None
            else dataflows.check(net, dataflow)
        )
        chain = Chain.of(net, self.folding, self.dataflow, projection)
        self.beats_in, self.beats_out = chain.beats_in, chain.beats
        self.cycles_per_image = max(slowest, *chain.stream_beats)
        check_cycles(self.cycles_per_image)
        self._stages = self._as_known(chain.stages)
        super().__init__(
            {
                "i": In(stream.Signature(self.beats_in.width)),
                "o": Out(stream.Signature(self.beats_out.width)),
            }
        )

    def _as_known(self, stages: list[Stage]) -> list[Stage]:
        """The stages as they settle, from memory where the same chain has settled before."""
        flows = tuple(self.dataflow)
        key = (self.net.id, tuple(self.folding), flows, self.projection)
        if key not in _known:
            settled = self._settled(stages)
            _known[key] = {
                stage.name: stage.unit.depth if isinstance(stage.unit, Window) else None
                for stage in settled
            }
            if len(_known) > MOST_KNOWN:
                _known.popitem(last=False)
            return settled
        kept = [stage for stage in stages if stage.name in _known[key]]
        for stage in kept:
            depth = _known[key][stage.name]
            if isinstance(stage.unit, Window) and depth is not None:
                stage.unit.depth = depth
        return kept

    def _settled(self, stages: list[Stage]) -> list[Stage]:
        """The stages that keep the interval for ever, with no queue or word more than it needs.

        A few images mostly tell; where a ring fills up later, more are tried.
        """
        for images in TRIALS:
            needed = self._needed(stages, images)
            self._set_depths(needed, images)
            if self._run(_parts(needed)).interval == self.cycles_per_image:
                return needed
        raise SimulationError(
            f"the chain of {self.net!r} with folding {self.folding} does not keep its interval of "
            f"{self.cycles_per_image} cycles"
        )

    def _needed(self, stages: list[Stage], images: int) -> list[Stage]:
        """The stages without the spare queues that the interval does not need."""
        for stage in stages:
            without = [other for other in stages if other is not stage]
            ample = timing.with_ample_depths(_parts(without))
            if stage.spare and self._run(ample, images).interval == self.cycles_per_image:
                stages = without
        return stages

    def _set_depths(self, stages: list[Stage], images: int) -> None:
        counts = self.beats_in.count, self.beats_out.count
        depths = timing.tight_depths(_parts(stages), *counts, self.cycles_per_image, images)
        rings = [stage.unit for stage in stages if isinstance(stage.unit, Window)]
        for ring, depth in zip(rings, depths, strict=True):
            ring.depth = depth

    def _run(self, parts: list[timing.Part], images: int | None = None) -> timing.Trace:
        return timing.run(parts, self.beats_in.count, self.beats_out.count, images)

    @cached_property
    def _trace(self) -> timing.Trace:
        # A second image, because features of padding alone may leave before a pixel is taken.
        return self._run(_parts(self._stages), images=2)

    @property
    def latency(self) -> int:
        """Cycles from the first beat taken to the last beat given, in an idle pipeline."""
        return self._trace.latency

    def expected(self, images: np.ndarray) -> np.ndarray:
        """What the golden model gives for images, and their projection where there is one."""
        features = self.net.forward(images)
        return features if self.projection is None else self.projection.of(features)

    @property
    def units(self) -> dict[str, Unit]:
        """The chain of units, by name, in stream order."""
        return {stage.name: stage.unit for stage in self._stages}

    @property
    def links(self) -> dict[str, int]:
        """Beats per image of every stream, by the name of the unit that gives it."""
        behind = {stage.name: stage.beats.count for stage in self._stages}
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

    def verilog(self, target: str = "xc7") -> str:
        """The whole accelerator as Verilog text; same network and folding, same text.

        Parameters
        ----------
        target : "xc7", "ecp5", "ice40", "generic" or "simulation"
            Family of FPGAs whose memories and look-up tables it is written for. "generic" asks no
            tool for a kind of memory, and is for every other FPGA; one family's text may ask for
            what another does not have. "simulation" is the form that Verilator runs fastest,
            SystemVerilog with assertions; the others are Verilog-2001. All are equal cycle by
            cycle.
        """
        from bitlight_hw import heading
        from bitlight_hw.verilog import convert

        families.named(target)
        text = heading.accelerator(self, target)
        return convert(self, name="accelerator", target=target, heading=text)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        units = [separate(m, platform, name, unit) for name, unit in self.units.items()]
        givers = [wiring.flipped(self.i), *(unit.o for unit in units)]
        takers = [*(unit.i for unit in units), wiring.flipped(self.o)]
        for giver, taker in zip(givers, takers, strict=True):
            wiring.connect(m, giver, taker)
        if families.of(platform) is families.SIMULATION:
            self._watch(m, platform, givers)
        return m

    def _watch(self, m: Module, platform: Any, links: Sequence[Any]) -> None:
        """Hold each link to the stream rules."""
        widths = [len(link.payload) for link in links]
        rules = StreamRules(dict(zip(self.links, widths, strict=True)))
        watcher = separate(m, platform, "rules", rules)
        for index, link in enumerate(links):
            watch(m, watcher, index, link)
        # The native simulator reads them here, to count beats and to tell where a chain hangs.
        keep = {"keep": 1}
        waiting = Signal(len(links), attrs=keep)
        moved = Signal(len(links), attrs=keep)
        m.d.comb += [waiting.eq(watcher.waiting), moved.eq(watcher.moved)]


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


def _parts(stages: list[Stage]) -> list[timing.Part]:
    return [part for stage in stages for part in stage.unit.timing]

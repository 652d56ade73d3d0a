"""The accelerator: a network, folded, as a chain of stream units."""

from functools import cached_property
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight import Network, SimulationError
from bitlight_hw import folding as foldings
from bitlight_hw import timing
from bitlight_hw.chain import Chain, Stage
from bitlight_hw.units import Unit, Window

# Images that a chain is tried with before it is stepped until it settles.
TRIALS = (4, 16, 64)


class Accelerator(wiring.Component):
    """Hardware that computes a network: stream of pixels in, stream of features out.

    Parameters
    ----------
    net : Network
    folding : list of (PE, SIMD), optional
        One pair for each Conv2d and Linear; by default `fold(net)`.

    Attributes
    ----------
    cycles_per_image : int
        Interval between images that follow each other: the largest (MH/PE)·(MW/SIMD)·OH·OW, or
        the most beats of a stream where that is more.
    latency : int
        Cycles from the first beat taken to the last beat given, for an image in an idle pipeline.
    beats_in, beats_out : Beats

    Raises
    ------
    FoldingError
        If the folding does not fit the network.
    """

    i: Any
    o: Any
    # Predictions are worth having without the hardware; Amaranth would warn of that.
    _MustUse__silence = True

    def __init__(self, net: Network, folding: Any = None) -> None:
        self.net = net
        self.folding = foldings.fold(net) if folding is None else foldings.check(net, folding)
        chain = Chain.of(net, self.folding)
        self.beats_in, self.beats_out = chain.beats_in, chain.beats
        self.cycles_per_image = max(foldings.slowest_layer(net, self.folding), *chain.stream_beats)
        self._stages = self._settled(chain.stages)
        super().__init__(
            {
                "i": In(stream.Signature(self.beats_in.width)),
                "o": Out(stream.Signature(self.beats_out.width)),
            }
        )

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

    @property
    def units(self) -> dict[str, Unit]:
        """The chain of units, by name, in stream order."""
        return {stage.name: stage.unit for stage in self._stages}

    def verilog(self) -> str:
        """The whole accelerator as SystemVerilog text; same network and folding, same text."""
        from bitlight_hw.verilog import convert

        return convert(self, name="accelerator")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        units = self.units
        for name, unit in units.items():
            m.submodules[name] = unit
        givers = [wiring.flipped(self.i), *(unit.o for unit in units.values())]
        takers = [*(unit.i for unit in units.values()), wiring.flipped(self.o)]
        for giver, taker in zip(givers, takers, strict=True):
            wiring.connect(m, giver, taker)
        # What each link waits for, from the input on: a simulator that hangs reads it here.
        links = Signal(2 * len(givers))
        m.d.comb += links.eq(Cat(Cat(giver.valid, giver.ready) for giver in givers))
        return m


def _parts(stages: list[Stage]) -> list[timing.Part]:
    return [part for stage in stages for part in stage.unit.timing]

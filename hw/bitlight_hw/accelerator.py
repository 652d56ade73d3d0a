"""The accelerator: a planned network, wired of stream units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight import Network
from bitlight.drawing import Drawing
from bitlight_hw import family as families
from bitlight_hw.clock import Clock
from bitlight_hw.estimate import Estimate
from bitlight_hw.optics import Projection
from bitlight_hw.plan import Plan
from bitlight_hw.search import fold
from bitlight_hw.units import Unit
from bitlight_hw.units.rules import StreamRules, watch
from bitlight_hw.units.separate import separate


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

    Examples
    --------
    >>> from bitlight import Linear
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> acc = Accelerator(net, [(1, 2)])  # one output at a time, from two inputs
    >>> acc.cycles_per_image, acc.latency
    (16, 23)
    >>> "module accelerator" in acc.verilog("generic")
    True
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
        self.plan = Plan.of(net, fold(net) if folding is None else folding, dataflow, projection)
        self.net, self.projection = self.plan.net, self.plan.projection
        self.folding, self.dataflow = self.plan.folding, self.plan.dataflow
        self.beats_in, self.beats_out = self.plan.beats_in, self.plan.beats_out
        self.cycles_per_image = self.plan.cycles_per_image
        super().__init__(
            {
                "i": In(stream.Signature(self.beats_in.width)),
                "o": Out(stream.Signature(self.beats_out.width)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the first beat taken to the last beat given, in an idle pipeline."""
        return self.plan.latency

    @property
    def units(self) -> dict[str, Unit]:
        """The units, by name, in stream order."""
        return self.plan.units

    @property
    def links(self) -> dict[str, int]:
        """Beats per image of every stream, by the name of the unit that gives it."""
        return self.plan.links

    @property
    def takers(self) -> list[str]:
        """The unit that takes each of these streams, "output" where that is the sink."""
        return self.plan.takers

    def estimate(self, target: str = "xc7") -> dict[str, Estimate]:
        """What each unit will take on a family of FPGAs; see `Plan.estimate`."""
        return self.plan.estimate(target)

    def clock(self, target: str) -> Clock | None:
        """The highest clock that it will have on a family of FPGAs; see `Plan.clock`."""
        return self.plan.clock(target)

    def expected(self, images: np.ndarray) -> np.ndarray:
        """What the golden model gives for images, and their projection where there is one."""
        features = self.net.forward(images)
        return features if self.projection is None else self.projection.of(features)

    def picture(self, *, across: bool = True) -> Drawing:
        """Its units and the streams between them, drawn: SVG, which a notebook shows."""
        from bitlight_hw.picture import picture

        return picture(self.plan, across=across)

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
        givers: dict[int, Any] = {0: wiring.flipped(self.i)}
        takers: dict[int, Any] = {}
        for stage in self.plan.stages:
            unit, ports = stage.unit, separate(m, platform, stage.name, stage.unit)
            takers |= {
                n: getattr(ports, name) for n, name in zip(stage.takes, unit.inputs, strict=True)
            }
            givers |= {
                n: getattr(ports, name) for n, name in zip(stage.gives, unit.outputs, strict=True)
            }
        for number, giver in givers.items():
            wiring.connect(m, giver, takers.get(number, wiring.flipped(self.o)))
        if families.of(platform) is families.SIMULATION:
            self._watch(m, platform, [*givers.values()])
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

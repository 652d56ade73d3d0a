"""Where branches begin: one stream for several that take."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import Split
from bitlight_hw.units.unit import Unit


class Fork(Unit):
    """o_k = i, for each of `ways` streams.

    Each way is offered a beat in the cycle in which it comes, and is offered it no more once it has
    taken it; the beat is taken when the last way takes it, in the same cycle. So no way waits for
    another but by the beats that the other has not taken, no offer depends on what another way is
    ready for, and a bit for each way is all that is kept.

    Parameters
    ----------
    width : int, bits of a beat
    ways : int

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Fork(4, ways=2), [1, 2, 3])
    ([1, 2, 3], [1, 2, 3])
    """

    def __init__(self, width: int, ways: int) -> None:
        self.ways = ways
        super().__init__(width, (width,) * ways)

    @property
    def timing(self) -> tuple[Split]:
        """No register."""
        return (Split(),)

    def estimate(self, family: Family) -> Estimate:
        """A bit for each way, and whether all have the beat."""
        return area.logic(family, "fork", self.parts(family))

    def parts(self, family: Family) -> area.Parts:
        """A bit for each way."""
        return area.Parts(one=1, ways=self.ways)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ways = [getattr(self, name) for name in self.outputs]
        have = Signal(self.ways)
        takes = Signal(self.ways)
        m.d.comb += [
            takes.eq(have | Cat(way.ready for way in ways)),
            self.i.ready.eq(takes.all()),
        ]
        for index, way in enumerate(ways):
            m.d.comb += [
                way.valid.eq(self.i.valid & ~have[index]),
                way.payload.eq(self.i.payload),
            ]
        with m.If(self.i.valid):
            m.d.sync += have.eq(Mux(takes.all(), 0, takes))
        return m

"""Where branches meet: the sum of several streams, or one behind the other."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal, Value

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import Delay, Merge
from bitlight_hw.units.numbers import clip, integers
from bitlight_hw.units.unit import Unit, counter


class Sum(Unit):
    """o = clip(Σ_k i_k, low, high) in each lane, one cycle later.

    A beat of each stream is taken in the cycle in which all are there. The sum goes into a register
    that takes whenever it is empty or its beat is taken.

    Parameters
    ----------
    widths : sequence of int, bits of an element of each stream, two's complement
    lanes : int, elements in a beat
    low, high : int, the range of what is given
    clips : bool, whether the sum can be out of that range

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Sum([4, 4], 1, -8, 7, clips=True), [3, 5], [4, 5])  # 3 + 4, and 5 + 5 clipped
    [7, 7]
    """

    def __init__(
        self, widths: Sequence[int], lanes: int, low: int, high: int, *, clips: bool
    ) -> None:
        self.widths = tuple(widths)
        self.lanes = lanes
        self.low = low
        self.high = high
        self.clips = clips
        self.result = integers(low, high)
        super().__init__(tuple(width * lanes for width in widths), self.result.width * lanes)

    @property
    def timing(self) -> tuple[Merge, Delay]:
        """One of each at a time, and the register."""
        return Merge(np.array([(1 << len(self.widths)) - 1])), Delay(1)

    def estimate(self, family: Family) -> Estimate:
        """The sums, and the clipping of each."""
        return area.logic(family, "sum", self.parts(family))

    def parts(self, family: Family) -> area.Parts:
        """Digits of each sum; two comparisons and a choice where it clips."""
        total = max(self.widths) + (len(self.widths) - 1).bit_length()
        parts = area.Parts(one=1, ways=len(self.widths))
        parts += area.sums(family, "sum", total, self.lanes * (len(self.widths) - 1))
        parts += area.Parts(clipped=self.clips * self.lanes * self.result.width)
        return parts + area.registers(self.lanes * self.result.width)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ways = [getattr(self, name) for name in self.inputs]
        there, room = Signal(), Signal()
        m.d.comb += [
            there.eq(Cat(way.valid for way in ways).all()),
            room.eq(self.o.ready | ~self.o.valid),
        ]
        m.d.comb += [way.ready.eq(there & room) for way in ways]
        totals = []
        for lane in range(self.lanes):
            terms = [
                way.payload.word_select(lane, width).as_signed()
                for way, width in zip(ways, self.widths, strict=True)
            ]
            total = sum(terms[1:], start=terms[0])
            found = clip(total, self.low, self.high) if self.clips else total
            totals.append(found[: self.result.width])
        result = Signal(len(self.o.payload), reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(room):
            m.d.sync += [self.o.valid.eq(there), result.eq(Cat(totals))]
        return m


class Side(Unit):
    """Of each pixel the beats of the first stream, then those of the next, and so on.

    No register: a beat is given in the cycle in which it is there.

    Parameters
    ----------
    widths : sequence of int, bits of an element of each stream
    lanes : int, elements in a beat of every stream
    inner : sequence of int, beats of a pixel of each stream
    width : int, bits of an element of what is given
    is_signed : bool, whether elements are two's complement, which is carried on to `width` bits

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Side([2, 2], 1, [1, 1], 2, is_signed=False), [0, 1], [2, 3])
    [0, 2, 1, 3]
    """

    def __init__(
        self,
        widths: Sequence[int],
        lanes: int,
        inner: Sequence[int],
        width: int,
        *,
        is_signed: bool,
    ) -> None:
        self.widths = tuple(widths)
        self.lanes = lanes
        self.inner = tuple(inner)
        self.width = width
        self.is_signed = is_signed
        super().__init__(tuple(own * lanes for own in widths), width * lanes)

    @cached_property
    def timing(self) -> tuple[Merge]:
        """As many of each as a pixel has."""
        return (Merge(np.repeat(1 << np.arange(len(self.inner)), self.inner)),)

    def estimate(self, family: Family) -> Estimate:
        """The choice of a stream, and a counter."""
        return area.logic(family, "side", self.parts(family))

    def parts(self, family: Family) -> area.Parts:
        """A choice for each bit, a comparison for each stream, the counter."""
        count = sum(self.inner)
        parts = area.Parts(one=1, ways=len(self.inner), place_bits=area.bits(count))
        parts += area.Parts(chosen=self.payload_bits("o") * family.choice_luts(len(self.inner)))
        return parts + area.counter(family, count)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ends = np.cumsum(self.inner).tolist()
        place = counter(ends[-1], "place")
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += place.eq(Mux(place == ends[-1] - 1, 0, place + 1))
        begin = 0
        for index, end in enumerate(ends):
            way = getattr(self, self.inputs[index])
            own = (place >= begin) & (place < end)
            lanes = [
                self._element(way.payload.word_select(lane, self.widths[index]))
                for lane in range(self.lanes)
            ]
            m.d.comb += way.ready.eq(own & self.o.ready)
            with m.If(own):
                m.d.comb += [self.o.valid.eq(way.valid), self.o.payload.eq(Cat(lanes))]
            begin = end
        return m

    def _element(self, element: Value) -> Value:
        if not self.is_signed:
            return element
        return Cat(element, element[-1].replicate(self.width - len(element)))

"""A frame of constant pixels around each image of a stream."""

from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Const, Module, Mux, Signal

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Step
from bitlight_hw.units.unit import Unit, counter


class Pad(Unit):
    """o[y, x, n] = i[y − rows, x − columns, n] inside the image, `value` outside.

    Begins when the first pixel is there: nothing leaves for an image that has not come. Then it
    gives a beat in every cycle: (H + 2·rows)·(W + 2·columns)·inner beats for each image, of which
    those outside take nothing from `i`.

    Parameters
    ----------
    width : int, bits of a beat
    height, across : int, size of the image that comes in
    inner : int, beats of a pixel
    rows, columns : int, of the frame on each side
    value : int, one beat of the frame

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Pad(4, height=1, across=2, inner=1, rows=0, columns=1, value=9), [1, 2])
    [9, 1, 2, 9]
    """

    def __init__(
        self,
        width: int,
        *,
        height: int,
        across: int,
        inner: int,
        rows: int,
        columns: int,
        value: int,
    ) -> None:
        self.width = width
        self.height = height
        self.across = across
        self.inner = inner
        self.rows = rows
        self.columns = columns
        self.value = value
        super().__init__(width, width)

    @cached_property
    def timing(self) -> tuple[Step]:
        """Gives always; takes inside the image; awaits the image before it begins."""
        actions = np.full((self.height, self.across), TAKE | GIVE, np.uint8)
        frame = [(self.rows, self.rows), (self.columns, self.columns)]
        actions = np.pad(actions, frame, constant_values=GIVE)
        steps = np.repeat(actions.ravel(), self.inner)
        steps[0] |= AWAIT
        return (Step(steps),)

    def estimate(self, family: Family) -> Estimate:
        """The choice between pixel and frame, and three counters."""
        return area.logic(family, "pad", self.parts(family))

    def parts(self, family: Family) -> area.Parts:
        """A choice for each bit; counters, and comparisons where there is a frame."""
        parts = area.Parts(one=1, width=self.width) + area.counter(family, self.inner)
        for inside, frame in [(self.height, self.rows), (self.across, self.columns)]:
            size = inside + 2 * frame
            parts += area.counter(family, size)
            parts += area.Parts(frame_bits=area.bits(size) if frame else 0)
        return parts

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        sizes = (self.height + 2 * self.rows, self.across + 2 * self.columns, self.inner)
        y, x, n = counters = [counter(size, name) for size, name in zip(sizes, "yxn", strict=True)]
        inside = Signal()
        first = Signal()
        above = (y < self.rows) | (x < self.columns)
        below = (y >= self.rows + self.height) | (x >= self.columns + self.across)
        m.d.comb += [
            inside.eq(~(above | below)),
            first.eq((y == 0) & (x == 0) & (n == 0)),
            self.o.valid.eq(self.i.valid | ~(inside | first)),
            self.o.payload.eq(Mux(inside, self.i.payload, Const(self.value, self.width))),
            self.i.ready.eq(self.o.ready & inside),
        ]
        turn = self.o.valid & self.o.ready
        for place, size in zip(reversed(counters), reversed(sizes), strict=True):
            end = place == size - 1
            with m.If(turn):
                m.d.sync += place.eq(Mux(end, 0, place + 1))
            turn = turn & end
        return m

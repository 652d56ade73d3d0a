"""A frame of constant pixels around each image of a stream."""

from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Const, Module, Mux, Signal, Value

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Step
from bitlight_hw.units.unit import Unit, turn


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
        step = Signal()
        here: Value = step
        inside: Value = Const(1)
        ends: Value = Const(1)
        for name, size, frame in [
            ("n", self.inner, 0),
            ("x", self.across, self.columns),
            ("y", self.height, self.rows),
        ]:
            place, last = turn(m, here, size + 2 * frame, name)
            if frame:
                within = Signal(name=f"{name}_within")
                with m.If(here):
                    begins, leaves = place == frame - 1, place == frame + size - 1
                    m.d.sync += within.eq(begins | (within & ~leaves))
                inside = inside & within
            here, ends = here & last, ends & last
        first = Signal(init=1)
        with m.If(step):
            m.d.sync += first.eq(ends)
        m.d.comb += [
            self.o.valid.eq(self.i.valid | ~(inside | first)),
            self.o.payload.eq(Mux(inside, self.i.payload, Const(self.value, self.width))),
            self.i.ready.eq(self.o.ready & inside),
            step.eq(self.o.valid & self.o.ready),
        ]
        return m

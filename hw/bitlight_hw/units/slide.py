"""Whole windows of an image, one for each pixel that completes one."""

from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Cat, Module, Signal

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.recall import Recall, Strobe, recall_estimate, recall_parts
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, turn


class Slide(Unit):
    """o[oy, ox] = all i[oy·sh + ky, ox·sw + kx], ordered by (ky, kx), each pixel one beat of `i`.

    kh − 1 lines are kept in memory and kh·(kw − 1) pixels in registers. Every pixel is taken in one
    cycle; one that completes a window gives it in the same cycle. It serves foldings whose SIMD
    does not divide the channels, where a memory word could not hold what is needed at once.

    Parameters
    ----------
    width : int, bits of a pixel
    height, across : int, size of the (padded) image
    kernel, stride : (rows, columns)

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> unit = Slide(4, height=2, across=2, kernel=(1, 2), stride=(1, 1))
    >>> [f"{beat:02x}" for beat in feed(unit, [1, 2, 3, 4])]
    ['21', '43']
    """

    def __init__(
        self,
        width: int,
        *,
        height: int,
        across: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
    ) -> None:
        self.width = width
        self.height = height
        self.across = across
        self.kernel = kernel
        self.stride = stride
        super().__init__(width, width * kernel[0] * kernel[1])

    @cached_property
    def timing(self) -> tuple[Step]:
        """Takes every pixel; gives on those that complete a window."""
        actions = np.full((self.height, self.across), TAKE, np.uint8)
        (tall, wide), (down, along) = self.kernel, self.stride
        actions[tall - 1 :: down, wide - 1 :: along] |= GIVE
        return (Step(actions.ravel()),)

    @property
    def _lines(self) -> Recall:
        """The lines above the present one, a column of pixels in each word."""
        return Recall(max((self.kernel[0] - 1) * self.width, 1), self.across)

    def estimate(self, family: Family) -> Estimate:
        """The lines, the registers of a window, and three counters."""
        tall, wide = self.kernel
        registers = Estimate(buffer_bits=tall * (wide - 1) * self.width)
        logic = area.logic(family, "slide", self.parts(family))
        return logic + registers + recall_estimate(family, (tall - 1) * self.width, self.across)

    def parts(self, family: Family) -> area.Parts:
        """Three counters, and what stands around the lines."""
        tall, wide = self.kernel
        parts = area.Parts(one=1) + recall_parts(family, (tall - 1) * self.width, self.across)
        parts += area.registers(tall * (wide - 1) * self.width)
        for size in (self.height, max(tall, self.stride[0]), max(wide, self.stride[1])):
            parts += area.counter(family, size)
        return parts

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        tall, wide = self.kernel
        above = (tall - 1) * self.width
        lines = separate(m, platform, "lines", self._lines)
        row = separate(m, platform, "row", Strobe(tall - 1, self.stride[0]))
        column = separate(m, platform, "column", Strobe(wide - 1, self.stride[1]))
        complete = Signal()
        step = Signal()
        m.d.comb += [
            complete.eq(row.now & column.now),
            self.o.valid.eq(self.i.valid & complete),
            self.i.ready.eq(self.o.ready | ~complete),
            step.eq(self.i.valid & self.i.ready),
            lines.step.eq(step),
            column.step.eq(step),
            column.restart.eq(lines.last),
            row.step.eq(step & lines.last),
            row.restart.eq(turn(m, step & lines.last, self.height, "y")[1]),
        ]

        newest = Cat(lines.state[:above], self.i.payload)  # a column of pixels, the top one first
        m.d.comb += lines.update.eq(newest[self.width :])
        # Not reset: no window is given before all of it has come.
        columns = [
            Signal(tall * self.width, name=f"column{x}", reset_less=True) for x in range(wide - 1)
        ]
        with m.If(step):
            for kept, following in zip(columns, [*columns[1:], newest], strict=False):
                m.d.sync += kept.eq(following)
        window = [*columns, newest]
        m.d.comb += self.o.payload.eq(
            Cat(window[x].word_select(y, self.width) for y in range(tall) for x in range(wide))
        )
        return m

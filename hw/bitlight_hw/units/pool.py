"""OR over one dimension of a stream of bits: two of these make a max-pool."""

from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.recall import Recall, Strobe, recall_estimate, recall_parts
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, counter


class OrPool(Unit):
    """o[j, n] = OR of i[j·stride + p, n] over p < kernel, for a stream of rows of beats.

    The stream is `length` positions of `inner` beats each, over and over: for a pool along x a
    position is a pixel, along y a line of pixels. Every beat is taken in one cycle; the last of a
    window gives the result in the same cycle. Windows may overlap: ⌈(kernel − 1) / stride⌉
    unfinished ones are kept for each inner beat, the youngest first. A window that would pass the
    end of the stream is never finished (floor mode).

    Parameters
    ----------
    width : int, bits of a beat
    inner, length, kernel, stride : int
    """

    def __init__(self, width: int, *, inner: int, length: int, kernel: int, stride: int) -> None:
        self.width = width
        self.inner = inner
        self.length = length
        self.kernel = kernel
        self.stride = stride
        super().__init__(width, width)

    @cached_property
    def timing(self) -> tuple[Step]:
        """Takes every beat; gives on those that finish a window."""
        behind = np.arange(self.length) - (self.kernel - 1)
        gives = (behind >= 0) & (behind % self.stride == 0)
        return (Step(np.repeat(np.where(gives, TAKE | GIVE, TAKE).astype(np.uint8), self.inner)),)

    @property
    def _kept(self) -> int:
        """Unfinished windows of each inner beat."""
        return -(-(self.kernel - 1) // self.stride)

    @property
    def _unfinished(self) -> Recall:
        return Recall(max(self._kept * self.width, 1), self.inner)

    def estimate(self, family: Family) -> Estimate:
        """What is kept, a choice for each bit and window, and the counters."""
        logic = area.logic(family, "pool", self.parts(family))
        return logic + recall_estimate(family, self._kept * self.width, self.inner)

    def parts(self, family: Family) -> area.Parts:
        """An OR for each bit, a choice for each that is kept where windows overlap."""
        kept = self._kept * self.width
        overlapping = kept if self.kernel > self.stride else 0
        parts = area.Parts(one=1, width=self.width, overlapping=overlapping)
        for size in (self.length, self.stride, max(self.kernel, self.stride)):
            parts += area.counter(family, size)
        return parts + recall_parts(family, kept, self.inner)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        kept = self._kept
        recall = separate(m, platform, "recall", self._unfinished)
        opening = separate(m, platform, "opening", Strobe(0, self.stride))
        closing = separate(m, platform, "closing", Strobe(self.kernel - 1, self.stride))
        position = counter(self.length, "position")
        step = Signal()
        line_end = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid & closing.now),
            self.i.ready.eq(self.o.ready | ~closing.now),
            step.eq(self.i.valid & self.i.ready),
            recall.step.eq(step),
            line_end.eq(position == self.length - 1),
        ]
        for strobe in (opening, closing):
            m.d.comb += [strobe.step.eq(step & recall.last), strobe.restart.eq(line_end)]
        with m.If(step & recall.last):
            m.d.sync += position.eq(Mux(line_end, 0, position + 1))

        windows = [recall.state.word_select(age, self.width) for age in range(kept)]
        aged = [Signal(self.width, name=f"age{age}") for age in range(kept + 1)]
        for age, window in enumerate(aged):
            older = windows[age - 1] if age else 0
            same = windows[age] if age < kept else 0
            m.d.comb += window.eq(Mux(opening.now, older, same) | self.i.payload)
        m.d.comb += [
            recall.update.eq(Cat(aged[:kept])),
            self.o.payload.eq(aged[(self.kernel - 1) // self.stride]),
        ]
        return m

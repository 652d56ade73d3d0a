"""Windows over one dimension of a stream: two of these make a pool of two dimensions."""

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.numbers import integers
from bitlight_hw.units.recall import Recall, Strobe, recall_estimate, recall_parts
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, turn


class Pool(Unit):
    """o[j, n] = what i[j·stride + p, n] over p < kernel come to, for a stream of rows of beats.

    The stream is `length` positions of `inner` beats each, over and over: for a pool along x a
    position is a pixel, along y a line of pixels. Every beat is taken in one cycle; the last of a
    window gives the result in the same cycle. Windows may overlap: ⌈(kernel − 1) / stride⌉
    unfinished ones are kept for each inner beat, the youngest first. A window that would pass the
    end of the stream is never finished (floor mode).

    Parameters
    ----------
    i_width, width : int, bits of a beat that comes in, and of one that is given
    inner, length, kernel, stride : int
    """

    def __init__(
        self, i_width: int, width: int, *, inner: int, length: int, kernel: int, stride: int
    ) -> None:
        self.width = width
        self.inner = inner
        self.length = length
        self.kernel = kernel
        self.stride = stride
        super().__init__(i_width, width)

    @abstractmethod
    def combine(self, before: Value, beat: Value) -> Value:
        """A window with one more beat; before the first it is 0."""

    @property
    def combined(self) -> area.Parts:
        """What that has of each kind beside one table for each bit, for one window."""
        return area.Parts()

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
        kind = "pool" if isinstance(self, OrPool) else type(self).__name__.lower()
        logic = area.logic(family, kind, self.parts(family))
        return logic + recall_estimate(family, self._kept * self.width, self.inner)

    def parts(self, family: Family) -> area.Parts:
        """A table for each bit, a choice for each that is kept where windows overlap."""
        kept = self._kept * self.width
        overlapping = kept if self.kernel > self.stride else 0
        parts = area.Parts(one=1, width=self.width, overlapping=overlapping)
        for size in (self.length, self.stride, max(self.kernel, self.stride)):
            parts += area.counter(family, size)
        for _ in range(max(self._kept, 1)):
            parts += self.combined
        return parts + recall_parts(family, kept, self.inner)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        kept = self._kept
        recall = separate(m, platform, "recall", self._unfinished)
        opening = separate(m, platform, "opening", Strobe(0, self.stride))
        closing = separate(m, platform, "closing", Strobe(self.kernel - 1, self.stride))
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid & closing.now),
            self.i.ready.eq(self.o.ready | ~closing.now),
            step.eq(self.i.valid & self.i.ready),
            recall.step.eq(step),
        ]
        _, line_end = turn(m, step & recall.last, self.length, "position")
        for strobe in (opening, closing):
            m.d.comb += [strobe.step.eq(step & recall.last), strobe.restart.eq(line_end)]

        windows = [recall.state.word_select(age, self.width) for age in range(kept)]
        aged = [Signal(self.width, name=f"age{age}") for age in range(kept + 1)]
        for age, window in enumerate(aged):
            older = windows[age - 1] if age else 0
            same = windows[age] if age < kept else 0
            m.d.comb += window.eq(self.combine(Mux(opening.now, older, same), self.i.payload))
        m.d.comb += [
            recall.update.eq(Cat(aged[:kept])),
            self.o.payload.eq(aged[(self.kernel - 1) // self.stride]),
        ]
        return m


class OrPool(Pool):
    """The OR of each window: the maximum of bits.

    Parameters
    ----------
    width : int, bits of a beat

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(OrPool(2, inner=1, length=4, kernel=2, stride=2), [0b01, 0b10, 0b00, 0b10])
    [3, 2]
    """

    def __init__(self, width: int, *, inner: int, length: int, kernel: int, stride: int) -> None:
        super().__init__(width, width, inner=inner, length=length, kernel=kernel, stride=stride)

    def combine(self, before: Value, beat: Value) -> Value:
        """Bit by bit."""
        return before | beat


class MaxPool(Pool):
    """The maximum of each window, in each lane, of levels.

    Parameters
    ----------
    bits : int, of a level
    lanes : int, levels in a beat

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(MaxPool(4, 1, inner=1, length=4, kernel=2, stride=2), [3, 7, 1, 0])
    [7, 1]
    """

    def __init__(
        self, bits: int, lanes: int, *, inner: int, length: int, kernel: int, stride: int
    ) -> None:
        self.bits = bits
        self.lanes = lanes
        width = bits * lanes
        super().__init__(width, width, inner=inner, length=length, kernel=kernel, stride=stride)

    def combine(self, before: Value, beat: Value) -> Value:
        """The greater of two levels; 0 is the least."""
        found = []
        before = _wide(before, self.width)
        for lane in range(self.lanes):
            one, other = (value.word_select(lane, self.bits) for value in (before, beat))
            found.append(Mux(one > other, one, other))
        return Cat(found)

    @property
    def combined(self) -> area.Parts:
        """A comparison for each lane."""
        return area.Parts(compared_bits=self.bits * self.lanes)


class SumPool(Pool):
    """The sum of each window, in each lane, of integers.

    Parameters
    ----------
    bits : int, of an element, two's complement
    lanes : int, elements in a beat
    low, high : int, the range of a sum

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(SumPool(4, 1, 0, 14, inner=1, length=4, kernel=2, stride=2), [3, 7, 1, 0])
    [10, 1]
    """

    def __init__(
        self,
        bits: int,
        lanes: int,
        low: int,
        high: int,
        *,
        inner: int,
        length: int,
        kernel: int,
        stride: int,
    ) -> None:
        self.bits = bits
        self.lanes = lanes
        # A window that is not complete may be anything between 0 and a sum.
        self.result = integers(min(low, 0), max(high, 0))
        super().__init__(
            bits * lanes,
            self.result.width * lanes,
            inner=inner,
            length=length,
            kernel=kernel,
            stride=stride,
        )

    def combine(self, before: Value, beat: Value) -> Value:
        """Lane by lane."""
        found = []
        before = _wide(before, self.width)
        for lane in range(self.lanes):
            total = before.word_select(lane, self.result.width).as_signed()
            total = total + beat.word_select(lane, self.bits).as_signed()
            found.append(total[: self.result.width])
        return Cat(found)

    @property
    def combined(self) -> area.Parts:
        """A sum for each lane."""
        return area.Parts(summed_bits=self.result.width * self.lanes)


def _wide(value: Value, width: int) -> Value:
    """The same with zeros above, so that it has all its lanes."""
    return Cat(value, Const(0, width))[:width]


class Centre(Unit):
    """o = 2·i − top, in each lane: what levels stand for. No register.

    Parameters
    ----------
    bits : int, of a level
    top : int, the highest level
    lanes : int, levels in a beat

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Centre(2, top=3, lanes=1), [0, 1, 2, 3])  # −3, −1, 1, 3 in three bits
    [5, 7, 1, 3]
    """

    def __init__(self, bits: int, top: int, lanes: int) -> None:
        self.bits = bits
        self.top = top
        self.lanes = lanes
        self.result = integers(-top, top)
        super().__init__(bits * lanes, self.result.width * lanes)

    @property
    def timing(self) -> tuple[Step]:
        """A beat in and out in the same cycle."""
        return (Step(np.array([TAKE | GIVE], np.uint8)),)

    def estimate(self, family: Family) -> Estimate:
        """A short sum for each lane; of whole powers of two, an inverter."""
        return area.logic(family, "centre", self.parts(family))

    def parts(self, family: Family) -> area.Parts:
        """Digits of the sums, without the lowest, which is that of the highest level."""
        whole = self.top & (self.top + 1) == 0
        name = "inverted" if whole else "centred"
        return area.Parts({f"{name}_bits": self.lanes * (1 if whole else self.bits)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        levels = [self.i.payload.word_select(lane, self.bits) for lane in range(self.lanes)]
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            self.o.payload.eq(
                Cat(((level << 1) - self.top)[: self.result.width] for level in levels)
            ),
        ]
        return m

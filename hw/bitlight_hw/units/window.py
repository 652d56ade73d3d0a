"""The line buffer: a ring of words that is read window by window."""

from dataclasses import astuple
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal, Value

from bitlight_hw import area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.timing import Buffer, Delay
from bitlight_hw.units.unit import Unit, counter, turn
from bitlight_hw.units.ways import Chosen, Ways

# Cycles from a word in to the same word out.
LATENCY = 2


class Window(Unit):
    """o = the words of each window, `repeats` times, ordered by (ky, kx, n), windows by (oy, ox).

    Words are written at one end of a ring while windows are read, so that the next rows, and the
    next image, arrive meanwhile. A word is read as soon as it is there (offset < filled); both
    are counted from the present window's first word, and words before that are free. Where it moves
    past words that have not come yet, `filled` is negative until they have passed by.

    One word in and one word out in every cycle; a word that is written in cycle t can be given in
    cycle t + 2.

    Parameters
    ----------
    width : int, bits of a word
    height, across : int, size of the (padded) image
    inner : int, words of a pixel
    kernel, stride : (rows, columns)
    repeats : int
        How often each window is given: once for each fold of the neurons behind.
    depth : int, words in the ring
    images : int
        How many images it may have to hold at most: one, where no other way waits for this one.

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> unit = Window(
    ...     4, height=1, across=3, inner=1, kernel=(1, 2), stride=(1, 1), repeats=1, depth=4
    ... )
    >>> feed(unit, [1, 2, 3])  # windows (1, 2) and (2, 3)
    [1, 2, 2, 3]
    """

    def __init__(
        self,
        width: int,
        *,
        height: int,
        across: int,
        inner: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        repeats: int,
        depth: int = 0,
        images: int = 1,
    ) -> None:
        self.width = width
        self.images = images
        self.repeats = repeats
        self.run = kernel[1] * inner
        self.lines = kernel[0]
        self.image_words = height * across * inner
        self.line_words = across * inner
        self.rows = (height - kernel[0]) // stride[0] + 1
        self.columns = (across - kernel[1]) // stride[1] + 1
        self.column_step = stride[1] * inner
        row_back = (self.columns - 1) * self.column_step
        self.row_step = stride[0] * self.line_words - row_back
        self.image_step = (height - (self.rows - 1) * stride[0]) * self.line_words - row_back
        self.last = (self.lines - 1) * self.line_words + self.run - 1  # offset in a window
        self.least_depth = max(2, self.last + 1)
        self.depth = depth or self.least_depth
        super().__init__(width, width)

    @property
    def timing(self) -> tuple[Buffer, Delay]:
        """The ring, and the register that the memory's read port is."""
        offsets = np.add.outer(np.arange(self.lines) * self.line_words, np.arange(self.run))
        releases = np.full((self.rows, self.columns), self.column_step)
        releases[:, -1] = self.row_step
        releases[-1, -1] = self.image_step
        ring = Buffer(self.depth, offsets.ravel(), self.repeats, releases.ravel(), self.images)
        return ring, Delay(1)

    def estimate(self, family: families.Family) -> Estimate:
        """The ring, and what counts through it."""
        logic = area.logic(family, "window", self.parts(family))
        return logic + family.ram_estimate(self.depth, self.width)

    def least_estimates(self, family: families.Family) -> list[Estimate]:
        """At any depth that a chain may want: with its words as they lie at least, and in blocks.

        No chain needs more than what `bitlight_hw.timing.with_ample_depths` gives it. It may be
        a power of two, which spares wrapping.
        """
        depth = self.least_depth
        least = self.ways(depth).without_places()
        ways = [self._control(family, least, whole) for whole in (True, False)]
        in_tables = not family.in_blocks(depth, self.width)
        around = area.memory(family, depth, self.width) if in_tables else area.Parts()
        low, high = depth, 2 * depth + self.image_words
        bound = self._least(family, [way + around for way in ways])
        bound += family.ram_estimate(depth, self.width)
        if bound.blocks or not family.in_blocks(high, self.width):
            return [bound]
        while low < high:
            middle = (low + high) // 2
            if family.in_blocks(middle, self.width):
                high = middle
            else:
                low = middle + 1
        in_blocks = Estimate(blocks=family.cut(high, self.width, ram=True)[0])
        return [bound, self._least(family, ways) + in_blocks]

    @staticmethod
    def _least(family: families.Family, ways: list[area.Parts]) -> Estimate:
        """Of each resource by itself: the one that takes fewer tables may take more carries."""
        logic = (area.logic(family, "window", way) for way in ways)
        return Estimate(*map(min, zip(*map(astuple, logic), strict=True)))

    def parts(self, family: families.Family) -> area.Parts:
        """Two places that move on, two distances, counters, and what stands around the ring."""
        ways = self.ways(self.depth)
        return self._control(family, ways, ways.whole) + area.memory(family, self.depth, self.width)

    def _control(self, family: families.Family, ways: Ways, whole: bool) -> area.Parts:
        parts = area.Parts(one=1, picks=ways.picks)
        parts += area.sums(family, "distance", ways.room.width)
        parts += area.sums(family, "distance", ways.due.width)
        place = area.bits(ways.depth)
        written = area.sums(family, "moved", place) if whole else area.counter(family, ways.depth)
        if ways.in_turn:
            parts += written + written
        else:
            parts += written + area.sums(family, "moved" if whole else "wrapped", place)
        for size in ways.sizes:
            parts += area.counter(family, size)
        return parts

    def ways(self, depth: int) -> Ways:
        """How words follow each other in a ring of so many."""
        loops = [
            ("across", self.run, 1, 0),
            ("line", self.lines, self.line_words - self.run + 1, 0),
            ("repeat", self.repeats, -self.last, 0),
            ("column", self.columns, self.column_step - self.last, self.column_step),
            ("row", self.rows, self.row_step - self.last, self.row_step),
        ]
        last = self.image_step - self.last, self.image_step
        return Ways([loop for loop in loops if loop[1] > 1], last, depth)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = families.of(platform).ram(self.depth, self.width)
        write, read = memory.write_port(), memory.read_port()
        ways = self.ways(self.depth)
        # Two distances whose signs are the answers, so that neither waits for a comparison:
        # from a full ring to what is filled, and from what is filled to the word that is due.
        room = Signal(ways.room, init=-self.depth)
        due = Signal(ways.due)
        taken = Signal()
        given = Signal()
        enable = Signal()
        m.d.comb += [
            self.i.ready.eq(room < 0),
            taken.eq(self.i.valid & self.i.ready),
            write.data.eq(self.i.payload),
            write.en.eq(taken),
            enable.eq(self.o.ready | ~self.o.valid),
            given.eq(enable & (due < 0)),
            read.en.eq(given),
            self.o.payload.eq(read.data),
        ]
        m.d.comb += write.addr.eq(turn(m, taken, self.depth, "written")[0])
        with m.If(enable):
            m.d.sync += self.o.valid.eq(due < 0)
        chosen = ways.choose(m, given)
        on = chosen.on | (~given).replicate(len(chosen.on))
        freed = chosen.freed & given.replicate(len(chosen.freed))
        m.d.sync += [room.eq(_sum(room, freed, taken)), due.eq(_sum(due, on, ~taken))]
        m.d.comb += read.addr.eq(self._place(m, ways, given, chosen))
        return m

    def _place(self, m: Module, ways: Ways, given: Signal, chosen: Chosen) -> Value:
        """Where the next word lies: places move as the offset does, around the ring."""
        if ways.in_turn:
            return turn(m, given, self.depth, "place")[0]
        place = counter(self.depth, "place")
        moved = place + chosen.by
        wrapped = (place + chosen.beyond)[: len(place) + 1]
        with m.If(given):
            m.d.sync += place.eq(moved if ways.whole else Mux(wrapped[-1], moved, wrapped))
        return place


def _sum(count: Signal, by: Value, carry: Value) -> Value:
    """One addition with a carry into it: the lowest digit is carry + carry."""
    return (Cat(carry, count) + Cat(carry, by)) >> 1


def ring(width: int, depth: int) -> Window:
    """A queue: each word once."""
    return Window(
        width, height=1, across=1, inner=1, kernel=(1, 1), stride=(1, 1), repeats=1, depth=depth
    )

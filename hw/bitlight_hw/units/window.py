"""The line buffer: a ring of words that is read window by window."""

from dataclasses import astuple
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Shape, Signal, Value, signed

from bitlight_hw import area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.timing import Buffer, Delay
from bitlight_hw.units.unit import Unit, counter

# Cycles from a word in to the same word out.
LATENCY = 2


class Window(Unit):
    """o = the words of each window, `repeats` times, ordered by (ky, kx, n), windows by (oy, ox).

    Words are written at one end of a ring while windows are read, so that the next rows, and the
    next image, arrive meanwhile. `base` is the place of the present window's first word; a word is
    read as soon as it is there (offset < filled), and words before the base are free. Where the
    base moves past words that have not come yet, `filled` is negative until they have passed by.

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
        a power of two, which spares wrapping, or divide a move that is not shorter than a window.
        """
        depth = self.least_depth
        moves = [by for by in self.moves() if by < depth]
        ways = [self._control(family, depth, moves, name) for name in ("moved", "wrapped")]
        in_tables = not family.in_blocks(depth, self.width)
        around = area.memory(family, depth, self.width) if in_tables else area.Parts()
        low, high = depth, 2 * depth + self.image_words
        least = self._least(family, [way + around for way in ways])
        least += family.ram_estimate(depth, self.width)
        if least.blocks or not family.in_blocks(high, self.width):
            return [least]
        while low < high:
            middle = (low + high) // 2
            if family.in_blocks(middle, self.width):
                high = middle
            else:
                low = middle + 1
        in_blocks = Estimate(blocks=family.cut(high, self.width, ram=True)[0])
        return [least, self._least(family, ways) + in_blocks]

    @staticmethod
    def _least(family: families.Family, ways: list[area.Parts]) -> Estimate:
        """Of each resource by itself: the one that takes fewer tables may take more carries."""
        logic = (area.logic(family, "window", way) for way in ways)
        return Estimate(*map(min, zip(*map(astuple, logic), strict=True)))

    def parts(self, family: families.Family) -> area.Parts:
        """Places that move on, two distances, counters, and what stands around the ring."""
        power = self.depth & (self.depth - 1) == 0
        moves = [by for by in self.moves() if by % self.depth]
        parts = self._control(family, self.depth, moves, "moved" if power else "wrapped")
        if not power:  # whether a place is beyond the ring is asked even of what does not move
            still = len(self.moves()) - len(moves)
            parts += area.sums(family, "compared", area.bits(self.depth), still)
        return parts + area.memory(family, self.depth, self.width)

    def _control(
        self, family: families.Family, depth: int, moves: list[int], name: str
    ) -> area.Parts:
        count, place = self.count_of(depth).width, area.bits(depth)
        loaded = 1 + (self.run > 1) + (self.lines > 1)  # what a place is set from
        parts = area.Parts(one=1, picks=self._picks(count), place_bits=loaded * place)
        parts += area.sums(family, "distance", count)
        for by in moves:
            # A ring of a power of two adds only from the lowest one of what it moves by.
            still = (by & -by).bit_length() - 1 if name == "moved" else 0
            parts += area.sums(family, name, place - still)
        for size in (self.run, self.lines, self.repeats, self.columns, self.rows):
            parts += area.counter(family, size)
        return parts

    def _picks(self, count: int) -> int:
        """Different bits of what the two distances move by; a bit that never changes is none."""
        moves = [(0, 0)]  # no word is given
        if self.run > 1:
            moves.append((1, 0))
        if self.lines > 1:
            moves.append((self.line_words - self.run + 1, 0))
        if self.repeats > 1:
            moves.append((-self.last, 0))
        if self.columns > 1:
            moves.append((self.column_step - self.last, self.column_step))
        if self.rows > 1:
            moves.append((self.row_step - self.last, self.row_step))
        moves.append((self.image_step - self.last, self.image_step))
        on, freed = np.array(moves).T
        bits = np.hstack([(by[:, None] >> np.arange(count)) & 1 for by in (on - 1, -freed)])
        return np.unique(bits[:, (bits != bits[0]).any(axis=0)], axis=1).shape[1]

    def moves(self) -> list[int]:
        """By how many words a place moves on, each once for what it is there for."""
        moves = [1, self.image_step]
        if self.run > 1:
            moves.append(1)
        if self.lines > 1:
            moves.append(self.line_words - self.run + 1)
        if self.columns > 1:
            moves.append(self.column_step)
        if self.rows > 1:
            moves.append(self.row_step)
        return moves

    @property
    def _count(self) -> Shape:
        """Of words from the base on; negative while some that are skipped have not come."""
        return self.count_of(self.depth)

    def count_of(self, depth: int) -> Shape:
        """Of the two distances, in a ring of so many words."""
        most = max(depth, self.image_step, self.row_step, self.least_depth)
        return signed(most.bit_length() + 2)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = families.of(platform).ram(self.depth, self.width)
        write, read = memory.write_port(), memory.read_port()
        # Two distances whose signs are the answers, so that neither waits for a comparison:
        # from a full ring to what is filled, and from what is filled to the word that is due.
        room = Signal(self._count, init=-self.depth)
        due = Signal(self._count)
        taken = Signal()
        given = Signal()
        enable = Signal()
        release = Signal(range(max(self.column_step, self.row_step, self.image_step) + 1))
        step = Signal(self._count)
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
        with m.If(taken):
            m.d.sync += write.addr.eq(self._wrapped(write.addr, 1))
        with m.If(enable):
            m.d.sync += self.o.valid.eq(due < 0)
        freed = Signal(self._count)
        on = Signal(self._count)
        m.d.comb += [freed.eq(-release), on.eq(step - 1)]
        m.d.sync += [room.eq(_sum(room, freed, taken)), due.eq(_sum(due, on, ~taken))]
        self._count_through(m, given, read.addr, release, step)
        return m

    def _count_through(
        self, m: Module, given: Signal, place: Signal, release: Signal, step: Signal
    ) -> None:
        """Where the next word lies; how far the base moves, and how far the next word is on."""
        base, following = counter(self.depth, "base"), counter(self.depth, "following")
        across, line, repeat, column, row = (
            counter(size, name)
            for name, size in [
                ("across", self.run),
                ("line", self.lines),
                ("repeat", self.repeats),
                ("column", self.columns),
                ("row", self.rows),
            ]
        )
        with m.If(given):
            m.d.sync += [across.eq(across + 1), place.eq(self._wrapped(place, 1))]
            m.d.comb += step.eq(1)
            with m.If(across == self.run - 1):
                skip = self.line_words - self.run + 1
                m.d.sync += [across.eq(0), line.eq(line + 1), place.eq(self._wrapped(place, skip))]
                m.d.comb += step.eq(skip)
                with m.If(line == self.lines - 1):
                    m.d.sync += [line.eq(0), repeat.eq(repeat + 1), place.eq(base)]
                    m.d.comb += step.eq(-self.last)
                    with m.If(repeat == self.repeats - 1):
                        m.d.sync += [repeat.eq(0), base.eq(following), place.eq(following)]
                        m.d.sync += column.eq(column + 1)
                        self._move(m, self.column_step, base, following, release, step)
                        with m.If(column == self.columns - 1):
                            m.d.sync += [column.eq(0), row.eq(row + 1)]
                            self._move(m, self.row_step, base, following, release, step)
                            with m.If(row == self.rows - 1):
                                m.d.sync += row.eq(0)
                                self._move(m, self.image_step, base, following, release, step)

    def _move(
        self, m: Module, by: int, base: Signal, following: Signal, release: Signal, step: Signal
    ) -> None:
        """Give `by` words free, behind the last word of a window."""
        m.d.comb += [release.eq(by), step.eq(by - self.last), following.eq(self._wrapped(base, by))]

    def _wrapped(self, place: Any, by: int) -> Any:
        """The place `by` words further on in the ring."""
        by %= self.depth
        return Mux(place >= self.depth - by, place + by - self.depth, place + by)


def _sum(count: Signal, by: Signal, carry: Value) -> Value:
    """One addition with a carry into it: the lowest digit is carry + carry."""
    return (Cat(carry, count) + Cat(carry, by)) >> 1


def ring(width: int, depth: int) -> Window:
    """A queue: each word once."""
    return Window(
        width, height=1, across=1, inner=1, kernel=(1, 1), stride=(1, 1), repeats=1, depth=depth
    )

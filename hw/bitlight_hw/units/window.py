"""The line buffer: a ring of words that is read window by window."""

from typing import Any

import numpy as np
from amaranth import Module, Mux, Signal, signed
from amaranth.lib.memory import Memory

from bitlight_hw.timing import Buffer, Delay
from bitlight_hw.units.unit import Unit, counter


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
    ) -> None:
        self.width = width
        self.repeats = repeats
        self.run = kernel[1] * inner
        self.lines = kernel[0]
        self.line_words = across * inner
        self.rows = (height - kernel[0]) // stride[0] + 1
        self.columns = (across - kernel[1]) // stride[1] + 1
        self.column_step = stride[1] * inner
        row_back = (self.columns - 1) * self.column_step
        self.row_step = stride[0] * self.line_words - row_back
        self.image_step = (height - (self.rows - 1) * stride[0]) * self.line_words - row_back
        self.least_depth = max(2, (self.lines - 1) * self.line_words + self.run)
        self.depth = depth or self.least_depth
        super().__init__(width, width)

    @property
    def timing(self) -> tuple[Buffer, Delay]:
        """The ring, and the register that the memory's read port is."""
        offsets = np.add.outer(np.arange(self.lines) * self.line_words, np.arange(self.run))
        releases = np.full((self.rows, self.columns), self.column_step)
        releases[:, -1] = self.row_step
        releases[-1, -1] = self.image_step
        return Buffer(self.depth, offsets.ravel(), self.repeats, releases.ravel()), Delay(1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        most = max(self.depth, self.image_step, self.row_step)
        filled = Signal(signed(most.bit_length() + 1))
        taken = Signal()
        release = Signal(range(most + 1))

        m.d.comb += [
            self.i.ready.eq(filled < self.depth),
            taken.eq(self.i.valid & self.i.ready),
            write.data.eq(self.i.payload),
            write.en.eq(taken),
        ]
        with m.If(taken):
            m.d.sync += write.addr.eq(self._wrapped(write.addr, 1))
        m.d.sync += filled.eq(filled + taken - release)

        base = counter(self.depth, "base")
        place = counter(self.depth, "place")
        offset = counter(self.least_depth, "offset")
        enable = Signal()
        given = Signal()
        m.d.comb += [
            enable.eq(self.o.ready | ~self.o.valid),
            given.eq(enable & (offset < filled)),
            read.addr.eq(place),
            read.en.eq(given),
            self.o.payload.eq(read.data),
        ]
        with m.If(enable):
            m.d.sync += self.o.valid.eq(offset < filled)

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
        following = counter(self.depth, "following")
        with m.If(given):
            m.d.sync += [
                across.eq(across + 1),
                offset.eq(offset + 1),
                place.eq(self._wrapped(place, 1)),
            ]
            with m.If(across == self.run - 1):
                skip = self.line_words - self.run + 1
                m.d.sync += [
                    across.eq(0),
                    line.eq(line + 1),
                    offset.eq(offset + skip),
                    place.eq(self._wrapped(place, skip)),
                ]
                with m.If(line == self.lines - 1):
                    m.d.sync += [line.eq(0), offset.eq(0), repeat.eq(repeat + 1), place.eq(base)]
                    with m.If(repeat == self.repeats - 1):
                        m.d.sync += [repeat.eq(0), base.eq(following), place.eq(following)]
                        m.d.sync += column.eq(column + 1)
                        m.d.comb += release.eq(self.column_step)
                        m.d.comb += following.eq(self._wrapped(base, self.column_step))
                        with m.If(column == self.columns - 1):
                            m.d.sync += [column.eq(0), row.eq(row + 1)]
                            m.d.comb += release.eq(self.row_step)
                            m.d.comb += following.eq(self._wrapped(base, self.row_step))
                            with m.If(row == self.rows - 1):
                                m.d.sync += row.eq(0)
                                m.d.comb += release.eq(self.image_step)
                                m.d.comb += following.eq(self._wrapped(base, self.image_step))
        return m

    def _wrapped(self, place: Any, by: int) -> Any:
        """The place `by` words further on in the ring."""
        by %= self.depth
        return Mux(place >= self.depth - by, place + by - self.depth, place + by)

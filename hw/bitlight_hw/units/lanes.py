"""Arithmetic of each channel by itself: scale, rectify, compare, some channels in a cycle."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Shape, Signal, Value, signed

from bitlight_hw import area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.timing import Queue
from bitlight_hw.units.numbers import clip, digits, integers, width
from bitlight_hw.units.outbox import give
from bitlight_hw.units.pipeline import delay, register
from bitlight_hw.units.rom import LATENCY, Rom
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, turn
from bitlight_hw.units.window import LATENCY as RING
from bitlight_hw.units.window import Window, ring


class Lanes(Unit):
    """o_c = f_c(i_c) for each channel c, `lanes` of them in a beat; C / lanes beats for a position.

    A beat is taken in every cycle. Nothing behind `i` waits: the parameters of its channels are
    read in two cycles, where channels take turns, then come the registers of f, and a queue that
    has a place for each beat on its way. So a result can be taken 2 (if parameters are read) + the
    registers of f + 2 cycles behind its beat, and `i.ready` depends on registers alone.

    Parameters
    ----------
    parameters : int array, shape (C, P)
        What f_c is made of.
    lanes : int
        Must divide C.
    bits : int, of an element of the input
    top : int or None
        The input is levels 0 … top, which stand for 2x − top; None: two's complement.
    result : Shape of an element of the output
    """

    # Registers that a beat passes in f.
    registers: int

    def __init__(
        self, parameters: np.ndarray, *, lanes: int, bits: int, top: int | None, result: Shape
    ) -> None:
        self.parameters = np.asarray(parameters, np.int64)
        self.lanes = lanes
        self.bits = bits
        self.top = top
        self.result = result
        self.folds = len(parameters) // lanes
        super().__init__(lanes * bits, lanes * result.width)

    @abstractmethod
    def compute(self, m: Module, x: Value, parameters: Sequence[Value]) -> Value:
        """f of one element, `registers` cycles later."""

    def products(self) -> tuple[int, int] | None:
        """Bits of the two numbers that each lane multiplies, if it does."""
        return None

    @abstractmethod
    def arithmetic(self, family: families.Family) -> area.Parts:
        """What f has of each kind, in all lanes."""

    @property
    def _reading(self) -> int:
        """Cycles in which parameters are read."""
        return LATENCY if self.folds > 1 else 0

    @property
    def _latency(self) -> int:
        return self._reading + self.registers + RING

    @property
    def timing(self) -> tuple[Queue]:
        """The way of a beat, with a place for each that can be on it."""
        return (Queue(self._latency + 1, self._latency),)

    @property
    def _x(self) -> Shape:
        """Of what an element stands for."""
        return signed(self.bits) if self.top is None else integers(-self.top, self.top)

    @cached_property
    def _widths(self) -> list[int]:
        """Bits of each parameter."""
        ends = (self.parameters.min(axis=0), self.parameters.max(axis=0))
        return [max(width(int(low)), width(int(high))) for low, high in zip(*ends, strict=True)]

    @cached_property
    def _words(self) -> np.ndarray:
        """Parameters as they are read: shape (folds, lanes, bits)."""
        columns = zip(self.parameters.T, self._widths, strict=True)
        words = np.concatenate([digits(values, size) for values, size in columns], axis=1)
        return words.reshape(self.folds, self.lanes, -1)

    @property
    def queue(self) -> Window:
        """Where results wait."""
        return ring(self.payload_bits("o"), self._latency + 1)

    def estimate(self, family: families.Family) -> Estimate:
        """Arithmetic, parameters, the queue, and what counts through them."""
        logic = area.logic(family, type(self).__name__.lower(), self.parts(family))
        queue = family.ram_estimate(self._latency + 1, self.payload_bits("o"))
        product = self.products()
        if product is not None and area.in_multipliers(family, *product):
            logic += Estimate(dsps=self.lanes)
        return logic + queue + Rom(self._words).estimate(family)

    def parts(self, family: families.Family) -> area.Parts:
        """What it has of each kind, its read-only memory included."""
        places = self._latency + 1
        parts = self.arithmetic(family) + Rom(self._words).contents.parts(family)
        parts += area.Parts(one=1, queue=1, queue_bits=area.bits(places))
        parts += area.memory(family, places, self.payload_bits("o"))
        parts += area.counter(family, self.folds)
        return parts + area.registers(self._reading * self.payload_bits("i"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rom = Rom(self._words)
        read = separate(m, platform, "parameters", rom)
        step, room = Signal(), Signal()
        m.d.comb += [self.i.ready.eq(room), step.eq(self.i.valid & room)]
        place, _ = turn(m, step, self.folds, "place")
        stages = self._reading + self.registers
        done = Signal(stages)
        m.d.sync += done.eq(Cat(step, done))
        m.d.comb += [read.addr.eq(place), read.en.eq(done[0])]
        x = delay(m, self.i.payload, self._reading, "x")
        results = [
            self._lane(m, x.word_select(lane, self.bits), rom.lane(lane, read.data))
            for lane in range(self.lanes)
        ]
        give(
            m,
            platform,
            self.queue,
            self.o,
            lent=step,
            room=room,
            done=done[-1],
            results=Cat(results),
        )
        return m

    def _lane(self, m: Module, element: Value, word: Value) -> Value:
        ends = np.cumsum([0, *self._widths]).tolist()
        parameters = [word[begin:end].as_signed() for begin, end in pairwise(ends)]
        x = element.as_signed() if self.top is None else (element << 1) - self.top
        return self.compute(m, x, parameters)[: self.result.width]


class Scale(Lanes):
    """y = clip((m·x + β) >> shift, low, high), one multiplier for each lane.

    Parameters
    ----------
    multiplier, offset : int arrays, shape (C,)
    shift : int
    low, high : int, the range of what is given

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> double = Scale(
    ...     np.array([2]), np.array([1]), shift=0, low=-16, high=15, lanes=1, bits=4, top=None
    ... )
    >>> [beat - 32 * (beat > 15) for beat in feed(double, [1, 3, 0b1110])]  # of 1, 3 and −2
    [3, 7, -3]
    """

    registers = 3

    def __init__(
        self,
        multiplier: np.ndarray,
        offset: np.ndarray,
        *,
        shift: int,
        low: int,
        high: int,
        lanes: int,
        bits: int,
        top: int | None,
    ) -> None:
        self.shift = shift
        self.low = low
        self.high = high
        parameters = np.stack([multiplier.astype(np.int64), offset], axis=1)
        super().__init__(parameters, lanes=lanes, bits=bits, top=top, result=integers(low, high))

    def compute(self, m: Module, x: Value, parameters: Sequence[Value]) -> Value:
        """The product, the sum, the clipping: a register each."""
        multiplier, offset = parameters
        product = register(m, multiplier * x, "product")
        total = register(m, product + register(m, offset, "offset"), "total")
        return register(m, clip(total >> self.shift, self.low, self.high), "clipped")

    def products(self) -> tuple[int, int]:
        """The multiplier, and what an element stands for."""
        return self._widths[0], self._x.width

    def arithmetic(self, family: families.Family) -> area.Parts:
        """A product, a sum, and two comparisons for each lane."""
        _, offset = self._widths
        product = sum(self.products())
        total = max(product, offset) + 1
        parts = area.products(family, *self.products(), self.lanes)
        parts += area.sums(family, "total", total, self.lanes)
        parts += area.Parts(clipped=self.lanes * self.result.width)
        held = product + offset + total + self.result.width
        return parts + area.registers(self.lanes * held)


class Rectify(Lanes):
    """v = x + γ; y = (v if v ≥ 0 else (p·v) >> shift) + ζ, one multiplier for each lane.

    Parameters
    ----------
    slope, before, after : int arrays, shape (C,): p, γ, ζ
    shift : int
    low, high : int, the range of what is given

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> zero = np.array([0])
    >>> relu = Rectify(zero, zero, zero, shift=0, low=0, high=7, lanes=1, bits=4)
    >>> feed(relu, [5, 0b1110])  # of 5 and −2
    [5, 0]
    """

    registers = 3

    def __init__(
        self,
        slope: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        *,
        shift: int,
        low: int,
        high: int,
        lanes: int,
        bits: int,
        top: int | None = None,
    ) -> None:
        self.shift = shift
        parameters = np.stack([slope, before, after], axis=1)
        super().__init__(parameters, lanes=lanes, bits=bits, top=top, result=integers(low, high))

    def compute(self, m: Module, x: Value, parameters: Sequence[Value]) -> Value:
        """The first sum, the product, the second sum: a register each."""
        slope, before, after = parameters
        slope, after = delay(m, slope, 1, "slope"), delay(m, after, 2, "after")
        moved = register(m, x + before, "moved")
        product = register(m, (slope * moved) >> self.shift, "product")
        kept = register(m, moved, "kept")
        return register(m, Mux(kept >= 0, kept, product) + after, "rectified")

    def products(self) -> tuple[int, int]:
        """The slope, and the first sum."""
        slope, before, _ = self._widths
        return slope, max(self._x.width, before) + 1

    def arithmetic(self, family: families.Family) -> area.Parts:
        """A product, two sums and a choice for each lane."""
        _, _, after = self._widths
        slope, moved = self.products()
        parts = area.products(family, slope, moved, self.lanes)
        parts += area.sums(family, "total", moved, self.lanes)
        parts += area.sums(family, "total", self.result.width, self.lanes)
        parts += area.Parts(chosen=self.lanes * self.result.width)
        held = 2 * moved + max(slope + moved - self.shift, 1) + self.result.width
        return parts + area.registers(self.lanes * (held + slope + 2 * after))


class Compare(Lanes):
    """y = Σ_k [x ≥ t_k]: a bit, or a level 0 … T.

    Parameters
    ----------
    threshold : int array, shape (C,) or (C, T)
    low, high : int, the range of the input

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Compare(np.array([[-1, 2]]), low=-8, high=7, lanes=1, bits=4), [0b1000, 0, 3])
    [0, 1, 2]
    """

    def __init__(
        self, threshold: np.ndarray, *, low: int, high: int, lanes: int, bits: int
    ) -> None:
        rows = threshold.reshape(len(threshold), -1)
        self.levels = rows.shape[1]
        self.registers = 1 if self.levels == 1 else 2
        super().__init__(
            rows.clip(low, high + 1),  # what is out of reach is as far as what is just so
            lanes=lanes,
            bits=bits,
            top=None,
            result=Shape.cast(range(self.levels + 1)),
        )

    def compute(self, m: Module, x: Value, parameters: Sequence[Value]) -> Value:
        """The comparisons, and their number."""
        passed = register(m, Cat(x >= threshold for threshold in parameters), "passed")
        if self.levels == 1:
            return passed
        return register(m, sum(passed[1:], start=passed[0]), "level")

    def arithmetic(self, family: families.Family) -> area.Parts:
        """A comparison for each threshold of a lane, and their sum."""
        parts = area.sums(family, "compared", self.bits, self.lanes * self.levels)
        added = (self.levels - self.levels.bit_length()) * self.lanes
        parts += area.Parts(added_bits=max(added, 0))
        return parts + area.registers(
            self.lanes * (self.levels + (self.result.width if self.levels > 1 else 0))
        )

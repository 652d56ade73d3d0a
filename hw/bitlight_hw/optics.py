"""The optical processor's twin: random projection of binary features, in integers.

`bitlight.optics.twin` is its model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring

from bitlight import FoldingError, OpticsError
from bitlight.optics.generator import WORD, origin, starts
from bitlight.optics.twin import project
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Queue, Step
from bitlight_hw.units.popcount import number_of, tables_of_number
from bitlight_hw.units.unit import Unit, counter
from bitlight_hw.units.window import Window

STATE = 64  # bits of a generator
# Of a step to the next words of a row, and to what the next row starts from.
WORD_SHIFTS, ROW_SHIFTS = (13, -7, 17), (7, -9)
INTENSITY = 8  # bits of a component
# Cycles from the last beat of a vector until its first result is in front of the queue, and
# through the queue.
STAGES, RING = 13, 2
# Results of so many components are put together in one cycle.
FAN_IN = 6


@dataclass(frozen=True)
class Projection:
    """A projection of binary features, and how it is folded.

    Parameters
    ----------
    n_components : int
    seed : int, of the medium
    shift : int
        Of the sum of squares, before it saturates at 255: what an exposure is to a camera.
    lanes : int
        Features in one beat: 1, 2, 4, 8, 16 or 32.
    components : int
        Components at once; must divide `n_components`.
    """

    n_components: int
    seed: int = 0
    shift: int = 0
    lanes: int = 32
    components: int = 1

    def of(self, features: np.ndarray) -> np.ndarray:
        """Intensities of features, uint8 arrays of shape (N, n) and (N, n_components)."""
        return project(features, self.seed, self.n_components, self.shift)

    def projector(self, n_in: int) -> "Projector":
        """The unit for so many features."""
        return Projector(
            n_in,
            self.n_components,
            seed=self.seed,
            shift=self.shift,
            lanes=self.lanes,
            components=self.components,
        )


class Projector(Unit):
    """o_j = min(255, (re² + im²) >> shift), with re = |x| − 2·popcount(x AND r_j), and im alike.

    x comes in T = ⌈n_in / lanes⌉ beats, the last filled up with zeros, n_components / C times, for
    C components at once: T·n_components / C cycles for a vector. Row r_j is made while x passes, by
    a register of 64 bits that takes a step with every 32 elements; what rows start from, by
    another, which goes back to the first row behind the last one (`bitlight.optics.generator`).

    Components stand one behind the other, D in number, and x goes from one to the next in every
    cycle. So the register that rows start from serves them in turn, and so does one pair of
    multipliers. Where C > T, as many stand side by side, E = C / D, as it takes for D ≤ T. The
    results leave in order, E in a beat.

    Nothing behind `i` waits. The last beat of x is let in while the queue has room for the D beats
    of its results, which is lent until the last of them has left. The first can be taken 15 cycles
    behind the last beat of x, the others in the cycles that follow.

    Parameters
    ----------
    n_in : int
    n_components : int
    seed : int
    shift : int
    lanes : int
        Must divide 32.
    components : int, C
        Must divide `n_components`.

    Attributes
    ----------
    beats, turns : int, T and n_components / C
    side, line : int, E and D
    bits : int, of a component

    Raises
    ------
    OpticsError
        If there is nothing to project, or the shift is negative.
    FoldingError
        If `lanes` or `components` does not divide.
    """

    def __init__(
        self, n_in: int, n_components: int, *, seed: int, shift: int, lanes: int, components: int
    ) -> None:
        if n_in < 1 or n_components < 1:
            raise OpticsError(f"{n_in} features and {n_components} components are no projection")
        if shift < 0:
            raise OpticsError(f"shift must be at least 0, not {shift}")
        if lanes < 1 or WORD % lanes:
            raise FoldingError(f"lanes must divide {WORD}, not {lanes}")
        if components < 1 or n_components % components:
            raise FoldingError(
                f"components at once must divide {n_components} components, not {components}"
            )
        self.n_in = n_in
        self.n_components = n_components
        self.seed = seed
        self.shift = shift
        self.lanes = lanes
        self.components = components
        self.beats = -(-n_in // lanes)
        self.turns = n_components // components
        self.bits = INTENSITY
        self.side = next(  # E
            side
            for side in range(1, components + 1)
            if components % side == 0 and components // side <= self.beats
        )
        self.line = components // self.side  # D
        super().__init__(lanes, INTENSITY * self.side)

    @property
    def timing(self) -> tuple[Step, Queue, Step]:
        """The last beat of a vector gives its results; their way; D beats of them."""
        takes = np.full(self.beats, TAKE, np.uint8)
        takes[-1] |= GIVE
        gives = np.full(self.line, GIVE | AWAIT, np.uint8)
        gives[-1] = TAKE | GIVE
        return Step(takes), Queue(self.places, STAGES + RING), Step(gives)

    @property
    def places(self) -> int:
        """Results of so many vectors are on their way at once, if every one leaves when it can."""
        return (STAGES + RING + self.line - 1) // self.beats + 1

    @property
    def _queue(self) -> Window:
        return Window(
            len(self.o.payload),
            height=1,
            across=1,
            inner=1,
            kernel=(1, 1),
            stride=(1, 1),
            repeats=1,
            depth=max(2, self.places * self.line),
        )

    def estimate(self, family: families.Family) -> Estimate:
        """Generator, popcounts and sums of each component, what they share, and the queue.

        Where there are no multipliers, squares are made of look-up tables.
        """
        width = self.n_in.bit_length()
        halves = _halves(self.lanes)
        number = sum(tables_of_number(end - start, family.lut_inputs) for start, end in halves)
        number += self.lanes.bit_length() * (len(halves) - 1)
        # The next state of a generator: exclusive ors of up to eight bits, and a choice.
        step = 2.3 * STATE
        mask = self.lanes * (1 + family.choice_luts(WORD // self.lanes))
        each = step + 2 * (mask + number + width)
        gathered = 2 * width * family.choice_luts(self.line)
        squares = 0 if family.multipliers else 2 * width**2
        shared = number + 2 * width + 8
        luts = self.components * each + self.side * (step + gathered + squares + 3 * width) + shared
        return Estimate(round(luts)) + self._queue.estimate(family)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        family = families.of(platform)
        m.submodules.queue = queue = self._queue
        # What is in cycle t of a beat at place 0 is in cycle t + n of the same beat at place n.
        passed = self._let_in(m, queue)
        rows = self._rows(m, passed)
        sums = [
            self._component(m, family, rows[index % self.side], passed[index // self.side :])
            for index in range(self.components)
        ]
        done = _during(m, passed[6].last, passed[5 + self.line].last)
        flags = [beat.last for beat in passed[6 : 6 + self.line]]
        ones = _later(m, self._sum(m, family, passed[3].x, passed))
        held = Signal.like(ones, name="held", reset_less=True)
        with m.If(passed[7].last):
            m.d.sync += held.eq(ones)
        results = []
        for side in range(self.side):
            parts = [
                self._square(m, held, _gathered(m, part, flags))
                for part in zip(*sums[side :: self.side], strict=True)
            ]
            results.append(self._intensity(m, parts))
        m.d.comb += [
            queue.i.valid.eq(_later(m, done, STAGES - 7, reset=True)),
            queue.i.payload.eq(Cat(results)),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m

    def _let_in(self, m: Module, queue: Window) -> list["Beat"]:
        """Take beats while there is room for what they give; the beat at each place behind `i`."""
        beat, turn = counter(self.beats, "beat"), counter(self.turns, "turn")
        left = counter(self.line, "left")
        step, last, given = Signal(), Signal(), Signal()
        # Below zero while there is room, so that one bit tells.
        used = Signal(range(-self.places, 1), init=-self.places)
        m.d.comb += [
            last.eq(beat == self.beats - 1),
            self.i.ready.eq(used[-1] | ~last),
            step.eq(self.i.valid & self.i.ready),
            given.eq(queue.o.valid & queue.o.ready),
        ]
        m.d.sync += used.eq(used + (step & last) - (given & (left == self.line - 1)))
        with m.If(given):
            m.d.sync += left.eq(Mux(left == self.line - 1, 0, left + 1))
        with m.If(step):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
            with m.If(last):
                m.d.sync += turn.eq(Mux(turn == self.turns - 1, 0, turn + 1))
        part = beat[: (WORD // self.lanes).bit_length() - 1] if self.lanes < WORD else Const(0, 1)
        first = step & (beat == 0)
        entering = Beat(
            x=self.i.payload & step.replicate(self.lanes),
            part=part,
            first=first,
            fresh=step & (part == 0),
            last=step & last,
            restart=first & (turn == self.turns - 1),
        )
        passed = [entering.later(m)]
        for _ in range(self.line + 6):
            passed.append(passed[-1].later(m))
        return passed

    def _rows(self, m: Module, passed: Sequence["Beat"]) -> list[Value]:
        """First words of E rows, in the cycles in which the beat at place 1, 2, … D begins them."""
        first = int(starts(np.uint64(origin(self.seed)), 0, 1)[0])
        state = Signal(STATE, init=first, name="row")
        rows: list[Value] = [state]
        for _ in range(self.side):
            rows.append(_shifted(m, rows[-1], *ROW_SHIFTS))
        with m.If(_during(m, passed[0].first, passed[self.line - 1].first)):
            m.d.sync += state.eq(Mux(passed[self.line - 1].restart, first, rows[-1]))
        return [_later(m, _shifted(m, row, *WORD_SHIFTS)) for row in rows[:-1]]

    def _component(
        self, m: Module, family: families.Family, row: Value, passed: Sequence["Beat"]
    ) -> list[Value]:
        """Popcounts of x AND r, real and imaginary, in the cycle of the beat at place 6."""
        words = Signal(STATE, reset_less=True, name="words")
        following = _shifted(m, words, *WORD_SHIFTS)
        with m.If(passed[1].first):
            m.d.sync += words.eq(row)
        with m.Elif(passed[1].fresh):
            m.d.sync += words.eq(following)
        x, part = passed[2].x, passed[2].part
        return [
            self._sum(m, family, _later(m, word.word_select(part, self.lanes) & x), passed)
            for word in (words[:WORD], words[WORD:])
        ]

    def _sum(
        self, m: Module, family: families.Family, bits: Value, passed: Sequence["Beat"]
    ) -> Value:
        """The number of ones in a vector, in the cycle of the beat at place 6; bits at place 3."""
        if family is families.SIMULATION:
            number = _later(m, sum([*bits[1:]], start=bits[0]), 2)
        else:
            halves = [bits[start:end] for start, end in _halves(self.lanes)]
            numbers = [_later(m, number_of(m, half, family.lut_inputs)) for half in halves]
            number = _later(m, sum(numbers[1:], start=numbers[0]))
        total = Signal(range(self.n_in + 1), reset_less=True, name="total")
        m.d.sync += total.eq(Mux(passed[5].first, 0, total) + number)
        return total

    def _square(self, m: Module, ones: Value, count: Value) -> Value:
        """Of |x| − 2·popcount, two cycles later."""
        part = Signal(range(-self.n_in, self.n_in + 1), reset_less=True, name="part")
        square = Signal(range(self.n_in**2 + 1), reset_less=True, name="square")
        m.d.sync += [part.eq(ones - (count << 1)), square.eq(part * part)]
        return square

    def _intensity(self, m: Module, squares: Sequence[Value]) -> Value:
        """What a camera of 8 bits makes of the sum, two cycles later."""
        energy = Signal(range(2 * self.n_in**2 + 1), reset_less=True, name="energy")
        intensity = Signal(INTENSITY, reset_less=True, name="intensity")
        shifted = energy[min(self.shift, len(energy)) :]
        m.d.sync += [
            energy.eq(squares[0] + squares[1]),
            # Not a choice of a constant: tools would make that a reset, and data steer no control.
            intensity.eq(shifted[:INTENSITY] | shifted[INTENSITY:].any().replicate(INTENSITY)),
        ]
        return intensity


class Beat(NamedTuple):
    """A beat of x on its way, or none, and what begins or ends with it."""

    x: Value  # zero where there is no beat
    part: Value  # of a word of 32
    first: Value  # of a vector
    fresh: Value  # of a word
    last: Value  # of a vector
    restart: Value  # the first, of the last turn of a vector

    def later(self, m: Module) -> "Beat":
        """The same, one cycle later."""
        x, part, *flags = self
        return Beat(_later(m, x), _later(m, part), *(_later(m, flag, reset=True) for flag in flags))


def _later(m: Module, value: Value, cycles: int = 1, *, reset: bool = False) -> Value:
    """What `value` was so many cycles before."""
    for _ in range(cycles):
        held = Signal(value.shape(), reset_less=not reset, name="held")
        m.d.sync += held.eq(value)
        value = held
    return value


def _during(m: Module, begin: Value, end: Value) -> Value:
    """From a cycle with `begin` to one with `end`."""
    within, begun = Signal(), Signal()
    m.d.comb += within.eq(begin | begun)
    m.d.sync += begun.eq(within & ~end)
    return within


def _shifted(m: Module, state: Value, *shifts: int) -> Value:
    """A step of an xorshift generator; shifts to the right are negative."""
    for shift in shifts:
        step = Signal(STATE, name="step")
        m.d.comb += step.eq(state ^ (state << shift if shift > 0 else state >> -shift))
        state = step
    return state


def _gathered(m: Module, values: Sequence[Value], flags: Sequence[Value]) -> Value:
    """The value whose flag is set, two cycles later."""
    if len(values) > 1:
        values = [
            value & flag.replicate(len(value)) for value, flag in zip(values, flags, strict=True)
        ]
    some = [
        _later(m, reduce(or_, values[start : start + FAN_IN]))
        for start in range(0, len(values), FAN_IN)
    ]
    return _later(m, reduce(or_, some))


def _halves(lanes: int) -> list[tuple[int, int]]:
    """Lanes that are counted by themselves; few enough for a cycle."""
    size = min(lanes, 16)
    return [(start, start + size) for start in range(0, lanes, size)]

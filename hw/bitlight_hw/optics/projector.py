"""The unit that projects: components one behind the other, their rows made while x passes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring

from bitlight import FoldingError, OpticsError
from bitlight.optics.generator import WORD, origin, starts
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.optics.steps import STATE, Beat, during, gather, later, shift
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Queue, Step
from bitlight_hw.units.popcount import number_of, tables_of_number
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, counter
from bitlight_hw.units.window import Window, ring

# Of a step to the next words of a row, and to what the next row starts from.
WORD_SHIFTS, ROW_SHIFTS = (13, -7, 17), (7, -9)
INTENSITY = 8  # bits of a component
# Cycles from the last beat of a vector until its first result is in front of the queue, and
# through the queue.
STAGES, RING = 13, 2


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

    Examples
    --------
    >>> from bitlight.optics import twin
    >>> from bitlight_hw.units import feed
    >>> import numpy as np
    >>> unit = Projector(4, 2, seed=0, shift=0, lanes=4, components=1)
    >>> found = feed(unit, [0b1101] * 2)  # the frame, once for each component
    >>> found == twin.project(np.array([[1, 0, 1, 1]]), 0, 2, 0)[0].tolist()
    True
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
        return ring(self.payload_bits("o"), max(2, self.places * self.line))

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
        queue = separate(m, platform, "queue", self._queue)
        # What is in cycle t of a beat at place 0 is in cycle t + n of the same beat at place n.
        passed = self._let_in(m, queue)
        rows = self._rows(m, passed)
        sums = [
            self._component(m, family, rows[index % self.side], passed[index // self.side :])
            for index in range(self.components)
        ]
        done = during(m, passed[6].last, passed[5 + self.line].last)
        flags = [beat.last for beat in passed[6 : 6 + self.line]]
        ones = later(m, self._sum(m, family, passed[3].x, passed))
        held = Signal.like(ones, name="held", reset_less=True)
        with m.If(passed[7].last):
            m.d.sync += held.eq(ones)
        results = []
        for side in range(self.side):
            parts = [
                self._square(m, held, gather(m, part, flags))
                for part in zip(*sums[side :: self.side], strict=True)
            ]
            results.append(self._intensity(m, parts))
        m.d.comb += [
            queue.i.valid.eq(later(m, done, STAGES - 7, reset=True)),
            queue.i.payload.eq(Cat(results)),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m

    def _let_in(self, m: Module, queue: Window) -> list["Beat"]:
        """Take beats while there is room for what they give; the beat at each place behind `i`."""
        beat, turn = counter(self.beats, "beat"), counter(self.turns, "turn")
        left = counter(self.line, "left")
        step = Signal()
        last = Signal()
        given = Signal()
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
            rows.append(shift(m, rows[-1], *ROW_SHIFTS))
        with m.If(during(m, passed[0].first, passed[self.line - 1].first)):
            m.d.sync += state.eq(Mux(passed[self.line - 1].restart, first, rows[-1]))
        return [later(m, shift(m, row, *WORD_SHIFTS)) for row in rows[:-1]]

    def _component(
        self, m: Module, family: families.Family, row: Value, passed: Sequence["Beat"]
    ) -> list[Value]:
        """Popcounts of x AND r, real and imaginary, in the cycle of the beat at place 6."""
        words = Signal(STATE, reset_less=True, name="words")
        following = shift(m, words, *WORD_SHIFTS)
        with m.If(passed[1].first):
            m.d.sync += words.eq(row)
        with m.Elif(passed[1].fresh):
            m.d.sync += words.eq(following)
        x, part = passed[2].x, passed[2].part
        return [
            self._sum(m, family, later(m, word.word_select(part, self.lanes) & x), passed)
            for word in (words[:WORD], words[WORD:])
        ]

    def _sum(
        self, m: Module, family: families.Family, bits: Value, passed: Sequence["Beat"]
    ) -> Value:
        """The number of ones in a vector, in the cycle of the beat at place 6; bits at place 3."""
        if family is families.SIMULATION:
            number = later(m, sum([*bits[1:]], start=bits[0]), 2)
        else:
            halves = [bits[start:end] for start, end in _halves(self.lanes)]
            numbers = [later(m, number_of(m, half, family.lut_inputs)) for half in halves]
            number = later(m, sum(numbers[1:], start=numbers[0]))
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


def _halves(lanes: int) -> list[tuple[int, int]]:
    """Lanes that are counted by themselves; few enough for a cycle."""
    size = min(lanes, 16)
    return [(start, start + size) for start in range(0, lanes, size)]

"""Width conversion of frames: the same elements in beats of another size, frame by frame."""

from functools import cached_property
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from amaranth import Cat, Module, Mux, Signal, Value

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.gearbox import kept_as
from bitlight_hw.units.unit import Unit, counter


class State(NamedTuple):
    """Units that are kept, and whether they are the end of a frame."""

    kept: int
    closing: bool


class Turn(NamedTuple):
    """What is done in a state, with `fresh` units of the beat that is taken, and what follows."""

    state: State
    last: bool  # the beat that is taken is the last of the frame
    action: int
    fresh: int
    after: State


EMPTY = State(0, False)


class Repack(Unit):
    """Beats of `wide_in` elements to beats of `wide_out` elements, every frame in beats of its own.

    What the last beat of a frame holds beyond `frame` elements is dropped; what is missing in the
    last beat that is given is zero. A frame is given whole without the one behind it.

    With u = gcd(wide_in, wide_out) elements as the unit, n = wide_in/u and m = wide_out/u: while
    fewer than m − n units are kept a beat is only taken; with m or more one is only given; between
    those both happen in one cycle. Where the end of a frame is kept it is given alone, and if
    n < m the first beat of the next frame is taken with it. So the side with more beats, and with
    n ≠ m the narrower one, moves in every cycle that it can.

    Parameters
    ----------
    wide_in, wide_out : int, elements of a beat
    bits : int, of an element
    frame : int, elements of a frame; wide_in or wide_out must divide it

    Raises
    ------
    ValueError
        If neither divides.

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Repack(1, 2, 4, frame=3), [1, 2, 3, 4, 5, 6])  # frames of three elements
    [33, 3, 84, 6]
    """

    def __init__(self, wide_in: int, wide_out: int, bits: int, *, frame: int) -> None:
        if frame % wide_in and frame % wide_out:
            raise ValueError(f"{wide_in} or {wide_out} elements must divide a frame of {frame}")
        unit = gcd(wide_in, wide_out)
        self.unit_bits = unit * bits
        self.n = wide_in // unit
        self.m = wide_out // unit
        self.units = frame // unit
        self.beats_in = -(-self.units // self.n)
        self.beats_out = -(-self.units // self.m)
        super().__init__(wide_in * bits, wide_out * bits)

    @cached_property
    def turns(self) -> list[Turn]:
        """The turns of one frame, in the order in which they come."""
        turns, state, taken = [], EMPTY, 0
        while taken < self.beats_in or state.closing:
            turn = self._turn(state, last=taken == self.beats_in - 1)
            taken += bool(turn.action & TAKE)
            turns.append(turn)
            state = turn.after
        return turns

    def _turn(self, state: State, *, last: bool) -> Turn:
        kept, closing = state
        if closing or kept >= self.m:
            rest = max(kept - self.m, 0)
            return Turn(state, False, GIVE, 0, State(rest, closing and rest > 0))
        fresh = self.units - (self.beats_in - 1) * self.n if last else self.n
        rest = kept + fresh - self.m
        if rest < 0 and not last:
            return Turn(state, last, TAKE, fresh, State(kept + fresh, False))
        after = State(max(rest, 0), last and rest > 0)
        return Turn(state, last, TAKE | GIVE, fresh, after)

    @cached_property
    def alone(self) -> Step:
        """The timing of a frame with none behind it."""
        return Step(np.array([turn.action for turn in self.turns], np.uint8))

    @cached_property
    def timing(self) -> tuple[Step]:
        """The timing of frames that follow each other; exact where no end is kept.

        An end that is given while the next beat is taken stands at the beginning of the next frame,
        so that the very first frame begins with a beat too many.
        """
        actions = self.alone.actions
        if self.n < self.m and actions[-1] == GIVE:
            actions = actions[:-1].copy()
            actions[0] |= GIVE
        return (Step(actions),)

    def estimate(self, family: Family) -> Estimate:
        """The choices of what is kept and given, like those of a gearbox, and a count of beats."""
        kept = max(turn.after.kept for turn in self.turns)
        states = {turn.state for turn in self.turns}
        ways = np.concatenate([self._given_from(), self._kept_from(kept)])
        choices = self.unit_bits * sum(
            int(number) * family.choice_luts(int(count))
            for count, number in zip(*np.unique(ways[ways > 0], return_counts=True), strict=True)
        )
        state = area.bits(len(states))
        parts = area.Parts(one=1, state=state, narrowing=choices, **{kept_as(family, state): kept})
        parts += area.registers(kept * self.unit_bits)
        count = area.logic(family, "pad", area.counter(family, self.beats_in))
        bits = Estimate(buffer_bits=kept * self.unit_bits)
        return area.logic(family, "gearbox", parts) + count + bits

    def _given_from(self) -> np.ndarray:
        """From how many places each unit of what is given may come."""
        levels = np.array(sorted({turn.state.kept for turn in self.turns if turn.action & GIVE}))
        places = np.arange(self.m)
        taken = np.searchsorted(levels, places, side="right")
        return taken + (places < levels.max())

    def _kept_from(self, kept: int) -> np.ndarray:
        """From how many places each register may be filled: from beyond it, or from a beat."""
        places = np.arange(kept)
        shifts = any(turn.action == GIVE and turn.after.kept for turn in self.turns)
        from_beats: dict[int, np.ndarray] = {}
        for turn in set(self.turns):
            if turn.action & TAKE:
                skipped = self.m if turn.action & GIVE else 0
                filled = (places < turn.after.kept) & (places + skipped >= turn.state.kept)
                offset = skipped - turn.state.kept
                from_beats[offset] = from_beats.get(offset, False) | filled
        shifted = (places + self.m < kept) & shifts
        return sum(from_beats.values(), shifted.astype(int))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        turns = dict.fromkeys(self.turns)
        states = list(dict.fromkeys(turn.state for turn in turns))
        number = {state: index for index, state in enumerate(states)}
        kept = [
            Signal(self.unit_bits, name=f"kept{index}", reset_less=True)
            for index in range(max(turn.after.kept for turn in turns))
        ]
        index = counter(self.beats_in, "index")
        last = Signal()
        shift = Signal()
        state = Signal(range(max(len(states), 2)))
        m.d.comb += last.eq(index == self.beats_in - 1)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        with m.If(shift):  # beyond what is kept then, nothing matters
            m.d.sync += [kept[j - self.m].eq(kept[j]) for j in range(self.m, len(kept))]
        with m.Switch(state):
            for present in states:
                with m.Case(number[present]):
                    for turn in turns:
                        if turn.state == present and turn.action == GIVE:
                            m.d.comb += shift.eq(self.o.ready)
                            self._give(m, kept, turn, state, number)
                        elif turn.state == present:
                            with m.If(last == turn.last):
                                self._take(m, kept, turn, state.eq(number[turn.after]))
        return m

    def _give(
        self, m: Module, kept: list[Signal], turn: Turn, state: Signal, number: dict[State, int]
    ) -> None:
        """A beat out of what is kept."""
        m.d.comb += [
            self.o.valid.eq(1),
            self.o.payload.eq(Cat(kept[: min(turn.state.kept, self.m)])),
        ]
        with m.If(self.o.ready):
            m.d.sync += state.eq(number[turn.after])
        if turn.state.closing and not turn.after.closing and self.n < self.m:
            first = self._turn(EMPTY, last=self.beats_in == 1)
            m.d.comb += self.i.ready.eq(self.o.ready)
            with m.If(self.i.valid & self.o.ready):
                m.d.sync += state.eq(number[first.after])
                m.d.sync += [kept[j].eq(unit) for j, unit in enumerate(self._taken)]

    def _take(self, m: Module, kept: list[Signal], turn: Turn, follow: Any) -> None:
        """A beat in, and where it completes one, a beat out."""
        before, after = turn.state.kept, turn.after.kept
        units = [*kept[:before], *self._taken[: turn.fresh]]
        ready: Value | int = 1
        skipped = 0
        if turn.action & GIVE:
            ready, skipped = self.o.ready, self.m
            m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(Cat(units[: self.m]))]
        m.d.comb += self.i.ready.eq(ready)
        with m.If(self.i.valid & ready):
            m.d.sync += follow
            m.d.sync += [
                kept[j].eq(units[skipped + j]) for j in range(max(before - skipped, 0), after)
            ]

    @property
    def _taken(self) -> list[Value]:
        return [self.i.payload.word_select(j, self.unit_bits) for j in range(self.n)]

"""Width conversion: the same elements in beats of another size."""

from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Signal, Value

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.unit import Unit


class Gearbox(Unit):
    """Beats of `wide_in` elements to beats of `wide_out` elements of `bits` bits, in order.

    With u = gcd(wide_in, wide_out) elements as the unit, n = wide_in/u and m = wide_out/u: while
    fewer than m − n units are kept a beat is only taken; with m or more one is only given; between
    those both happen in one cycle. So the wider side moves in every cycle that it can.

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> feed(Gearbox(2, 3, 1), [0b01, 0b11, 0b10])  # bits 1 0 1 1 0 1
    [5, 5]
    """

    def __init__(self, wide_in: int, wide_out: int, bits: int) -> None:
        unit = gcd(wide_in, wide_out)
        self.unit_bits = unit * bits
        self.n = wide_in // unit
        self.m = wide_out // unit
        super().__init__(wide_in * bits, wide_out * bits)

    @cached_property
    def levels(self) -> list[tuple[int, int, int]]:
        """(units kept, action, units kept after it), in the order in which they come."""
        found, kept = [], 0
        while True:
            if kept >= self.m:
                action, after = GIVE, kept - self.m
            elif kept + self.n < self.m:
                action, after = TAKE, kept + self.n
            else:
                action, after = TAKE | GIVE, kept + self.n - self.m
            found.append((kept, action, after))
            kept = after
            if kept == 0:
                return found

    @cached_property
    def timing(self) -> tuple[Step]:
        """Actions of the timing model: a step for each number of units that are held."""
        return (Step(np.array([action for _, action, _ in self.levels], np.uint8)),)

    def estimate(self, family: Family) -> Estimate:
        """The choices of what a register keeps next and of what is given, and some control."""
        logic = area.logic(family, "gearbox", self.parts(family))
        return logic + Estimate(buffer_bits=self._count * self.unit_bits)

    def parts(self, family: Family) -> area.Parts:
        """A choice for each bit that can come from several places, by how many there are."""
        ways = np.concatenate([self._given_from(), self._kept_from()])
        choices = self.unit_bits * sum(
            int(number) * family.choice_luts(int(count))
            for count, number in zip(*np.unique(ways[ways > 0], return_counts=True), strict=True)
        )
        state = area.bits(len(self.levels))
        growing = self.n < self.m
        parts = area.Parts(
            {"one": 1, "state": state, "growing" if growing else "narrowing": choices}
        )
        parts["kept" if growing else kept_as(family, state)] += self._count
        return parts + area.registers(self._count * self.unit_bits)

    def _given_from(self) -> np.ndarray:
        """From how many places each unit of what is given may come."""
        levels = np.array([level for level, action, _ in self.levels if action & GIVE])
        places = np.arange(self.m)
        taken = np.searchsorted(np.sort(levels), places, side="right")  # not among the kept
        return taken + (places < levels.max())

    def _kept_from(self) -> np.ndarray:
        """From how many places each register may be filled."""
        places = np.arange(self._count)
        from_kept = np.zeros(self._count, bool)
        offsets: dict[int, np.ndarray] = {}
        for level, action, after in self.levels:
            skipped = self.m if action & GIVE else 0
            filled = places < after
            kept = places + skipped < level
            from_kept |= filled & kept & (skipped > 0)
            if action & TAKE:
                found = filled & ~kept
                offset = skipped - level
                offsets[offset] = offsets.get(offset, False) | found
        return sum(offsets.values(), from_kept.astype(int))

    @property
    def _count(self) -> int:
        """Units that are kept at most."""
        return max(level for level, _, _ in self.levels)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Only `state` is reset: it says what of these there is.
        kept = [
            Signal(self.unit_bits, name=f"kept{index}", reset_less=True)
            for index in range(self._count)
        ]
        taken = [self.i.payload.word_select(index, self.unit_bits) for index in range(self.n)]
        state = Signal(range(len(self.levels)))
        # Where nothing is given the payload need not change.
        given = self._given(kept, taken)
        m.d.comb += self.o.payload.eq(given[0])
        following = iter(given)
        with m.Switch(state):
            for index, (level, action, after) in enumerate(self.levels):
                units = kept[:level] + (taken if action & TAKE else [])
                rest = units[self.m :] if action & GIVE else units
                assert len(rest) == after
                valid = self.i.valid if action & TAKE else Const(1)
                ready = self.o.ready if action & GIVE else Const(1)
                with m.Case(index):
                    if action & GIVE:
                        m.d.comb += [self.o.payload.eq(next(following)), self.o.valid.eq(valid)]
                    if action & TAKE:
                        m.d.comb += self.i.ready.eq(ready)
                    with m.If(valid & ready):
                        m.d.sync += state.eq((index + 1) % len(self.levels))
                        m.d.sync += [
                            register.eq(unit)
                            for register, unit in zip(kept, rest, strict=False)
                            if register is not unit
                        ]
        return m

    def _given(self, kept: list[Value], taken: list[Value]) -> list[Value]:
        """The payloads, in the order in which they come."""
        return [
            Cat((kept[:level] + (taken if action & TAKE else []))[: self.m])
            for level, action, _ in self.levels
            if action & GIVE
        ]


def kept_as(family: Family, state: int) -> str:
    """The part that is kept of a beat: beside many bits of state each enable is several tables."""
    return "kept" if state <= family.lut_inputs - 2 else "kept_of_many"

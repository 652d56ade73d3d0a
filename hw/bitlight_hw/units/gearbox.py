"""Width conversion: the same elements in beats of another size."""

from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Signal, Value

from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import GIVE, TAKE, Step
from bitlight_hw.units.unit import Unit


class Gearbox(Unit):
    """Beats of `wide_in` elements to beats of `wide_out` elements of `bits` bits, in order.

    With u = gcd(wide_in, wide_out) elements as the unit, n = wide_in/u and m = wide_out/u: while
    fewer than m − n units are kept a beat is only taken; with m or more one is only given; between
    those both happen in one cycle. So the wider side moves in every cycle that it can.
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
        """One step for each level."""
        return (Step(np.array([action for _, action, _ in self.levels], np.uint8)),)

    def estimate(self, family: Family) -> Estimate:
        """The choices of what a register keeps next and of what is given, and some control."""
        places: dict[tuple[str, int], set[int]] = {}
        for level, action, _ in self.levels:
            # Units kept are numbered from 0, those just taken from `count`.
            units = list(range(level)) + [self._count + n for n in range(self.n)] * bool(
                action & TAKE
            )
            given = self.m if action & GIVE else 0
            for place, unit in enumerate(units[:given]):
                places.setdefault(("given", place), set()).add(unit)
            for place, unit in enumerate(units[given:]):
                if unit != place:
                    places.setdefault(("kept", place), set()).add(unit)
        choices = sum(family.choice_luts(len(units)) for units in places.values())
        return Estimate(choices * self.unit_bits + 5, buffer_bits=self._count * self.unit_bits)

    @property
    def _count(self) -> int:
        """Units that are kept at most."""
        return max(level for level, _, _ in self.levels)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        kept = [Signal(self.unit_bits, name=f"kept{index}") for index in range(self._count)]
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

"""Width conversion: the same elements in beats of another size."""

from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from amaranth import Cat, Module, Signal

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

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = max(level for level, _, _ in self.levels)
        kept = [Signal(self.unit_bits, name=f"kept{index}") for index in range(count)]
        taken = [self.i.payload.word_select(index, self.unit_bits) for index in range(self.n)]
        state = Signal(range(len(self.levels)))
        with m.Switch(state):
            for index, (level, action, after) in enumerate(self.levels):
                with m.Case(index):
                    units = kept[:level] + (taken if action & TAKE else [])
                    rest = units[self.m :] if action & GIVE else units
                    assert len(rest) == after
                    if action & GIVE:
                        m.d.comb += self.o.payload.eq(Cat(units[: self.m]))
                    moves = (self.i.valid if action & TAKE else 1) & (
                        self.o.ready if action & GIVE else 1
                    )
                    m.d.comb += [
                        self.o.valid.eq(
                            (self.i.valid if action & TAKE else 1) if action & GIVE else 0
                        ),
                        self.i.ready.eq(
                            (self.o.ready if action & GIVE else 1) if action & TAKE else 0
                        ),
                    ]
                    with m.If(moves):
                        m.d.sync += state.eq((index + 1) % len(self.levels))
                        m.d.sync += [
                            register.eq(unit)
                            for register, unit in zip(kept, rest, strict=False)
                            if register is not unit
                        ]
        return m

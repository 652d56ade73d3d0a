"""What the projector is made of: beats on their way, and steps of its generators."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from amaranth import Module, Signal, Value

STATE = 64  # bits of a generator
# Results of so many components are put together in one cycle.
FAN_IN = 6


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
        return Beat(later(m, x), later(m, part), *(later(m, flag, reset=True) for flag in flags))


def later(m: Module, value: Value, cycles: int = 1, *, reset: bool = False) -> Value:
    """What `value` was so many cycles before."""
    for _ in range(cycles):
        held = Signal(value.shape(), reset_less=not reset, name="held")
        m.d.sync += held.eq(value)
        value = held
    return value


def during(m: Module, begin: Value, end: Value) -> Value:
    """From a cycle with `begin` to one with `end`."""
    within = Signal()
    begun = Signal()
    m.d.comb += within.eq(begin | begun)
    m.d.sync += begun.eq(within & ~end)
    return within


def shift(m: Module, state: Value, *shifts: int) -> Value:
    """A step of an xorshift generator; shifts to the right are negative."""
    for places in shifts:
        step = Signal(STATE, name="step")
        m.d.comb += step.eq(state ^ (state << places if places > 0 else state >> -places))
        state = step
    return state


def gather(m: Module, values: Sequence[Value], flags: Sequence[Value]) -> Value:
    """The value whose flag is set, two cycles later."""
    if len(values) > 1:
        values = [
            value & flag.replicate(len(value)) for value, flag in zip(values, flags, strict=True)
        ]
    some = [
        later(m, reduce(or_, values[start : start + FAN_IN]))
        for start in range(0, len(values), FAN_IN)
    ]
    return later(m, reduce(or_, some))

"""Registers that move in every cycle."""

from amaranth import Module, Signal, Value


def register(m: Module, value: Value, name: str = "register", en: Value | int = 1) -> Value:
    """What `value` was in the last cycle with `en`; not reset, since its valid bit is."""
    if len(value) == 0:  # Verilog has no empty wires
        return value
    held = Signal(value.shape(), name=name, reset_less=True)
    with m.If(en):
        m.d.sync += held.eq(value)
    return held


def delay(m: Module, value: Value, cycles: int, name: str = "register") -> Value:
    """What `value` was so many cycles before."""
    for _ in range(cycles):
        value = register(m, value, name)
    return value

"""Registers in a row that move together."""

from amaranth import Cat, Module, Signal, Value


def register(m: Module, en: Value, value: Value, name: str = "register") -> Value:
    """What `value` was in the last cycle with `en`; not reset, since its beat's valid bit is."""
    if len(value) == 0:  # Verilog has no empty wires
        return value
    held = Signal(value.shape(), name=name, reset_less=True)
    with m.If(en):
        m.d.sync += held.eq(value)
    return held


class Pipeline:
    """`stages` registers in a row; all move or none does, and none moves for a missing beat.

    Parameters
    ----------
    offered : Value, there is a beat in front of the first register
    enable : Value, the registers may move

    Attributes
    ----------
    enable : Signal
    valid : Signal, for each stage, whether a beat is there; stage 0 is what is offered
    moves : Signal, for each stage, whether its beat goes to the next in this cycle
    """

    def __init__(self, m: Module, stages: int, offered: Value, enable: Value) -> None:
        self.enable = Signal()
        registers = Signal(stages, name="valid")
        self.valid = Signal(stages + 1)
        self.moves = Signal(stages)
        m.d.comb += [
            self.enable.eq(enable),
            self.valid.eq(Cat(offered, registers)),
            self.moves.eq(self.valid[:-1] & self.enable.replicate(stages)),
        ]
        with m.If(self.enable):
            m.d.sync += registers.eq(self.valid[:-1])

    def along(self, m: Module, value: Value, to: int) -> list[Value]:
        """What `value` is in stage 0, for the beat in each stage up to `to`."""
        values = [value]
        for move in self.moves[:to]:
            values.append(register(m, move, values[-1]))
        return values

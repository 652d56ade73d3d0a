"""Netlists compute what the RTL says, for operators one by one."""

import numpy as np
import pytest
from amaranth import Cat, Module, Mux, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from bitlight import SimulationError
from bitlight_sim.sliced import reading
from bitlight_sim.sliced.gates import ONE
from bitlight_sim.sliced.schedule import varying

FORMS = {
    "not": lambda a, b: ~a,
    "xor3": lambda a, b, c: a ^ b ^ c,
    "mux": lambda s, a, b: b if s else a,
    "maj": lambda a, b, c: int(a + b + c >= 2),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}


def evaluate(found, **inputs):
    """Outputs of a netlist without memory, as integers."""
    values = {0: 0, 1: 1}
    for name, nets in found.inputs.items():
        values |= {net: inputs.get(name, 0) >> n & 1 for n, net in enumerate(nets)}
    for net, kind in enumerate(found.gates.kinds):
        if kind != "leaf":
            sources = [values[source] for source in found.gates.inputs[net]]
            values[net] = 1 - sources[0] if kind == "not" else FORMS[kind](*sources)
    return {
        name: sum(values[net] << n for n, net in enumerate(nets))
        for name, nets in found.outputs.items()
    }


OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "neg": lambda a, b: -a,
    "mul": lambda a, b: a * b,
    "less": lambda a, b: a < b,
    "most": lambda a, b: a >= b,
    "more": lambda a, b: a > b,
    "least": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "other": lambda a, b: a != b,
    "both": lambda a, b: a & b,
    "either": lambda a, b: a | b,
    "differ": lambda a, b: a ^ b,
    "inverse": lambda a, b: ~a & 31,
}


class Apply(wiring.Component):
    """One operation."""

    def __init__(self, name, left, right):
        self.name = name
        super().__init__({"a": In(left), "b": In(right), "y": Out(signed(16))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.y.eq(OPERATIONS[self.name](self.a, self.b))
        return m


def integer(value, shape):
    value &= (1 << shape.width) - 1
    return value - (1 << shape.width) if shape.signed and value >> (shape.width - 1) else value


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("left", [unsigned(5), signed(4)])
@pytest.mark.parametrize("right", [unsigned(3), signed(6)])
def test_operators(name, left, right):
    found = reading.read(Apply(name, left, right))
    rng = np.random.default_rng(0)
    for a, b in rng.integers(-64, 64, (60, 2)).tolist():
        given = evaluate(found, a=a & (1 << left.width) - 1, b=b & (1 << right.width) - 1)["y"]
        expected = OPERATIONS[name](integer(a, left), integer(b, right))
        assert integer(given, signed(16)) == int(expected)


class Words(wiring.Component):
    """Sums of many words, choices, shifts and reductions."""

    def __init__(self):
        ports = {"a": In(12), "s": In(3), "count": Out(4), "part": Out(2), "shifted": Out(12)}
        super().__init__(ports | {"up": Out(19), "some": Out(3), "case": Out(4), "total": Out(3)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.count.eq(sum(self.a[n] for n in range(12))),
            self.total.eq(sum(self.a[n] for n in range(12))),  # does not fit
            self.part.eq(self.a.word_select(self.s, 2)),
            self.shifted.eq(self.a >> self.s),
            self.up.eq(self.a << self.s),
            self.some.eq(Cat(self.a.any(), self.a.all(), self.a.xor())),
        ]
        with m.Switch(self.s):
            with m.Case(1, 2):
                m.d.comb += self.case.eq(self.a[:4])
            with m.Case(5):
                m.d.comb += self.case.eq(self.a[4:8])
            with m.Default():
                m.d.comb += self.case.eq(Mux(self.a[11], 9, 3))
        return m


def test_words():
    found = reading.read(Words())
    for a in (*range(0, 4096, 37), 4095):
        for s in range(8):
            given = evaluate(found, a=a, s=s)
            count = a.bit_count()
            assert given["count"] == count
            assert given["total"] == count % 8
            assert given["part"] == (a >> 2 * s) & 3
            assert given["shifted"] == a >> s
            assert given["up"] == a << s
            assert given["some"] == (a > 0) + 2 * (a == 4095) + 4 * (count % 2)
            assert given["case"] == {1: a & 15, 2: a & 15, 5: a >> 4 & 15}.get(
                s, 9 if a >> 11 else 3
            )


def test_a_sum_of_bits_is_made_of_full_adders():
    kinds = reading.read(Words()).gates.kinds
    assert kinds.count("xor3") < 40


class Table(wiring.Component):
    """A memory whose address is data."""

    def __init__(self):
        super().__init__({"i__payload": In(3), "o__payload": Out(4)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=4, depth=8, init=range(8))
        port = memory.read_port()
        m.d.comb += [port.addr.eq(self.i__payload), self.o__payload.eq(port.data)]
        return m


def test_data_that_steers_is_refused():
    found = reading.read(Table())
    with pytest.raises(SimulationError, match="control depends on its data"):
        varying(found, found.inputs["i__payload"])


def test_memories():
    found = reading.read(Table())
    (words,) = found.memories
    assert (words @ (1 << np.arange(4))).tolist() == list(range(8))
    (read,) = found.moves
    assert read.enable == ONE
    assert read.q == found.outputs["o__payload"]


class Kept(wiring.Component):
    """A register that keeps its value, bit for bit, and one that data steers."""

    def __init__(self):
        ports = {"d": In(4), "en": In(1), "clear": In(1), "half": In(1)}
        super().__init__(ports | {"q": Out(4, init=5), "own": Out(2)})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.en):
            m.d.sync += self.q.eq(self.d)
            with m.If(self.half):
                m.d.sync += self.q[2:].eq(~self.d[2:])
        with m.If(self.clear):
            m.d.sync += self.q.eq(0)
        # Bits of one signal that depend on one another, without a loop.
        m.d.comb += [self.own[0].eq(self.d[0]), self.own[1].eq(~self.own[0])]
        return m


def test_registers_have_enables_and_resets():
    found = reading.read(Kept())
    assert sum(len(move.q) for move in found.moves) == 4
    assert all(move.reset == found.inputs["rst"][0] for move in found.moves)
    assert all(move.enable != ONE for move in found.moves)
    assert {value for move in found.moves for value in move.value} == {0, 1}
    assert len(found.raised) == 2
    (first, second), own = found.inputs["d"][:2], found.outputs["own"]
    assert own[0] == first
    assert found.gates.inputs[own[1]] == (first,)
    assert second not in own


class Loop(wiring.Component):
    """Two nets that are each other's inverse."""

    def __init__(self):
        super().__init__({"a": Out(1), "b": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.a.eq(~self.b), self.b.eq(~self.a)]
        return m


def test_loops_are_refused():
    with pytest.raises(SimulationError, match="a loop without a register"):
        reading.read(Loop())

"""Popcount: the bodies for FPGAs count what the plain sum counts, for every input and every word.

Each proof gives both bodies to a SAT solver, side by side: no inputs, weights and pauses make them
differ within four cycles, when the first beat has passed; five, where the parity of many lanes
takes two. The weights go through `stored` as
symbols. What the plain sum counts is compared with integers, for every input.
"""

import numpy as np
import pytest
from amaranth import Cat, Module, Signal
from amaranth.back import rtlil
from amaranth.hdl import Assert, Elaboratable, Fragment
from amaranth.sim import Simulator
from formal import proven

from bitlight_hw.family import FAMILIES, SIMULATION
from bitlight_hw.units.pipeline import delay
from bitlight_hw.units.popcount import PairPopcount, ParityPopcount, Popcount

PASSED = 4
XC7, ECP5 = FAMILIES["xc7"], FAMILIES["ecp5"]


class Miter(Elaboratable):
    """The same beats and weights, counted by the plain sum and by another body."""

    def __init__(self, family, simd, bits, slip=lambda word: word):
        self.family = family
        self.slip = slip
        self.plain = Popcount.of(SIMULATION, 1, simd, bits)
        self.body = Popcount.of(family, 1, simd, bits)
        self.vector = Signal(simd * bits)
        self.word = Signal(simd)
        self.en = Signal()
        self.ports = [self.vector, self.word, self.en]

    def elaborate(self, platform):
        m = Module()
        m.submodules.plain = self.plain
        m.submodules.body = Fragment.get(self.body, self.family)
        bits = np.empty(len(self.word), object)
        bits[:] = [*self.slip(self.word)]
        m.d.comb += [
            self.plain.vector.eq(delay(m, self.vector, self.body.early)),
            self.plain.words[0].eq(self.word),
            self.plain.en.eq(self.en),
            self.body.vector.eq(self.vector),
            self.body.words[0].eq(delay(m, Cat(*self.body.stored(bits)), self.body.late)),
            self.body.en.eq(self.en),
        ]
        expected = delay(m, self.plain.count[0], self.body.stages - self.plain.stages)
        counted = Signal(self.body.stages)
        m.d.sync += counted.eq(Cat(self.en, counted))
        with m.If(counted[-1]):
            m.d.comb += Assert(self.body.count[0] + self.body.carry[0] == expected)
        return m


@pytest.mark.parametrize("simd", [*range(1, 10), 12, 16])
def test_falls_of_the_parity_count_mismatches(simd, tmp_path):
    top = Miter(XC7, simd, 1)
    assert isinstance(top.body, ParityPopcount)
    assert proven(top, tmp_path, PASSED)


@pytest.mark.parametrize(
    ("simd", "family"),
    [
        (12, ECP5),
        (27, XC7),
        (32, XC7),
        (35, ECP5),
        (36, XC7),
        *(
            pytest.param(simd, family, marks=pytest.mark.slow)
            for simd, family in [(32, ECP5), (48, XC7), (64, XC7)]
        ),
    ],
    ids=lambda given: getattr(given, "name", given),
)
def test_falls_of_the_parity_in_wide_beats(simd, family, tmp_path):
    top = Miter(family, simd, 1)
    assert top.body.early == (simd > 33)
    assert proven(top, tmp_path, PASSED + top.body.early)


@pytest.mark.parametrize(("simd", "bits"), [(1, 8), (2, 8), (3, 8), (4, 3), (5, 2)])
def test_chosen_sums_count_the_mismatches_of_all_planes(simd, bits, tmp_path):
    top = Miter(XC7, simd, bits)
    assert isinstance(top.body, PairPopcount)
    assert proven(top, tmp_path, PASSED)


@pytest.mark.parametrize(("simd", "bits"), [(12, 1), (32, 1), (3, 8)])
def test_a_flipped_weight_is_found(simd, bits, tmp_path):
    top = Miter(XC7, simd, bits, slip=lambda word: word ^ 4)
    assert not proven(top, tmp_path, PASSED)


@pytest.mark.parametrize(("simd", "bits"), [(1, 1), (5, 1), (3, 2), (1, 7), (2, 3)])
def test_the_plain_sum_of_every_beat(simd, bits):
    unit = Popcount.of(SIMULATION, 1, simd, bits)
    values = range(1 << simd * bits)
    words = range(1 << simd)

    async def bench(ctx):
        ctx.set(unit.en, 1)
        for vector in values:
            elements = [vector >> bits * lane & (1 << bits) - 1 for lane in range(simd)]
            for word in words:
                ctx.set(unit.vector, vector)
                ctx.set(unit.words[0], word)
                await ctx.tick()
                signs = [word >> lane & 1 for lane in range(simd)]
                top = (1 << bits) - 1
                expected = sum(top - x if w else x for x, w in zip(elements, signs, strict=True))
                assert ctx.get(unit.count[0]) == expected

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_as_many_lanes_as_anyone_wants():
    """Amaranth goes through an expression by recursion: a sum of 700 terms is none of a row."""
    for family, bits in [(XC7, 2), (ECP5, 1), (SIMULATION, 1)]:
        unit = Popcount.of(family, 1, 1404, bits)
        ports = [unit.vector, unit.en, *unit.words, *unit.count, *unit.carry]
        assert rtlil.convert(unit, ports=ports, platform=family)

"""The serial line: bytes go and come, at the cycles that are stated, with clocks that differ."""

import pytest
from amaranth.sim import Simulator

from bitlight_hw.link.uart import BITS, UartReceiver, UartSender

BYTES = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x3C]


def line_of(data, bit_cycles, gap=0):
    """Levels of a line, one each cycle, for bits that last `bit_cycles`, a whole number or not."""
    levels, at = [1] * 20, 0.0
    for byte in data:
        for bit in (0, *((byte >> k & 1) for k in range(8)), 1):
            at += bit_cycles
            levels += [bit] * (round(at) - (len(levels) - 20))
        at += gap
        levels += [1] * (round(at) - (len(levels) - 20))
    return levels + [1] * 40


def heard(divisor, levels):
    """(cycle, byte) of what a receiver gives."""
    unit, found = UartReceiver(divisor), []

    async def bench(ctx):
        for cycle, level in enumerate(levels):
            ctx.set(unit.rx, level)
            if ctx.get(unit.o.valid):
                found.append((cycle, ctx.get(unit.o.payload)))
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("gap", [0, 13])
@pytest.mark.parametrize("divisor", [4, 8, 9, 16])
def test_receives_at_its_delay(divisor, gap):
    found = heard(divisor, line_of(BYTES, divisor, gap))
    assert [byte for _, byte in found] == BYTES
    starts = [20 + index * (BITS * divisor + gap) for index in range(len(BYTES))]
    assert [cycle for cycle, _ in found] == [
        start + UartReceiver(divisor).delay for start in starts
    ]


@pytest.mark.parametrize("error", [-0.03, 0.03])
@pytest.mark.parametrize("divisor", [8, 16, 21])
def test_receives_from_a_clock_that_differs(divisor, error):
    found = heard(divisor, line_of(BYTES * 4, divisor * (1 + error)))
    assert [byte for _, byte in found] == BYTES * 4


def test_a_glitch_is_no_byte():
    levels = [1] * 20 + [0] * 3 + [1] * 200
    assert heard(8, levels) == []


def test_a_byte_without_its_stop_bit_is_not_given():
    broken = [1] * 20 + [0] * 8 * 14 + [1] * 40
    good = line_of([0x5A], 8)
    assert [byte for _, byte in heard(8, broken + good)] == [0x5A]


@pytest.mark.parametrize("divisor", [4, 8, 9])
def test_sends_without_pause(divisor):
    unit, levels = UartSender(divisor), []

    async def bench(ctx):
        sent = 0
        for _ in range(BITS * divisor * (len(BYTES) + 1)):
            ctx.set(unit.i.valid, sent < len(BYTES))
            ctx.set(unit.i.payload, BYTES[min(sent, len(BYTES) - 1)])
            sent += sent < len(BYTES) and ctx.get(unit.i.ready)
            levels.append(ctx.get(unit.tx))
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    expected = [1]
    for byte in BYTES:
        for bit in (0, *((byte >> k & 1) for k in range(8)), 1):
            expected += [bit] * divisor
    assert levels == (expected + [1] * len(levels))[: len(levels)]


@pytest.mark.parametrize("unit", [UartReceiver, UartSender])
def test_a_line_too_fast_for_the_clock_is_refused(unit):
    with pytest.raises(ValueError, match="4 clock cycles or more, not 3"):
        unit(3)

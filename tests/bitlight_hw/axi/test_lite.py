"""AxiLite: channels in any order and at any pace; what is answered, and what a write leaves."""

import itertools

import pytest
from amaranth import Const
from amaranth.sim import Simulator

from bitlight_hw.axi.lite import OKAY, SLVERR, AxiLite
from bitlight_hw.axi.registers import Register

REGISTERS = [
    Register(0x00, "FIRST", "ro", ""),
    Register(0x04, "SWITCH", "rw", ""),
    Register(0x08, "ROW", "ro", "", words=2),
    Register(0x20, "KEPT", "rw", "", first=Const(5, 12)),
]
VALUES = {"first": 0x12345678, "row0": 0xDEADBEEF, "row1": 7}
# Cycles that a channel is late.
DELAYS = [0, 1, 3]


def run(bench):
    unit = AxiLite(REGISTERS)
    pulses = []

    async def watch(ctx):
        async for _, _, value in ctx.tick().sample(unit.switch):
            if value:
                pulses.append(value)

    async def driven(ctx):
        for name, value in VALUES.items():
            ctx.set(getattr(unit, name), value)
        await bench(ctx, unit)

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(driven)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    return pulses


async def sent(ctx, unit, channel, late, **values):
    """Offer on a channel after `late` cycles, until it is taken."""
    await ctx.tick().repeat(late) if late else None
    for name, value in values.items():
        ctx.set(getattr(unit, f"s_axil_{name}"), value)
    ctx.set(getattr(unit, f"s_axil_{channel}valid"), 1)
    await ctx.tick().until(getattr(unit, f"s_axil_{channel}ready"))
    ctx.set(getattr(unit, f"s_axil_{channel}valid"), 0)


async def answered(ctx, unit, channel, late, *names):
    """The values of an answer that is taken `late` cycles after it was offered."""
    signals = [getattr(unit, f"s_axil_{name}") for name in names]
    while not ctx.get(getattr(unit, f"s_axil_{channel}valid")):
        await ctx.tick()
    first = [ctx.get(signal) for signal in signals]
    for _ in range(late):
        await ctx.tick()
        assert ctx.get(getattr(unit, f"s_axil_{channel}valid")), "the answer was withdrawn"
        assert [ctx.get(signal) for signal in signals] == first, "the answer changed"
    ctx.set(getattr(unit, f"s_axil_{channel}ready"), 1)
    await ctx.tick()
    ctx.set(getattr(unit, f"s_axil_{channel}ready"), 0)
    return first


@pytest.mark.parametrize("late", DELAYS)
def test_reads(late):
    async def bench(ctx, unit):
        expected = {0x00: VALUES["first"], 0x04: 0, 0x08: VALUES["row0"], 0x0F: VALUES["row1"]}
        for address, value in expected.items():
            await sent(ctx, unit, "ar", late, araddr=address)
            assert await answered(ctx, unit, "r", late, "rdata", "rresp") == [value, OKAY]
        for address in (0x10, 0x104, 0xFFC):
            await sent(ctx, unit, "ar", late, araddr=address)
            assert await answered(ctx, unit, "r", late, "rdata", "rresp") == [0, SLVERR]

    assert run(bench) == []


@pytest.mark.parametrize(
    ("address_late", "data_late", "late"), [*itertools.product(DELAYS, repeat=3)]
)
def test_writes(address_late, data_late, late):
    writes = [
        (0x04, 0x11223344, 0b1111, OKAY),
        (0x05, 0x55667788, 0b0101, OKAY),
        (0x04, 0x55667788, 0b0000, OKAY),
        (0x00, 0x99999999, 0b1111, SLVERR),
        (0x0C, 0x99999999, 0b1111, SLVERR),
        (0x10, 0x99999999, 0b1111, SLVERR),
        (0x804, 0x99999999, 0b1111, SLVERR),
    ]

    async def bench(ctx, unit):
        for address, data, strobe, response in writes:
            # Two channels in one process: each is offered in its cycle and stays until taken.
            left = {"aw": address_late, "w": data_late}
            ctx.set(unit.s_axil_awaddr, address)
            ctx.set(unit.s_axil_wdata, data)
            ctx.set(unit.s_axil_wstrb, strobe)
            while left:
                for channel, wait in left.items():
                    ctx.set(getattr(unit, f"s_axil_{channel}valid"), wait <= 0)
                taken = [
                    channel
                    for channel, wait in left.items()
                    if wait <= 0 and ctx.get(getattr(unit, f"s_axil_{channel}ready"))
                ]
                await ctx.tick()
                left = {channel: wait - 1 for channel, wait in left.items() if channel not in taken}
                for channel in taken:
                    ctx.set(getattr(unit, f"s_axil_{channel}valid"), 0)
            assert await answered(ctx, unit, "b", late, "bresp") == [response]

    assert run(bench) == [0x11223344, 0x00660088]


def test_the_next_write_may_come_before_the_answer_is_taken():
    async def bench(ctx, unit):
        for value in (1, 2):
            await sent(ctx, unit, "aw", 0, awaddr=4)
            await sent(ctx, unit, "w", 0, wdata=value, wstrb=15)
        await ctx.tick().repeat(3)
        for _ in range(2):
            assert await answered(ctx, unit, "b", 2, "bresp") == [OKAY]
            await ctx.tick().repeat(2)
        assert not ctx.get(unit.s_axil_bvalid)

    assert run(bench) == [1, 2]


def test_a_register_with_a_first_value_keeps_what_is_written():
    async def bench(ctx, unit):
        found = []
        for data, strobe in [(None, 0), (0xFFFFF123, 0b1111), (0x0004, 0b0001), (0xFFFF, 0b1100)]:
            if data is not None:
                await sent(ctx, unit, "aw", 0, awaddr=0x20)
                await sent(ctx, unit, "w", 0, wdata=data, wstrb=strobe)
                assert await answered(ctx, unit, "b", 0, "bresp") == [OKAY]
            await sent(ctx, unit, "ar", 0, araddr=0x20)
            found.append((await answered(ctx, unit, "r", 0, "rdata", "rresp"))[0])
            assert ctx.get(unit.kept) == found[-1]
        assert found == [5, 0x123, 0x104, 0x104]

    assert run(bench) == []

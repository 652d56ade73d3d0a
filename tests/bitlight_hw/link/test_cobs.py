"""Stuffing in hardware against stuffing in Python, with stalls on both sides."""

import random

import pytest
from amaranth.sim import Simulator

from bitlight_hw.link import protocol
from bitlight_hw.link.cobs import Stuff, Unstuff

FRAMES = [
    b"\0",
    b"a",
    b"\0\0",
    b"ab\0",
    b"x" * 254,
    b"x" * 255,
    b"y" * 254 + b"\0",
    b"z" * 253 + b"\0" + b"z" * 3,
    random.Random(5).randbytes(300),
]


def stuffed_by_hardware(frames, idle, busy):
    unit, out, rng = Stuff(), bytearray(), random.Random(8)
    beats = [(byte, n == len(frame) - 1) for frame in frames for n, byte in enumerate(frame)]

    async def bench(ctx):
        sent = quiet = 0
        offering, waiting = False, None
        while quiet < 700:
            offering = sent < len(beats) and (offering or rng.random() >= idle)
            ctx.set(unit.i.valid, offering)
            if offering:
                ctx.set(unit.i.payload.byte, beats[sent][0])
                ctx.set(unit.i.payload.last, beats[sent][1])
            ready = rng.random() >= busy
            ctx.set(unit.o.ready, ready)
            offer = ctx.get(unit.o.payload) if ctx.get(unit.o.valid) else None
            assert waiting in (None, offer), "an offer did not stay"
            waiting = None if ready else offer
            if offer is not None and ready:
                out.append(offer)
            quiet = 0 if offer is not None or sent < len(beats) else quiet + 1
            if offering and ctx.get(unit.i.ready):
                sent, offering = sent + 1, False
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return bytes(out)


@pytest.mark.parametrize(("idle", "busy"), [(0, 0), (0.5, 0), (0, 0.5), (0.4, 0.4)])
def test_stuffs_as_the_protocol_says(idle, busy):
    expected = b"".join(b"\0" + protocol.stuff(frame) + b"\0" for frame in FRAMES)
    assert stuffed_by_hardware(FRAMES, idle, busy) == expected


def unstuffed_by_hardware(wire):
    unit, events = Unstuff(), []

    async def bench(ctx):
        for byte in wire:
            ctx.set(unit.i.valid, 1)
            ctx.set(unit.i.payload, byte)
            if ctx.get(unit.o.valid):
                out = unit.o.payload
                end, cut = ctx.get(out.end), ctx.get(out.cut)
                events.append("cut" if end and cut else "end" if end else ctx.get(out.byte))
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return events


def test_unstuffs_what_was_stuffed():
    wire = b"\0\0" + b"\0".join(map(protocol.stuff, FRAMES)) + b"\0\0"
    expected = [event for frame in FRAMES for event in (*frame, "end")]
    assert unstuffed_by_hardware(wire) == expected


def test_a_cut_group_is_told():
    assert unstuffed_by_hardware(b"\x05ab\0\x02c\0") == [*b"ab", "cut", *b"c", "end"]

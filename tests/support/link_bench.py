"""Bytes to a component of the link and from it, in Amaranth's simulator."""

import random

from amaranth.sim import Simulator

from bitlight_hw.link import protocol


def exchange(design, sent, *, idle=0.0, busy=0.0, limit=200_000, seed=1, until=None):
    """Bytes of o for the bytes `sent` to i; None among them is a pause of 40 cycles.

    It ends after `until` zeros of frames, or when nothing has come for a while.
    """
    rng, received = random.Random(seed), bytearray()

    async def feed(ctx):
        for byte in sent:
            if byte is None:
                await ctx.tick().repeat(40)
                continue
            while rng.random() < idle:
                await ctx.tick()
            ctx.set(design.i.payload, byte)
            ctx.set(design.i.valid, 1)
            await ctx.tick()
            ctx.set(design.i.valid, 0)

    async def take(ctx):
        quiet = 0
        for _ in range(limit):
            ctx.set(design.o.ready, rng.random() >= busy)
            _, _, valid, ready, byte = await ctx.tick().sample(
                design.o.valid, design.o.ready, design.o.payload
            )
            quiet = 0 if valid else quiet + 1
            if valid and ready:
                received.append(byte)
            if (until is not None and received.count(0) >= until) or quiet > 15_000:
                return

    simulator = Simulator(design)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed, background=True)
    simulator.add_testbench(take)
    simulator.run()
    return bytes(received)


def frames(received):
    """The frames in what was received; None for one that is not whole."""
    return [protocol.decode(part) for part in received.split(b"\0") if part]

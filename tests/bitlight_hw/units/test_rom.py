"""Rom: the same words in every form that a family gives it."""

import numpy as np
import pytest
from amaranth.hdl import Const, Fragment
from amaranth.sim import Simulator

from bitlight import bits
from bitlight_hw.family import FAMILIES
from bitlight_hw.units.rom import Rom

SHAPES = [(36, 4, 32), (36, 33, 32), (2304, 4, 32), (600, 1, 32), (100, 3, 5), (7, 2, 3)]


def drawn(shape):
    rng = np.random.default_rng(shape[0])
    words = rng.random(shape) < 0.5
    words[:, -1] = words[0, -1] if shape[1] == 3 else words[:, -1]  # a lane that is constant
    return words


def integer(word):
    return int.from_bytes(bits.pack(word).tobytes(), "little")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_lane_reads_its_word(family, shape):
    words = drawn(shape)
    rom = Rom(words)

    async def bench(ctx):
        for addr in np.random.default_rng(0).integers(0, len(words), 60):
            ctx.set(rom.addr, int(addr))
            await ctx.tick()
            ctx.set(rom.addr, 0)  # another word, that nobody wants
            ctx.set(rom.en, 1)
            await ctx.tick()
            ctx.set(rom.en, 0)
            for lane in range(rom.lanes):
                assert ctx.get(rom.lane(lane)) == integer(words[addr, lane])

    simulator = Simulator(Fragment.get(rom, family))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_one_word_needs_no_memory():
    words = drawn((1, 2, 8))
    rom = Rom(words)
    assert [Const.cast(rom.lane(lane)).value for lane in range(2)] == [integer(w) for w in words[0]]
    assert all(rom.place(family, 0, 1, 3) is None for family in FAMILIES.values())
    assert rom.estimate(FAMILIES["xc7"]).luts == 0

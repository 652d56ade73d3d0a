"""The cocotb bench of `faults`: flips bits of memories while the design stands still.

Image by image: reset, flip, send the image, take its result, and flip back.
"""

import json
import os
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, RisingEdge


@cocotb.test()
async def image_by_image(dut: Any) -> None:
    """Leaves what came out of the faulty design for each image."""
    with np.load(os.environ["BITLIGHT_CASE"]) as file:
        sent, shape = file["sent"], tuple(file["shape"])
        faults = json.loads(str(file["faults"]))
    results = np.zeros(shape, "<u4")
    dut.rst.value = 1
    dut.i__valid.value = 0
    dut.i__payload.value = 0
    dut.o__ready.value = 1
    Clock(dut.clk, 10, unit="ns").start()
    for beats, flips, result in zip(sent, faults, results, strict=True):
        dut.rst.value = 1
        await ClockCycles(dut.clk, 3)
        await FallingEdge(dut.clk)
        await flip(dut, flips)
        dut.rst.value = 0
        sending = cocotb.start_soon(send(dut, beats))
        await receive(dut, result)
        await sending
        await flip(dut, flips)
    np.save(os.environ["BITLIGHT_RESULT"], results)


async def flip(dut: Any, flips: list[tuple[str, int, int]]) -> None:
    """Turn bits over: (path of the memory, row, bit)."""
    for path, row, bit in flips:
        memory = dut
        for name in path.split("."):
            memory = getattr(memory, name)
        word = memory[row]
        word.value = int(word.value) ^ (1 << bit)
        await FallingEdge(dut.clk)


async def send(dut: Any, beats: np.ndarray) -> None:
    """Offer the beats one after the other, without a pause."""
    dut.i__valid.value = 1
    for beat in beats:
        dut.i__payload.value = int.from_bytes(beat.tobytes(), "little")
        while True:
            await ReadOnly()
            taken = bool(dut.i__ready.value)
            await FallingEdge(dut.clk)
            if taken:
                break
    dut.i__valid.value = 0


async def receive(dut: Any, result: np.ndarray) -> None:
    """Take the beats of one image, whenever they come."""
    for beat in result:
        if not dut.o__valid.value:
            await RisingEdge(dut.o__valid)
        await FallingEdge(dut.clk)
        while not dut.o__valid.value:
            await FallingEdge(dut.clk)
        payload = int(dut.o__payload.value)
        beat[:] = np.frombuffer(payload.to_bytes(4 * len(beat), "little"), "<u4")

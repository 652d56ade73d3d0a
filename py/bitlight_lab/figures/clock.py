"""Predicted clock against what nextpnr reaches, on designs that the model was not fitted to.

    python -m bitlight_lab.figures.clock measure
    python -m bitlight_lab.figures.clock fit
    python -m bitlight_lab.figures.clock report

`measure` places and routes what is not in docs/raw/clock.json yet, one design after the other, with
the pinned tools; what it did is there if it is stopped. `--only` takes the designs whose
names begin so. `fit` writes the constants of `bitlight_hw.clock` from the designs that are there
for it; `report` predicts the others anew and prints how far off that is.
"""

import importlib
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from bitlight import extractors
from bitlight.cli.report import show_table
from bitlight.files.replacing import replacing
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, clock, fold
from bitlight_hw import family as families
from bitlight_hw.synthesis import TARGETS, synthesise
from bitlight_lab.figures import depth
from bitlight_lab.figures.area import draw
from bitlight_lab.figures.record import DOCS

RAW = DOCS / "raw" / "clock.json"
CONSTANTS = Path(clock.__file__).with_suffix(".json")
WITHIN = 0.15
# Of those held out, what is further off, as docs/synthesis.md tells.
FAR = {
    ("random 6001", "ice40-up5k"),
    ("random 6004", "ice40-up5k"),
    ("random 6007", "ice40-up5k"),
    ("small28, 7,056 cycles", "ice40-up5k"),
    ("fashion28, 7,056 cycles", "ecp5-25k"),
}
# A wire while levels are fitted: what is usual on routed paths.
NOMINAL = {"ecp5": 0.87, "ice40": 1.98}
# Groups of registers by their names, and the kinds of path that end there.
GROUPS = {
    "due": {"due"},
    "room": {"room"},
    "place": {"place", "moved"},
    "written": {"moved"},
    "way": {"way"},
    "popcount.count": {"number", "numbers", "few"},
    "accumulator.count": {"number", "numbers", "few"},
    "popcount.inputs": {"parity"},
    "popcount.pieces": {"parity"},
    "accumulator.total": {"total"},
}
# What is begun from: levels as they would be thought of, and one of slack.
KINDS = (
    *("due", "room", "place", "moved", "way", "turns", "read", "write", "step", "used", "keep"),
    *("count", "frame", "rows", "choice", "number", "numbers", "few", "parity", "tables", "total"),
)
SIGNED = {*KINDS, "gear"}
START: dict[str, float] = {
    **dict.fromkeys(KINDS, 0.0),
    **{
        "number": 0.5,
        "gear": 0.0,
        "gear_state": 0.5,
        "pad": 2.0,
        "repack": 2.0,
        "strobe": 0.0,
    },
    **{
        "pad_chain": 1.0,
        "pass": 1.0,
        "offer": 0.5,
        "into": 0.0,
    },
    **{
        "slack": 1.0,
        "slack_number": 1.0,
        "slack_numbers": 0.0,
        "slack_tables": 0.0,
        "slack_read": 0.0,
    },
    **{f"slack_{kind}": 1.0 for kind in ("due", "room", "place", "frame", "used")},
}
# Popcounts of 3 to 256 lanes by themselves have that many: nothing else is fitted to few of these.
KEPT = {"number", "slack_number"}
STEPS = (1, 0.5, 0.25, 0.25)
MOST = 2.0
WORK = Path("build/clock")


@dataclass(frozen=True)
class Design:
    """One design on one device.

    Attributes
    ----------
    name : str
    device : str
    make : callable, gives its accelerator
    placer : str, of nextpnr
    seed : int
    fitted : bool, whether constants are fitted to it; others are predicted alone
    """

    name: str
    device: str
    make: Callable[[], Accelerator]
    placer: str = "heap"
    seed: int = 1
    fitted: bool = False


def _zoo(name: str, cycles: int) -> Callable[[], Accelerator]:
    def make() -> Accelerator:
        net = TOPOLOGIES[name].random()
        return Accelerator(net, fold(net, cycles=cycles))

    return make


def _named(name: str, folding: str) -> Callable[[], Accelerator]:
    pairs = [tuple(map(int, pair.split(","))) for pair in folding.split("/")]

    def make() -> Accelerator:
        fashion = name == "fashion28"
        net = extractors.features(name) if fashion else TOPOLOGIES[name].random()
        return Accelerator(net, pairs)

    return make


def _shortcut(channels: int, cycles: int) -> Callable[[], Accelerator]:
    """The graph that the tests make."""

    def make() -> Accelerator:
        sys.path.insert(0, "tests/support")
        net = importlib.import_module("graphs").shortcut28(channels)
        return Accelerator(net, fold(net, cycles=cycles))

    return make


def _random(seeds: Iterable[int], device: str, *, fitted: bool = False) -> list[Design]:
    return [Design(f"random {n}", device, partial(draw, n), fitted=fitted) for n in seeds]


ECP5, UP5K = "ecp5-25k", "ice40-up5k"
FITTED = [
    *_random(range(5000, 5016), ECP5, fitted=True),
    *_random(range(5000, 5014), UP5K, fitted=True),
    Design("sampler, 324 cycles", ECP5, _zoo("sampler", 324), fitted=True),
    Design("sampler, 2,916 cycles", UP5K, _zoo("sampler", 2916), fitted=True),
]
# For levels alone, which no placement changes: frames of more than 16 rows or columns.
FRAMED = [
    design for device in (ECP5, UP5K) for design in _random((5180, 5182, 5195), device, fitted=True)
]
FASHION = "4,9/32,32/16,32/32,32/8,32"
CNV = "64,3/64,64/8,192/32,64/8,64/4,32/4,8/4,16/1,4"
# Of random networks from 6000 on, those of 250 look-up tables or more.
HELD_OUT = [
    *_random((6001, 6005, 6007), ECP5),
    *_random((6001, 6004, 6005, 6006, 6007, 6008), UP5K),
    Design("shortcut28, 900 cycles", ECP5, _shortcut(16, 900)),
    Design("shortcut28 of 8 channels", UP5K, _shortcut(8, 1800)),
    # With seed 1 the router went to and fro over its last wire half a million times.
    Design("sampler, 729 cycles", UP5K, _zoo("sampler", 729), seed=2),
    Design("tfc, 1,024 cycles", UP5K, _zoo("tfc", 1024)),
    Design("small28, 7,056 cycles", UP5K, _named("small28", "16,1/8,16/4,32")),
    Design("small28, 7,056 cycles", ECP5, _zoo("small28", 7056)),
    Design("tfc, 128 cycles", ECP5, _zoo("tfc", 128)),
    Design("sfc, 1,024 cycles", ECP5, _zoo("sfc", 1024)),
    Design("fashion28, 7,056 cycles", ECP5, _named("fashion28", FASHION), "static"),
    Design("sampler, 729 cycles", ECP5, _zoo("sampler", 729)),
    Design("cnv, 8,100 cycles", "ecp5-85k", _named("cnv", CNV), "static"),
]
DESIGNS = [*FITTED, *HELD_OUT]


@click.group()
def main() -> None:
    """Measure, fit and report the model of the clock."""


@main.command()
@click.option("--only", metavar="NAME", default="", help="Designs whose names begin so.")
def measure(only: str) -> None:
    """Place and route what is not in the file yet."""
    for design in DESIGNS:
        known = {(row["design"], row["device"]) for row in read()}
        if design.name.startswith(only) and (design.name, design.device) not in known:
            row = _route(design)
            _write([*read(), row])
            print(design.name, design.device, row.get("fmax_mhz", row.get("refused")), flush=True)


def read() -> list[dict[str, Any]]:
    """What has been placed and routed."""
    rows: list[dict[str, Any]] = []
    if RAW.exists():
        rows = json.loads(RAW.read_text())["designs"]
    return rows


def folder(design: Design) -> Path:
    """Where its netlist is."""
    return WORK / design.name.replace(",", "").replace(" ", "-") / design.device


def _write(rows: list[dict[str, Any]]) -> None:
    order = {(design.name, design.device): place for place, design in enumerate(DESIGNS)}
    rows.sort(key=lambda row: order.get((row["design"], row["device"]), len(order)))
    with replacing(RAW) as file:
        file.write((json.dumps({"designs": rows}, indent=1) + "\n").encode())


def _route(design: Design) -> dict[str, Any]:
    acc, target = design.make(), TARGETS[design.device]
    ways = ["--placer", "static"] if design.placer == "static" else []
    row: dict[str, Any] = {
        "design": design.name,
        "device": design.device,
        "fitted": design.fitted,
        "placer": design.placer,
        "seed": design.seed,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": acc.cycles_per_image,
    }
    text = acc.verilog(target.family)
    report = synthesise(text, target, folder(design), seed=design.seed, ways=ways)
    placement = report.placement
    assert placement is not None
    row |= {
        "fmax_mhz": round(placement.fmax_mhz, 2),
        "luts": round(report.total.luts + report.total.memory_luts),
        "blocks": round(report.total.brams),
        "utilisation": placement.utilisation,
        "critical": asdict(placement.critical) if placement.critical else None,
        "slowest": {path.unit: round(path.delay_ns, 2) for path in placement.slowest},
        "seconds": {name: round(seconds, 1) for name, seconds in report.seconds.items()},
    }
    return row


@main.command()
def fit() -> None:
    """Write the constants of `bitlight_hw.clock`, from netlists that `measure` has left."""
    found = json.loads(CONSTANTS.read_text())
    for family, known in found.items():
        fitting = _Fitting(families.named(family), clock.Delays(**known["delays"]))
        known["levels"] = fitting.levels()
        known["delays"] |= fitting.wires(known["levels"])
        print(family, known)
    with replacing(CONSTANTS) as file:
        file.write((json.dumps(found, indent=1, sort_keys=True) + "\n").encode())


class _Fitting:
    """Levels that come nearest to netlists, then the wire that comes nearest to what was routed."""

    def __init__(self, family: families.Family, delays: clock.Delays) -> None:
        self.family = family
        nominal = NOMINAL[family.name]
        self.delays = replace(delays, wire=nominal, near=nominal)
        self.start = START | {"into": 1.0 if family.name == "ice40" else 0.0}
        self.routed = {(row["design"], row["device"]): row["fmax_mhz"] for row in read()}
        self.designs = []
        for design in (*FITTED, *FRAMED):
            known = design in FRAMED or (design.name, design.device) in self.routed
            if known and TARGETS[design.device].family == family.name:
                if not (folder(design) / "netlist.json").exists():
                    text = design.make().verilog(family.name)
                    synthesise(text, TARGETS[design.device], folder(design), place=False)
                depths = depth.of(folder(design), self.delays)
                self.designs.append((design, design.make().plan.stages, depths))

    def levels(self) -> dict[str, float]:
        """By turns each constant a step up or down, as long as that is nearer."""
        levels = dict(self.start)
        best = self.error(levels)
        for step in STEPS:
            for name in [n for n in self.start if n not in KEPT]:
                for by in (step, -step):
                    least = -MOST if name in SIGNED else 0.0
                    while least <= levels[name] + by <= MOST:
                        tried = levels | {name: levels[name] + by}
                        error = self.error(tried)
                        if error >= best:
                            break
                        levels, best = tried, error
        return levels

    def error(self, levels: dict[str, float]) -> float:
        """Squares of how far off paths are, in wires; those that are slow in their design count."""
        total = sum((levels[name] - start) ** 2 for name, start in self.start.items()) / 10
        for _, stages, depths in self.designs:
            paths = clock.Depths(stages, self.family, levels).paths()
            worst = max(depths.values()).ns
            total += sum(
                weight * (max(found, measured) / worst) ** power * self._square(found, measured)
                for weight, power, found, measured in self._compared(paths, depths)
            )
        return total

    def _square(self, found: float, measured: float) -> float:
        return ((found - measured) / self.delays.wire) ** 2

    def _compared(
        self, paths: dict[str, list[clock.Path]], depths: dict[tuple[str, str], depth.Depth]
    ) -> Iterator[tuple[float, int, float, float]]:
        """(weight, power, predicted, measured) of the design, of units, of groups of registers."""
        units = {name: max(map(self.delays.of, own)) for name, own in paths.items() if own}
        measured: dict[str, float] = {}
        for (unit, group), path in depths.items():
            measured[unit] = max(measured.get(unit, 0.0), path.ns)
            kinds = GROUPS.get(group.removeprefix("queue."), set())
            part = "queue" if group.startswith("queue.") else ""
            own = [p for p in paths.get(unit, []) if p.kind in kinds and p.part == part]
            if own:
                yield 0.5, 2, max(map(self.delays.of, own)), path.ns
        yield 4, 0, max(units.values()), max(measured.values())
        for unit in units.keys() & measured.keys():
            yield 1, 4, units[unit], measured[unit]

    def wires(self, levels: dict[str, float]) -> dict[str, float]:
        """Those that are least off from what was routed, in the mean of squares."""
        paths = [
            (
                [
                    path
                    for own in clock.Depths(stages, self.family, levels).paths().values()
                    for path in own
                ],
                self.routed[design.name, design.device],
            )
            for design, stages, _ in self.designs
            if design not in FRAMED
        ]

        def off(wires: tuple[float, float]) -> float:
            delays = replace(self.delays, wire=wires[0], near=wires[1])
            periods = [max(map(delays.of, own)) * mhz / 1000 for own, mhz in paths]
            return float(np.mean(np.square(np.log(periods))))

        nominal = NOMINAL[self.family.name]
        tried = [round(nominal * share, 2) for share in np.arange(0.7, 1.31, 0.03)]
        wire, near = min(itertools.product(tried, tried), key=off)
        return {"wire": wire, "near": near}


@main.command()
def report() -> None:
    """How far predictions are off, of designs that nothing was fitted to."""
    rows = [[*row.values()] for row in compared(read())]
    columns = ["design", "device", "fitted", "routed", "predicted", "error", "unit", "path"]
    show_table("clock, MHz", columns, rows)
    for fitted in (False, True):
        for family in ("ecp5", "ice40"):
            own = [
                row
                for row in compared(read())
                if row["fitted"] == fitted and TARGETS[row["device"]].family == family
            ]
            within = sum(abs(row["error"]) <= WITHIN for row in own)
            print(family, "fitted" if fitted else "held out", f"{within} of {len(own)}")


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Routed and predicted MHz of designs."""
    known = {(design.name, design.device): design for design in DESIGNS}
    found = []
    for row in rows:
        design = known[row["design"], row["device"]]
        predicted = design.make().clock(TARGETS[design.device].family)
        assert predicted is not None
        found.append(
            {
                "design": design.name,
                "device": design.device,
                "fitted": design.fitted,
                "routed": row["fmax_mhz"],
                "predicted": round(predicted.mhz, 1),
                "error": round(predicted.mhz / row["fmax_mhz"] - 1, 3),
                "unit": predicted.unit,
                "path": predicted.path.kind,
            }
        )
    return found


if __name__ == "__main__":
    main()

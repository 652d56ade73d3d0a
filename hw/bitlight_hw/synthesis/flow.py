"""The open FPGA flow: Yosys for the area, nextpnr for the clock frequency and the bitstream.

design.sv ──┬── Yosys, flattened ─────→ stat.json, core.json
            │                                        │
            ├── Yosys, with hierarchy → units.json   │
            │                                        │
            └── harness.sv ── Yosys ─ linked.json ←──┘
                                           │
                                        nextpnr ── timing.json, layout ── packer ── bitstream

What is placed is the harness. Its five pins are wherever the placer puts them, so that it is for
timing: nothing that a board could be configured with is made unless it is asked for.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bitlight import SynthesisError
from bitlight.files.replacing import replacing
from bitlight_hw.synthesis import area, commands, placement, steps
from bitlight_hw.synthesis.report import Report
from bitlight_hw.synthesis.steps import Result, Step, StepFailure
from bitlight_hw.synthesis.targets import Placer, Target

VERILOG, NETLIST = "design.v", "netlist.json"


def synthesise(
    verilog: str,
    target: Target,
    folder: Path,
    *,
    top: str = "accelerator",
    place: bool = True,
    per_unit: bool = False,
    seed: int = 1,
    seeds: int = 1,
    ways: Sequence[str] = (),
    freq_mhz: float | None = None,
    native: bool = False,
    bitstream: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Synthesise a design, and place and route it for its timing.

    Each step is kept in the cache by the content of its inputs, its command and its tool's version,
    so that what has not changed is not done again.

    Parameters
    ----------
    verilog : str
        As `Accelerator.verilog(target.family)` gives it.
    target : Target
    folder : pathlib.Path
        Where the Verilog, the netlist, counts, logs, timing and configuration are put.
    top : str
        Name of the module; any that has a clock `clk` can be placed.
    place : bool
        Whether to place and route; a target without a placer is only synthesised.
    per_unit : bool
        Whether to count the area of each unit, which takes up to twice as long as the synthesis.
    seed : int
        Of the placer: other seeds give frequencies some percent apart.
    seeds : int
        How many seeds from that one on are tried, as many at once as there are processors; the
        fastest is kept.
    ways : sequence of str
        Options of nextpnr that choose how it places and routes, as in "--placer", "static".
    freq_mhz : float, optional
        What the placer aims at; missing it is no error.
    native : bool
        Take Yosys and nextpnr from the PATH instead of the pinned pip packages.
    bitstream : bool
        Whether to pack what is placed, to see that it can be; not for a board, since its pins are
        arbitrary: whatever a board has there may be driven by both.
    progress : callable, optional
        Called with what is being done, at the start of each step that is not in the cache.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails, or the design does not fit.
    """
    _make(folder)
    run = _Run(target, folder, native, progress or (lambda label: None))
    with replacing(folder / VERILOG) as file:
        file.write(verilog.encode())
    synthesis = run.step(commands.synthesis(verilog, top, target))
    run.take(synthesis, "core.json", NETLIST)
    cells = _json(run.take(synthesis, "stat.json"))["design"]["num_cells_by_type"]
    units, placed = {}, None
    if per_unit:
        counted = run.step(commands.units(verilog, top, target))
        units = area.of_units(_json(run.take(counted, "units.json")), top, target)
    if place and target.placer:
        linked = run.step(commands.link(verilog, top, target, synthesis.folder / "core.json"))
        freq_mhz = freq_mhz or target.placer.freq_mhz
        netlist = linked.folder / "linked.json"
        tried = {
            number: commands.place(netlist, target, target.placer, freq_mhz, number, ways)
            for number in range(seed, seed + seeds)
        }
        placed = run.place(tried, target.placer, bitstream)
    total = area.Area.of(cells, target)
    return Report(target, total, cells, units, placed, run.logs, run.seconds, run.cached)


def netlist(
    folder: Path, target: Target, *, native: bool = False, say: Callable[[str], None]
) -> str:
    """Verilog of the cells that `synthesise` counted, from the netlist that it left in a folder.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails.
    """
    made = steps.run(commands.netlist(folder / NETLIST, f"{target.name}: netlist"), say, native)
    return (made.folder / "netlist.v").read_text(encoding="utf-8")


@dataclass
class _Run:
    """The steps of one call, and what becomes of their files."""

    target: Target
    folder: Path
    native: bool
    say: Callable[[str], None]
    logs: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    def step(self, step: Step) -> Result:
        return self.note(step, steps.run(step, self.say, self.native))

    def note(self, step: Step, result: Result) -> Result:
        """Count a step that is done, and take its log."""
        self.seconds[step.name] = result.seconds
        self.cached |= {step.name} if result.cached else set()
        self.logs.append(self.take(result, step.log))
        return result

    def take(self, result: Result, name: str, called: str | None = None) -> Path:
        """Copy a file from the cache to where the user wants it."""
        path = self.folder / (called or name)
        with (result.folder / name).open("rb") as kept, replacing(path) as file:
            shutil.copyfileobj(kept, file)
        return path

    def place(self, tried: dict[int, Step], placer: Placer, bitstream: bool) -> placement.Placement:
        """The fastest of these."""
        try:
            results = steps.run_together(list(tried.values()), self.say, self.native)
        except StepFailure as failure:
            excess = placement.excess(failure.log.read_text(encoding="utf-8", errors="replace"))
            if excess is None:
                raise
            raise SynthesisError(
                f"the design does not fit {self.target.name}: {excess}; try a larger device or a "
                f"folding of more cycles; see {failure.log}"
            ) from None
        clocks = {
            seed: placement.read(_json(result.folder / "timing.json")).fmax_mhz
            for seed, result in zip(tried, results, strict=True)
        }
        best = max(clocks, key=lambda seed: clocks[seed])
        placed = self.note(tried[best], dict(zip(tried, results, strict=True))[best])
        timing = _json(self.take(placed, "timing.json"))
        self.take(placed, placer.layout, _timing_only(placer.layout))
        packed = None
        if bitstream:
            made = self.step(commands.pack(placed.folder / placer.layout, self.target, placer))
            packed = self.take(made, placer.bitstream, _timing_only(placer.bitstream))
        return replace(placement.read(timing, packed), tried=clocks)


def _timing_only(name: str) -> str:
    """What a file is called that has the harness' arbitrary pins."""
    return f"timing-only-not-for-a-board{Path(name).suffix}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SynthesisError(f"cannot write to {folder}: {error.strerror}") from error


def _json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))

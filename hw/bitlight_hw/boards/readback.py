"""What is in a bitstream of an iCE40, as Verilog again, by the tools of Project IceStorm."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bitlight import SynthesisError
from bitlight_hw.boards import constraints
from bitlight_hw.boards.board import Board
from bitlight_hw.boards.top import TOP

# A clock that comes by the pad of the loop has no route from its port that a bitstream would show.
PAD = re.compile(r"\.PACKAGEPIN\((\w+)\)")
WIRES = re.compile(r"^wire (.*);$", re.MULTILINE)
UNMATCHED = re.compile(r"^// Warning: unmatched port 'clk'$", re.MULTILINE)


def read_back(bitstream: Path, board: Board) -> str:
    """Verilog of a bitstream: its look-up tables, flip-flops, block RAMs and routes.

    Raises
    ------
    SynthesisError
        If the board has no iCE40, or IceStorm's tools are not installed or fail.
    """
    if board.size.family.name != "ice40":
        raise SynthesisError(f"only a bitstream of an iCE40 can be read back, not of {board.part}")
    for tool in ("iceunpack", "icebox_vlog"):
        if shutil.which(tool) is None:
            raise SynthesisError(f"{tool} is not installed; try: apt-get install fpga-icestorm")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pins.pcf").write_text(constraints.pcf(board, 0), encoding="utf-8")
        _call(["iceunpack", str(bitstream.absolute()), "board.asc"], folder)
        text = _call(["icebox_vlog", "-l", "-s", "-n", TOP, "-p", "pins.pcf", "board.asc"], folder)
    text = WIRES.sub(_without_ports, text)
    pad = PAD.search(text)
    if pad is None:
        return text
    return UNMATCHED.sub(f"assign {pad[1]} = clk;", text)


def _without_ports(declared: re.Match[str]) -> str:
    """A declaration of wires without the ports, which are declared already."""
    names = [name for name in declared[1].split(", ") if name not in ("clk", "rx", "tx")]
    return f"wire {', '.join(names)};" if names else ""


def _call(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise SynthesisError(f"{command[0]} failed: {last}")
    return done.stdout

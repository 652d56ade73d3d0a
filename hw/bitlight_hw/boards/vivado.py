"""A project for Vivado, complete: sources, pins, and a script that makes the bitstream."""

from pathlib import Path

from bitlight import SynthesisError
from bitlight.files.replacing import replacing
from bitlight_hw.boards import constraints
from bitlight_hw.boards.top import TOP, SerialAccelerator

SCRIPT = """\
# Run by: vivado -mode batch -source build.tcl
read_verilog -sv serial.v
read_verilog top.v
read_xdc pins.xdc
synth_design -top {top} -part {part}
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilisation.txt
report_timing_summary -file timing.txt
if {{[get_property SLACK [get_timing_paths -setup]] < 0}} {{
  error "the design does not reach its clock of {mhz:g} MHz; see timing.txt"
}}
write_bitstream -force {bitstream}
"""


def write_project(serial: SerialAccelerator, folder: Path) -> Path:
    """Write the project.

    Returns
    -------
    Path, of the script

    Raises
    ------
    SynthesisError
        If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SynthesisError(f"cannot write to {folder}: {error.strerror}") from error
    board = serial.board
    files = {
        "serial.v": serial.verilog("xc7"),
        "top.v": serial.top(),
        "pins.xdc": constraints.xdc(board, serial.clock_hz),
        "build.tcl": SCRIPT.format(
            top=TOP, part=board.part, mhz=serial.clock_hz / 1e6, bitstream=board.bitstream
        ),
    }
    for name, text in files.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    return folder / "build.tcl"

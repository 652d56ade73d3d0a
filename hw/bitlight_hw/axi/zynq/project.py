"""A project for Vivado around the AXI wrapper, and the driver that PYNQ loads beside it.

bitlight_axi.v ── bitlight_zynq.v ── overlay.tcl ── Vivado ── bitlight.bit, bitlight.hwh
                                                                  └── bitlight_driver.py, on PYNQ
"""

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bitlight import SynthesisError
from bitlight.files.replacing import replacing
from bitlight_hw.axi.accelerator import AxiAccelerator

CLOCK_MHZ = 100
# Widths of a DMA engine's streams, in bits (AMD PG021).
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
# Port of the wrapper → of the accelerator, where they are not called the same.
OWN = {"clk": "aclk", "rst": "~aresetn"}
# The engine's stream has none.
DROPPED = ("m_axis_tuser",)


@dataclass(frozen=True)
class Board:
    """A board with a Zynq that PYNQ runs on: its part, and whose board files describe it."""

    part: str
    files: str


BOARDS = {
    "pynq-z1": Board("xc7z020clg400-1", "www.digilentinc.com:pynq-z1:*"),
    "pynq-z2": Board("xc7z020clg400-1", "tul.com.tw:pynq-z2:*"),
}


def write_project(acc: AxiAccelerator, board: str, folder: Path) -> Path:
    """Write sources, script and driver.

    Parameters
    ----------
    acc : AxiAccelerator
    board : str
        A name in `BOARDS`.
    folder : Path

    Returns
    -------
    Path, of the script

    Raises
    ------
    SynthesisError
        If no DMA engine is as wide as the streams, or nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> from bitlight_hw import Accelerator
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> axi = AxiAccelerator(Accelerator(net, [(1, 2)]))
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_project(axi, "pynq-z2", folder).name
    'overlay.tcl'
    """
    if acc.data_bits not in WIDTHS:
        raise SynthesisError(
            f"a DMA engine has streams of {', '.join(map(str, WIDTHS))} bits, not {acc.data_bits}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SynthesisError(f"cannot write to {folder}: {error.strerror}") from error
    files = {
        "bitlight_axi.v": acc.verilog("xc7"),
        "bitlight_zynq.v": wrapper(acc),
        "overlay.tcl": script(acc, BOARDS[board]),
        "bitlight_driver.py": driver(acc),
    }
    for name, text in files.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    return folder / "overlay.tcl"


def wrapper(acc: AxiAccelerator) -> str:
    """Verilog of module `bitlight_zynq`: ports that Vivado knows by their names."""
    ports, joined = ["  input aclk", "  input aresetn"], []
    for name, member in acc.signature.members.items():
        if name in DROPPED:
            continue
        direction = "input" if member.flow.name == "In" else "output"
        width = member.shape if isinstance(member.shape, int) else member.shape.width
        span = f"[{width - 1}:0] " if width > 1 else ""
        ports.append(f"  {direction} {span}{name}")
        joined.append(f"    .{name}({name})")
    own = [f"    .{name}({port})" for name, port in OWN.items()]
    return WRAPPER.format(ports=",\n".join(ports), joined=",\n".join([*own, *joined]))


def script(acc: AxiAccelerator, board: Board) -> str:
    """Tcl of Vivado, from nothing to bitlight.bit and bitlight.hwh."""
    # The longest transfer is of as many images as memory has room for; 26 bits are the most.
    return SCRIPT.format(
        part=board.part,
        files=board.files,
        width=acc.data_bits,
        memory=max(acc.data_bits, 32),
        mhz=CLOCK_MHZ,
    )


def driver(acc: AxiAccelerator) -> str:
    """Python of the driver for this network alone."""
    text = resources.files("bitlight_hw.axi.zynq").joinpath("driver.py").read_text("utf-8")
    net = acc.acc.net
    elements = acc.acc.beats_out.count * acc.acc.beats_out.elements
    values = {
        "NETWORK_ID": f'NETWORK_ID = "{net.id}"',
        "SHAPE": f"SHAPE: tuple[int, ...] = {net.input_shape!r}",
        "ELEMENTS_OUT": f"ELEMENTS_OUT = {elements}",
    }
    for name, line in values.items():
        text, found = re.subn(rf"^{name}\b.*= .*$", line, text, flags=re.MULTILINE)
        assert found == 1, name
    return text


WRAPPER = """\
// bitlight_axi with the names of ports and the reset that Vivado's block designs expect.
module bitlight_zynq (
{ports}
);
  bitlight_axi axi (
{joined}
  );
endmodule
"""

SCRIPT = """\
# Run by: vivado -mode batch -source overlay.tcl
# Makes bitlight.bit and bitlight.hwh, which PYNQ's Overlay loads. Not tried on hardware.
create_project -force bitlight vivado -part {part}
set known [get_board_parts -quiet "{files}"]
if {{[llength $known]}} {{
  set_property board_part [lindex $known end] [current_project]
}} else {{
  puts "no files of this board: the processing system keeps what PYNQ's boot gave it"
}}
add_files [list bitlight_axi.v bitlight_zynq.v]
update_compile_order -fileset sources_1
create_bd_design overlay

set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config [list \\
  make_external "FIXED_IO, DDR" apply_board_preset [expr {{[llength $known] > 0}}]] $ps
set_property -dict [list CONFIG.PCW_USE_S_AXI_HP0 1 CONFIG.PCW_USE_M_AXI_GP0 1 \\
  CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ {mhz}] $ps

set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma]
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_length_width 26 \\
  CONFIG.c_m_axi_mm2s_data_width {memory} CONFIG.c_m_axis_mm2s_tdata_width {width} \\
  CONFIG.c_m_axi_s2mm_data_width {memory} CONFIG.c_s_axis_s2mm_tdata_width {width}] $dma

create_bd_cell -type module -reference bitlight_zynq bitlight
connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins bitlight/s_axis]
connect_bd_intf_net [get_bd_intf_pins bitlight/m_axis] [get_bd_intf_pins dma/S_AXIS_S2MM]

proc join_axi {{manager subordinate pin}} {{
  apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\
    -config [list Master $manager Slave $subordinate] [get_bd_intf_pins $pin]
}}
join_axi /ps/M_AXI_GP0 /dma/S_AXI_LITE dma/S_AXI_LITE
join_axi /ps/M_AXI_GP0 /bitlight/s_axil bitlight/s_axil
join_axi /dma/M_AXI_MM2S /ps/S_AXI_HP0 ps/S_AXI_HP0
join_axi /dma/M_AXI_S2MM /ps/S_AXI_HP0 dma/M_AXI_S2MM
assign_bd_address
validate_bd_design
save_bd_design

add_files -norecurse [make_wrapper -files [get_files overlay.bd] -top]
set_property top overlay_wrapper [current_fileset]
update_compile_order -fileset sources_1
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
open_run impl_1
report_utilization -file utilisation.txt
report_timing_summary -file timing.txt
if {{[get_property SLACK [get_timing_paths -setup]] < 0}} {{
  error "the design does not reach its clock of {mhz} MHz; see timing.txt"
}}
file copy -force vivado/bitlight.runs/impl_1/overlay_wrapper.bit bitlight.bit
file copy -force [lindex [glob vivado/bitlight.*/sources_1/bd/overlay/hw_handoff/overlay.hwh] 0] \\
  bitlight.hwh
"""

"""`bitlight verilog`: the accelerator as a file."""

from pathlib import Path
from typing import Any

import click

from bitlight.cli.paths import NETWORK, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, working
from bitlight.errors import BitlightError
from bitlight.files.replacing import replacing
from bitlight_hw.commands.folding import accelerator, bus_option, folding_options

# The names in `bitlight_hw.axi.zynq.BOARDS`, which is slow to import.
PYNQ = ["pynq-z1", "pynq-z2"]


@click.command(
    epilog="Next: bitlight synth NETWORK --target TARGET, bitlight board build BOARD NETWORK.",
)
@click.argument("network", type=NETWORK)
@click.argument("out", type=Output(".v", ".sv", dir_okay=False))
@click.option(
    "--target",
    type=click.Choice(["xc7", "ecp5", "ice40", "generic", "simulation"]),
    default="xc7",
    show_default=True,
    help="Whose memories and look-up tables it is written for, generic for any other FPGA's; "
    "equal in all else.",
)
@bus_option
@click.option(
    "--pynq",
    type=click.Choice(PYNQ),
    help="With --bus axi: beside OUT, in a folder of its name, a project for Vivado and a driver.",
)
@folding_options
@json_option
def verilog(
    network: str,
    out: str,
    target: str,
    bus: str,
    pynq: str | None,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Write the accelerator of NETWORK as Verilog to OUT.

    Same network and folding, same bytes. Without --cycles or --folding, the fastest folding at a
    cost of 4,096 XNOR lanes is taken.

    \b
    bitlight verilog fashion28 build/fashion28.v --cycles 20000
    bitlight verilog fashion28 build/fashion28.v --bus axi --pynq pynq-z2
    """
    from bitlight_hw.axi import AxiAccelerator
    from bitlight_hw.axi.zynq import write_project

    if pynq is not None and (bus, target) != ("axi", "xc7"):
        raise BitlightError("--pynq is for --bus axi and the target xc7, which a Zynq's logic is")

    family = "xc7" if target == "simulation" else target
    acc = accelerator(network, target=family, bus=bus, **choice)
    top = AxiAccelerator(acc) if bus == "axi" else acc
    with working("generating Verilog"):
        text = top.verilog(target)
    with replacing(out) as file:
        file.write(text.encode())
    figures = {
        "network": acc.net.id,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": top.cycles_per_image,
        "latency": top.latency,
        "beat_in_bits": acc.beats_in.width,
        "beats_in": acc.beats_in.count,
        "beat_out_bits": acc.beats_out.width,
        "beats_out": acc.beats_out.count,
        "verilog_bytes": len(text),
    }
    if isinstance(top, AxiAccelerator):
        figures["tdata_bits"] = top.data_bits
        figures["bytes_in"], figures["bytes_out"] = top.frames_in.bytes, top.frames_out.bytes
    if pynq is not None and isinstance(top, AxiAccelerator):
        folder = Path(out).with_suffix("") / pynq
        made = write_project(top, pynq, folder)
        figures["project"] = str(made)
        console.print(f"run: vivado -mode batch -source {made.name}, in {folder}", soft_wrap=True)
    show_table(f"{network} → {out}", ["", "value"], [[k, str(v)] for k, v in figures.items()])
    write_json(json_file, figures)

"""`bitlight verilog`: the accelerator as a file."""

from typing import Any

import click

from bitlight.cli.paths import NETWORK, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import working
from bitlight.files.replacing import replacing
from bitlight_hw.commands.folding import accelerator, bus_option, folding_options


@click.command()
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
@folding_options
@json_option
def verilog(
    network: str, out: str, target: str, bus: str, json_file: str | None, **choice: Any
) -> None:
    """Write the accelerator of NETWORK as Verilog to OUT.

    Same network and folding, same bytes. Without --cycles or --folding, the fastest folding at a
    cost of 4,096 XNOR lanes is taken.
    """
    from bitlight_hw.axi import AxiAccelerator

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
    show_table(f"{network} → {out}", ["", "value"], [[k, str(v)] for k, v in figures.items()])
    write_json(json_file, figures)

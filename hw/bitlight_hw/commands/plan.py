"""`bitlight plan`: what a folding will cost, before anything is built."""

import math
from dataclasses import asdict
from typing import Any

import click

from bitlight.cli.paths import NETWORK
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console
from bitlight_hw.commands.folding import accelerator, bus_option, folding_options

# The names that `bitlight_hw.parts.part` knows, which is slow to import.
TARGETS = ["xc7", "ecp5", "ice40", "ecp5-25k", "ecp5-45k", "ecp5-85k", "ice40-up5k"]


def finite_mhz(context: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse inf and nan, which are numbers to click."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no frequency.", context, param)
    return value


target_option = click.option(
    "--target",
    metavar=f"[{'|'.join(TARGETS)}]",
    default="xc7",
    show_default=True,
    help="Family of FPGAs, or one of them, whose look-up tables and block RAM are counted.",
)
mhz_option = click.option(
    "--mhz",
    type=click.FloatRange(0, min_open=True),
    default=100.0,
    show_default=True,
    callback=finite_mhz,
    help="Clock, for images/s.",
)


@click.command(
    epilog="Next: bitlight explore NETWORK (other foldings), bitlight simulate NETWORK IMAGES, "
    "bitlight verilog NETWORK OUT."
)
@click.argument("network", type=NETWORK)
@folding_options
@target_option
@bus_option
@mhz_option
@json_option
def plan(
    network: str, target: str, bus: str, mhz: float, json_file: str | None, **choice: Any
) -> None:
    """Predict cycles, memory and area of the accelerator of NETWORK, layer by layer.

    The interval is that of the slowest layer, marked with ◀; give that one more PE or SIMD. Cycles
    and block RAM are exact, look-up tables within some percent of what Yosys will count, rather
    more than fewer. For ECP5 and iCE40 the clock is predicted too, mostly within 15 % of what place
    and route reach. An FPGA is full when its places for look-up tables are: those that carry chains
    and lone flip-flops take count there too.

    \b
    bitlight plan fashion28 --cycles 20000      the cheapest with that interval
    bitlight plan fashion28 --luts 5000         the fastest that fits
    bitlight plan fashion28 --luts 9000 --target ecp5-25k
    bitlight plan fashion28 --fill --target ecp5-25k   the most images/s of that FPGA
    """
    from bitlight_hw.estimate import Estimate
    from bitlight_hw.layerplans import around, layers
    from bitlight_hw.parts import part

    device = part(target)
    family = device.family
    acc = accelerator(network, target=target, bus=bus, **choice)
    outside = around(acc, bus, family)
    planned = layers(acc, family.name)
    rows: list[list[Any]] = [
        [
            f"{row.index} {row.name}",
            f"{row.pe}, {row.simd}" if row.pe else "",
            row.dataflow,
            row.cycles,
            "◀" if row.cycles == acc.cycles_per_image else "",
            *_figures(row.estimate),
        ]
        for row in planned
    ]
    rows += [[name, "", "", "", "", *_figures(taken)] for name, taken in outside.items()]
    total = Estimate.total([*(row.estimate for row in planned), *outside.values()])
    columns = ["layer", "PE, SIMD", "stationary", "cycles", "", "ROM bits", "buffer bits"]
    columns += [f"LUT{family.lut_inputs}", "LUT as RAM", family.carry_name, "flip-flop"]
    columns += [family.block_name]
    show_table(
        f"{network} on {target}", columns, [*rows, ["all", "", "", "", "", *_figures(total)]]
    )
    occupied = family.occupied(total)
    if family.cell_name:
        of = f" of {device.cells:,} ({occupied / device.cells:.0%})" if device.cells else ""
        console.print(f"{family.cell_name}s occupied: about {occupied:,}{of}", soft_wrap=True)
    if device.blocks:
        console.print(f"{family.block_name}: {total.blocks:,} of {device.blocks:,}")
    if (device.cells and occupied > device.cells) or (
        device.blocks and total.blocks > device.blocks
    ):
        console.print(
            f"it does not fit {target}: try --fill, --luts, or more --cycles", soft_wrap=True
        )
    rate = mhz * 1e6 / acc.cycles_per_image
    console.print(
        f"interval {acc.cycles_per_image:,} cycles, latency {acc.latency:,} cycles: "
        f"{rate:,.0f} images/s, {acc.latency / mhz:,.1f} µs at {mhz:g} MHz",
        soft_wrap=True,
    )
    clock = acc.clock(family.name)
    if clock is not None:
        console.print(
            f"predicted clock: about {clock.mhz:.0f} MHz, held by {clock.unit} ({clock.what}): "
            f"{clock.mhz * 1e6 / acc.cycles_per_image:,.0f} images/s",
            soft_wrap=True,
        )
    figures = {
        "network": acc.net.id,
        "target": target,
        "bus": bus,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": acc.cycles_per_image,
        "latency": acc.latency,
        "images_per_s": round(rate, 3),
        "clock": None if clock is None else clock.as_dict(),
        "layers": [row.as_dict() for row in planned],
        "around": {name: asdict(taken) for name, taken in outside.items()},
        "total": asdict(total) | {"occupied": occupied},
    }
    write_json(json_file, figures)


def _figures(taken: Any) -> list[int]:
    return [
        taken.rom_bits,
        taken.buffer_bits,
        taken.luts,
        taken.memory_luts,
        taken.carries,
        taken.ffs,
        taken.blocks,
    ]

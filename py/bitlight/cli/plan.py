"""`bitlight plan`: what a folding will cost, before anything is built."""

from dataclasses import asdict
from typing import Any

import click

from bitlight.cli.folding import accelerator, folding_options
from bitlight.cli.paths import NETWORK
from bitlight.cli.report import console, json_option, show_table, working, write_json


@click.command()
@click.argument("network", type=NETWORK)
@folding_options
@click.option(
    "--target",
    type=click.Choice(["xc7", "ecp5", "ice40"]),
    default="xc7",
    show_default=True,
    help="Family of FPGAs whose look-up tables and block RAM are counted.",
)
@click.option("--mhz", type=float, default=100.0, show_default=True, help="Clock, for images/s.")
@json_option
def plan(network: str, target: str, mhz: float, json_file: str | None, **choice: Any) -> None:
    """Predict cycles, memory and area of the accelerator of NETWORK, layer by layer.

    The interval is that of the slowest layer, marked with ◀; give that one more PE or SIMD. Cycles
    and block RAM are exact, look-up tables within some percent of what Yosys will count.

    \b
    bitlight plan fashion28 --cycles 20000      the cheapest with that interval
    bitlight plan fashion28 --luts 5000         the fastest that fits
    """
    from bitlight_hw import family
    from bitlight_hw.estimate import Estimate
    from bitlight_hw.planning import layers

    with working("planning"):
        acc = accelerator(network, **choice)
    unit = family.named(target).block_name
    planned = layers(acc, target)
    rows: list[list[Any]] = [
        [
            f"{row.index} {row.name}",
            f"{row.pe}, {row.simd}" if row.pe else "",
            row.dataflow,
            row.cycles,
            "◀" if row.cycles == acc.cycles_per_image else "",
            row.estimate.rom_bits,
            row.estimate.buffer_bits,
            row.estimate.luts,
            row.estimate.memory_luts,
            row.estimate.blocks,
        ]
        for row in planned
    ]
    totals = [sum(row[column] for row in rows) for column in range(5, 10)]
    columns = ["layer", "PE, SIMD", "stationary", "cycles", "", "ROM bits", "buffer bits"]
    columns += ["LUT", "LUT as RAM", unit]
    show_table(f"{network} on {target}", columns, [*rows, ["all", "", "", "", "", *totals]])
    rate = mhz * 1e6 / acc.cycles_per_image
    console.print(
        f"interval {acc.cycles_per_image:,} cycles, latency {acc.latency:,} cycles: "
        f"{rate:,.0f} images/s, {acc.latency / mhz:,.1f} µs at {mhz:g} MHz",
        soft_wrap=True,
    )
    figures = {
        "network": acc.net.id,
        "target": target,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": acc.cycles_per_image,
        "latency": acc.latency,
        "images_per_s": round(rate, 3),
        "layers": [row.as_dict() for row in planned],
        "total": asdict(Estimate.total(row.estimate for row in planned)),
    }
    write_json(json_file, figures)

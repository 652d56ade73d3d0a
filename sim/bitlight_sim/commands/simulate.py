"""`bitlight simulate`: the RTL against the golden model."""

from typing import Any, Literal

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import progress, working
from bitlight_hw.commands.folding import accelerator, folding_options


@click.command(
    epilog="Next: bitlight cosim NETWORK IMAGES (waveforms), bitlight verilog NETWORK OUT, "
    "bitlight report NETWORK --simulate."
)
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--engine",
    type=click.Choice(["auto", "verilator", "sliced", "cxxrtl"]),
    default="auto",
    show_default=True,
    help="An image at a time, with the stream rules watched; hundreds at once, bit by bit; or the "
    "quicker of these.",
)
@reading_options
@folding_options
@json_option
def simulate(
    network: str,
    images: str,
    number: int | None,
    processes: int,
    engine: Literal["auto", "verilator", "sliced", "cxxrtl"],
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Run IMAGES through the RTL of NETWORK and compare every bit with the golden model.

    Ends with code 1 if a bit or a cycle count differs.
    """
    from bitlight_sim import Simulator, toolchain
    from bitlight_sim.mismatch import compare, describe

    toolchain.check("sliced" if engine == "auto" else engine)  # either needs a compiler
    acc = accelerator(network, **choice)
    batch = sources.images(images, acc.net, number, reading)[0]
    acc.net.check_images(batch)
    simulator = Simulator(acc, processes, engine=engine)
    kind = simulator.engine_for(len(batch))
    toolchain.check(kind)
    with working(f"compiling the simulator, {kind}"):
        simulator.build(len(batch))
    with progress("simulating", len(batch)) as done:
        out = simulator.run(batch, done)
    expected = acc.expected(batch)
    compared = compare(acc, out.features, expected)
    figures = {
        "images": len(batch),
        "engine": kind,
        **compared,
        "cycles_predicted": acc.cycles_per_image,
        "cycles_measured": out.cycles_per_image,
        "latency_predicted": acc.latency,
        "latency_measured": out.latency,
        "build_s": round(simulator.build_seconds, 3),
        "images_per_s": round(out.images_per_s, 3),
        "cycles_per_s": round(out.cycles / out.seconds),
    }
    show_table(f"{network} on {images}", ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)
    differing = compared["bits_different"]
    if differing:
        click.echo(describe(acc, out.features, expected), err=True)
    if differing or out.cycles_per_image != acc.cycles_per_image or out.latency != acc.latency:
        raise SystemExit(1)

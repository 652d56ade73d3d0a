"""Commands that measure speed."""

from pathlib import Path
from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.folding import accelerator, folding_options
from bitlight.cli.report import json_option, show_table, steps, working, write_json


@click.group()
def bench() -> None:
    """Measure speed, as ratios within one run."""


@bench.command()
@click.argument("networks", nargs=-1)
@click.option(
    "--threads", type=click.IntRange(1), help="For every engine; by default one for each core."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--without", multiple=True, help="Leave out engines whose names begin so; may be repeated."
)
@json_option
def golden(
    networks: tuple[str, ...],
    threads: int | None,
    rounds: int,
    without: tuple[str, ...],
    json_file: str | None,
) -> None:
    """Images per second of the golden model beside torch and what else is installed.

    NETWORKS are cnv, fashion28, lfc and alexnet if none is given. All engines get the same images,
    of random pixels, and the same threads, in turn, round after round; the median counts. Engines
    of a whole network must give the same features. An engine of products alone does nothing but
    the matrix products.

    bitlight bench golden cnv --threads 1
    bitlight bench golden alexnet --without plain --without torch
    """
    from bitlight import speed

    cores = threads or speed.cores()
    figures: dict[str, Any] = {"machine": speed.machine(), "seed": speed.SEED, "networks": {}}
    for name in networks or ("cnv", "fashion28", "lfc", "alexnet"):
        net = sources.network(name)
        with steps() as say:
            found = speed.measure(net, cores, rounds, without, say)
        figures["networks"][name] = {"id": net.id, **found}
        rows = [
            [engine, row["images_per_s"], row["gmacs_per_s"], row["ratio"]]
            for engine, row in found["engines"].items()
        ]
        show_table(
            f"{name}, {found['macs'] / 1e6:.4g} million MACs, batches of {found['batch']}, "
            f"{cores} threads",
            ["engine", "images/s", "GMAC/s", "packed is faster, times"],
            rows,
        )
    write_json(json_file, figures)


@bench.command()
@click.argument("network", default="fashion28")
@click.argument("images", default="animals")
@click.option("-n", "--number", type=click.IntRange(2), default=200, show_default=True)
@click.option(
    "--folder", type=click.Path(file_okay=False), default="build/bench", show_default=True
)
@folding_options
@json_option
def rtl(
    network: str,
    images: str,
    number: int,
    folder: str,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Images per second of the native simulator against cocotb on Verilator: same RTL, one core."""
    from bitlight_sim.speed import compare

    acc = accelerator(network, **choice)
    batch = sources.images(images, acc.net)[0][:number]
    with working("measuring"):
        figures = compare(acc, batch, Path(folder))
    rows = [
        [name, row["images"], row["images_per_s"], row["cycles_per_s"]]
        for name, row in figures["engines"].items()
    ]
    show_table(
        f"{network}: native / cocotb = {figures['ratio']:.1f}",
        ["engine", "images", "images/s", "cycles/s"],
        rows,
    )
    write_json(json_file, figures)

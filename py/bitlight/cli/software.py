"""The command that shows a network, and the demonstration."""

import dataclasses
from pathlib import Path

import click

from bitlight.cli import sources
from bitlight.cli.layers import describe_codes, describe_scores, show_layers
from bitlight.cli.paths import NETWORK, Output
from bitlight.cli.report import console, json_option, write_json


@click.command()
@click.argument("network", type=NETWORK)
@json_option
def inspect(network: str, json_file: str | None) -> None:
    """Show the layers of NETWORK: shapes, bits of weight, work per image, thresholds."""
    from bitlight.inspection import inspect as rows_of

    net = sources.network(network)
    figures = rows_of(net)
    show_layers(f"{network}, id {net.id}", figures)
    around = {"pixels": describe_codes(net)}
    if net.gives_scores:
        around["scores"] = describe_scores(net)
    for name, what in around.items():
        console.print(f"{name}: {what}", markup=False)
    write_json(json_file, dataclasses.asdict(figures) | around)


@click.command()
@click.option("--folder", type=Output(file_okay=False), default="build/demo", show_default=True)
@click.option(
    "-n",
    "--images",
    type=click.IntRange(2000, 10000),
    default=10000,
    show_default=True,
    help="How many of the 10,000 images go through the RTL: the test images first.",
)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@json_option
def demo(folder: str, images: int, processes: int, json_file: str | None) -> None:
    """The whole chain once: network, Verilog, RTL simulation, features, heads, on real images.

    Leaves result.json and accuracy.png in the folder. Ends with code 1 if a bit or a cycle count of
    the RTL differs from the golden model or the prediction.
    """
    from bitlight.demo import holds, run

    result = run(Path(folder), images, processes)
    write_json(json_file, result)
    if not holds(result):
        raise SystemExit(1)

"""`bitlight inspect`: what is in a network."""

import dataclasses

import click

from bitlight.cli import sources
from bitlight.cli.layers import describe_codes, describe_scores, show_layers
from bitlight.cli.paths import NETWORK
from bitlight.cli.report import json_option, write_json
from bitlight.console.progress import console


@click.command(
    epilog="Next: bitlight plan NETWORK (its circuit), bitlight report NETWORK (a page), "
    "bitlight train."
)
@click.argument("network", type=NETWORK)
@json_option
def inspect(network: str, json_file: str | None) -> None:
    """Show the layers of NETWORK: shapes, bits of weight, work per image, thresholds."""
    from bitlight.network.inspection import inspect as rows_of

    net = sources.network(network)
    figures = rows_of(net)
    show_layers(f"{network}, id {net.id}", figures)
    around = {"pixels": describe_codes(net)}
    if net.gives_scores:
        around["scores"] = describe_scores(net)
    for name, what in around.items():
        console.print(f"{name}: {what}", markup=False)
    write_json(json_file, dataclasses.asdict(figures) | around)

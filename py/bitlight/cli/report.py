"""What commands show: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bitlight.cli.paths import Output
from bitlight.console.printable import in_one_line
from bitlight.console.progress import console, format_value
from bitlight.files.replacing import replacing

# Under which the context of a command keeps the network that it uses, and that it has told so.
NETWORK_USED = "bitlight.network"
NETWORK_TOLD = "bitlight.network.told"
json_option = click.option(
    "--json", "json_file", type=Output(dir_okay=False), help="Write the figures to this file."
)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers stand to the right."""
    _tell_network()
    table = Table(title=_plain(title), title_justify="left")
    for index, column in enumerate(columns):
        numbers = all(isinstance(row[index], int | float) or row[index] == "" for row in rows)
        table.add_column(_plain(column), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(_plain(format_value(value)) for value in row))
    # Where there is no terminal, lines are as long as the table is wide.
    Console(width=None if console.is_terminal else 140).print(table)


def _plain(text: str) -> Text:
    """Text from anywhere for a terminal: neither rich's markup nor escape sequences do anything.

    This is the one door for names of classes, files and nodes, which others chose.
    """
    return Text(in_one_line(text))


def _network_used() -> dict[str, Any] | None:
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(NETWORK_USED)


def _tell_network() -> None:
    """Say once, above the first table, which network a command uses."""
    context, used = click.get_current_context(silent=True), _network_used()
    if context is None or used is None or NETWORK_TOLD in context.meta:
        return
    context.meta[NETWORK_TOLD] = True
    random = ", random weights" if used["weights"] == "random" else ""
    outputs = f"{used['outputs']:,} {used['of']}"
    click.echo(f"{used['name']}: {used['layers']} layers, {outputs}, id {used['id'][:12]}{random}")


def write_json(path: str | Path | None, content: Mapping[str, Any]) -> None:
    """Write figures as JSON, if a path is given."""
    if path is not None:
        used = _network_used()
        if used is not None:
            content = {**content, "network_used": used}
        with replacing(path) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())

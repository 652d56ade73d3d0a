"""What commands show: a table for people, JSON for programs, progress on long work."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from bitlight.cli.environment import in_one_line
from bitlight.cli.paths import Output
from bitlight.files import replacing
from bitlight.telling import describe_progress, describe_time, told

# Under which the context of a command keeps the network that it uses, and that it has told so.
NETWORK_USED = "bitlight.network"
NETWORK_TOLD = "bitlight.network.told"
console = Console(markup=False)
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


def format_value(value: Any) -> str:
    """A number with separators and as many digits as one reads."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def write_json(path: str | Path | None, content: Mapping[str, Any]) -> None:
    """Write figures as JSON, if a path is given."""
    if path is not None:
        used = _network_used()
        if used is not None:
            content = {**content, "network_used": used}
        with replacing(path) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())


class _Rate(ProgressColumn):
    """How many in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{format_value(float(speed))}/s")


@contextmanager
def progress(label: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
    """A bar with rate and time left; call what it gives with the number done so far.

    A second number is a new total. What was `done` before counts neither for the rate nor for the
    time left. Where there is no terminal, a line says the same now and then.
    """
    if not console.is_terminal:
        with _counted(label, total, done) as update:
            yield update
        return
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


@contextmanager
def _counted(label: str, total: int, begun: int) -> Iterator[Callable[..., None]]:
    done = begun

    def update(now: int, of: int | None = None) -> None:
        nonlocal done, total
        done, total = now, total if of is None else of

    def describe(seconds: float) -> str:
        return describe_progress(label, done, total, done - begun, seconds)

    with told(describe):
        yield update


@contextmanager
def working(label: str) -> Iterator[None]:
    """A line that says what is going on while its end cannot be foreseen."""
    if not console.is_terminal:
        console.print(f"{label} …")
        with told(lambda seconds: f"{label}: {describe_time(seconds)}"):
            yield
        return
    with console.status(f"{label} …"):
        yield


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Lines of steps and the time each took; call what it gives with a step that begins."""
    if not console.is_terminal:
        current = ""

        def note(label: str) -> None:
            nonlocal current
            current = label
            console.print(f"{label} …")

        with told(lambda seconds: f"{current}: {describe_time(seconds)} since the first step"):
            yield note
        return
    columns = [SpinnerColumn(finished_text="✓"), TextColumn("{task.description}", markup=False)]
    with Progress(*columns, TimeElapsedColumn(), console=console) as lines:

        def begin(label: str) -> None:
            for task in lines.task_ids:
                lines.update(task, total=1, completed=1)
            lines.add_task(label, total=None)

        yield begin
        for task in lines.task_ids:
            lines.update(task, total=1, completed=1)

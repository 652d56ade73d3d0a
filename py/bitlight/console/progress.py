"""Long work on a terminal: bars with rate and time left, or a line now and then without one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
from rich.text import Text

from bitlight.console.telling import describe_progress, describe_time, told

console = Console(markup=False)


def format_value(value: Any) -> str:
    """A number with separators and as many digits as one reads."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


class _Rate(ProgressColumn):
    """A column of a progress bar: items in a second."""

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

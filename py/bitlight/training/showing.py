"""How far a training run has come: a bar on a terminal, lines elsewhere."""

from contextlib import ExitStack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from bitlight.console.telling import describe_progress, describe_time, say, told
from bitlight.training.run import Epoch


class Shown:
    """How far a run has come: a bar on a terminal, lines elsewhere, or nothing.

    Parameters
    ----------
    show : bool
    epochs, steps : int
        Of the run, and of each epoch.
    begun : int
        Steps that were done before.
    """

    def __init__(self, show: bool, epochs: int, steps: int, begun: int) -> None:
        self.epochs, self.total, self.begun = epochs, epochs * steps, begun
        self.done = begun
        console = Console(stderr=True)
        self.lines = show and not console.is_terminal
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            console=console,
            disable=not show or self.lines,
        )
        self.task = self.bar.add_task("training", total=self.total, loss=float("nan"))
        self.open = ExitStack()

    def __enter__(self) -> None:
        self.open.enter_context(self.bar)
        if self.lines:
            self.open.enter_context(told(self._describe))

    def __exit__(self, *error: object) -> None:
        self.open.close()

    def step(self, done: int) -> None:
        """So many steps are done now."""
        self.done = done
        self.bar.update(self.task, completed=done)

    def epoch(self, history: list[Epoch]) -> None:
        """An epoch is over, the last of these."""
        last = history[-1]
        self.bar.update(self.task, loss=last.loss)
        if self.lines:
            accuracy = "" if last.accuracy is None else f", accuracy {last.accuracy:.2%}"
            left = describe_time((self.epochs - len(history)) * last.seconds)
            say(
                f"epoch {len(history)} of {self.epochs}: loss {last.loss:.4f}{accuracy}, "
                f"{last.seconds:.1f} s; about {left} left"
            )

    def _describe(self, seconds: float) -> str:
        fresh = self.done - self.begun
        return describe_progress("training, steps", self.done, self.total, fresh, seconds)

"""What the experiments share: runs of one target after the other, and what is asked of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.files.replacing import replacing
from bitlight_lab.papers.intervals import right
from bitlight_lab.papers.journal import Cell, Found, Journal
from bitlight_lab.papers.targets import check_labels


@dataclass(frozen=True)
class Runs:
    """Finished runs, to be asked for by their parameters.

    Attributes
    ----------
    found : sequence of Found
    """

    found: Sequence[Found]

    @property
    def targets(self) -> list[str]:
        """Names in the order of the runs."""
        return list(dict.fromkeys(run.parameters["target"] for run in self.found))

    def with_(self, **wanted: Any) -> list[dict[str, Any]]:
        """Results of the runs that have these parameters, of all seeds."""
        return [run.result for run in self.found if wanted.items() <= run.parameters.items()]

    def right_with(self, **wanted: Any) -> np.ndarray:
        """Which test images they got right, bool (seeds, images)."""
        return np.array([right(run["right"], run["test_images"]) for run in self.with_(**wanted)])


def experiment(
    folder: Path,
    targets: Iterable[str],
    cells: Callable[[str], Iterable[Cell]],
    parts: Callable[[list[Found]], Iterable[str]],
    draw: Callable[[Path, list[Found]], None],
    figure: str,
    say: Callable[[str], None],
) -> list[Found]:
    """Do what the journal in a folder lacks, then write its table.md and its figure.

    Parameters
    ----------
    folder : Path
    targets : sequence of str
    cells : callable, from a target to its runs
    parts : callable, from all runs to the parts of the table
    draw : callable, of the figure's path and all runs
    figure : str, name of its file
    say : callable

    Raises
    ------
    DataError
        If there is no such target, or two are called alike.
    """
    targets = tuple(targets)
    check_labels(targets)
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "runs.jsonl")
    found = [run for name in targets for run in journal.complete(cells(name), say)]
    with replacing(folder / "table.md") as file:
        file.write("\n".join(parts(found)).encode())
    draw(folder / figure, found)
    return found

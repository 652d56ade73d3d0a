"""The tables: the paper's with its own numbers beside ours, the order of its rows, few images."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bitlight_lab.papers import frame
from bitlight_lab.papers.intervals import Interval, bootstrap, over_seeds
from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.leroux.effort import ALL, TABLE, PerClass
from bitlight_lab.papers.leroux.rows import BINARY, FINE_TUNED, ROWS, SCRATCH, A, B
from bitlight_lab.papers.markdown import percent, signed, table

# Leroux et al., Table 2: top 1 and top 5 on Flowers, Birds, Indoor scenes, %.
PAPER = {
    SCRATCH: (71.7, 90.5, 32.4, 57.2, 29.7, 56.4),
    FINE_TUNED: (85.4, 97.2, 50.4, 79.6, 57.4, 86.8),
    BINARY: (63.2, 85.1, 13.8, 32.4, 29.0, 54.9),
    A: (80.6, 94.5, 33.9, 62.9, 46.7, 77.4),
    B: (84.0, 95.5, 36.7, 63.4, 48.3, 78.6),
}
PAPER_COLUMNS = ("Flowers, paper", "top 5", "Birds, paper", "top 5", "Indoor, paper", "top 5")
# What the paper's rows say: the first is above the second.
ORDER = ((FINE_TUNED, SCRATCH), (A, BINARY), (B, BINARY), (B, A))


class Runs(frame.Runs):
    """The runs of this experiment."""

    def of(self, target: str, row: str, per_class: PerClass) -> list[dict[str, Any]]:
        """Results of the runs with these parameters, one for each seed."""
        return self.with_(target=target, row=row, per_class=per_class)

    def shots(self, target: str) -> list[int]:
        """Numbers of images of each class, rising, of the runs that do not have all."""
        numbers = {
            run.parameters["per_class"]
            for run in self.found
            if run.parameters["target"] == target and run.parameters["per_class"] != ALL
        }
        return sorted(numbers)

    def right(self, target: str, row: str, per_class: PerClass) -> np.ndarray:
        """Which test images were right, bool (seeds, images)."""
        return self.right_with(target=target, row=row, per_class=per_class)


def parts(found: Sequence[Found]) -> Iterator[str]:
    """The tables as Markdown."""
    runs = Runs(found)
    for per_class in TABLE:
        targets = [target for target in runs.targets if runs.of(target, B, per_class)]
        if not targets:
            continue
        images = "All training images" if per_class == ALL else f"{per_class} images of each class"
        yield f"## {images}, top-1 and top-5 accuracy, %\n"
        yield _accuracies(runs, targets, per_class)
        yield f"## Order of the paper's rows: {images.lower()}, points of top-1 accuracy\n"
        yield _order(runs, targets, per_class)
    for target in runs.targets:
        if runs.shots(target):
            yield f"## {target}: few images of each class, top-1 accuracy, %\n"
            yield _few(runs, target)
    yield "## RTL against golden model, test images\n"
    yield _bits(runs)
    yield (
        "In brackets: 95 % intervals. Top 1: percentile bootstrap over test images and seeds, of "
        "differences in pairs; few images: Student's over seeds. A dash: fewer classes than "
        "that, or not in the paper.\n"
    )


def _accuracies(runs: Runs, targets: Sequence[str], per_class: PerClass) -> str:
    columns = ["", *(name for target in targets for name in (target, "top 5")), *PAPER_COLUMNS]
    rows = []
    for row in ROWS:
        line = [row]
        for target in targets:
            results = runs.of(target, row, per_class)
            line.append(percent(bootstrap(runs.right(target, row, per_class))))
            line.append(_top5(results))
        paper = PAPER.get(row)
        line += [f"{value}" for value in paper] if paper else ["–"] * len(PAPER_COLUMNS)
        rows.append(line)
    return table(columns, rows)


def _top5(results: Sequence[dict[str, Any]]) -> str:
    if results[0]["classes"] <= 5:
        return "–"
    return f"{100 * np.mean([result['top5'] for result in results]):.1f}"


def _order(runs: Runs, targets: Sequence[str], per_class: PerClass) -> str:
    rows = []
    for above, below in ORDER:
        line = [f"{above} − {below}"]
        for target in targets:
            interval = difference(runs, target, above, below, per_class)
            line += [signed(interval), verdict(interval)]
        top1 = [a - b for a, b in zip(PAPER[above][::2], PAPER[below][::2], strict=True)]
        rows.append([*line, ", ".join(f"{value:+.1f}" for value in top1)])
    columns = ["", *(name for target in targets for name in (target, "")), "paper"]
    return table(columns, rows)


def difference(runs: Runs, target: str, above: str, below: str, per_class: PerClass) -> Interval:
    """Accuracy of one row less that of another, on the same test images."""
    return bootstrap(runs.right(target, above, per_class), runs.right(target, below, per_class))


def verdict(interval: Interval) -> str:
    """Whether the order of the paper is there.

    Examples
    --------
    >>> verdict((0.02, 0.01, 0.03)), verdict((0.0, -0.01, 0.01)), verdict((-0.1, -0.2, -0.05))
    ('as in the paper', 'not told apart', 'the other way round')
    """
    _, lower, upper = interval
    if lower > 0:
        return "as in the paper"
    return "the other way round" if upper < 0 else "not told apart"


def _few(runs: Runs, target: str) -> str:
    shots = runs.shots(target)
    rows = [
        [row, *(percent(few(runs, target, row, shot)) for shot in shots)]
        for row in ROWS
        if runs.of(target, row, shots[0])
    ]
    return table(["images of each class", *map(str, shots)], rows)


def few(runs: Runs, target: str, row: str, per_class: PerClass) -> Interval:
    """Accuracy over seeds."""
    return over_seeds(np.array([result["top1"] for result in runs.of(target, row, per_class)]))


def _bits(runs: Runs) -> str:
    rows = []
    for target in runs.targets:
        results = [run.result for run in runs.found if run.parameters["target"] == target]
        networks = {run["network"]: run for run in results if run.get("rtl_images")}.values()
        images = max((run["rtl_images"] for run in networks), default=0)
        compared, different = (
            sum(run[name] for run in networks) for name in ("bits_compared", "bits_different")
        )
        rows.append([target, f"{len(networks)}", f"{images:,}", f"{compared:,}", f"{different:,}"])
    columns = ["", "networks in RTL", "images of each", "values compared", "different"]
    return table(columns, rows)

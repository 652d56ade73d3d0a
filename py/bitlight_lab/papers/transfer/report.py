"""The tables: accuracy and training time of each cut, and whether what the article says holds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bitlight_lab.papers import frame
from bitlight_lab.papers.intervals import bootstrap
from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.markdown import percent, signed, table
from bitlight_lab.papers.pipeline import training_seconds
from bitlight_lab.papers.transfer.methods import (
    BACKPROP,
    OPTICAL,
    OPTICAL_MIRRORED,
    POOLED,
    RIDGE,
    RIDGE_MIRRORED,
)

# Digitised from Figures 5 and 6 of the article: share of the model, accuracy in %, seconds; on
# Animals-10 with DenseNet-169, a P100 and a real optical processor.
ARTICLE_OPTICAL = ((0.97, 96.0, 123.0), (0.64, 94.2, 95.0), (0.51, 89.7, None))
ARTICLE_BACKPROP = (0.97, 94.0, 690.0)
SERIES = (
    (OPTICAL, "float32"),
    (OPTICAL, "float16"),
    (RIDGE, "float32"),
    (POOLED, "float32"),
    (OPTICAL_MIRRORED, "float32"),
    (RIDGE_MIRRORED, "float32"),
    (BACKPROP, "float32"),
)
MARGIN, RATIO = 0.015, 5


class Runs(frame.Runs):
    """The runs of this experiment."""

    @property
    def cuts(self) -> list[int]:
        """How many stages, the whole network first."""
        return sorted({run.parameters["cut"] for run in self.found}, reverse=True)

    @property
    def series(self) -> list[tuple[str, str]]:
        """Methods and precisions that were run, in the order of the tables."""
        there = {(run.parameters["method"], run.parameters["precision"]) for run in self.found}
        return [series for series in SERIES if series in there]

    def of(self, target: str, cut: int, method: str, precision: str) -> list[dict[str, Any]]:
        """Results of the runs with these parameters, one for each seed."""
        return self.with_(target=target, cut=cut, method=method, precision=precision)

    def right(self, target: str, cut: int, method: str, precision: str = "float32") -> np.ndarray:
        """Which test images were right, bool (seeds, images)."""
        return self.right_with(target=target, cut=cut, method=method, precision=precision)

    def seconds(self, target: str, cut: int, method: str, precision: str = "float32") -> float:
        """Of training, the mean over seeds."""
        runs = self.of(target, cut, method, precision)
        return float(np.mean([training_seconds(run) for run in runs]))


def parts(found: Sequence[Found]) -> Iterator[str]:
    """The tables as Markdown."""
    runs = Runs(found)
    names = [name if half == "float32" else f"{name}, half" for name, half in runs.series]
    for target in runs.targets:
        yield f"## {target}: top-1 accuracy, %\n"
        yield table(["model", "size, %", "features", *names], list(_accuracies(runs, target)))
        yield f"## {target}: training time, s\n"
        columns = ["model", "size, %", *names, "backprop / optical"]
        yield table(columns, list(_times(runs, target)))
    yield "## The whole network: optical against backprop\n"
    yield _claim(runs)
    yield "## The article, digitised: Animals-10, DenseNet-169\n"
    rows = [
        [f"optical, {100 * size:.0f} % of the model", f"{accuracy}", _seconds(seconds)]
        for size, accuracy, seconds in ARTICLE_OPTICAL
    ]
    _, accuracy, seconds = ARTICLE_BACKPROP
    rows.append(["backprop, the whole model", f"about {accuracy:.0f}", _seconds(seconds)])
    yield table(["", "accuracy, %", "training time, s"], rows)
    yield (
        "In brackets: 95 % intervals, percentile bootstrap over test images and seeds. Times are "
        "of training alone, all in one run on one machine: features, projection and ridge with "
        "the choice of its penalty, or all epochs of backprop. Half is float16 features.\n"
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _accuracies(runs: Runs, target: str) -> Iterator[list[str]]:
    for cut in runs.cuts:
        one = runs.of(target, cut, *SERIES[0])[0]
        line = [one["stage"], f"{100 * one['size']:.0f}", f"{one['n_features']:,}"]
        yield line + [percent(bootstrap(runs.right(target, cut, *each))) for each in runs.series]


def _times(runs: Runs, target: str) -> Iterator[list[str]]:
    for cut in runs.cuts:
        one = runs.of(target, cut, *SERIES[0])[0]
        times = [runs.seconds(target, cut, *each) for each in runs.series]
        line = [one["stage"], f"{100 * one['size']:.0f}", *(f"{value:.1f}" for value in times)]
        yield [*line, f"{times[-1] / times[0]:.1f}"]


def _claim(runs: Runs) -> str:
    rows = []
    for target in runs.targets:
        cut = runs.cuts[0]
        for method in (OPTICAL, OPTICAL_MIRRORED):
            if (method, "float32") not in runs.series:
                continue
            ours, theirs = (runs.right(target, cut, one) for one in (method, BACKPROP))
            interval = bootstrap(ours, theirs)
            ratio = runs.seconds(target, cut, BACKPROP) / runs.seconds(target, cut, method)
            holds = "holds" if interval[0] >= -MARGIN and ratio >= RATIO else "does not"
            more = target if method == OPTICAL else f"{target}, mirrored"
            rows.append([more, signed(interval), f"{ratio:.1f}", holds])
    columns = ["", "optical − backprop, points", "time, backprop / optical", "≥ −1.5 and ≥ 5"]
    return table(columns, rows)

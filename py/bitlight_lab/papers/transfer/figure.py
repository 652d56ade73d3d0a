"""The figures: accuracy and training time against the model's size, as the article's 5 and 6."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.transfer.methods import (
    BACKPROP,
    OPTICAL,
    OPTICAL_MIRRORED,
    POOLED,
    RIDGE,
    RIDGE_MIRRORED,
)
from bitlight_lab.papers.transfer.report import (
    ARTICLE_BACKPROP,
    ARTICLE_OPTICAL,
    Runs,
)
from bitlight_lab.plots import drawn

STYLES = {
    (OPTICAL, "float32"): ("tab:blue", "o-"),
    (OPTICAL, "float16"): ("tab:orange", "o--"),
    (RIDGE, "float32"): ("tab:purple", "^-"),
    (POOLED, "float32"): ("0.5", "v-"),
    (OPTICAL_MIRRORED, "float32"): ("tab:blue", "o:"),
    (RIDGE_MIRRORED, "float32"): ("tab:purple", "^:"),
    (BACKPROP, "float32"): ("tab:green", "s-"),
}


def draw(path: Path, found: Sequence[Found]) -> None:
    """Draw a row of two panels for each target; the article's points are hollow."""
    runs = Runs(found)
    count = len(runs.targets)
    with drawn(path, (9, 3.8 * count), rows=count, columns=2) as panels:
        for (left, right), target in zip(panels, runs.targets, strict=True):
            sizes = [100 * runs.of(target, cut, *runs.series[0])[0]["size"] for cut in runs.cuts]
            for series in runs.series:
                colour, line = STYLES[series]
                name = series[0] if series[1] == "float32" else f"{series[0]}, half"
                values = [100 * runs.right(target, cut, *series).mean() for cut in runs.cuts]
                left.plot(sizes, values, line, color=colour, label=name, markersize=4)
                times = [runs.seconds(target, cut, *series) for cut in runs.cuts]
                right.plot(sizes, times, line, color=colour, markersize=4)
            _article(left, right)
            left.set(title=target, xlabel="size of the model, %", ylabel="top-1 accuracy, %")
            right.set(xlabel="size of the model, %", ylabel="training time, s", yscale="log")
            for axes in (left, right):
                axes.grid(alpha=0.3)
        panels[0][0].legend(frameon=False, fontsize=8, loc="lower right")


def _article(left: Any, right: Any) -> None:
    hollow = {"mfc": "none", "ls": "none", "marker": "D"}
    for points, colour, name in (
        (ARTICLE_OPTICAL, "tab:blue", "article, optical"),
        ((ARTICLE_BACKPROP,), "tab:green", "article, backprop"),
    ):
        shares = [100 * size for size, _, _ in points]
        left.plot(shares, [point[1] for point in points], mec=colour, label=name, **hollow)
        timed = [(100 * size, seconds) for size, _, seconds in points if seconds is not None]
        right.plot(*zip(*timed, strict=True), mec=colour, **hollow)

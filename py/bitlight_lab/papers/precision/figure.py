"""The figure: where the time of training goes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.precision.report import PARTS, by_target
from bitlight_lab.plots import drawn

COLOURS = ("tab:blue", "tab:orange", "0.6")


def draw(path: Path, found: Sequence[Found]) -> None:
    """Draw a bar for each engine and precision, a panel for each target."""
    targets = by_target(found)
    with drawn(path, (7, 2.6 * len(targets)), rows=len(targets)) as panels:
        for (axes,), (target, runs) in zip(panels, targets.items(), strict=True):
            names = [", ".join(row) for row in runs.rows]
            left = np.zeros(len(names))
            for part, colour in zip(PARTS, COLOURS, strict=True):
                seconds = np.array([runs.mean(row, part) for row in runs.rows])
                axes.barh(names, seconds, left=left, color=colour, label=part.removesuffix("_s"))
                left += seconds
            labels = [f"{100 * runs.right(row).mean():.1f} %" for row in runs.rows]
            for place, (end, label) in enumerate(zip(left, labels, strict=True)):
                axes.text(end, place, f" {label}", va="center", fontsize=8)
            axes.invert_yaxis()
            axes.set(title=target, xlabel="training time, s; accuracy behind the bars")
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0.12)
        panels[0][0].legend(frameon=False, fontsize=8)

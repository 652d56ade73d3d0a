"""The figure: accuracy against images of each class, a panel for each target."""

from collections.abc import Sequence
from pathlib import Path

from bitlight_lab.papers.journal import Found
from bitlight_lab.papers.leroux.effort import ALL, PerClass
from bitlight_lab.papers.leroux.report import Runs, few
from bitlight_lab.papers.leroux.rows import BINARY, FINE_TUNED, ROWS, SCRATCH, A, B
from bitlight_lab.plots import drawn

STYLES = {
    SCRATCH: ("0.6", "o--"),
    FINE_TUNED: ("k", "o--"),
    BINARY: ("tab:red", "s--"),
    A: ("tab:orange", "s-"),
    B: ("tab:blue", "s-"),
    "ridge": ("tab:green", "^-"),
    "logistic": ("tab:purple", "v-"),
    "optical + ridge": ("tab:cyan", "D-"),
}


def draw(path: Path, found: Sequence[Found]) -> None:
    """Draw the curves; all images stand at the right."""
    runs = Runs(found)
    count = len(runs.targets)
    with drawn(path, (1.5 + 4 * count, 4), columns=count) as panels:
        for axes, target in zip(panels[0], runs.targets, strict=True):
            places: list[PerClass] = [*runs.shots(target), ALL]
            for row in ROWS:
                shown = [place for place in places if runs.of(target, row, place)]
                intervals = [few(runs, target, row, place) for place in shown]
                values = [100 * value for value, _, _ in intervals]
                errors = [[100 * (upper - value) for value, _, upper in intervals]] * 2
                colour, line = STYLES[row]
                axes.errorbar(
                    [places.index(place) for place in shown],
                    values,
                    errors,
                    fmt=line,
                    color=colour,
                    label=row,
                    markersize=4,
                    capsize=2,
                    linewidth=1.2,
                )
            axes.set_xticks(range(len(places)), list(map(str, places)))
            axes.set(title=target, xlabel="training images of each class", ylim=(0, 100))
            axes.grid(alpha=0.3)
        panels[0][0].set_ylabel("top-1 accuracy, %")
        panels[0][-1].legend(frameon=False, fontsize=8, loc="lower right")

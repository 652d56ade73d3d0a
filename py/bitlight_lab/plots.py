"""Figures in one style, drawn without a screen and written whole.

Lines differ in marker and dash as well as in colour, so that they can be told apart when printed
grey; colours are those of Okabe and Ito, which can be told apart with any kind of sight.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitlight.files.replacing import replacing

COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#777777")
MARKERS = "os^DvPX*"
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "font.size": 9,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "bitlight",  # the same figure, the same bytes
}


@contextmanager
def drawn(path: Path, size: tuple[float, float], rows: int = 1, columns: int = 1) -> Iterator[Any]:
    """Panels to draw on, an array (rows, columns) of matplotlib's axes, saved at the end.

    Parameters
    ----------
    path : Path
        Its end says the format: .svg for what is drawn, .png for what is seen.
    size : (width, height)
        In inches, of the whole figure.
    rows, columns : int
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from cycler import cycler
    from matplotlib import pyplot as plt

    style: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS, marker=[*MARKERS])}
    with mpl.rc_context(style):
        options: dict[str, Any] = {"figsize": size, "layout": "constrained", "squeeze": False}
        figure, panels = plt.subplots(rows, columns, **options)
        try:
            yield panels
            form = path.suffix.removeprefix(".")
            dated = {"metadata": {"Date": None}} if form == "svg" else {}
            with replacing(path) as file:
                figure.savefig(file, format=form, dpi=120, **dated)
        finally:
            plt.close(figure)

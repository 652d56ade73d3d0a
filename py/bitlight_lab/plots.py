"""A figure that is drawn without a screen and written whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitlight.files.replacing import replacing


@contextmanager
def drawn(path: Path, size: tuple[float, float], rows: int = 1, columns: int = 1) -> Iterator[Any]:
    """Panels to draw on, an array (rows, columns) of matplotlib's axes, saved at the end.

    Parameters
    ----------
    path : Path
        Its ending says which form it has: .png, .svg.
    size : (width, height)
        In inches, of the whole figure.
    rows, columns : int
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "bitlight"
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    try:
        yield panels
        with replacing(path) as file:
            # The same figure gives the same bytes.
            about = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(file, dpi=120, format=path.suffix[1:], metadata=about)
    finally:
        plt.close(figure)

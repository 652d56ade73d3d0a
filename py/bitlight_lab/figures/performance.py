"""Draws the plots of docs/performance.md from what `make bench` measured: docs/raw/performance."""

import json

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from bitlight_lab.figures.record import DOCS

RAW = DOCS / "raw" / "performance"


def golden() -> None:
    """Images per second of each engine against the work that an image is."""
    measured = json.loads((RAW / "golden.json").read_text())["networks"]
    order = sorted(measured, key=lambda name: measured[name]["macs"])
    engines = list(dict.fromkeys(engine for name in order for engine in measured[name]["engines"]))
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for engine in engines:
        known = [name for name in order if engine in measured[name]["engines"]]
        axes.loglog(
            [measured[name]["macs"] for name in known],
            [measured[name]["engines"][engine]["images_per_s"] for name in known],
            marker="o",
            linewidth=2.5 if engine == "packed" else 1,
            label=engine,
        )
    for name in order:
        fastest = measured[name]["engines"]["packed"]["images_per_s"]
        axes.annotate(name, (measured[name]["macs"], fastest), (4, 6), textcoords="offset points")
    axes.set_xlabel("products of an image")
    axes.set_ylabel("images/s, 2 threads")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(DOCS / "golden.png", dpi=120)


def images() -> None:
    """Time that a user waits for so many images in RTL, with and without the build."""
    measured = json.loads((RAW / "rtl-images.json").read_text())
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for engine, colour in (("verilator", "tab:orange"), ("sliced", "tab:blue")):
        rows = measured["engines"][engine]
        counts = [row["images"] for row in rows["runs"]]
        seconds = [row["seconds"] for row in rows["runs"]]
        axes.loglog(counts, seconds, "o-", color=colour, label=engine)
        whole = [second + rows["build_s"] for second in seconds]
        axes.loglog(counts, whole, "--", color=colour, label=f"{engine}, with its build")
    axes.set_xlabel("images")
    axes.set_ylabel("s, one process")
    axes.set_title(measured["name"], loc="left", fontsize=10)
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(DOCS / "rtl-images.png", dpi=120)


if __name__ == "__main__":
    golden()
    images()

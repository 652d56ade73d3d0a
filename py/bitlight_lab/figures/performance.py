"""Draws the plots of docs/performance.md from what `make bench` measured: docs/raw/performance."""

import json

from bitlight_lab.figures.record import DOCS
from bitlight_lab.plots import drawn

RAW = DOCS / "raw" / "performance"


def golden() -> None:
    """Images per second of each engine against the work that an image is."""
    measured = json.loads((RAW / "golden.json").read_text())["networks"]
    order = sorted(measured, key=lambda name: measured[name]["macs"])
    engines = list(dict.fromkeys(engine for name in order for engine in measured[name]["engines"]))
    with drawn(DOCS / "golden.svg", (7, 4)) as ((axes,),):
        for engine in engines:
            known = [name for name in order if engine in measured[name]["engines"]]
            axes.loglog(
                [measured[name]["macs"] for name in known],
                [measured[name]["engines"][engine]["images_per_s"] for name in known],
                linewidth=2.5 if engine == "packed" else 1,
                label=engine,
            )
        for name in order:
            macs, fastest = measured[name]["macs"], measured[name]["engines"]["packed"]
            place = (macs, fastest["images_per_s"])
            axes.annotate(name, place, (4, 6), textcoords="offset points")
        axes.set_xlabel("products of an image")
        axes.set_ylabel("images/s, 2 threads")
        axes.legend()


def images() -> None:
    """Time that a user waits for so many images in RTL, with and without the build."""
    measured = json.loads((RAW / "rtl-images.json").read_text())
    with drawn(DOCS / "rtl-images.svg", (7, 3.6)) as ((axes,),):
        for engine in ("verilator", "sliced"):
            rows = measured["engines"][engine]
            counts = [row["images"] for row in rows["runs"]]
            seconds = [row["seconds"] for row in rows["runs"]]
            (line,) = axes.loglog(counts, seconds, label=engine)
            whole = [second + rows["build_s"] for second in seconds]
            like = {"color": line.get_color(), "marker": line.get_marker(), "fillstyle": "none"}
            axes.loglog(counts, whole, "--", label=f"{engine}, with its build", **like)
        axes.set_xlabel("images")
        axes.set_ylabel("seconds, one process")
        axes.set_title(measured["name"], loc="left", fontsize=10)
        axes.legend()


if __name__ == "__main__":
    golden()
    images()

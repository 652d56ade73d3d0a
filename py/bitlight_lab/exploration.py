"""The picture of explored foldings: look-up tables and block RAM over images/s."""

from pathlib import Path

from bitlight_hw.exploring import Explored, Point
from bitlight_lab.plots import drawn


def draw(found: Explored, path: str | Path, mhz: float, title: str) -> None:
    """Write the picture; its form follows from the name's ending.

    Parameters
    ----------
    found : Explored
    path : path, .svg or .png
    mhz : float
        Clock, for images/s.
    title : str
    """
    family = found.room.family
    known = found.points[0].fits is not None
    groups: dict[str, list[Point]] = {}
    for point in found.front:
        groups.setdefault(_kind(point, known), []).append(point)
    quantities = [
        (f"look-up tables of {family.lut_inputs} inputs", 0, None),
        (family.block_name or "block RAMs", 1, found.room.blocks),
    ]
    with drawn(Path(path), (11, 4.6), columns=2) as (panels,):
        for axes, (label, place, limit) in zip(panels, quantities, strict=True):
            rest = [point for point in found.points if not point.front]
            axes.scatter(
                *_places(rest, place, mhz),
                s=4,
                color="0.8",
                label="other foldings",
                rasterized=True,
            )
            for kind in sorted(groups):
                some = groups[kind]
                colour = "0.35" if kind.startswith("too large") else "tab:blue"
                axes.scatter(
                    *_places(some, place, mhz),
                    s=34 if kind.endswith("planned") else 12,
                    marker="s" if kind.startswith("too large") else "o",
                    facecolor=colour if kind.endswith("planned") else "none",
                    edgecolor=colour,
                    linewidth=0.8,
                    label=f"front, {kind}",
                    zorder=3,
                )
            if limit:
                axes.axhline(limit, color="tab:red", linestyle="--", label=f"{limit:,} there are")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel(f"images/s at {mhz:g} MHz")
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_title(title, loc="left", fontsize=10)
        panels[1].legend(fontsize=8)


def _kind(point: Point, known: bool) -> str:
    sure = "planned" if point.planned else "bound"
    return f"{'fits' if point.fits else 'too large'}, {sure}" if known else sure


def _places(points: list[Point], place: int, mhz: float) -> tuple[list[float], list[int]]:
    rates = [mhz * 1e6 / point.cycles for point in points]
    return rates, [max(point.taken[place], 1) for point in points]

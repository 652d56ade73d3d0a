"""Boxes and arrows as SVG, in layers: flow charts, networks, accelerators.

The drawing takes the colour of the text around it, so that it suits light pages, dark ones and
paper. Layers are those of Sugiyama et al. (1981): each box stands after all that lead to it, boxes
of a layer are ordered by the mean of their neighbours, and their places are the least squares of
straight arrows, by isotonic regression.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression

LETTER, LINE, MARGIN = 7.0, 17, 12  # pixels: a letter's width, a line's height, around a text
BETWEEN, AFTER = 26, 30  # between boxes of a layer, and from one layer to the next
SWEEPS = 24


@dataclass(frozen=True)
class Box:
    """A box: its text, a line for each, what it says when it is pointed at, and its group.

    Examples
    --------
    >>> Box(("matvec", "PE 32")).size
    (66.0, 58)
    """

    text: tuple[str, ...]
    title: str = ""
    group: str = ""
    bare: bool = False

    @property
    def size(self) -> tuple[float, int]:
        """Width and height in pixels."""
        if not self.text:
            return 0.0, 0
        widest = max(map(len, self.text))
        return widest * LETTER + 2 * MARGIN, len(self.text) * LINE + 2 * MARGIN * (not self.bare)


@dataclass(frozen=True)
class Arrow:
    """From one box to another, with a word on it, dotted or not; or a line without a head.

    Examples
    --------
    >>> Arrow("torch", "network", "freeze").text
    'freeze'
    """

    start: str
    end: str
    text: str = ""
    dotted: bool = False
    line: bool = False


class Drawing(str):
    """SVG as text, which a notebook shows as the picture.

    Examples
    --------
    >>> draw({"a": Box(("pixels",))}, [])._repr_html_()[:21]
    '<div class="drawing" '
    """

    def _repr_html_(self) -> str:
        return f'<div class="drawing" style="overflow-x:auto">{self}</div>'


@dataclass
class _Layout:
    """Boxes and what stands in for long arrows, by layer; lengths in pixels along and across."""

    boxes: dict[str, Box]
    arrows: Sequence[Arrow]
    across: bool
    layers: list[list[str]] = field(default_factory=list)
    ways: dict[int, list[str]] = field(default_factory=dict)
    centre: dict[str, tuple[float, float]] = field(default_factory=dict)

    def extent(self, name: str) -> tuple[float, float]:
        """Along the flow, and beside it."""
        width, height = self.boxes[name].size
        return (width, height) if self.across else (height, width)


def draw(
    boxes: Mapping[str, Box], arrows: Iterable[Arrow], *, across: bool = True, label: str = ""
) -> Drawing:
    """The boxes and the arrows between them as one SVG element.

    Parameters
    ----------
    boxes : dict of a name to its Box
    arrows : Arrow each
        Their names are among those of the boxes. Circles are drawn too.
    across : bool
        From left to right; else from the top down.
    label : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    Drawing
        `<svg …>…</svg>`, a str, with no script in it and nothing that is fetched.

    Raises
    ------
    ValueError
        If there is no box, or an arrow names one that is not there.

    Examples
    --------
    >>> picture = draw({"a": Box(("pixels",)), "b": Box(("bits",))}, [Arrow("a", "b")])
    >>> picture.count("<rect")
    2
    """
    arrows = tuple(arrows)
    if not boxes:
        raise ValueError("a drawing needs a box")
    for arrow in arrows:
        for name in (arrow.start, arrow.end):
            if name not in boxes:
                raise ValueError(f"no box is called {name!r}; there are {', '.join(boxes)}")
    layout = _Layout(dict(boxes), arrows, across)
    _layer(layout)
    _order(layout)
    _place(layout)
    return Drawing(_svg(layout, frozenset(boxes), label))


def _forward(names: Iterable[str], arrows: Sequence[Arrow]) -> set[int]:
    """The arrows that close no circle, by their numbers."""
    state: dict[str, int] = {}
    kept: set[int] = set()

    def visit(name: str) -> None:
        state[name] = 1
        for number, arrow in enumerate(arrows):
            if arrow.start == name and state.get(arrow.end) != 1:
                kept.add(number)
                if arrow.end not in state:
                    visit(arrow.end)
        state[name] = 2

    for name in names:
        if name not in state:
            visit(name)
    return kept


def _layer(layout: _Layout) -> None:
    """Two layers for each step, of which the second holds the words on arrows."""
    kept = _forward(layout.boxes, layout.arrows)
    steps = [
        (arrow.start, arrow.end) if number in kept else (arrow.end, arrow.start)
        for number, arrow in enumerate(layout.arrows)
        if arrow.start != arrow.end
    ]
    layer = dict.fromkeys(layout.boxes, 0)
    for _ in layout.boxes:
        for start, end in steps:
            layer[end] = max(layer[end], layer[start] + 2)
    for name in layer:  # what begins a way stands next to what it leads to
        after = [layer[end] for start, end in steps if start == name]
        if after and not [start for start, end in steps if end == name]:
            layer[name] = min(after) - 2
    layout.layers = [[] for _ in range(max(layer.values()) + 1)]
    for name, number in layer.items():
        layout.layers[number].append(name)
    for number, arrow in enumerate(layout.arrows):
        first, last = sorted((arrow.start, arrow.end), key=layer.__getitem__)
        way = [first]
        for at in range(layer[first] + 1, layer[last]):
            name = f"\0{number},{at}"
            middle = at == (layer[first] + layer[last]) // 2
            layout.boxes[name] = Box((arrow.text,) if arrow.text and middle else (), bare=True)
            layout.layers[at].append(name)
            way.append(name)
        way.append(last)
        layout.ways[number] = way if first == arrow.start else way[::-1]


def _neighbours(layout: _Layout) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in layout.boxes}
    for way in layout.ways.values():
        for one, other in pairwise(way):
            found[one].append(other)
            found[other].append(one)
    return found


def _order(layout: _Layout) -> None:
    near = _neighbours(layout)
    for sweep in range(SWEEPS):
        layers = layout.layers if sweep % 2 == 0 else layout.layers[::-1]
        for before, names in pairwise(layers):
            place = {name: number for number, name in enumerate(before)}
            mean = {}
            for number, name in enumerate(names):
                seen = [place[other] for other in near[name] if other in place]
                mean[name] = float(np.mean(seen)) if seen else float(number)
            names.sort(key=mean.__getitem__)


def _place(layout: _Layout) -> None:
    near = _neighbours(layout)
    along = 0.0
    position: dict[str, float] = {}
    for names in layout.layers:
        thick = max((layout.extent(name)[0] for name in names), default=0.0)
        for name in names:
            layout.centre[name] = (along + thick / 2, 0.0)
        along += thick + AFTER / 2
        beside = 0.0
        for name in names:
            position[name] = beside + layout.extent(name)[1] / 2
            beside += layout.extent(name)[1] + BETWEEN
    for sweep in range(4 * SWEEPS):
        for names in layout.layers if sweep % 2 == 0 else layout.layers[::-1]:
            if not names:
                continue
            sides = np.array([layout.extent(name)[1] for name in names])
            least = np.concatenate([[0.0], np.cumsum((sides[1:] + sides[:-1]) / 2 + BETWEEN)])
            wish = np.array(
                [
                    np.mean([position[other] for other in near[name]])
                    if near[name]
                    else position[name]
                    for name in names
                ]
            )
            weight = np.array([1.0 + 3.0 * (not layout.boxes[name].text) for name in names])
            found = isotonic_regression(wish - least, weights=weight).x + least
            position.update(zip(names, found.tolist(), strict=True))
    for name, (first, _) in layout.centre.items():
        layout.centre[name] = (first, position[name])


def _point(layout: _Layout, name: str) -> tuple[float, float]:
    along, beside = layout.centre[name]
    return (along, beside) if layout.across else (beside, along)


def _path(layout: _Layout, way: Sequence[str]) -> str:
    """A curve through the places of a way, from the side of one box to that of another."""
    turn = 1 if layout.centre[way[0]][0] <= layout.centre[way[-1]][0] else -1
    text = ""
    for one, other in pairwise(way):
        (along, beside), (goal, aside) = layout.centre[one], layout.centre[other]
        along += turn * layout.extent(one)[0] / 2
        goal -= turn * layout.extent(other)[0] / 2
        middle = (along + goal) / 2
        corners = [(along, beside), (middle, beside), (middle, aside), (goal, aside)]
        (x0, y0), *rest = corners if layout.across else [(y, x) for x, y in corners]
        if not text or layout.boxes[one].text:  # a word interrupts its arrow
            text += f"M{x0:.1f} {y0:.1f}"
        text += "C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    return text


def _texts(x: float, y: float, box: Box) -> str:
    top = y - (len(box.text) - 1) * LINE / 2
    found = ""
    for number, line in enumerate(box.text):
        pale = ' opacity=".75"' if box.bare or number else ""
        found += f'<text x="{x:.1f}" y="{top + number * LINE:.1f}"{pale}>{escape(line)}</text>'
    return found


def _groups(layout: _Layout, real: frozenset[str]) -> list[tuple[float, float, float, float, str]]:
    found = []
    for group in dict.fromkeys(layout.boxes[name].group for name in layout.boxes if name in real):
        if not group:
            continue
        names = [name for name in layout.boxes if layout.boxes[name].group == group]
        corners = []
        for name in names:
            (x, y), (w, h) = _point(layout, name), layout.boxes[name].size
            corners.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        left, top = (min(corner[side] for corner in corners) for side in (0, 1))
        right, bottom = (max(corner[side] for corner in corners) for side in (2, 3))
        found.append((left - 10, top - 10 - LINE, right + 10, bottom + 10, group))
    return found


def _svg(layout: _Layout, real: frozenset[str], label: str) -> str:
    parts, corners = [], []
    for left, top, right, bottom, group in _groups(layout, real):
        corners += [(left, top), (right, bottom)]
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}" rx="8" fill="none" stroke-dasharray="2 4" opacity=".6"/>'
            f'<text x="{(left + right) / 2:.1f}" y="{top + LINE / 2 + 3:.1f}" opacity=".75">'
            f"{escape(group)}</text>"
        )
    for number, arrow in enumerate(layout.arrows):
        dotted = ' stroke-dasharray="4 4"' if arrow.dotted else ""
        head = "" if arrow.line else ' marker-end="url(#head)"'
        parts.append(f'<path d="{_path(layout, layout.ways[number])}" fill="none"{dotted}{head}/>')
    for name, box in layout.boxes.items():
        (x, y), (w, h) = _point(layout, name), box.size
        corners += [(x - w / 2, y - h / 2), (x + w / 2, y + h / 2)]
        title = f"<title>{escape(box.title)}</title>" if box.title else ""
        rect = (
            f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h}" rx="6"'
            ' fill="currentColor" fill-opacity=".07"/>'
        )
        parts.append(f"<g>{title}{rect if name in real else ''}{_texts(x, y, box)}</g>")
    (left, top), (right, bottom) = np.min(corners, axis=0) - 4, np.max(corners, axis=0) + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}"'
        f' viewBox="{left:.0f} {top:.0f} {right - left:.0f} {bottom - top:.0f}"'
        f' width="{right - left:.0f}" height="{bottom - top:.0f}"'
        ' font-family="system-ui, sans-serif" font-size="13" stroke="currentColor"'
        ' text-anchor="middle" dominant-baseline="central">'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"'
        ' stroke="none"/></marker></defs><style>text{fill:currentColor;stroke:none}</style>'
        + "".join(parts)
        + "</svg>"
    )

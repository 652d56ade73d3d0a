"""Where the boxes of a network's picture stand: in layers, after Sugiyama, Tagawa and Toda (1981).

Each node's layer is the longest way from the image to it. An edge that passes a layer has a bend
there. Within a layer what stands where follows from the means of its neighbours, above and below
in turn; then positions move as close to these means as the order and the distances between boxes
allow, which is an isotonic regression.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

SWEEPS = 8
# Of a bend beside a box: how much of a box's room it takes, and how much it is to be straight.
BEND_ROOM = 0.28
BEND_WEIGHT = 0.1
# How much a bend counts for where a box stands, so that ways of boxes are straight.
BENDS = 0.02


@dataclass(frozen=True)
class Layout:
    """Places of boxes, the width of one being 1, and of the bends of edges.

    Attributes
    ----------
    places : dict from name to (column, layer)
        Of the middle of each box; columns begin at 0.
    edges : list of (from, to, list of (column, layer))
        With the bends between both.
    columns : float
        The largest column.
    layers : int
    """

    places: dict[str, tuple[float, int]]
    edges: list[tuple[str, str, list[tuple[float, int]]]]
    columns: float
    layers: int


def lay_out(takes: Mapping[str, Sequence[str]]) -> Layout:
    """Find a place for each node.

    Parameters
    ----------
    takes : mapping from each name to those that it takes, none before one that it takes

    Examples
    --------
    >>> lay_out({"a": [], "b": ["a"], "c": ["a", "b"]}).places["c"][1]
    2
    """
    layer: dict[str, int] = {}
    for name, before in takes.items():
        layer[name] = 1 + max((layer[other] for other in before), default=-1)
    # Boxes are names, a bend is (number of the edge, layer).
    pairs = [(a, b) for b, before in takes.items() for a in dict.fromkeys(before)]
    rows: list[list[object]] = [[] for _ in range(1 + max(layer.values()))]
    for name, at in layer.items():
        rows[at].append(name)
    links: list[tuple[object, object]] = []
    bends: list[list[object]] = []
    for number, (a, b) in enumerate(pairs):
        own: list[object] = [(number, at) for at in range(layer[a] + 1, layer[b])]
        for at, bend in enumerate(own, layer[a] + 1):
            rows[at].append(bend)
        way = [a, *own, b]
        links += itertools.pairwise(way)
        bends.append(own)
    column = _columns(rows, links)
    lowest = min(column[name] for name in takes)
    return Layout(
        {name: (column[name] - lowest, layer[name]) for name in takes},
        [
            (a, b, [(column[bend] - lowest, layer[a] + 1 + k) for k, bend in enumerate(own)])
            for (a, b), own in zip(pairs, bends, strict=True)
        ],
        max(column.values()) - lowest,
        len(rows),
    )


def _columns(rows: list[list[object]], links: list[tuple[object, object]]) -> dict[object, float]:
    above: dict[object, list[object]] = {}
    below: dict[object, list[object]] = {}
    for a, b in links:
        below.setdefault(a, []).append(b)
        above.setdefault(b, []).append(a)
    column = {item: float(place) for row in rows for place, item in enumerate(row)}

    def mean(item: object, beside: Mapping[object, list[object]]) -> float:
        others = beside.get(item)
        return column[item] if not others else float(np.mean([column[o] for o in others]))

    for sweep in range(SWEEPS):
        beside = below if sweep % 2 else above
        for row in rows[::-1] if sweep % 2 else rows:
            row.sort(key=lambda item: mean(item, beside))
            for place, item in enumerate(row):
                column[item] = float(place)

    def goal(item: object, beside: Mapping[object, list[object]]) -> float:
        """Where it wants to be: in line with boxes, and a bend in line with bends."""
        others = beside.get(item, [])
        if not isinstance(item, str):
            others = [other for other in others if not isinstance(other, str)]
        if not others:
            return column[item]
        likes = [1.0 if isinstance(other, str) else BENDS for other in others]
        return float(np.average([column[o] for o in others], weights=likes))

    for sweep in range(SWEEPS):
        beside = below if sweep % 2 else above
        for row in rows[::-1] if sweep % 2 else rows:
            _spread(row, [goal(item, beside) for item in row], column)
    return column


def _spread(row: list[object], wanted: list[float], column: dict[object, float]) -> None:
    """Move what stands in a row to where it wants to be, in its order and with room between."""
    rooms = [1.0 if isinstance(item, str) else BEND_ROOM for item in row]
    offsets = np.cumsum([0.0, *((a + b) / 2 for a, b in itertools.pairwise(rooms))])
    weights = [1.0 if isinstance(item, str) else BEND_WEIGHT for item in row]
    found = isotonic_regression(np.array(wanted) - offsets, weights=weights).x + offsets
    column.update(zip(row, found.tolist(), strict=True))

"""Places on the page's pictures: boxes and ways of the network, and scales of charts."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bitlight import Network
from bitlight.network.graph import INPUT
from bitlight.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Layer,
    Linear,
    MaxPool2d,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight_lab.report.graphlayout import lay_out

# Pixels of a box, whose width follows from the longest line in one, and between boxes.
NARROW, WIDE, TALL = 156, 230, 38
LETTER = 7.2
ACROSS, DOWN = 22, 22
# What a box looks like; the page's style has one for each.
FORMS: dict[type, str] = {
    Conv2d: "weights",
    Linear: "weights",
    MaxPool2d: "pool",
    SumPool2d: "pool",
    Affine: "integer",
    PReLU: "integer",
    Threshold: "integer",
    Add: "join",
    Concat: "join",
}


@dataclass(frozen=True)
class Box:
    """A node, and where its upper left corner is."""

    node: str
    form: str
    line: str
    below: str
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """The network as boxes and ways between them.

    Attributes
    ----------
    boxes : list of Box, in the order of the network
    box : float
        The width of each.
    ways : list of (from, to, path of SVG)
    width, height : float
    """

    boxes: list[Box]
    box: float
    ways: list[tuple[str, str, str]]
    width: float
    height: float


def draw(net: Network) -> Drawing:
    """The image on top, the output at the bottom."""
    takes = {INPUT: ()} | {node.name: node.inputs for node in net.nodes}
    found = lay_out(takes)
    forms = {INPUT: ("image", INPUT)} | {
        node.name: (FORMS[type(node.layer)], describe(node.name, node.layer)) for node in net.nodes
    }
    values = {name: net.value(name) for name in takes}
    longest = max(len(line) for _, line in forms.values())
    width = min(max(NARROW, round(LETTER * longest + 16)), WIDE)

    def middle(column: float) -> float:
        return 8 + width / 2 + column * (width + ACROSS)

    def top(layer: int) -> float:
        return 8 + layer * (TALL + DOWN)

    boxes = [
        Box(
            name,
            forms[name][0],
            _shortened(forms[name][1], int((width - 16) / LETTER)),
            f"{'×'.join(map(str, values[name].shape))} of {bits(values[name].kind.bits)}",
            middle(column) - width / 2,
            top(layer),
        )
        for name, (column, layer) in found.places.items()
    ]
    ways = []
    for one, other, bends in found.edges:
        (x, layer), (to, end) = found.places[one], found.places[other]
        places = [(middle(x), top(layer) + TALL)]
        for column, at in bends:
            places += [(middle(column), top(at)), (middle(column), top(at) + TALL)]
        places.append((middle(to), top(end)))
        ways.append((one, other, _path(places)))
    size = middle(found.columns) + width / 2 + 18, top(found.layers - 1) + TALL + 8
    return Drawing(boxes, width, ways, *size)


def describe(name: str, layer: Layer) -> str:
    """A node in few words: name, kind, kernel and stride."""
    words = [name, type(layer).__name__]
    kernel = getattr(layer, "kernel", None)
    if kernel is not None:
        words.append("all" if isinstance(kernel, str) else "×".join(map(str, kernel)))
    stride = getattr(layer, "stride", None)
    if stride not in (None, (1, 1), kernel):
        words.append(f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]},{stride[1]}")
    return " ".join(words)


def _shortened(line: str, most: int) -> str:
    return line if len(line) <= most else f"{line[: most - 1]}…"


def bits(count: int) -> str:
    """How many bits, in words."""
    return "1 bit" if count == 1 else f"{count} bits"


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Straight along bends, and curved between them."""
    path = [f"M{_short(places[0][0])} {_short(places[0][1])}"]
    for (x, y), (to, end) in itertools.pairwise(places):
        if abs(x - to) < 0.5:
            path.append(f"V{_short(end)}")
            continue
        half = _short((y + end) / 2)
        path.append(f"C{_short(x)} {half} {_short(to)} {half} {_short(to)} {_short(end)}")
    return "".join(path)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Scale:
    """Values to places along an axis.

    Parameters
    ----------
    low, high : float, the values at its ends
    begin, end : float, the places of these
    log : bool
    """

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    @staticmethod
    def around(values: Sequence[float], begin: float, end: float, *, log: bool = False) -> "Scale":
        """A scale that has room for all of these; a linear one begins at 0."""
        if not log:
            return Scale(0.0, max([*values, 1.0]) * 1.04, begin, end)
        low, high = min(values), max(values)
        return Scale(low / 1.5, high * 1.5, begin, end, log=True)

    def __call__(self, value: float) -> float:
        """The place of a value, to a tenth; what is beyond the ends stands there."""
        low, high, value = (
            (math.log(x) for x in (self.low, self.high, max(value, self.low)))
            if self.log
            else (self.low, self.high, value)
        )
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(self.begin + share * (self.end - self.begin), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places of round values and these in words."""
        return [(self(value), in_short(value)) for value in self.marks]

    @property
    def marks(self) -> list[float]:
        """Round values between its ends."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = (1,) if last - first > 3 else (1, 2, 5)
            every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
            return [value for value in every if self.low <= value <= self.high]
        power = 10 ** math.floor(math.log10(self.high / 4))
        step = next(step * power for step in (1, 2, 5, 10) if self.high / (step * power) <= 6)
        return [step * n for n in range(int(self.high / step) + 1)]


def in_short(value: float) -> str:
    """A number for an axis.

    Examples
    --------
    >>> [in_short(x) for x in (0, 0.05, 2, 1500, 20_000, 3e6, 4e9)]
    ['0', '0.05', '2', '1,500', '20k', '3M', '4G']
    """
    for size, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if name == 'k' else size):g}{name}"
    return f"{value:,g}" if value < 1e4 else f"{value:,.0f}"

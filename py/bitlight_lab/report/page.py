"""The page of a report: templates, style and script in one text."""

from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from bitlight.network.summary import summarize
from bitlight_hw.activity import Activities
from bitlight_hw.estimate import Estimate
from bitlight_hw.exploring import Explored, Point, cheapest
from bitlight_hw.parts import part
from bitlight_lab.report import hardware
from bitlight_lab.report.content import Content
from bitlight_lab.report.drawing import Scale, draw, in_short

FOLDER = "templates"
# Pixels: of a line of the timeline, of its names, of a chart.
LINE, NAMES, ACROSS, HIGH = 17, 190, 960, 420


def render(report: Content, one: Activities, many: Activities) -> str:
    """The page as text.

    Parameters
    ----------
    report : Content
    one, many : Activities
        Of one image alone, and of images without end.
    """
    acc, device = report.acc, part(report.target)
    family = device.family
    estimates = acc.estimate(family.name)
    total = Estimate.total(estimates.values())
    units = hardware.unit_rows(acc, estimates)
    nodes = hardware.node_rows(acc, units)
    roofs = hardware.roofs(acc)
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            acc=acc,
            net=acc.net,
            drawing=draw(acc.net),
            device=device,
            family=family,
            total=total,
            occupied=family.occupied(total),
            units=units,
            nodes=nodes,
            slowest=_slowest(nodes),
            facts=_facts(nodes, roofs),
            summary=summarize(acc.net),
            roofs=roofs,
            roofline=_roofline(roofs) if roofs else None,
            timeline=_lines(hardware.timeline(one), one, report.mhz),
            queues=_lines(hardware.queues(many), many, report.mhz),
            completed=many.completed,
            pareto=None if report.explored is None else pareto(report, report.explored, total),
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"count": count, "percent": percent, "short": in_short, "as_dict": asdict}
    made.globals |= {"read": _read, "cheapest": cheapest}
    return made


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(FOLDER, name).read_text(encoding="utf-8")


def count(value: float) -> str:
    """A number with separators, and as many digits as one reads.

    Examples
    --------
    >>> count(12345), count(0.1234), count(1234.5)
    ('12,345', '0.123', '1,234')
    """
    if isinstance(value, float) and value < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share in words.

    Examples
    --------
    >>> percent(0.123), percent(0.0012), percent(0)
    ('12 %', '0.1 %', '0 %')
    """
    return (
        f"{share:.1%}".replace("%", " %")
        if 0 < share < 0.0995
        else f"{share:.0%}".replace("%", " %")
    )


def _slowest(nodes: list[hardware.Row]) -> list[hardware.Row]:
    return [row for row in nodes if row.slowest]


def _facts(
    nodes: list[hardware.Row], roofs: list[hardware.Roof]
) -> dict[str, list[tuple[str, str]]]:
    """What is said of each node when it is selected."""
    shares = {roof.node: roof.share for roof in roofs if roof.node}
    facts: dict[str, list[tuple[str, str]]] = {}
    for row in nodes:
        told = [("cycles per image", count(row.cycles))]
        if row.folding:
            told.append(("PE × SIMD", row.folding))
        told += [("look-up tables", count(row.luts)), ("block RAMs", count(row.blocks))]
        if row.node in shares:
            told.append(("of its roof", percent(shares[row.node])))
        facts[row.node] = told
    return facts


MOST_OTHERS = 900


@dataclass(frozen=True)
class Pareto:
    """Foldings over images/s: one quantity of theirs.

    Attributes
    ----------
    label : str
    x, y : Scale
    others : str, path of SVG with a dot for each folding that is not on the front
    dots : list of (x, y, Point)
    limit : float or None, the place of what there is
    here : (x, y), the accelerator of this page
    """

    label: str
    x: Scale
    y: Scale
    others: str
    dots: list[tuple[float, float, Point]]
    limit: float | None
    here: tuple[float, float]


def pareto(report: Content, found: Explored, total: Estimate) -> list[Pareto]:
    """The charts of look-up tables and of block RAM."""
    family = part(report.target).family
    front = found.front
    others = [point for point in found.points if not point.front]
    others = others[:: 1 + len(others) // MOST_OTHERS]
    rate = report.mhz * 1e6
    quantities = [
        (f"LUT{family.lut_inputs}", 0, None, total.luts + total.memory_luts),
        (family.block_name, 1, found.room.blocks, total.blocks),
    ]
    charts = []
    for label, place, most, own in quantities:
        shown = [*others, *front]
        heights = [max(point.taken[place], 1) for point in shown] + [max(own, 1)]
        rates = [rate / point.cycles for point in shown] + [rate / report.acc.cycles_per_image]
        x = Scale.around(rates, 58, 468, log=True)
        y = Scale.around([*heights, *([most] if most else [])], 292, 12, log=True)
        middle = len(others)
        dots = "".join(
            f"M{x(a)} {y(b)}h0" for a, b in zip(rates[:middle], heights[:middle], strict=True)
        )
        charts.append(
            Pareto(
                label,
                x,
                y,
                dots,
                [
                    (x(a), y(b), point)
                    for a, b, point in zip(rates[middle:-1], heights[middle:-1], front, strict=True)
                ],
                y(most) if most else None,
                (x(rates[-1]), y(heights[-1])),
            )
        )
    return charts


@dataclass(frozen=True)
class Lines:
    """Lines below each other over one axis of cycles.

    Attributes
    ----------
    lanes : list of (y of the upper end, Lane)
    ticks : list of (x, cycles, µs)
    stretch : float, pixels of a bin
    height : int
    """

    lanes: list[tuple[int, hardware.Lane]]
    ticks: list[tuple[float, str, str]]
    stretch: float
    scale: Scale
    height: int
    cycles: int


def _lines(lanes: list[hardware.Lane], seen: Activities, mhz: float) -> Lines:
    scale = Scale(0, seen.cycles, NAMES, ACROSS)
    ticks = [(scale(value), count(value), f"{value / mhz:.3g} µs") for value in scale.marks]
    stretch = (ACROSS - NAMES) * seen.bin_cycles / seen.cycles
    placed = [(24 + LINE * place, lane) for place, lane in enumerate(lanes)]
    return Lines(placed, ticks, stretch, scale, 24 + LINE * len(lanes) + 8, seen.cycles)


@dataclass(frozen=True)
class Dot:
    """A layer in the roofline: what it reaches, and its roof above."""

    node: str
    name: str
    x: float
    y: float
    roof: float
    label_y: float
    words: str


@dataclass(frozen=True)
class Roofline:
    """A chart of operations in a cycle over operations for each bit taken."""

    x: Scale
    y: Scale
    dots: list[Dot]
    stream: list[tuple[float, float]]
    lanes: float


def _roofline(roofs: list[hardware.Roof]) -> Roofline:
    x = Scale.around([r.intensity for r in roofs], 70, ACROSS - 20, log=True)
    reached = [value for r in roofs for value in (r.reached, r.roof, r.lanes)]
    y = Scale.around(reached, HIGH - 46, 14, log=True)
    dots = []
    labels: list[tuple[float, float]] = []
    for roof in sorted(roofs, key=lambda r: -r.reached):
        place = x(roof.intensity), y(roof.reached)
        label = place[1] + 4
        while any(abs(label - b) < 13 and abs(place[0] - a) < 110 for a, b in labels):
            label += 4
        labels.append((place[0], label))
        words = (
            f"{roof.name or 'the accelerator'}: {count(roof.reached)} operations a cycle, "
            f"{percent(roof.share)} of its roof of {count(roof.roof)} "
            f"({'lanes' if roof.lanes <= roof.stream else 'stream'})"
        )
        name = f"layer {roof.name}" if roof.name.isdecimal() else roof.name or "all"
        dots.append(Dot(roof.node, name, *place, y(roof.roof), label, words))
    all_ = roofs[-1]
    slope = all_.stream / all_.intensity
    ends = [(max(x.low, y.low / slope), 0.0), (min(x.high, all_.lanes / slope), 0.0)]
    line = [(x(at), y(at * slope)) for at, _ in ends]
    return Roofline(x, y, dots, line, y(all_.lanes))

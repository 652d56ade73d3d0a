"""What a report says of an accelerator: its units, its roofs, its time, its queues."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bitlight import Conv2d, Linear
from bitlight_hw import Accelerator
from bitlight_hw.activity import Activities
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.folding import layer_cycles, number_pairs

OPTICS = "optics"


@dataclass(frozen=True)
class Row:
    """A unit, or all units of a node.

    Attributes
    ----------
    name, node, kind : str
        Its name, the node that it belongs to, and what it is.
    folding : str, "PE × SIMD" or ""
    cycles : int, of an image: its own, or the most beats of one of its streams
    luts, blocks, rom_bits, buffer_bits, ffs : int
    slowest : bool, whether it is what the interval waits for
    """

    name: str
    node: str
    kind: str
    folding: str
    cycles: int
    luts: int
    blocks: int
    rom_bits: int
    buffer_bits: int
    ffs: int
    slowest: bool


def unit_rows(acc: Accelerator, estimates: Mapping[str, Estimate]) -> list[Row]:
    """A row for each unit, in stream order."""
    own = _own_cycles(acc)
    counts = {0: acc.beats_in.count}
    for stage in acc.plan.stages:
        counts |= dict.fromkeys(stage.gives, stage.beats.count)
    rows = []
    for stage in acc.plan.stages:
        kind = type(stage.unit).__name__
        streams = [counts[n] for n in (*stage.takes, *stage.gives)]
        folding, cycles = own.get(stage.node, ("", 0)) if kind == "MatrixVector" else ("", 0)
        cycles = max(cycles, *streams)
        rows.append(_row(stage.name, stage.node, kind, folding, cycles, estimates[stage.name], acc))
    return rows


def node_rows(acc: Accelerator, units: list[Row]) -> list[Row]:
    """A row for each node of the network that has units."""
    own, rows = _own_cycles(acc), []
    kinds = {node.name: type(node.layer).__name__ for node in acc.net.nodes}
    names = [*kinds, OPTICS, ""]
    for name in names:
        found = [row for row in units if row.node == name]
        if not found:
            continue
        totals = {
            field: sum(getattr(row, field) for row in found)
            for field in ("luts", "blocks", "rom_bits", "buffer_bits", "ffs")
        }
        cycles = max(row.cycles for row in found)
        rows.append(
            Row(
                name or "input",
                name,
                kinds.get(name, "Projection" if name else "Fork"),
                own.get(name, ("", 0))[0],
                cycles,
                **totals,
                slowest=cycles == acc.cycles_per_image,
            )
        )
    return rows


def _row(
    name: str,
    node: str,
    kind: str,
    folding: str,
    cycles: int,
    taken: Estimate,
    acc: Accelerator,
) -> Row:
    return Row(
        name,
        node,
        kind,
        folding,
        cycles,
        tables(taken),
        taken.blocks,
        taken.rom_bits,
        taken.buffer_bits,
        taken.ffs,
        cycles == acc.cycles_per_image,
    )


def _own_cycles(acc: Accelerator) -> dict[str, tuple[str, int]]:
    """Folding and cycles of each node with weights."""
    return {
        acc.net.nodes[index].name: (f"{pe} × {simd}", layer_cycles(acc.net, index, pe, simd))
        for index, pe, simd in number_pairs(acc.net, acc.folding)
    }


@dataclass(frozen=True)
class Roof:
    """A layer with weights, or the whole accelerator, below its roof.

    An operation is one XNOR or one addition of its result. With I operations for each bit that a
    layer takes in, a stream of W bits a cycle lets it do I·W in a cycle, and its 2·PE·SIMD·b lanes
    (b bits of an element) that many: the roof is the lower of both (Williams, Waterman and
    Patterson, "Roofline", 2009, with what arrives in place of what is fetched from memory).

    Attributes
    ----------
    name, node : str
    intensity : float, operations for each bit taken
    reached : float, operations in a cycle at the accelerator's interval
    lanes : float, operations in a cycle of all lanes
    stream : float, operations in a cycle that the stream allows
    """

    name: str
    node: str
    intensity: float
    reached: float
    lanes: float
    stream: float

    @property
    def roof(self) -> float:
        """What it could do in a cycle."""
        return min(self.lanes, self.stream)

    @property
    def share(self) -> float:
        """Of its roof that is reached."""
        return self.reached / self.roof


def roofs(acc: Accelerator) -> list[Roof]:
    """Each layer that has a folding, then the accelerator, which is called ""."""
    net, found, total, lanes = acc.net, [], 0.0, 0.0
    widths: dict[str, int] = {}
    beats = {0: acc.beats_in}
    for stage in acc.plan.stages:
        beats |= dict.fromkeys(stage.gives, stage.beats)
        widths.setdefault(stage.node, beats[stage.takes[0]].width)
    for index, pe, simd in number_pairs(net, acc.folding):
        node, taken = net.nodes[index], net.takes(index)
        layer, depth = node.layer, net.depth(index)
        assert isinstance(layer, Conv2d | Linear)
        work = 2.0 * math.prod(node.value.shape) * layer.fan_in * depth
        own = 2.0 * pe * simd * depth
        bits = math.prod(taken.shape) * taken.kind.bits
        intensity = work / bits
        reached = work / acc.cycles_per_image
        stream = intensity * widths[node.name]
        found.append(Roof(node.name, node.name, intensity, reached, own, stream))
        total, lanes = total + work, lanes + own
    if found:
        bits = acc.beats_in.count * acc.beats_in.width
        stream = total / bits * acc.beats_in.width
        found.append(Roof("", "", total / bits, total / acc.cycles_per_image, lanes, stream))
    return found


@dataclass(frozen=True)
class Lane:
    """A line of the timeline or of the queues.

    Attributes
    ----------
    name, node : str
    path : str
        Of an SVG area: as wide as there are bins, 1 high, its ground at 1.
    begin, end : int, cycles
    busy : float
        Mean share of the cycles between them in which a beat moved; of a queue, the mean share of
        its words that were in use.
    depth, most : int
        Of a queue: words, and the most in use.
    """

    name: str
    node: str
    path: str
    begin: int
    end: int
    busy: float
    depth: int = 0
    most: int = 0


def timeline(seen: Activities) -> list[Lane]:
    """When each unit worked."""
    lanes = []
    for unit in seen.units:
        first, last = unit.begin // seen.bin_cycles, -(-unit.end // seen.bin_cycles)
        busy = float(unit.busy[first:last].mean()) if last > first else 0.0
        lanes.append(Lane(unit.name, unit.node, area(unit.busy), unit.begin, unit.end, busy))
    return lanes


def queues(seen: Activities) -> list[Lane]:
    """How full each ring was."""
    return [
        Lane(
            unit.name,
            unit.node,
            area(unit.held / unit.depth),
            0,
            seen.cycles,
            float(unit.held.mean() / unit.depth),
            unit.depth,
            int(unit.held.max(initial=0)),
        )
        for unit in seen.units
        if unit.depth
    ]


def area(heights: np.ndarray) -> str:
    """The path of steps of those heights, 0 to 1; equal neighbours are one step.

    Examples
    --------
    >>> area(np.array([0.5, 0.5, 1.0]))
    'M0 1V.5H2V0H3V1Z'
    """
    path, before = ["M0 1"], None
    for place, height in enumerate(np.round(1 - heights, 2).tolist()):
        if height != before:
            path.append(f"H{place}" * (before is not None) + f"V{_short(height)}")
        before = height
    return "".join(path) + f"H{len(heights)}V1Z"


def _short(value: float) -> str:
    return f"{value:g}".removeprefix("0") or "0"

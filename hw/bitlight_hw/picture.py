"""The picture of an accelerator, drawn from its plan: units, streams, what each carries."""

from bitlight.drawing import Arrow, Box, Drawing, draw
from bitlight_hw.plan import Plan
from bitlight_hw.stages import Stage
from bitlight_hw.units import MatrixVector


def picture(plan: Plan, *, across: bool = True) -> Drawing:
    """The units of a planned accelerator and the streams between them, as SVG.

    A unit's box has its name, its kind, and for a matrix-vector unit its PE and SIMD; on an arrow
    stands how many beats an image is, of how many bits. Units of one layer share a frame where a
    network is a chain, drawn from left to right; else each has its layer's name before its own.

    Parameters
    ----------
    plan : Plan
        `Accelerator.plan`.
    across : bool
        From left to right; else from the top down.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> from bitlight_hw.plan import Plan
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> svg = picture(Plan.of(net, [(1, 2)]))
    >>> "PE 1 · SIMD 2" in svg, "4 × 2 bits" in svg
    (True, True)
    """
    boxes = {"input": Box(("input",))}
    framed = across and all(len(stage.gives) == 1 for stage in plan.stages)
    boxes |= {stage.name: _box(stage, framed) for stage in plan.stages}
    boxes["output"] = Box(("output",))
    beats = {0: plan.beats_in} | {n: stage.beats for stage in plan.stages for n in stage.gives}
    givers = {0: "input"} | {n: stage.name for stage in plan.stages for n in stage.gives}
    takers = {n: stage.name for stage in plan.stages for n in stage.takes}
    arrows = []
    for number, giver in givers.items():
        carried = beats[number]
        bits = "bit" if carried.width == 1 else "bits"
        word = f"{carried.count} × {carried.width} {bits}"
        arrows.append(Arrow(giver, takers.get(number, "output"), word))
    label = (
        f"{len(plan.stages)} units from input to output, {plan.cycles_per_image} cycles for an "
        f"image, latency {plan.latency} cycles"
    )
    return draw(boxes, arrows, across=across, label=label)


def _box(stage: Stage, framed: bool) -> Box:
    layer, _, name = stage.name.partition("_")
    kind = type(stage.unit).__name__
    lines = [(name or layer) if framed else f"{layer} {name}".strip()]
    if isinstance(stage.unit, MatrixVector):
        lines.append(f"PE {stage.unit.pe} · SIMD {stage.unit.simd}")
    title = f"{stage.name}: {kind}, {stage.beats.count} beats of {stage.beats.width} bits"
    return Box(tuple(lines), title, group=layer if framed and name else "")

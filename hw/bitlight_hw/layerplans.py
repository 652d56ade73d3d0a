"""What each layer of an accelerator takes: cycles, memory, look-up tables."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bitlight_hw.accelerator import Accelerator
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.folding import folded_layers, layer_cycles


@dataclass(frozen=True)
class LayerPlan:
    """One layer.

    Attributes
    ----------
    index : int
    name : str, its class
    pe, simd : int, 0 for a pool
        Of a projection: components at once and lanes.
    dataflow : str
    cycles : int
        Per image: of the matrix-vector unit, or the most beats of a stream within the layer, where
        that is more.
    estimate : Estimate, of all its units
    """

    index: int
    name: str
    pe: int
    simd: int
    dataflow: str
    cycles: int
    estimate: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and text, for JSON."""
        return {k: v for k, v in asdict(self).items() if k != "estimate"} | asdict(self.estimate)


def layers(acc: Accelerator, target: str) -> list[LayerPlan]:
    """The plan of each layer, in order; a projection is one more."""
    return list(_layers(acc, target))


def around(acc: Accelerator, bus: str, family: Family) -> dict[str, Estimate]:
    """What a bus takes beside the accelerator, unit by unit; bare streams take nothing."""
    if bus != "axi":
        return {}
    from bitlight_hw.axi import AxiAccelerator
    from bitlight_hw.axi.area import estimate

    return estimate(AxiAccelerator(acc), family)


def _layers(acc: Accelerator, target: str) -> Iterator[LayerPlan]:
    estimates = acc.estimate(target)
    choices = dict(
        zip(folded_layers(acc.net), zip(acc.folding, acc.dataflow, strict=True), strict=True)
    )
    counts = {0: acc.beats_in.count}
    for stage in acc.plan.stages:
        counts |= dict.fromkeys(stage.gives, stage.beats.count)

    def costs(node: str, own: int) -> tuple[int, Estimate]:
        stages = [stage for stage in acc.plan.stages if stage.node == node]
        streams = [counts[n] for stage in stages for n in (*stage.takes, *stage.gives)]
        estimate = Estimate.total(estimates[stage.name] for stage in stages)
        return max([own, *streams]), estimate

    for index, node in enumerate(acc.net.nodes):
        (pe, simd), flow = choices.get(index, ((0, 0), ""))
        own = layer_cycles(acc.net, index, pe, simd) if pe else 0
        found = costs(node.name, own)
        yield LayerPlan(index, type(node.layer).__name__, pe, simd, flow, *found)
    if acc.projection is not None:
        pe, simd = acc.projection.components, acc.projection.lanes
        yield LayerPlan(len(acc.net.layers), "Projection", pe, simd, "", *costs("optics", 0))

"""Loop order: what stays in a matrix-vector unit while the rest streams past it.

A layer that is output-stationary finishes one output after the other and must have all inputs
first; one that is input-stationary takes every input as it arrives and finishes all outputs
together. Where an output-stationary layer feeds an input-stationary one, both work at once.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

from bitlight import Conv2d, FoldingError, Linear, Network
from bitlight_hw import timing
from bitlight_hw.folding import Folding, folded_layers
from bitlight_hw.optics import Projection
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.stages import circuit
from bitlight_hw.units.matvec import Dataflow

# Layers whose dataflow is chosen, at most: each doubles the chains that are stepped.
ASKED = 5


def check(net: Network, dataflow: Any) -> list[Dataflow]:
    """The dataflow of each layer that computes, or FoldingError with what is wrong."""
    layers = len(folded_layers(net))
    known = get_args(Dataflow)
    flows = [dataflow] * layers if isinstance(dataflow, str) else dataflow
    if not isinstance(flows, Sequence) or len(flows) != layers or not set(flows) <= set(known):
        raise FoldingError(
            f'dataflow must be "output" or "input", or a list with one for each of {layers} '
            f"Conv2d and Linear, not {dataflow!r}"
        )
    return list(flows)


def choose(net: Network, folding: Folding, projection: Projection | None = None) -> list[Dataflow]:
    """The dataflow with which an image is through soonest; output-stationary where it is all one.

    Only layers with a single output position are asked, since others would need a memory of sums
    for little; of more than five, the last five. All ways are tried: what one layer gains depends
    on the others. The interval is the same in all.
    """
    asked = [*_single(net, folding)][-ASKED:]
    ways = itertools.product(get_args(Dataflow), repeat=len(asked))
    choices = [_with(folding, dict(zip(asked, way, strict=True))) for way in ways]
    if len(choices) == 1:
        return choices[0]

    def rank(flows: list[Dataflow]) -> tuple[int, int]:
        return _latency(net, folding, flows, projection), flows.count("input")

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        ranks = [*pool.map(rank, choices)]
    return choices[ranks.index(min(ranks))]


def open_to(net: Network, index: int, pe: int) -> tuple[Dataflow, ...]:
    """The orders that a layer may be given with so many PE."""
    layer = net.layers[index]
    assert isinstance(layer, Conv2d | Linear)
    one = isinstance(layer, Linear) or net.shapes[index + 1][:2] == (1, 1)
    return get_args(Dataflow) if one and len(layer.weight) > pe else ("output",)


def _with(folding: Folding, chosen: dict[int, Dataflow]) -> list[Dataflow]:
    return [chosen.get(place, "output") for place in range(len(folding))]


def _single(net: Network, folding: Folding) -> Iterator[int]:
    """Places in the folding of layers with one output position and several folds of outputs."""
    for place, index in enumerate(folded_layers(net)):
        if len(open_to(net, index, folding[place][0])) > 1:
            yield place


def _latency(
    net: Network, folding: Folding, flows: list[Dataflow], projection: Projection | None = None
) -> int:
    pipeline = Pipeline.of(net, folding, flows, projection)
    ample = timing.with_ample_depths(circuit(pipeline.stages))
    return timing.run(ample, pipeline.beats_in.count, pipeline.beats.count, images=2).latency

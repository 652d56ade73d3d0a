"""Fault injection: one bit of a weight or threshold memory is turned over, and the RTL runs on.

The memory of an FPGA forgets a bit now and then, and a proof that finds no difference is worth what
it would find. So the faulty RTL must be what the golden model says of the same fault.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight import Affine, Conv2d, Linear, PReLU, Threshold
from bitlight.files.replacing import replacing
from bitlight.network.golden.plain import READINGS, levels
from bitlight.network.graph import INPUT, Node
from bitlight.network.values import Integers, Value
from bitlight_hw import Accelerator
from bitlight_hw.family import Family, named
from bitlight_hw.units import Compare, MatrixVector, Rectify, Scale
from bitlight_hw.units.lanes import Lanes
from bitlight_hw.units.rom import Rom
from bitlight_sim.native import beats
from bitlight_sim.runner import SimulatorName, run_bench

PUBLIC = 'public_flat_rw -module "*__rom*" -var "words"'


@dataclass(frozen=True)
class Fault:
    """A bit that is turned over.

    Attributes
    ----------
    layer : int
    kind : "weight", "start" or "parameter"
        A weight; a bit of what an accumulator starts from, which stands for the threshold; a bit
        of what a channel is scaled, rectified or compared by.
    output : int, or the channel
    place : int
        Of the weight among the inputs (ky, kx, channel), or of the bit in the word.
    """

    layer: int
    kind: Literal["weight", "start", "parameter"]
    output: int
    place: int


def all_faults(acc: Accelerator) -> list[Fault]:
    """Every bit that is in a memory of the simulation, in order."""
    return [fault for fault in _every(acc) if flips(acc, fault, "simulation")]


def _every(acc: Accelerator) -> Iterator[Fault]:
    for index, node in enumerate(acc.net.nodes):
        kinds: list[tuple[Literal["weight", "start", "parameter"], int, int]] = []
        if isinstance(node.layer, Conv2d | Linear):
            outputs = len(node.layer.weight)
            kinds.append(("weight", outputs, node.layer.fan_in))
            kinds.append(("start", outputs, unit(acc, index).start_width))
        if lanes := _lanes(acc, index):
            kinds.append(("parameter", len(lanes.parameters), lanes._words.shape[-1]))
        for kind, outputs, places in kinds:
            for output in range(outputs):
                for place in range(places):
                    yield Fault(index, kind, output, place)


def unit(acc: Accelerator, layer: int) -> MatrixVector:
    """The matrix-vector unit of a layer."""
    return next(u for u in _units(acc, layer).values() if isinstance(u, MatrixVector))


def _lanes(acc: Accelerator, layer: int) -> Lanes | None:
    return next((u for u in _units(acc, layer).values() if isinstance(u, Lanes)), None)


def _units(acc: Accelerator, layer: int) -> dict[str, object]:
    name = acc.net.nodes[layer].name
    return {stage.name: stage.unit for stage in acc.plan.stages if stage.node == name}


def flips(acc: Accelerator, fault: Fault, target: str) -> list[tuple[str, int, int]]:
    """The bits to turn over in the Verilog of that target: (path of the memory, row, bit).

    A weight is several bits where running parities are stored; none where the memory is a constant.
    """
    family: Family = named(target)
    kind = Lanes if fault.kind == "parameter" else MatrixVector
    name, found = next(
        (name, u) for name, u in _units(acc, fault.layer).items() if isinstance(u, kind)
    )
    if isinstance(found, Lanes):
        rom, memory = Rom(found._words), "parameters"
        changed = [(*divmod(fault.output, found.lanes), fault.place)]
    elif fault.kind == "weight":
        rom, memory = found.roms(family)["weight"], "weight"
        changed = found.weight_bits(family, fault.output, fault.place)
    else:
        rom, memory = found.roms(family)["start"], "start"
        changed = [(*divmod(fault.output, found.pe), fault.place)]
    places = [rom.place(family, *bit) for bit in changed]
    return [
        (f"{name}.{memory}.{instance}.words", row, bit)
        for instance, row, bit in filter(None, places)
    ]


def golden(acc: Accelerator, fault: Fault, images: np.ndarray) -> np.ndarray:
    """What the golden model gives with the same fault, shaped as by `Network.forward`.

    Integers behind it are as wide as they were, whatever their range is now.
    """
    net, known = acc.net, {INPUT: images}
    for index, node in enumerate(net.nodes):
        given = [net.value(name) for name in node.inputs]
        arrays = [known[name].reshape(len(images), *net.value(name).shape) for name in node.inputs]
        if index == fault.layer:
            found = _faulty(acc, fault, node, given[0], arrays[0])
        elif isinstance(node.layer, Threshold):
            found = levels(arrays[0], _reached(node.layer.threshold, given[0].kind))
        else:
            found = READINGS[type(node.layer)](node.layer, *given, *arrays)
        known[node.name] = _wrapped(found, node.value)
    return known[net.nodes[-1].name].reshape(len(images), -1)


def _wrapped(found: np.ndarray, value: Value) -> np.ndarray:
    if not isinstance(value.kind, Integers):
        return found
    return _wrap(found, value.kind.bits).astype(np.int32)


def _wrap(value: np.ndarray, width: int) -> np.ndarray:
    """Two's complement of so many bits."""
    half = 1 << (width - 1)
    return (value.astype(np.int64) + half) % (2 * half) - half


def _reached(threshold: np.ndarray, kind: Integers) -> np.ndarray:
    """What is out of reach is as far as what is just so, in hardware."""
    return threshold.clip(kind.low, kind.high + 1)


def _faulty(acc: Accelerator, fault: Fault, node: Node, given: Value, x: np.ndarray) -> np.ndarray:
    layer = node.layer
    if fault.kind == "parameter":
        return _with_parameter(acc, fault, node, given, x)
    assert isinstance(layer, Conv2d | Linear)

    def outputs(weight: np.ndarray, threshold: np.ndarray | None) -> np.ndarray:
        return READINGS[type(layer)](_with(layer, weight, threshold), given, x)

    matvec = unit(acc, fault.layer)
    if fault.kind == "weight":
        weight = layer.weight.copy()
        weight.reshape(len(weight), -1)[fault.output, fault.place] ^= True
        return _with_weight(matvec, layer, fault, weight, outputs)
    if layer.threshold is None or layer.threshold.ndim == 2:
        sums = outputs(layer.weight, None).astype(np.int64)
        own, odd = sums[..., fault.output], matvec.reach % 2
        turned = matvec.start_of(fault.output) ^ (1 << fault.place)
        moved = _wrap(np.array(turned), matvec.start_width) - matvec.start_of(fault.output)
        total = _wrap((own - odd) // 2 + moved, matvec.start_width)
        sums[..., fault.output] = 2 * total + odd
        sums = _wrap(sums, matvec.result.width)
        return sums if layer.threshold is None else levels(sums, layer.threshold)
    beyond = (1 << matvec.bits) - 1 - matvec.top
    beyond *= int(layer.weight[fault.output].sum())
    ones = _ones(matvec.start_of(fault.output), matvec.start_width, fault.place)
    return _band(outputs, layer, fault.output, matvec.reach, [end - beyond for end in ones])


def _with_weight(
    matvec: MatrixVector,
    layer: Conv2d | Linear,
    fault: Fault,
    weight: np.ndarray,
    outputs: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
) -> np.ndarray:
    """Other weights, while the start of the sum still counts those of before."""
    beyond = (1 << matvec.bits) - 1 - matvec.top
    if not beyond:
        return outputs(weight, layer.threshold)
    sums = outputs(weight, None).astype(np.int64)
    fell = weight.reshape(len(weight), -1)[fault.output, fault.place] == 0
    sums[..., fault.output] += 2 * beyond if fell else -2 * beyond
    if layer.threshold is not None and layer.threshold.ndim == 1:
        most = ((matvec.reach - layer.threshold.astype(np.int64)) // 2).clip(-1, matvec.reach)
        return ((matvec.reach - sums) // 2 <= most).astype(np.uint8)
    sums = _wrap(sums, matvec.result.width)
    return sums if layer.threshold is None else levels(sums, layer.threshold)


def _with_parameter(
    acc: Accelerator, fault: Fault, node: Node, given: Value, x: np.ndarray
) -> np.ndarray:
    """A channel's parameter with a bit turned over; ranges stay what the hardware has."""
    lanes = _lanes(acc, fault.layer)
    assert lanes is not None
    parameters, place = lanes.parameters.copy(), fault.place
    which = 0
    while place >= lanes._widths[which]:
        place -= lanes._widths[which]
        which += 1
    own = parameters[fault.output, which]
    parameters[fault.output, which] = _wrap(own ^ np.int64(1 << place), lanes._widths[which])
    layer = node.layer
    match lanes:
        case Scale():
            ends = {"low": lanes.low, "high": lanes.high}
            changed = _raw(layer, multiplier=parameters[:, 0], offset=parameters[:, 1], **ends)
        case Rectify():
            slope, before, after = parameters.T
            changed = _raw(layer, slope=slope, before=before, after=after)
        case Compare():
            if isinstance(layer, Threshold):
                return levels(x, parameters)
            sums = READINGS[type(layer)](_with(layer, layer.weight, None), given, x)
            return levels(sums, parameters)
    return READINGS[type(layer)](changed, given, x)


def _raw(layer: Affine | PReLU, **fields: object) -> Affine | PReLU:
    """The layer with other fields, whatever it would say to these."""
    changed = copy.copy(layer)
    for name, value in fields.items():
        object.__setattr__(changed, name, value)
    return changed


def _band(
    outputs: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    layer: Conv2d | Linear,
    output: int,
    reach: int,
    ones: Sequence[int],
) -> np.ndarray:
    """The layer's outputs, where one output is 1 for m ≤ a and for b ≤ m < c mismatches."""

    def at_most(mismatches: int) -> np.ndarray:
        assert layer.threshold is not None
        threshold = layer.threshold.copy()
        threshold[output] = reach - 2 * min(max(mismatches, -1), reach)
        return outputs(layer.weight, threshold)

    a, b, c = ones
    return at_most(a) | (at_most(c - 1) & ~at_most(b - 1) & 1)


def _ones(healthy: int, width: int, bit: int) -> tuple[int, int, int]:
    """a, b, c: with how many mismatches a sum that starts with one bit wrong ends below 0.

    It does up to −start − 1, and again when it has wrapped around, until it has once more.
    """
    start = healthy ^ (1 << bit) if bit < width - 1 else healthy ^ -(1 << bit)
    return -start - 1, (1 << (width - 1)) - start, (1 << width) - start


def _with(
    layer: Conv2d | Linear, weight: np.ndarray, threshold: np.ndarray | None
) -> Conv2d | Linear:
    return (
        replace(layer, weight=weight, threshold=threshold)
        if isinstance(layer, Linear)
        else Conv2d(weight, threshold, layer.stride, layer.padding, layer.pad_value)
    )


def telling(acc: Accelerator, faults: Sequence[Fault], images: np.ndarray) -> np.ndarray:
    """For each fault an image whose result it changes, or the first image if it changes none.

    Returns
    -------
    int array, shape (faults,): indices of images
    """
    healthy = acc.net.forward(images)
    differs = ((golden(acc, fault, images) != healthy).any(axis=1) for fault in faults)
    return np.array([int(one.argmax()) for one in differs])


def inject(
    acc: Accelerator,
    faults: Sequence[Fault],
    images: np.ndarray,
    folder: Path,
    simulator: SimulatorName = "verilator",
    target: str = "simulation",
) -> np.ndarray:
    """What the RTL gives for image i with fault i.

    Parameters
    ----------
    faults : sequence of N Fault
    images : uint8 array, shape (N, ...)
    folder : Path, for what is built and written
    simulator : "verilator" or "icarus"
    target : str, which Verilog of the accelerator

    Returns
    -------
    array shaped as by `Network.forward`

    Raises
    ------
    SimulationError
        If a tool is missing or fails.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    case, result = folder / "faults.npz", folder / "results.npy"
    with replacing(case) as file:
        np.savez(
            file,
            sent=beats.to_words(images, acc.beats_in),
            shape=(len(images), acc.beats_out.count, beats.words(acc.beats_out)),
            faults=json.dumps([flips(acc, fault, target) for fault in faults]),
        )
    settings = {"BITLIGHT_CASE": str(case), "BITLIGHT_RESULT": str(result)}
    run_bench(
        acc.verilog(target),
        "accelerator",
        "fault_bench",
        simulator,
        folder,
        settings,
        public=PUBLIC,
    )
    return beats.from_words(np.load(result), acc.beats_out)

"""Fault injection: one bit of a weight or threshold memory is turned over, and the RTL runs on.

The memory of an FPGA forgets a bit now and then, and a proof that finds no difference is worth what
it would find. So the faulty RTL must be what the golden model says of the same fault.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight.files.replacing import replacing
from bitlight_hw import Accelerator
from bitlight_hw.family import Family, named
from bitlight_hw.units import MatrixVector
from bitlight_sim.native import beats
from bitlight_sim.runner import SimulatorName, run_bench

PUBLIC = 'public_flat_rw -module "*__rom*" -var "words"'


@dataclass(frozen=True)
class Fault:
    """A bit that is turned over.

    Attributes
    ----------
    layer : int
    kind : "weight" or "start"
        A weight, or a bit of what an accumulator starts from, which stands for the threshold.
    output : int
    place : int
        Of the weight among the inputs (ky, kx, channel), or of the bit in the word.
    """

    layer: int
    kind: Literal["weight", "start"]
    output: int
    place: int


def all_faults(acc: Accelerator) -> list[Fault]:
    """Every bit that is in a memory of the simulation, in order."""
    return [fault for fault in _every(acc) if flips(acc, fault, "simulation")]


def _every(acc: Accelerator) -> Iterator[Fault]:
    for index, layer in enumerate(acc.net.layers):
        if isinstance(layer, MaxPool2d):
            continue
        kinds: list[tuple[Literal["weight", "start"], int]] = [("weight", layer.fan_in)]
        if layer.threshold is not None:
            kinds.append(("start", unit(acc, index).start_width))
        for kind, places in kinds:
            for output in range(len(layer.weight)):
                for place in range(places):
                    yield Fault(index, kind, output, place)


def unit(acc: Accelerator, layer: int) -> MatrixVector:
    """The unit of a layer."""
    found = acc.units[f"layer{layer}_matvec"]
    assert isinstance(found, MatrixVector)
    return found


def flips(acc: Accelerator, fault: Fault, target: str) -> list[tuple[str, int, int]]:
    """The bits to turn over in the Verilog of that target: (path of the memory, row, bit).

    A weight is several bits where running parities are stored; none where the memory is a constant.
    """
    family: Family = named(target)
    matvec = unit(acc, fault.layer)
    if fault.kind == "weight":
        changed = matvec.weight_bits(family, fault.output, fault.place)
    else:
        changed = [(*divmod(fault.output, matvec.pe), fault.place)]
    rom = matvec.roms(family)[fault.kind]
    places = [rom.place(family, *bit) for bit in changed]
    return [
        (f"layer{fault.layer}_matvec.{fault.kind}.{instance}.words", row, bit)
        for instance, row, bit in filter(None, places)
    ]


def golden(acc: Accelerator, fault: Fault, images: np.ndarray) -> np.ndarray:
    """What the golden model gives with the same fault, shaped as by `Network.forward`."""
    net = acc.net
    layer = net.layers[fault.layer]
    assert isinstance(layer, Conv2d | Linear)
    bits = net.input_bits if fault.layer == 0 else 1
    inputs = images
    if fault.layer:
        inputs = net.forward(images, upto=fault.layer).reshape(-1, *net.shapes[fault.layer])

    def outputs(changed: Conv2d | Linear) -> np.ndarray:
        return Network(net.shapes[fault.layer], bits, [changed]).forward(inputs)

    if fault.kind == "weight":
        weight = layer.weight.copy()
        weight.reshape(len(weight), -1)[fault.output, fault.place] ^= True
        found = outputs(_with(layer, weight, layer.threshold))
    else:
        matvec = unit(acc, fault.layer)
        ones = _ones(matvec.start_of(fault.output), matvec.start_width, fault.place)
        found = _band(outputs, layer, fault.output, matvec.reach, ones)
    behind = net.layers[fault.layer + 1 :]
    if not behind:
        return found
    shape = net.shapes[fault.layer + 1]
    return Network(shape, 1, behind).forward(found.reshape(-1, *shape))


def _band(
    outputs: Callable[[Conv2d | Linear], np.ndarray],
    layer: Conv2d | Linear,
    output: int,
    reach: int,
    ones: tuple[int, int, int],
) -> np.ndarray:
    """The layer's outputs, where one output is 1 for m ≤ a and for b ≤ m < c mismatches."""

    def at_most(mismatches: int) -> np.ndarray:
        assert layer.threshold is not None
        threshold = layer.threshold.copy()
        threshold[output] = reach - 2 * min(max(mismatches, -1), reach)
        return outputs(_with(layer, layer.weight, threshold))

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
    if isinstance(layer, Linear):
        return replace(layer, weight=weight, threshold=threshold)
    assert threshold is not None
    return Conv2d(weight, threshold, layer.stride, layer.padding, layer.pad_value)


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

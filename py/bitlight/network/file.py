"""The .bnn file: safetensors of packed weights and thresholds, with one JSON header.

The header holds the format's version, the network's id and the layers' parameters; the tensors
`N.weight` (uint8, packed rows), `N.threshold` (int32) and so on belong to layer N. What version 1
cannot say is version 2: `input.codes` (uint8), `output.multiplier` and `output.offset` (float64).
What neither can is version 3: other layers, levels and integers between layers, and graphs, whose
nodes have names and say what they take.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.numpy

from bitlight import bits
from bitlight.errors import NetworkError, reason
from bitlight.files.headers import read_safetensors, room, weigh
from bitlight.files.replacing import replacing
from bitlight.network.graph import Graph, Layers
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
from bitlight.network.surroundings import OutputScale

FORMAT = "bitlight.network"
VERSION = 1
SURROUNDED = 2  # with codes of pixels, or a scale of the scores
GRAPH = 3  # anything but a chain of bits
Made = TypeVar("Made", bound=Graph)
FIELDS = {"format", "version", "id", "network"}


def _describe(net: Graph) -> dict[str, Any]:
    described: dict[str, Any] = {
        "input_shape": list(net.input_shape),
        "input_bits": net.input_bits,
        "layers": [
            _describe_layer(node.layer)
            | ({"name": node.name, "inputs": node.inputs} if _is_graph(net) else {})
            for node in net.nodes
        ],
    }
    if net.codes is not None:
        described["codes"] = list(net.codes.shape)
    if net.output_scale is not None:
        described["output_scale"] = net.output_scale.offset.size
    return described


def _is_graph(net: Graph) -> bool:
    """Whether it is more than a chain of bits, or has names of its own."""
    names = [node.name for node in net.nodes]
    return not net.is_binary_chain or names != [str(index) for index in range(len(names))]


def _version(net: Graph) -> int:
    if _is_graph(net):
        return GRAPH
    return VERSION if net.codes is None and net.output_scale is None else SURROUNDED


def _describe_layer(layer: Layer) -> dict[str, Any]:
    return {"type": type(layer).__name__, **FORMS[type(layer)].describe(layer)}


def _text(description: dict[str, Any]) -> str:
    return json.dumps(description, sort_keys=True)


def _tensors(net: Graph) -> Iterator[tuple[str, np.ndarray]]:
    """Names and tensors, sorted by name, each made when it is asked for."""
    for index, layer in sorted(enumerate(net.layers), key=lambda item: f"{item[0]}."):
        for name, tensor in FORMS[type(layer)].tensors(layer):
            yield f"{index}.{name}", tensor
    if net.codes is not None:
        yield "input.codes", net.codes
    if net.output_scale is not None:
        yield "output.multiplier", net.output_scale.multiplier.astype("<f8")
        yield "output.offset", net.output_scale.offset.astype("<f8")


def digest(net: Graph) -> str:
    """SHA-256 of all that the network computes: its description, then its tensors by name.

    Each part, names included, comes behind its length in eight bytes, little-endian.
    """
    found = hashlib.sha256()

    def take(part: bytes | memoryview) -> None:
        found.update(struct.pack("<Q", len(part)))
        found.update(part)

    take(_text(_describe(net)).encode())
    for name, tensor in _tensors(net):
        take(name.encode())
        take(tensor.data.cast("B"))
    return found.hexdigest()


def save(net: Graph, id: str, path: str | os.PathLike[str]) -> None:
    """Write the network; the name never stands for half a file.

    Raises
    ------
    NetworkError
        If it has so many nodes, and so few weights, that `load` would refuse the file.
    """
    header = {"format": FORMAT, "version": _version(net), "id": id, "network": _describe(net)}
    # One key alone, because the order of several would differ between runs.
    metadata = {"bitlight": json.dumps(header, sort_keys=True)}
    content = safetensors.numpy.save(dict(_tensors(net)), metadata=metadata)
    try:
        (length,) = struct.unpack("<Q", content[:8])
        weigh(content[8 : 8 + length].decode(), room(len(content)))
    except ValueError as error:
        raise NetworkError(f"too many nodes for a .bnn file: {error}") from error
    with replacing(path) as file:
        file.write(content)


def load(path: str | os.PathLike[str], make: type[Made]) -> tuple[Made, Any]:
    """Read a network, made by its class, and the id that the file says it has."""
    if not Path(path).is_file():
        raise NetworkError(f"no such file: {path}")
    try:
        header, tensors = read_safetensors(path)
        kind, version = header["format"], header["version"]
        if kind != FORMAT or version not in (VERSION, SURROUNDED, GRAPH) or version is True:
            raise NetworkError(
                f"it is {kind!r:.80} version {version!r:.80}, "
                f"this bitlight reads {FORMAT} versions {VERSION} to {GRAPH}"
            )
        if header.keys() != FIELDS:
            raise NetworkError(f"its header should have the fields {', '.join(sorted(FIELDS))}")
        if not isinstance(header["network"], dict):
            raise NetworkError("its description is no object")
        net = _rebuild(header["network"], tensors, make)
        if version != _version(net):
            raise NetworkError(f"it says more or less than version {version} can")
        if _text(_describe(net)) != _text(header["network"]):
            raise NetworkError("its header says more than a network has, or says it otherwise")
        return net, header["id"]
    except (safetensors.SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
        raise NetworkError(f"{path} is not a whole .bnn file: {reason(error)}") from error


def _rebuild(description: dict[str, Any], tensors: dict[str, np.ndarray], make: type[Made]) -> Made:
    layers = [
        _rebuild_layer(layer, index, tensors) for index, layer in enumerate(description["layers"])
    ]
    codes, scale = tensors.pop("input.codes", None), None
    if (codes is None) != ("codes" not in description):
        raise NetworkError("its codes of pixels are missing, or stand where none are wanted")
    if "output_scale" in description:
        parts = [tensors.pop(f"output.{name}") for name in ("multiplier", "offset")]
        if any(part.dtype != np.float64 for part in parts):
            raise NetworkError("its scale of the scores is not float64")
        scale = OutputScale(*parts)
    if tensors:
        raise NetworkError(f"tensor {min(tensors)!r:.80} belongs to no layer")
    shape, input_bits = tuple(description["input_shape"]), description["input_bits"]
    given = _named(description["layers"], layers)
    return make(shape, input_bits, given, codes=codes, output_scale=scale)


def _named(described: list[dict[str, Any]], layers: list[Layer]) -> Layers:
    """A chain where the nodes' names are numbers; else a graph."""
    names = [entry.get("name", str(index)) for index, entry in enumerate(described)]
    if names == [str(index) for index in range(len(names))]:
        return layers
    if len(set(names)) < len(names):
        raise NetworkError("two nodes have one name")
    return {
        name: (layer, *entry["inputs"])
        for name, layer, entry in zip(names, layers, described, strict=True)
    }


def _rebuild_layer(layer: dict[str, Any], index: int, tensors: dict[str, np.ndarray]) -> Layer:
    for kind, form in FORMS.items():
        if kind.__name__ == layer["type"]:
            prefix = f"{index}."
            names = [name for name in tensors if name.startswith(prefix)]
            own = {name.removeprefix(prefix): tensors.pop(name) for name in names}
            return form.rebuild(layer, own)
    raise NetworkError(f"unknown layer type {layer['type']!r}")


@dataclass(frozen=True)
class Form:
    """How one type of layer is written.

    Attributes
    ----------
    describe : callable, from a layer to its fields in the header
    tensors : callable, from a layer to the names and arrays of its tensors, sorted by name
    rebuild : callable, from fields and tensors to the layer
    """

    describe: Callable[[Any], dict[str, Any]]
    tensors: Callable[[Any], Iterator[tuple[str, np.ndarray]]]
    rebuild: Callable[[dict[str, Any], dict[str, np.ndarray]], Layer]


def _weights(layer: Conv2d | Linear) -> Iterator[tuple[str, np.ndarray]]:
    if layer.threshold is not None:
        yield "threshold", layer.threshold.astype("<i4")
    yield "weight", bits.pack(layer.weight.reshape(len(layer.weight), -1))


def _unpacked(layer: dict[str, Any], packed: np.ndarray | None) -> np.ndarray:
    """A layer's weight, whose packed size is compared with what its header says."""
    shape = tuple(layer["weight"])
    if not all(type(n) is int and n > 0 for n in shape) or len(shape) < 2:
        raise NetworkError(f"a layer's weight cannot have the shape {layer['weight']!r:.80}")
    outputs, fan_in = shape[0], math.prod(shape[1:])
    # Compared before unpacking, so that no header can ask for more memory than the file has.
    if packed is None or packed.dtype != np.uint8 or packed.shape != (outputs, -(-fan_in // 8)):
        raise NetworkError(f"the packed weight of a layer {shape} is missing or of another size")
    if fan_in % 8 and (packed[:, -1] >> fan_in % 8).any():
        raise NetworkError(f"the packed weight of a layer {shape} has bits behind its rows")
    flat = bits.unpack(packed, fan_in)
    flat.flags.writeable = False  # and so taken without a copy
    return flat.view(bool).reshape(shape)


def _compared(layer: Conv2d | Linear) -> dict[str, Any]:
    """What version 1 does not say of what becomes of the sums."""
    if layer.threshold is None or layer.threshold.ndim == 1:
        return {}
    return {"levels": layer.threshold.shape[1]}


def _own(own: dict[str, np.ndarray], *names: str) -> None:
    """Refuse tensors that a layer does not have."""
    if own.keys() - set(names):
        raise NetworkError(f"a layer has no tensor {min(own.keys() - set(names))!r:.80}")


def _conv(layer: dict[str, Any], own: dict[str, np.ndarray]) -> Conv2d:
    _own(own, "weight", "threshold")
    weight, threshold = _unpacked(layer, own.get("weight")), own.get("threshold")
    if (threshold is None) != layer.get("scores", False):
        raise NetworkError(
            f"the thresholds of a layer {weight.shape} are missing, or stand where sums are wanted"
        )
    return Conv2d(
        weight, threshold, tuple(layer["stride"]), tuple(layer["padding"]), layer["pad_value"]
    )


def _linear(layer: dict[str, Any], own: dict[str, np.ndarray]) -> Linear:
    _own(own, "weight", "threshold")
    weight, threshold = _unpacked(layer, own.get("weight")), own.get("threshold")
    if layer["scores"] != (threshold is None):
        raise NetworkError("thresholds are missing, or stand where scores are wanted")
    return Linear(weight, threshold)


def _pool(layer: dict[str, Any], own: dict[str, np.ndarray]) -> MaxPool2d:
    if own:
        raise NetworkError("a MaxPool2d has no weights and no thresholds")
    return MaxPool2d(tuple(layer["kernel"]), tuple(layer["stride"]))


def _sum_pool(layer: dict[str, Any], own: dict[str, np.ndarray]) -> SumPool2d:
    _own(own)
    if layer["kernel"] == "all":
        return SumPool2d("all")
    return SumPool2d(tuple(layer["kernel"]), tuple(layer["stride"]))


def _of_parts(kind: Any, fields: tuple[str, ...], tensors: tuple[str, ...]) -> Form:
    """The form of a layer that is some numbers and some arrays, which are as they are written."""

    def rebuild(layer: dict[str, Any], own: dict[str, np.ndarray]) -> Layer:
        _own(own, *tensors)
        found: Layer = kind(
            **{name: layer[name] for name in fields}, **{name: own[name] for name in tensors}
        )
        return found

    return Form(
        lambda layer: {name: getattr(layer, name) for name in fields},
        lambda layer: ((name, getattr(layer, name)) for name in tensors),
        rebuild,
    )


FORMS: dict[type, Form] = {
    Conv2d: Form(
        lambda layer: (
            {
                "weight": layer.weight.shape,
                "stride": layer.stride,
                "padding": layer.padding,
                "pad_value": layer.pad_value,
            }
            | _compared(layer)
            | ({"scores": True} if layer.threshold is None else {})
        ),
        _weights,
        _conv,
    ),
    Linear: Form(
        lambda layer: (
            {"weight": layer.weight.shape, "scores": layer.threshold is None} | _compared(layer)
        ),
        _weights,
        _linear,
    ),
    MaxPool2d: Form(
        lambda layer: {"kernel": layer.kernel, "stride": layer.stride},
        lambda layer: iter(()),
        _pool,
    ),
    SumPool2d: Form(
        lambda layer: {"kernel": layer.kernel, "stride": layer.stride},
        lambda layer: iter(()),
        _sum_pool,
    ),
    Threshold: _of_parts(Threshold, (), ("threshold",)),
    Affine: _of_parts(Affine, ("shift", "low", "high"), ("multiplier", "offset")),
    PReLU: _of_parts(PReLU, ("shift",), ("after", "before", "slope")),
    Add: _of_parts(Add, ("low", "high"), ()),
    Concat: _of_parts(Concat, (), ()),
}

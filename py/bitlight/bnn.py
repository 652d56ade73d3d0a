"""The .bnn file: safetensors of packed weights and thresholds, with one JSON header.

The header holds the format's version, the network's id and the layers' parameters; the tensors
`N.weight` (uint8, packed rows) and `N.threshold` (int32) belong to layer N.
"""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from bitlight import bits
from bitlight.errors import NetworkError
from bitlight.files import replacing
from bitlight.layers import Conv2d, Layer, Linear, MaxPool2d
from bitlight.network import Network

FORMAT = "bitlight.network"
VERSION = 1


def _describe(net: Network) -> dict[str, Any]:
    return {
        "input_shape": list(net.input_shape),
        "input_bits": net.input_bits,
        "layers": [_describe_layer(layer) for layer in net.layers],
    }


def _describe_layer(layer: Layer) -> dict[str, Any]:
    if isinstance(layer, MaxPool2d):
        return {"type": "MaxPool2d", "kernel": layer.kernel, "stride": layer.stride}
    shape = {"type": type(layer).__name__, "weight": layer.weight.shape}
    if isinstance(layer, Linear):
        return shape | {"scores": layer.threshold is None}
    return shape | {
        "stride": layer.stride,
        "padding": layer.padding,
        "pad_value": layer.pad_value,
    }


def _tensors(net: Network) -> dict[str, np.ndarray]:
    tensors = {}
    for index, layer in enumerate(net.layers):
        if isinstance(layer, MaxPool2d):
            continue
        tensors[f"{index}.weight"] = bits.pack(layer.weight.reshape(len(layer.weight), -1))
        if layer.threshold is not None:
            tensors[f"{index}.threshold"] = layer.threshold.astype("<i4")
    return tensors


def canonical(net: Network) -> bytes:
    """All that the network computes, as bytes that two equal networks share."""
    parts = [json.dumps(_describe(net), sort_keys=True).encode()]
    for name, tensor in sorted(_tensors(net).items()):
        parts += [name.encode(), tensor.tobytes()]
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write the network; the name never stands for half a file."""
    header = {"format": FORMAT, "version": VERSION, "id": net.id, "network": _describe(net)}
    # One key alone, because the order of several would differ between runs.
    metadata = {"bitlight": json.dumps(header, sort_keys=True)}
    with replacing(path) as file:
        file.write(safetensors.numpy.save(_tensors(net), metadata=metadata))


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network and check that it is the one that was written."""
    if not Path(path).is_file():
        raise NetworkError(f"no such file: {path}")
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            header = json.loads((file.metadata() or {})["bitlight"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise NetworkError(
                f"{path} is {header['format']} version {header['version']}, "
                f"this bitlight reads {FORMAT} version {VERSION}"
            )
        net = _rebuild(header["network"], tensors)
        recorded = header["id"]
    except (safetensors.SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, NetworkError) and str(path) in str(error):
            raise
        raise NetworkError(f"{path} is not a whole .bnn file: {error}") from error
    if net.id != recorded:
        raise NetworkError(
            f"{path} was altered: its content is {net.id}, its header says {recorded}"
        )
    return net


def _rebuild(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    layers = [
        _rebuild_layer(layer, tensors.get(f"{index}.weight"), tensors.get(f"{index}.threshold"))
        for index, layer in enumerate(description["layers"])
    ]
    return Network(tuple(description["input_shape"]), description["input_bits"], layers)


def _rebuild_layer(
    layer: dict[str, Any], packed: np.ndarray | None, threshold: np.ndarray | None
) -> Layer:
    if layer["type"] == "MaxPool2d":
        return MaxPool2d(tuple(layer["kernel"]), tuple(layer["stride"]))
    if layer["type"] not in ("Conv2d", "Linear"):
        raise NetworkError(f"unknown layer type {layer['type']!r}")
    shape = tuple(layer["weight"])
    outputs, fan_in = shape[0], int(np.prod(shape[1:]))
    # Compared before unpacking, so that no header can ask for more memory than the file has.
    if packed is None or packed.dtype != np.uint8 or packed.shape != (outputs, -(-fan_in // 8)):
        raise NetworkError(f"the packed weight of a layer {shape} is missing or of another size")
    weight = bits.unpack(packed, fan_in).astype(bool).reshape(shape)
    if layer["type"] == "Linear":
        if layer["scores"] != (threshold is None):
            raise NetworkError("thresholds are missing, or stand where scores are wanted")
        return Linear(weight, threshold)
    if threshold is None:
        raise NetworkError(f"the thresholds of a layer {shape} are missing")
    return Conv2d(
        weight, threshold, tuple(layer["stride"]), tuple(layer["padding"]), layer["pad_value"]
    )

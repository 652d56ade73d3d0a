"""The head file: safetensors of weights and bias with one JSON header, as a .bnn file has it.

`weight` is float32, float16, int8, or uint8 of packed rows for bits; `bias` is float64, which bits
do without. The header holds the rest, and a digest of itself and the tensors.
"""

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from bitlight import bits
from bitlight.data.placing import Placing
from bitlight.errors import HeadError, reason
from bitlight.files.headers import ROOM, TIMES, read_safetensors
from bitlight.files.replacing import replacing
from bitlight.heads.calibration import TEMPERATURES
from bitlight.heads.readout import DTYPES, INPUTS, Readout
from bitlight.identity import check_id

FORMAT = "bitlight.head"
VERSION = 3

Tensors = dict[str, np.ndarray]


def describe(head: Any) -> dict[str, Any]:
    """The header of a head: all but its weights."""
    return {
        "type": type(head).__name__,
        "parameters": _plain(head.get_params()),
        "inputs": head.inputs_,
        "temperature": head.temperature_,
        "classes": head.classes_.tolist(),
        "class_names": head.class_names_,
        "extractor_id": head.extractor_id_,
        "projection": head.projection_,
        "placing": head.placing_,
        "trained": head._trained(),
    }


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those parameters that JSON gives back as they are; the others will be the defaults."""
    kept = {}
    for name, value in parameters.items():
        plain = list(value) if isinstance(value, tuple | np.ndarray) else value
        with contextlib.suppress(TypeError, ValueError):
            if json.loads(json.dumps(plain)) == plain:
                kept[name] = plain
    return kept


def write(path: str | os.PathLike[str], header: dict[str, Any], readout: Readout) -> None:
    """Write the file; the same head gives the same bytes."""
    if header["extractor_id"] is not None:
        try:
            check_id(header["extractor_id"], "extractor_id")
        except ValueError as error:
            raise HeadError(str(error)) from None
    tensors = _tensors(readout)
    outputs, features = readout.weight.shape
    header = header | {
        "format": FORMAT,
        "version": VERSION,
        "dtype": readout.dtype,
        "outputs": outputs,
        "features": features,
        "scale": readout.scale,
    }
    header["sha256"] = _digest(header, tensors)
    # One key alone, because the order of several would differ between runs.
    metadata = {"bitlight": json.dumps(header, sort_keys=True)}
    with replacing(path) as file:
        file.write(safetensors.numpy.save(tensors, metadata=metadata))


def read(path: str | os.PathLike[str], kinds: Collection[str]) -> tuple[dict[str, Any], Readout]:
    """Read header and weights of a head of one of those types.

    Raises
    ------
    HeadError
        If the file is missing, truncated, altered, or holds another type of head.
    """
    if not Path(path).is_file():
        raise HeadError(f"no such file: {path}")
    with refusing(path):
        header, tensors = read_safetensors(path)
        found = f"{header['format']} version {header['version']}"
        if found != f"{FORMAT} version {VERSION}":
            raise HeadError(f"it is {found:.80}, this bitlight reads {FORMAT} version {VERSION}")
        if header["sha256"] != _digest(header, tensors):
            raise HeadError("it was altered")
        if header["type"] not in kinds:
            raise HeadError(f"it holds a {header['type']!s:.80}, not a {' or '.join(kinds)}")
        _check_labels(header, max(ROOM, TIMES * Path(path).stat().st_size))
        readout = _rebuild(header, tensors)
    return header, readout


def restore(head: Any, header: Mapping[str, Any], readout: Readout) -> None:
    """Give a head what its file says."""
    head._readout = readout
    head.classes_ = np.array(header["classes"])
    head.n_features_in_ = readout.weight.shape[1]
    head.class_names_ = header["class_names"] and tuple(header["class_names"])
    head.extractor_id_, head.projection_ = header["extractor_id"], header["projection"]
    head.placing_ = header.get("placing")  # files of before have none
    head.inputs_, head.temperature_ = header["inputs"], float(header["temperature"])
    head._restore(header["trained"])
    outputs, classes = len(readout.bias), len(head.classes_)
    lowest, highest = TEMPERATURES
    if outputs != classes and (outputs, classes) != (1, 2):
        raise HeadError(f"{classes} classes do not fit {outputs} outputs")
    if head.inputs_ not in INPUTS or not lowest <= head.temperature_ <= highest:
        raise HeadError(f"no inputs {head.inputs_!r:.80} or temperature {head.temperature_}")


def check_source(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    extractor_id: str,
    projection: Mapping[str, Any] | None,
) -> None:
    """HeadError unless the head was trained for features of that extractor and projection."""
    if header["extractor_id"] != extractor_id:
        raise HeadError(
            f"{path} was trained for extractor {header['extractor_id']}, not for {extractor_id}"
        )
    wanted = projection and json.loads(json.dumps(dict(projection)))
    if header["projection"] != wanted:
        raise HeadError(
            f"{path} was trained for the projection {header['projection']}, not for {wanted}"
        )


@contextlib.contextmanager
def refusing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever a damaged file makes go wrong inside the block into a HeadError."""
    try:
        yield
    except (
        safetensors.SafetensorError,
        ArithmeticError,
        OSError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise HeadError(f"{path} is not a whole head file: {reason(error)}") from error


def _is_unicode(text: str) -> bool:
    """Whether it can be written anywhere: JSON lets halves of surrogate pairs through."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tensors(readout: Readout) -> Tensors:
    if readout.dtype == "bits":
        return {"weight": bits.pack(readout.weight)}
    weight = np.ascontiguousarray(readout.weight)
    return {"weight": weight, "bias": np.ascontiguousarray(readout.bias, "<f8")}


def _check_labels(header: Mapping[str, Any], room: int) -> None:
    """Whether classes and what belongs to them are of the kinds that `describe` writes."""
    classes, names = header["classes"], header["class_names"]
    kinds = set(map(type, classes)) if isinstance(classes, list) else set()
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        raise HeadError("its classes are not all labels of one kind")
    if len(classes) < 2:
        raise HeadError("it has one class, and a head needs two or more")
    for text in (*(classes if kinds == {str} else ()), *(names or ())):
        if not isinstance(text, str) or (not text.isascii() and not _is_unicode(text)):
            raise HeadError(f"{text!r:.80} is no text for a class")
    # NumPy gives each label the room of the longest.
    if kinds == {str} and 4 * len(classes) * max(map(len, classes)) > room:
        raise HeadError("its longest class is much longer than the others")
    if any(not low < high for low, high in itertools.pairwise(classes)):
        raise HeadError("its classes are not sorted")
    array = np.array(classes)
    if array.dtype.kind not in "biufU" or array.tolist() != classes:
        raise HeadError("its classes are too large")
    if names is not None and not (
        isinstance(names, list)
        and len(names) == len(classes)
        and all(isinstance(name, str) for name in names)
    ):
        raise HeadError(f"its class names are not {len(classes)} texts")
    if header["extractor_id"] is not None:
        check_id(header["extractor_id"], "its extractor's id")
    if not isinstance(header["projection"], dict | None):
        raise HeadError("its projection is no object")
    placing = header.get("placing")
    if placing is not None:
        Placing(**placing)


def _rebuild(header: Mapping[str, Any], tensors: Tensors) -> Readout:
    dtype, outputs, features = header["dtype"], header["outputs"], header["features"]
    if dtype not in DTYPES:
        raise HeadError(f"its weights are {dtype!r:.80}, not {', '.join(DTYPES)}")
    if not all(type(n) is int and n > 0 for n in (outputs, features)):
        raise HeadError(f"no outputs {outputs!r:.80} or features {features!r:.80}")
    packed = dtype == "bits"
    wanted: dict[str, tuple[int, ...]] = {
        "weight": (outputs, -(-features // 8) if packed else features)
    }
    wanted |= {} if packed else {"bias": (outputs,)}
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    types = {name: tensor.dtype.name for name, tensor in tensors.items()}
    # Compared before unpacking, so that no header can ask for more memory than the file has.
    if shapes != wanted or types["weight"] != ("uint8" if packed else dtype):
        raise HeadError(f"its tensors are {shapes}, {types}, not {wanted} of {dtype}")
    if packed:
        return Readout.of_bits(bits.unpack(tensors["weight"], features).view(bool))
    scale = float(header["scale"])
    if not 0 < scale < np.inf or tensors["bias"].dtype != np.float64:
        raise HeadError(f"no scale {scale}, or a bias of {types['bias']}")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise HeadError("its weights are not all finite")
    return Readout(tensors["weight"], tensors["bias"], scale)


def _digest(header: Mapping[str, Any], tensors: Tensors) -> str:
    rest = {name: value for name, value in header.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode() + b"\n")
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode() + tensor.tobytes())
    return digest.hexdigest()

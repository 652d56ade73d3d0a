"""Mutations of networks, heads and stores: their headers stay readable, and say something else."""

import hashlib
import json
import struct

from fuzzing.mutations import (
    bytes_anywhere,
    close_safetensors,
    json_anywhere,
    open_safetensors,
    to_text,
)


def network(rng, content):
    """A .bnn file with another header, often signed anew."""
    header, data = open_safetensors(content)
    inner = json.loads(header["__metadata__"]["bitlight"])
    inner, header = _either(rng, inner, header)
    if rng.random() < 0.7 and isinstance(inner.get("network"), dict):
        inner["id"] = network_id(inner["network"], header, data)
    _put(header, inner)
    return close_safetensors(header, data)


def head(rng, content):
    """A head file with another header, often signed anew."""
    header, data = open_safetensors(content)
    inner = json.loads(header["__metadata__"]["bitlight"])
    inner, header = _either(rng, inner, header)
    if rng.random() < 0.7 and "sha256" in inner:
        inner["sha256"] = head_digest(inner, header, data)
    _put(header, inner)
    return close_safetensors(header, data)


def _either(rng, inner, header):
    kind = rng.random()
    if kind < 0.75:
        inner = json_anywhere(rng, inner)
    if kind > 0.65:
        meta, header = header.pop("__metadata__"), json_anywhere(rng, header)
        header["__metadata__"] = meta
    return inner, header


def _put(header, inner):
    if isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["bitlight"] = inner


def network_id(description, header, data):
    """What the format says the id is, worked out here for whatever stands in the file."""
    parts = [to_text(description, sort_keys=True).encode()]
    for name, entry in sorted(header.items()):
        if name != "__metadata__" and isinstance(entry, dict):
            parts += [name.encode(), _bytes_of(entry, data)]
    return hashlib.sha256(b"".join(struct.pack("<Q", len(p)) + p for p in parts)).hexdigest()


def head_digest(inner, header, data):
    """The digest of a head file as the format has it."""
    rest = {name: value for name, value in inner.items() if name != "sha256"}
    digest = hashlib.sha256(to_text(rest, sort_keys=True).encode() + b"\n")
    kinds = {"U8": "|u1", "I8": "|i1", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
    for name, entry in sorted(header.items()):
        if name != "__metadata__" and isinstance(entry, dict):
            kind, shape = kinds.get(str(entry.get("dtype"))), entry.get("shape")
            shape = tuple(shape) if isinstance(shape, list) else shape
            digest.update(f"{name} {kind} {shape}\n".encode() + _bytes_of(entry, data))
    return digest.hexdigest()


def _bytes_of(entry, data):
    offsets = entry.get("data_offsets")
    if not (isinstance(offsets, list) and len(offsets) == 2):
        return b""
    if not all(isinstance(offset, int) and abs(offset) < 2**60 for offset in offsets):
        return b""
    return data[slice(*offsets)]


def described(rng, content):
    """A file of a store behind its number, with other values if it is JSON."""
    try:
        values = json.loads(content[1:])
    except ValueError:
        return content[:1] + bytes_anywhere(rng, content[1:], [content[1:]])
    return content[:1] + to_text(json_anywhere(rng, values)).encode()

"""Mutations that know a format: its headers stay readable, and say something else."""

import functools
import gzip
import hashlib
import io
import json
import pickle
import struct
import zipfile
import zlib

import numpy as np

from fuzzing.mutations import (
    LENGTHS,
    bytes_anywhere,
    close_safetensors,
    json_anywhere,
    open_safetensors,
    to_text,
)


def mostly(structural, share=0.6):
    """A mutation that is structural as often as that, and of bytes anywhere otherwise."""

    def mutate(rng, content, others):
        if rng.random() >= share:
            return bytes_anywhere(rng, content, others)
        changed = structural(rng, content)
        return bytes_anywhere(rng, changed, others) if rng.random() < 0.1 else changed

    return mutate


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


def idx(rng, content):
    """A gzipped IDX file with other numbers in its header, or another gzip around it."""
    inner = bytearray(gzip.decompress(content))
    kind = rng.random()
    if kind < 0.5:
        for _ in range(int(rng.integers(1, 3))):
            at = int(rng.integers(min(len(inner), 20)))
            if at < 4:
                inner[at] = int(rng.choice([0, 1, 3, 4, 5, 8, 13, 255]))
            else:
                value = int(rng.choice(LENGTHS)) % 2**32 + int(rng.integers(-1, 2))
                inner[at & ~3 : (at & ~3) + 4] = (value % 2**32).to_bytes(4, "big")
    elif kind < 0.7:
        inner = bytearray(bytes_anywhere(rng, bytes(inner), [bytes(inner)]))
    elif kind < 0.8:
        shape = rng.choice([1, 60, 6000, 60_000, 2**20, 2**24, 2**31], 3)
        return struct.pack(">I3I", 0x803, *map(int, shape)) and _bomb(shape)
    elif kind < 0.9:
        return gzip.compress(bytes(inner[:50]), 1) + gzip.compress(bytes(inner[50:]), 1)
    else:
        return content + _zeros(1 << 24)
    return gzip.compress(bytes(inner), 1)


def _bomb(shape):
    """A gzip of an IDX header of that shape and of 16 MiB of zeros."""
    header = struct.pack(">I3I", 0x803, *(int(n) for n in shape))
    return gzip.compress(header, 1) + _zeros(1 << 24)


@functools.cache
def _zeros(size):
    return gzip.compress(bytes(size))


def npy(rng, content):
    """A .npy file whose header says something else."""
    length = struct.unpack("<H", content[8:10])[0]
    header, data = content[10 : 10 + length].decode("latin1"), content[10 + length :]
    for _ in range(int(rng.integers(1, 3))):
        header = _npy_header(rng, header)
    if rng.random() < 0.05:
        return content[:10] + pickle.dumps([1] * 1000)
    if rng.random() < 0.9:
        header = header.strip().ljust(118 - 1) + "\n"
    version = bytes([int(rng.choice([1, 1, 1, 2, 3, 9])), 0])
    text = header.encode("latin1", "replace")
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text) % 65536)
    return b"\x93NUMPY" + version + size + text + data


def _npy_header(rng, header):
    shapes = ["()", "(-1,)", "(9223372036854775807, 2)", "(1000000000000,)", "(0, 3)", "(True,)"]
    shapes += ["(2.5,)", "(4294967296, 4294967296)", "(" * 150, "-" * 5000 + "1", "[1, 2]", "None"]
    shapes += ["(" + "1," * 70 + ")", "(10000, 10000, 1)", "(3, 4L)", "[[],[],[]," * 900]
    kinds = ["'|O'", "'<U1000000000'", "'<f8'", "'<m8'", "'|V0'", "[('a', '<f8')]", "'a5'", "'x'"]
    kinds += ["'>f4'", "'|b1'", "'<c16'", "None", "'<U4'", "[('a', '|O')]", "('<f8', (1000000,))"]
    change = int(rng.integers(4))
    if change == 0 and "'shape':" in header:
        start = header.index("'shape':") + 9
        return header[:start] + shapes[int(rng.integers(len(shapes)))] + ", }"
    if change == 1 and "'descr':" in header and "'fortran" in header:
        start, end = header.index("'descr':") + 9, header.index(", 'fortran")
        return header[:start] + kinds[int(rng.integers(len(kinds)))] + header[end:]
    if change == 2:
        return header.replace("False", str(rng.choice(["True", "1", "None", "open"])))
    return header.replace(*(("'shape'", "'form'") if rng.random() < 0.5 else ("{", "{'more': 1, ")))


def archive(rng, content):
    """A zip file with other members."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    at = int(rng.integers(len(members)))
    name, data = members[at]
    packed = zipfile.ZIP_STORED
    kind = int(rng.integers(8))
    if kind <= 2 and data[:6] == b"\x93NUMPY":
        members[at] = name, npy(rng, data)
    elif kind == 3:
        del members[at]
    elif kind == 4:
        members.append((str(rng.choice([name, "../../x.npy", "", "features", "x" * 300])), data))
    elif kind == 5:
        packed = int(rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    elif kind == 6:
        return _archive_of_many(int(rng.choice([100, 5000])))
    else:
        members[at] = name, bytes_anywhere(rng, data, [member for _, member in members])
    if rng.random() < 0.05:
        return _packed_bomb(name)
    return _zip(members, packed)


@functools.cache
def _archive_of_many(count):
    return _zip([(f"{number}", b"") for number in range(count)])


@functools.cache
def _packed_bomb(name):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1 << 21, 8), np.uint8))
    return _zip([(name, buffer.getvalue())], zipfile.ZIP_DEFLATED)


def _zip(members, packed=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        for name, data in members:
            with file.open(zipfile.ZipInfo(name) if packed == 0 else name, "w") as member:
                member.write(data)
    return buffer.getvalue()


def image(rng, content):
    """An image of other sizes, or with other chunks."""
    content = bytearray(content)
    if content[:4] == b"\x89PNG":
        return _png(rng, bytes(content))
    size = int(rng.choice([0, 1, 2, 255, 256, 5000, 20_000, 65_535]))
    if content[:2] == b"\xff\xd8" and b"\xff\xc0" in content:
        at = content.index(b"\xff\xc0") + 5 + 2 * int(rng.integers(2))
        content[at : at + 2] = size.to_bytes(2, "big")
    elif content[:3] == b"GIF":
        at = int(rng.choice([6, 8])) if rng.random() < 0.5 else int(rng.integers(6, 60))
        content[at : at + 2] = size.to_bytes(2, "little")
    elif content[:2] == b"BM":
        at = int(rng.choice([18, 22, 28, 30, 34, 46]))
        content[at : at + 4] = int(rng.choice(LENGTHS) % 2**32).to_bytes(4, "little")
    elif content[:1] == b"P":
        sizes = f"{size} {int(rng.choice(LENGTHS[:-2]))}".encode()
        return bytes(content[:3]) + sizes + bytes(content[content.index(b"\n", 3) :])
    elif content[:2] == b"II":
        start = struct.unpack("<I", content[4:8])[0]
        at = start + 2 + 12 * int(rng.integers(8)) + int(rng.choice([0, 2, 4, 8]))
        content[at : at + 4] = int(rng.choice(LENGTHS) % 2**32).to_bytes(4, "little")
    else:
        at = int(rng.integers(12, min(40, len(content))))
        content[at : at + 3] = int(rng.choice(LENGTHS) % 2**24).to_bytes(3, "little")
    return bytes(content)


def _png(rng, content):
    chunks, at = [], 8
    while at + 8 <= len(content):
        size = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + size]])
        at += 12 + size
    kind = int(rng.integers(6))
    which = int(rng.integers(len(chunks)))
    if kind <= 1:
        data = bytearray(chunks[0][1])
        place = int(rng.choice([0, 4]))
        size = int(rng.choice([0, 1, 100, 5000, 9000, 20_000, 2**31 - 1, 2**31, 2**32 - 1]))
        data[place : place + 4] = size.to_bytes(4, "big")
        if rng.random() < 0.3:
            data[int(rng.integers(8, 13))] = int(rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255]))
        chunks[0][1] = bytes(data)
    elif kind == 2:
        chunks[which][1] = bytes_anywhere(rng, chunks[which][1], [content])
    elif kind == 3:
        names = [b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"gAMA", b"IEND"]
        chunks.insert(which, [names[int(rng.integers(len(names)))], rng.bytes(40)])
    elif kind == 4:
        chunks.insert(1, [b"zTXt", b"a\0\0" + _deflated(1 << 23)])
    else:
        chunks.insert(which, chunks[int(rng.integers(len(chunks)))])
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@functools.cache
def _deflated(size):
    return zlib.compress(bytes(size))


def graph(rng, content):
    """An ONNX model with other values in one to three of its fields."""
    from onnx import ModelProto

    model = ModelProto.FromString(content)
    for _ in range(int(rng.integers(1, 4))):
        _change_field(rng, model)
    if rng.random() < 0.03:
        count = int(rng.choice([1000, 100_000]))
        return model.SerializeToString() + b"\x3a" + _varint(2 * count) + b"\x0a\x00" * count
    return model.SerializeToString()


def _varint(value):
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _change_field(rng, message):
    """Walk down to a field and change it, or leave out or repeat a part."""
    fields = [field for field, _ in message.ListFields()]
    field = fields[int(rng.integers(len(fields)))]
    while field.message_type is not None:
        items = getattr(message, field.name)
        if field.is_repeated:
            at = int(rng.integers(len(items)))
            if (kind := rng.random()) < 0.06:
                del items[at]
                return
            if kind < 0.12:
                items.append(items[at])
                return
            message = items[at]
        else:
            message = items
        fields = [field for field, _ in message.ListFields()]
        if not fields:
            return
        field = fields[int(rng.integers(len(fields)))]
    value = getattr(message, field.name)
    if field.is_repeated:
        count = len(value)
        new = [_scalar(rng, field, value[0]) for _ in range(min(count, 8))] + list(value)[8:]
        del value[:]
        value.extend(new[:-1] if rng.random() < 0.2 else new)
    else:
        setattr(message, field.name, _scalar(rng, field, value))


def _scalar(rng, field, value):
    if isinstance(value, bytes):
        return bytes_anywhere(rng, value, [value]) if value else b"\0\0\x80\x3f"
    if isinstance(value, str):
        names = ["x", "y", "", "c0", "c1", "a\nb", "x" * 5000, "Conv", "Add", "Mul", "BIPOLAR"]
        return str(rng.choice(names))
    if isinstance(value, float):
        return float(rng.choice([0, -1, 0.5, 1e-45, 3e38, np.inf, np.nan]))
    numbers = [0, 1, 2, 3, 6, 7, -1, 2**31 - 1, -(2**31), 5, 8, 255]
    small = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_ENUM)
    number = int(rng.choice(numbers if small else [*numbers, 2**40, 2**63 - 1, -(2**63)]))
    if field.enum_type is not None:
        return field.enum_type.values[number % len(field.enum_type.values)].number
    return number

"""Mutations of IDX, .npy and .npz files: their headers stay readable, and say something else."""

import functools
import gzip
import io
import pickle
import struct
import zipfile

import numpy as np

from fuzzing.mutations import LENGTHS, bytes_anywhere


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

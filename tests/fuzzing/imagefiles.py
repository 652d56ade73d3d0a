"""Mutations of images: other sizes, other chunks."""

import functools
import struct
import zlib

from fuzzing.mutations import LENGTHS, bytes_anywhere


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

"""Mutations of data sets as users have them: batches, archives, lists, MAT-files."""

import functools
import gzip
import itertools
import pickletools
import struct
import zlib

from fuzzing.mutations import LENGTHS, bytes_anywhere

# Steps that no batch takes, and those that it takes where they do not belong.
STEPS = [
    b"cos\nsystem\n",
    b"cnumpy\nload\n",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cbuiltins\nexec\n",
    b"\x8c\x02os\x8c\x06system\x93",
    b"U\x04true\x85R",
    b"K\x00K\x01\x87R",
    b"U\x02O8K\x00K\x01\x87R",
    b"U\x01b\x87R",
    b"i__main__\nx\n",
    b"P0\n",
    b"R",
    b"b",
    b"(",
    b"t",
    b"]" * 3000,
    b"](" * 500,
    b"\x94" * 2000,
    b"}",
    b"N",
    b"0",
    b"s",
    b"u",
    b"e",
    b"a",
    b"h\0",
    b"q\0",
    b".",
    b"T\xff\xff\xff\x7f",
    b"\x8e" + b"\xff" * 7 + b"\x7f",
    b"\x8a\xff" + b"\xff" * 255,
    b"I" + b"9" * 5000 + b"\n",
]
FIELDS = [b"", b"..", b"a/b", b"\0", b"\xff", b"x" * 9000]
TABS = [b" ", b"\t\t", b"\r", b"\x85"]


def batch(rng, content):
    """A pickle some of whose steps are gone, twice there, elsewhere, or others."""
    places = [at for _, _, at in pickletools.genops(content)] + [len(content)]
    steps = [content[start:stop] for start, stop in itertools.pairwise(places)]
    for _ in range(int(rng.integers(1, 3))):
        at, other = (int(n) for n in rng.integers(len(steps), size=2))
        kind = int(rng.integers(5))
        if kind == 0:
            del steps[at]
        elif kind == 1:
            steps.insert(at, steps[other])
        elif kind == 2:
            steps[at], steps[other] = steps[other], steps[at]
        elif kind == 3:
            steps.insert(at, STEPS[int(rng.integers(len(STEPS)))])
        else:
            steps[at] = bytes_anywhere(rng, steps[at], steps)
        if not steps:
            break
    return b"".join(steps)


def rows(rng, content):
    """A binary batch with other labels, or of another length."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        content[3073 * int(rng.integers(len(content) // 3073))] = int(rng.integers(256))
    kind = rng.random()
    if kind < 0.3:
        return bytes(content[: int(rng.integers(len(content)))])
    return bytes(content) + (bytes(int(rng.choice([1, 3072, 3073]))) if kind < 0.6 else b"")


def archive(rng, content):
    """A .tar.gz with another header in it, or too much."""
    inner = bytearray(gzip.decompress(content))
    kind = rng.random()
    if kind < 0.6:
        headers = [at for at in range(0, len(inner), 512) if inner[at + 257 : at + 262] == b"ustar"]
        start = headers[int(rng.integers(len(headers)))]
        field, size = [(0, 100), (124, 12), (148, 8), (156, 1), (257, 6), (345, 155)][
            int(rng.integers(6))
        ]
        new = [b"0" * size, b"7" * size, b"\x80" + b"\xff" * size, rng.bytes(size), b"xLKgS1"]
        new = new[int(rng.integers(len(new)))][:size]
        inner[start + field : start + field + len(new)] = new
        if rng.random() < 0.7:
            _sign(inner, start)
    elif kind < 0.8:
        inner = bytearray(bytes_anywhere(rng, bytes(inner), [bytes(inner)]))
    elif kind < 0.9:
        return content + _zeros(1 << 24)
    else:
        return _zeros(1 << 24)
    return gzip.compress(bytes(inner), 1)


def _sign(inner, start):
    """The right checksum for a header."""
    inner[start + 148 : start + 156] = b" " * 8
    total = sum(inner[start : start + 512])
    inner[start + 148 : start + 156] = f"{total:06o}\0 ".encode()


@functools.cache
def _zeros(size):
    return gzip.compress(bytes(size))


def annotations(rng, content):
    """A list with lines that are gone, twice there, or of other fields."""
    found = content.split(b"\n")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(found)))
        fields = found[at].split(b"\t")
        kind = int(rng.integers(6))
        if kind == 0:
            del found[at]
        elif kind == 1:
            found.insert(at, found[int(rng.integers(len(found)))])
        elif kind == 2:
            fields[int(rng.integers(len(fields)))] = [
                b"",
                b"..",
                b"a/b",
                b"\0",
                b"\xff",
                b"x" * 9000,
            ][int(rng.integers(6))]
            found[at] = b"\t".join(fields)
        elif kind == 3:
            found[at] = b"\t".join(fields[: int(rng.integers(len(fields) + 1))])
        elif kind == 4:
            found[at] = found[at].replace(b"\t", TABS[int(rng.integers(len(TABS)))])
        else:
            found[at] = rng.bytes(int(rng.integers(40)))
        if not found:
            break
    return b"\n".join(found)


def mat(rng, content):
    """A MAT-file with other types and lengths, also in what is deflated."""
    if rng.random() < 0.4 and content[128] == 15:
        size = struct.unpack("<I", content[132:136])[0]
        inner = bytearray(zlib.decompress(content[136 : 136 + size]))
        _tag(rng, inner, 0)
        deflated = zlib.compress(bytes(inner), 1)
        if rng.random() < 0.1:
            deflated = zlib.compress(bytes(1 << 24))
        tag = struct.pack("<II", 15, len(deflated))
        return content[:128] + tag + deflated + content[136 + size :]
    changed = bytearray(content)
    _tag(rng, changed, 124)
    return bytes(changed)


def _tag(rng, content, start):
    """Other types, lengths or sizes near the beginning, where the small elements are."""
    for _ in range(int(rng.integers(1, 3))):
        at = start + 4 * int(rng.integers(20))
        value = int(rng.choice([0, 1, 2, 5, 6, 9, 14, 15, 32, 0x40002, 0x10100]))
        if rng.random() < 0.4:
            value = int(rng.choice(LENGTHS)) % 2**32
        content[at : at + 4] = value.to_bytes(4, "little")

"""What is done to a file: bytes and lengths anywhere, and values within JSON."""

import copy
import json
import struct

LENGTHS = (0, 1, 2, 3, 7, 8, 9, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
LENGTHS += (2**63, 2**64 - 1, 10**9, 10**12)

# JSON that Python cannot be made to write, by the text that stands for it until the end.
RAW = {
    "@deep-lists": "[" * 200_000,
    "@deep-closed": "[" * 50_000 + "]" * 50_000,
    "@deep-objects": '{"a":' * 100_000,
    "@many-lists": "[" + "[]," * 50_000 + "[]]",
    "@many-zeros": "[" + "0," * 100_000 + "0]",
    "@many-keys": "{" + ",".join(f'"{n}":0' for n in range(20_000)) + "}",
    "@beyond-floats": "1e999",
    "@many-digits": "9" * 5000,
    "@half-a-character": '"\\ud800"',
    "@not-a-number": "NaN",
}
VALUES = [*LENGTHS, -1, -(2**31), -(2**63), 10**30, 0.5, 1e308, -1e-300, True, False, None]
VALUES += ["", "x", "a\nb\x1b[31m", "9" * 3000, [], {}, [[]], [0], [1, 1], [-1, -1], [2**40, 2**40]]
VALUES += ["F64", "U8", "BOOL", "F8_E5M2", "float64", "bits", "Linear", "MaxPool2d", *RAW, *RAW]


def bytes_anywhere(rng, content, others):
    """Bits, bytes, lengths, cuts, insertions, and pieces of other files; once to three times."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        change = BYTEWISE[int(rng.integers(len(BYTEWISE)))]
        content = bytearray(change(rng, content, others))
    return bytes(content)


def place(rng, content):
    """An index into the content, often near its beginning or end, where the headers are."""
    size = max(len(content), 1)
    near = int(rng.integers(min(size, 200)))
    return int(rng.choice([int(rng.integers(size)), near, size - 1 - near]))


def _bits(rng, content, others):
    for _ in range(int(rng.integers(1, 9)) if content else 0):
        content[place(rng, content)] ^= 1 << int(rng.integers(8))
    return content


def _bytes(rng, content, others):
    for _ in range(int(rng.integers(1, 9)) if content else 0):
        content[place(rng, content)] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(256)]))
    return content


def _length(rng, content, others):
    size, order = int(rng.choice([1, 2, 4, 8])), rng.choice(["little", "big"])
    value = int(rng.choice(LENGTHS)) if rng.random() < 0.8 else len(content) + int(rng.integers(9))
    at = place(rng, content)
    content[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)
    return content


def _cut(rng, content, others):
    return content[: place(rng, content)]


def _cut_out(rng, content, others):
    at = place(rng, content)
    return content[:at] + content[at + int(rng.integers(1, 100)) :]


def _extend(rng, content, others):
    count = int(rng.choice([1, 8, 100, 5000]))
    return content + (bytes(count) if rng.random() < 0.5 else rng.bytes(count))


def _repeat(rng, content, others):
    at, count = place(rng, content), int(rng.integers(1, 200))
    return content[: at + count] * int(rng.integers(1, 4)) + content[at:]


def _splice(rng, content, others):
    other = others[int(rng.integers(len(others)))]
    if rng.random() < 0.5:
        return content[: place(rng, content)] + other[place(rng, other) :]
    at, start, count = place(rng, content), place(rng, other), int(rng.integers(1, 300))
    return content[:at] + other[start : start + count] + content[at + count :]


BYTEWISE = (_bits, _bytes, _length, _cut, _cut_out, _extend, _repeat, _splice)


def json_anywhere(rng, value):
    """A copy of a JSON value in which one to three things are other ones."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        _change(rng, value)
    return value


def _change(rng, root):
    """Change one place below the root, an object or a list."""
    parent, key = root, None
    while isinstance(parent, dict | list) and len(parent):
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        key = keys[int(rng.integers(len(keys)))]
        child = parent[key]
        if not (isinstance(child, dict | list) and len(child) and rng.random() < 0.8):
            break
        parent = child
    if key is None:
        return
    kind = rng.random()
    if kind < 0.1:
        del parent[key]
    elif kind < 0.2 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind < 0.3 and isinstance(parent[key], int):
        parent[key] += int(rng.choice([-1, 1]))
    elif kind < 0.35 and isinstance(parent, dict):
        parent[str(rng.choice(["", "more", "0.weight", "__metadata__"]))] = copy.deepcopy(
            parent[key]
        )
    else:
        parent[key] = copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])


def to_text(value, **how):
    """JSON text, with what stands in `RAW` put in."""
    text = json.dumps(value, **how)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text


def open_safetensors(content):
    """Header and tensors' bytes of a file that is whole so far."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def close_safetensors(header, data):
    """The file of that header, whose `bitlight` entry may be an object still."""
    if isinstance(header, dict) and isinstance(meta := header.get("__metadata__"), dict):
        inner = meta.get("bitlight")
        if isinstance(inner, dict | list):
            header["__metadata__"] = meta | {"bitlight": to_text(inner, sort_keys=True)}
    text = to_text(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def mostly(structural, share=0.6):
    """A mutation that is structural as often as that, and of bytes anywhere otherwise."""

    def mutate(rng, content, others):
        if rng.random() >= share:
            return bytes_anywhere(rng, content, others)
        changed = structural(rng, content)
        return bytes_anywhere(rng, changed, others) if rng.random() < 0.1 else changed

    return mutate

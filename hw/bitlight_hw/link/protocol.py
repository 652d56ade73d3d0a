"""What passes over the link: frames, their kinds, and how they lie on the wire.

A frame is kind (1 byte), sequence number (2), length of the payload (2), payload, CRC-32 of all
that (4, as zlib has it); numbers have their lowest byte first. On the wire it is stuffed by COBS
(Cheshire and Baker, 1999), so that byte 0 stands between frames and nowhere else: whatever was
lost, doubled or flipped, the next frame is found again at the next 0.

A request is answered by a frame of its kind + 0x80 and its sequence number, in the order of the
requests. A frame that came damaged has no number that could be trusted: DAMAGED stands in its
place. A whole frame that asks for what there is not is REFUSED by its number.
"""

import zlib
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
HEADER_BYTES, CRC_BYTES = 5, 4
MOST_PAYLOAD = 0xFFFF
SEQUENCES = 1 << 16
ANSWER = 0x80
GROUP = 254  # the most bytes without a zero that one code stands for
_CODES = [bytes([code]) for code in range(GROUP + 2)]


class Kind(IntEnum):
    """What a frame asks for; the last two are answers alone."""

    IDENTIFY = 1
    RUN = 2
    COUNTERS = 3
    RESET = 4
    DAMAGED = 5
    REFUSED = 6


@dataclass(frozen=True)
class Frame:
    """A frame that is whole."""

    kind: int
    sequence: int
    payload: bytes


def encode(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """A frame as it goes over the wire, with a 0 before and after it.

    Examples
    --------
    >>> encode(Kind.RESET, 3).hex(" ")
    '00 03 04 03 01 01 05 33 fe 17 21 00'
    """
    header = bytes([kind]) + sequence.to_bytes(2, "little") + len(payload).to_bytes(2, "little")
    body = header + payload
    return b"\0" + stuff(body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")) + b"\0"


def decode(stuffed: bytes) -> Frame | None:
    """The frame between two zeros, or None if it is not whole."""
    body = unstuff(stuffed)
    if body is None or len(body) < HEADER_BYTES + CRC_BYTES:
        return None
    body, crc = body[:-CRC_BYTES], body[-CRC_BYTES:]
    length = int.from_bytes(body[3:HEADER_BYTES], "little")
    if len(body) != HEADER_BYTES + length or zlib.crc32(body) != int.from_bytes(crc, "little"):
        return None
    return Frame(body[0], int.from_bytes(body[1:3], "little"), body[HEADER_BYTES:])


def stuff(body: bytes) -> bytes:
    """Bytes without a zero that stand for these.

    Each group is a code n and n − 1 bytes, and stands for these bytes and a zero; without the zero
    where n is 255, or where the frame ends.
    """
    *pieces, last = body.split(b"\0")
    return b"".join([_group(piece) for piece in pieces]) + _group(last, ends=True)


def _group(piece: bytes, *, ends: bool = False) -> bytes:
    """The groups of bytes without a zero, and of the zero after them unless the frame ends."""
    size = len(piece)
    if size < GROUP:
        return _CODES[size + 1] + piece
    whole = size - size % GROUP
    longest = [_CODES[-1] + piece[first : first + GROUP] for first in range(0, whole, GROUP)]
    if size > whole or not ends:
        longest.append(_CODES[size - whole + 1] + piece[whole:])
    return b"".join(longest)


def unstuff(stuffed: bytes) -> bytes | None:
    """What stuffed bytes stand for, or None where the last group is cut.

    Examples
    --------
    >>> unstuff(stuff(b"a\\0\\0b"))
    b'a\\x00\\x00b'
    """
    groups, place, size = [], 0, len(stuffed)
    while place < size:
        code = stuffed[place]
        if code == 0 or place + code > size:
            return None
        groups.append(stuffed[place + 1 : place + code])
        place += code
        if code <= GROUP and place < size:
            groups.append(b"\0")
    return b"".join(groups)


def most_wire_bytes(payload: int) -> int:
    """The most bytes of the wire that a frame of so much payload takes, with one 0 of its two."""
    body = HEADER_BYTES + payload + CRC_BYTES
    return body + -(-body // GROUP) + 1

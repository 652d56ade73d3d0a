"""Frames on the wire: what is stuffed comes out again, and nothing damaged passes."""

import numpy as np
import pytest

from bitlight_hw.link import protocol
from bitlight_hw.link.protocol import Frame, Kind, decode, encode, stuff, unstuff

BODIES = [
    b"",
    b"\0",
    b"\0\0\0",
    b"a\0b",
    b"x" * 253,
    b"x" * 254,
    b"x" * 255,
    b"x" * 254 + b"\0",
    b"\0" + b"x" * 508 + b"\0\0",
    bytes(range(256)) * 3,
]


@pytest.mark.parametrize("body", BODIES)
def test_stuffing_goes_and_comes(body):
    stuffed = stuff(body)
    assert 0 not in stuffed
    assert unstuff(stuffed) == body
    assert len(stuffed) <= len(body) + 1 + len(body) // protocol.GROUP


def test_a_frame_goes_and_comes():
    wire = encode(Kind.RUN, 0xABCD, bytes(1000))
    assert wire[0] == wire[-1] == 0
    assert len(wire) - 1 <= protocol.most_wire_bytes(1000)
    assert decode(wire[1:-1]) == Frame(Kind.RUN, 0xABCD, bytes(1000))


def test_no_flipped_lost_or_doubled_byte_passes():
    rng = np.random.default_rng(7)
    payload = rng.integers(0, 256, 40).astype(np.uint8).tobytes()
    whole = encode(Kind.RUN, 5, payload)[1:-1]
    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            assert all(decode(part) is None for part in bytes(flipped).split(b"\0"))
        assert decode(whole[:place] + whole[place + 1 :]) is None
        doubled = whole[: place + 1] + whole[place:]
        assert decode(doubled) is None
        assert decode(whole[:place]) is None


def test_a_length_that_lies_does_not_pass():
    whole = protocol.unstuff(encode(Kind.RUN, 5, b"abc")[1:-1])
    body = bytearray(whole[:-4])
    body[3] += 1
    crc = protocol.zlib.crc32(bytes(body)).to_bytes(4, "little")
    assert decode(stuff(bytes(body) + crc)) is None


@pytest.mark.parametrize("body", [bytes(range(1, 256)) * 2, b"\1" * 254 + b"\0" + b"\1" * 253])
def test_what_is_cut_in_a_group_is_nothing(body):
    stuffed = stuff(body)
    ends = {place for place in range(len(stuffed)) if unstuff(stuffed[:place]) is not None}
    codes, place = set(), 0
    while place < len(stuffed):
        codes.add(place)
        place += stuffed[place]
    assert ends == codes

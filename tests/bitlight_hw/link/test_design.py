"""The design behind the link: answers right, cycles as predicted, and whatever comes survived."""

import numpy as np
import pytest
from link_bench import exchange, frames
from networks import draw_network

from bitlight import BitlightError, Linear, Network
from bitlight_hw import Accelerator
from bitlight_hw.link import payload
from bitlight_hw.link.answers import COUNTERS
from bitlight_hw.link.design import WINDOW, LinkedAccelerator
from bitlight_hw.link.identity import Identity
from bitlight_hw.link.protocol import ANSWER, Kind, encode

BYTE_CYCLES = 40


def linked(seed, depth=2):
    net = draw_network(np.random.default_rng(seed), depth)
    return LinkedAccelerator(Accelerator(net), "bench", 1_000_000, BYTE_CYCLES)


def images_for(design, count=3):
    net = design.acc.net
    shape = (count, *net.input_shape)
    return np.random.default_rng(3).integers(0, 1 << net.input_bits, shape).astype(np.uint8)


def requests(design, images):
    payloads = payload.to_bytes(images, design.frames_in)
    return [encode(Kind.RUN, 100 + n, one.tobytes()) for n, one in enumerate(payloads)]


def features(design, answers):
    parts = [payload.split(answer.payload) for answer in answers]
    whole = np.array([np.frombuffer(result, np.uint8) for result, _, _ in parts])
    return payload.from_bytes(whole, design.frames_out), [cycles for _, cycles, _ in parts]


def spaced(*wires):
    """Bytes at the pace of a slow line: each image is done before the next is whole."""
    return [item for wire in wires for byte in wire for item in (byte, None)]


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 7])
def test_features_and_cycles_of_generated_networks(seed):
    design = linked(seed)
    images = images_for(design)
    received = exchange(design, spaced(*requests(design, images)), until=6)
    answers = frames(received)
    assert [(one.kind, one.sequence) for one in answers] == [
        (Kind.RUN + ANSWER, 100 + n) for n in range(3)
    ]
    found, cycles = features(design, answers)
    assert np.array_equal(found, design.acc.expected(images))
    if design.latency < BYTE_CYCLES * design.frames_in.bytes:  # each came alone
        assert cycles == [design.latency] * 3
    assert cycles[0] == design.latency


@pytest.mark.parametrize(("idle", "busy"), [(0.0, 0.5), (0.6, 0.0), (0.6, 0.6)])
def test_stalls_and_back_pressure(idle, busy):
    design = linked(2)
    images = images_for(design, 2)
    wire = list(b"".join(requests(design, images)))
    answers = frames(exchange(design, wire, idle=idle, busy=busy, until=4))
    assert np.array_equal(features(design, answers)[0], design.acc.expected(images))


def test_identity_tells_what_is_loaded():
    design = linked(0)
    (answer,) = frames(exchange(design, spaced(encode(Kind.IDENTIFY, 7)), until=2))
    assert (answer.kind, answer.sequence) == (Kind.IDENTIFY + ANSWER, 7)
    told = Identity.decoded(answer.payload)
    assert told == design.identity
    assert (told.network, told.window) == (design.acc.net.id, WINDOW)
    assert (told.latency, told.interval) == (design.latency, design.interval)


def test_damage_is_counted_and_the_next_frame_is_answered():
    design = linked(0)
    image = images_for(design, 1)
    (good,) = requests(design, image)
    flipped = bytearray(good)
    flipped[6] ^= 1
    wires = [
        b"\x11\x22\x33",  # no frame, without an end
        good,  # whose first zero ends that
        bytes(flipped),
        good[:9],  # a host that vanishes in the middle,
        encode(Kind.RUN, 5, b"abc"),  # and one that comes back
        encode(9, 6),
        encode(Kind.COUNTERS, 8),
    ]
    answers = frames(exchange(design, spaced(*wires), until=14))
    kinds = [(one.kind - ANSWER, one.sequence) for one in answers]
    damaged = Kind.DAMAGED
    assert [kind for kind, _ in kinds] == [
        *(damaged, Kind.RUN, damaged, damaged, Kind.REFUSED, Kind.REFUSED, Kind.COUNTERS)
    ]
    assert [sequence for kind, sequence in kinds if kind != damaged] == [100, 5, 6, 8]
    numbers = np.frombuffer(answers[-1].payload, "<u4").tolist()
    told = dict(zip(COUNTERS, numbers, strict=True))
    assert told == dict(images=1, damaged=3, refused=2, overruns=0, cycles=design.latency)


def test_a_whole_image_without_room_is_an_overrun_and_no_answer_is_wrong():
    design = linked(0)
    images = images_for(design, 30)
    # At a byte a cycle, far beyond the window, with a sink that hardly takes any.
    wire = b"".join(requests(design, images)) + bytes(2)
    received = exchange(design, [*wire, *[None] * 300, *encode(Kind.COUNTERS, 9)], busy=0.9)
    answers = [one for one in frames(received) if one is not None]
    runs = [one for one in answers if one.kind == Kind.RUN + ANSWER]
    right = design.acc.expected(images)[[one.sequence - 100 for one in runs]]
    assert np.array_equal(features(design, runs)[0], right)
    counts = np.frombuffer(answers[-1].payload, "<u4")
    told = dict(zip(COUNTERS, counts.tolist(), strict=True))
    assert told["overruns"] > 0
    assert told["images"] == len(runs) == 30 - told["overruns"]


def test_reset_forgets_what_is_under_way():
    design = linked(2)
    first, second = requests(design, images_for(design, 2))
    wire = [*first, *encode(Kind.RESET, 1), *[None] * 60, *second, *[None] * 60]
    wire += encode(Kind.COUNTERS, 2)
    answers = [one for one in frames(exchange(design, wire, busy=0.8)) if one is not None]
    after = [one.kind - ANSWER for one in answers]
    assert after[-3:] == [Kind.RESET, Kind.RUN, Kind.COUNTERS]
    assert np.frombuffer(answers[-1].payload, "<u4")[0] == 1
    assert np.array_equal(
        features(design, answers[-2:-1])[0], design.acc.expected(images_for(design, 2)[1:])
    )


def test_an_image_larger_than_a_frame_is_refused():
    weight = np.ones((1, 70_000), bool)
    net = Network((70_000,), 8, [Linear(weight, np.zeros(1, np.int32))])
    with pytest.raises(BitlightError, match="holds 65,535 bytes, each image takes 70,000"):
        LinkedAccelerator(Accelerator(net, [(1, 1)]), "bench", 1_000_000, BYTE_CYCLES)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (b'{"version":2}', "speaks version 2 of the link, this program 1"),
        (b"not json", "tells nothing of itself"),
        (b'{"version":1}', "tells nothing of itself"),
        (b"[1]", "tells nothing of itself"),
    ],
)
def test_an_identity_that_is_none(told, said):
    with pytest.raises(BitlightError, match=said):
        Identity.decoded(told)

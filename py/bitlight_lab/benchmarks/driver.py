"""What the host's part of a board costs: the driver on a line of real speed."""

import statistics
from typing import Any

import numpy as np

from bitlight import SimulationError
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_hw.link import payload
from bitlight_hw.link.protocol import Kind, encode
from bitlight_hw.link.uart import BITS
from bitlight_lab.benchmarks.emulated import Adapter, EmulatedBoard
from bitlight_sim.board.board import Board

SEED = 0
# A simulated board's line is slow, and its bytes come one by one rather than in packets.
DRIBBLING = Adapter(packet_bytes=1, latency_s=0.0)


def compare(
    serial: SerialAccelerator, number: int, rounds: int, dribble: int | None = None
) -> dict[str, Any]:
    """`measure` of noise and of black images, whose zeros are the most work to send.

    Parameters
    ----------
    serial : SerialAccelerator
    number, rounds : int
        Images of a run, and runs.
    dribble : int, optional
        Baud rate of a line whose bytes come one by one, instead of the board's.
    """
    net = serial.acc.net
    levels = 1 << net.input_bits
    noise = np.random.default_rng(SEED).integers(levels, size=(number, *net.input_shape))
    adapter = None if dribble is None else DRIBBLING
    return {
        name: measure(serial, images, rounds=rounds, adapter=adapter, baud=dribble)
        for name, images in (
            ("noise", noise.astype(np.uint8)),
            ("black", np.zeros(noise.shape, np.uint8)),
        )
    }


def measure(
    serial: SerialAccelerator,
    images: np.ndarray,
    *,
    rounds: int = 3,
    adapter: Adapter | None = None,
    baud: int | None = None,
) -> dict[str, Any]:
    """The driver's processor time and the pace of images, against an emulated board.

    Parameters
    ----------
    serial : SerialAccelerator
        Whose sizes, clock and cycles the board has.
    images : uint8 array, shape (N, H, W, C) or (N, n)
    rounds : int
        Runs of all images, after one that does not count.
    adapter, baud : optional
        Of the emulated board.

    Returns
    -------
    dict with, for each round, `host_ms_per_image` and `ms_per_image`; with `line_ms_per_image`,
    what the slower of line and accelerator takes for an image, and how often that the median is

    Raises
    ------
    SimulationError
        If a feature differs from the golden model's, or an image was sent twice.
    """
    net = serial.acc.net
    expected = net.forward(images)
    host, wall = [], []
    with (
        EmulatedBoard(serial, images, adapter, baud) as emulated,
        Board(emulated.port, net) as board,
    ):
        board.run(images)
        for _ in range(rounds):
            out = board.run(images)
            if different := int((out.features != expected).sum()):
                raise SimulationError(f"{different} of {expected.size} features are wrong")
            if out.resent:
                raise SimulationError(f"{out.resent} images were sent again: the line lost bytes")
            host.append(1e3 * out.host_seconds / len(images))
            wall.append(1e3 * out.seconds / len(images))
    payloads = payload.to_bytes(images, serial.linked.frames_in)
    sent = sum(len(encode(Kind.RUN, 0, one.tobytes())) - 1 for one in payloads) / len(images)
    line = sent * BITS / (baud or serial.board.baud)
    alone = 1e3 * max(line, serial.linked.interval / serial.clock_hz)
    return {
        "images": len(images),
        "features_compared": rounds * expected.size,
        "features_different": 0,
        "line_ms_per_image": alone,
        "host_ms_per_image": host,
        "ms_per_image": wall,
        "ms_per_image_of_line": statistics.median(wall) / alone,
    }

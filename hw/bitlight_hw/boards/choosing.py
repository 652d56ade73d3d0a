"""The folding of a network for a board: it keeps up with the link, and it fits."""

from typing import Any

from bitlight import FoldingError, Network
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.boards.board import Board
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.link.design import JOBS, LinkedAccelerator
from bitlight_hw.link.intake import JOB
from bitlight_hw.link.ring import depth_for
from bitlight_hw.search import fold, minimum_cycles

# Places for look-up tables that the link takes beside the accelerator, as counted after placing.
LINK_CELLS = 1_400
# The share of the link's time that an image may take: the rest is between its first and last layer.
SHARE = 3 / 4


def serial_for(
    net: Network, board: Board, *, clock_hz: int | None = None, cycles: int | None = None
) -> SerialAccelerator:
    """The design of a network on a board, with the smallest folding that keeps up with the link.

    Parameters
    ----------
    net : Network
    board : Board
    clock_hz : int, optional
        By default what the board says.
    cycles : int, optional
        Interval to reach instead, in cycles per image.

    Raises
    ------
    FoldingError
        If no folding fits; it says which resource is missing, how far, and what would fit.
    """
    least = minimum_cycles(net)
    if cycles is not None:
        return _fitting(net, board, clock_hz, cycles)
    line = _line_cycles(net, board, clock_hz)
    wanted = max(least, int(SHARE * line))
    serial = _fitting(net, board, clock_hz, wanted)
    # Each image alone inside takes as long as it is predicted to, which a host can then check.
    while serial.linked.latency > line and wanted // 2 >= least:
        wanted //= 2
        try:
            serial = _fitting(net, board, clock_hz, wanted)
        except FoldingError:  # what is too slow by little is better than nothing
            break
    return serial


def _line_cycles(net: Network, board: Board, clock_hz: int | None) -> int:
    quickest = Accelerator(net, fold(net, None))
    return SerialAccelerator(quickest, board, clock_hz).linked.line_cycles


def _fitting(net: Network, board: Board, clock_hz: int | None, cycles: int) -> SerialAccelerator:
    folding = fold(net, cycles)
    serial = SerialAccelerator(Accelerator(net, folding), board, clock_hz)
    over = excess(serial)
    if over is None:
        return serial
    size = board.size
    link = link_blocks(serial.linked, size.family)
    try:
        folding = fold(
            net,
            luts=(size.cells or 0) - LINK_CELLS,
            target=size.name,
            blocks=(size.blocks or 0) - link,
        )
    except FoldingError as error:
        raise FoldingError(
            f"{net!r} does not fit {board.title}: {over}, and no folding does; take a larger "
            f"board, or the first layers of the network ({error})"
        ) from None
    serial = SerialAccelerator(Accelerator(net, folding), board, clock_hz)
    if (over := excess(serial)) is not None:
        raise FoldingError(
            f"{net!r} does not fit {board.title}: {over} in the smallest folding; take a larger "
            "board, or the first layers of the network"
        )
    return serial


def excess(serial: SerialAccelerator) -> str | None:
    """What the design is predicted to need more than its board has, or None."""
    size = serial.board.size
    if not size.family.block:
        return None  # what the tools make of it is known after synthesis
    taken: Any = Estimate.total(serial.acc.estimate(size.family.name).values())
    cells = size.family.occupied(taken) + LINK_CELLS
    blocks = taken.blocks + link_blocks(serial.linked, size.family)
    for what, used, there in (
        (size.family.cell_name or "look-up tables", cells, size.cells),
        (size.family.block_name, blocks, size.blocks),
    ):
        if there is not None and used > there:
            return f"it takes about {used:,} {what}, {used / there:.0%} of {there:,}"
    return None


def link_blocks(linked: LinkedAccelerator, family: Family) -> int:
    """Smallest block RAMs of the link: rings, the group that is stuffed, the identity."""
    rings = [
        (linked.depth, 8),
        (depth_for(linked.result_bytes), 8),
        (JOBS, JOB.size),
        (256, 8),
    ]
    blocks = sum(family.blocks(*ring) for ring in rings if family.in_blocks(*ring))
    return blocks + family.blocks(len(linked.identity.encoded), 8)

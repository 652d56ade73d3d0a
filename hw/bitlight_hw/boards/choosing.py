"""The folding of a network for a board: it keeps up with the link, and it fits."""

from dataclasses import replace
from typing import Any

from bitlight import FoldingError, Network
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.axi.frames import Frames
from bitlight_hw.boards.board import NAMES, Board
from bitlight_hw.boards.board import board as find
from bitlight_hw.boards.top import SerialAccelerator, bit_cycles
from bitlight_hw.estimate import Estimate
from bitlight_hw.exploring import Room
from bitlight_hw.family import FAMILIES, Family
from bitlight_hw.link.design import JOBS, LinkedAccelerator, line_cycles
from bitlight_hw.link.intake import JOB
from bitlight_hw.link.ring import depth_for
from bitlight_hw.link.uart import BITS
from bitlight_hw.parts import Part
from bitlight_hw.search import fold, minimum_cycles
from bitlight_hw.stages import Beats

# Places for look-up tables that the link takes beside the accelerator, as counted after placing.
LINK_CELLS = 1_400
# The share of the link's time that an image may take: the rest is between its first and last layer;
# and of a part's places that tables may have where what carries take is not known.
SHARE = 3 / 4
# What a family is predicted as whose memories its tools decide about.
ALIKE = replace(FAMILIES["ecp5"], block_name="block RAMs", cell_name="", carry_name="carries")


def serial_for(
    net: Network, board: Board, *, clock_hz: int | None = None, cycles: int | None = None
) -> SerialAccelerator:
    """The design of a network on a board, with the smallest folding that keeps up with the link.

    Parameters
    ----------
    net : Network
    board : bitlight_hw.boards.Board
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
    """What an image takes on the link; its frames are the same in every folding."""
    values = net.input, net.nodes[-1].value
    image, result = (Frames(Beats.of(value, 1), 8).bytes for value in values)
    return line_cycles(image, result, BITS * bit_cycles(board, clock_hz or board.clock_hz))


def _fitting(net: Network, board: Board, clock_hz: int | None, cycles: int) -> SerialAccelerator:
    folding = fold(net, cycles)
    serial = SerialAccelerator(Accelerator(net, folding), board, clock_hz)
    over = excess(serial)
    if over is None:
        return serial
    size, family = board.size, _predicted_as(board)
    room = (size.cells or 0) - LINK_CELLS
    target: str | Part = size.name
    if family is not size.family:  # a family has no places to be full of: carries want some too
        target, room = Part(size.name, family), int(SHARE * room)
    blocks = (size.blocks or 0) - link_blocks(serial.linked, family)
    try:
        folding = fold(net, luts=room, target=target, blocks=blocks)
    except FoldingError as error:
        raise FoldingError(
            f"{net!r} does not fit {board.title}: {over}, and no folding does; "
            f"{_instead(serial)} ({error})"
        ) from None
    serial = SerialAccelerator(Accelerator(net, folding), board, clock_hz)
    if (over := excess(serial)) is not None:
        raise FoldingError(
            f"{net!r} does not fit {board.title}: {over} in the smallest folding; "
            f"{_instead(serial)}"
        )
    return serial


def _instead(serial: SerialAccelerator) -> str:
    """What would fit, of the boards that there are."""
    others = (find(name) for name in NAMES)
    larger = [one.name for one in others if excess(SerialAccelerator(serial.acc, one)) is None]
    if larger:
        fit = f"take a larger board, as {larger[0]}"
    else:
        fit = "no board of `bitlight board list` is large enough: take another network"
    return f"{fit}, or the first layers of the network, as NETWORK:2 on the command line"


def excess(serial: SerialAccelerator) -> str | None:
    """What the design is predicted to need more than its board has, or None."""
    size, family = serial.board.size, _predicted_as(serial.board)
    taken: Any = Estimate.total(serial.acc.estimate(family.name).values())
    cells = family.occupied(taken) + LINK_CELLS
    blocks = taken.blocks + link_blocks(serial.linked, family)
    for what, used, there in (
        (f"{size.family.cell_name or 'look-up table'}s", cells, size.cells),
        (family.block_name, blocks, size.blocks),
    ):
        if there is not None and used > there:
            return f"it takes about {used:,} {what}, {used / there:.0%} of {there:,}"
    return None


def room_on(net: Network, board: Board) -> Room:
    """What is on a board beside its link, for an accelerator of the network."""
    size, family = board.size, _predicted_as(board)
    linked = SerialAccelerator(Accelerator(net), board).linked
    cells = None if size.cells is None else size.cells - LINK_CELLS
    blocks = None if size.blocks is None else size.blocks - link_blocks(linked, family)
    return Room(board.name, family, cells, blocks)


def _predicted_as(board: Board) -> Family:
    """Whose prediction is taken: the board's own family or, where it has none, one alike.

    Gowin's look-up tables have four inputs and its block RAMs 18 Kbit, as ECP5's have; but they
    have other names.
    """
    family = board.size.family
    return family if family.block else ALIKE


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

"""`bitlight explore`: foldings by the thousand, and which of them are the best."""

import csv
import io
from dataclasses import asdict
from typing import Any

import click
from click.core import ParameterSource

from bitlight.cli import sources
from bitlight.cli.paths import NETWORK, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, progress
from bitlight.errors import BitlightError
from bitlight.files.replacing import replacing
from bitlight.network.network import Network
from bitlight_hw.commands.plan import mhz_option, target_option

# Lines of the table on the terminal; the file has them all.
LINES = 16


@click.command(
    epilog="Next: bitlight plan NETWORK --folding FOLDING, bitlight report NETWORK --explore.",
)
@click.argument("network", type=NETWORK)
@target_option
@click.option("--board", help="A board in place of --target, its link included: `board list`.")
@mhz_option
@click.option(
    "--foldings",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="About how many are looked at, at least; mostly some thousand more.",
)
@click.option(
    "--plans",
    type=click.IntRange(0),
    default=16,
    show_default=True,
    help="How many of the best ones are planned in full, queues included; each takes seconds.",
)
@click.option("--csv", "csv_file", type=Output(".csv", dir_okay=False), help="All foldings.")
@click.option(
    "--picture",
    type=Output(".svg", ".png", dir_okay=False),
    help="The front drawn; needs matplotlib, which bitlight[lab] brings.",
)
@json_option
def explore(
    network: str,
    target: str,
    board: str | None,
    mhz: float,
    foldings: int,
    plans: int,
    csv_file: str | None,
    picture: str | None,
    json_file: str | None,
) -> None:
    """Draw what NETWORK can be: look-up tables, block RAM and images/s of thousands of foldings.

    The Pareto front are the foldings to which no other one is better in one of these and as good in
    all. Images/s are exact. Look-up tables and block RAM are exact of the foldings that were
    planned in full; of the others they are bounds, of which the accelerator takes as many or,
    mostly by a few percent, more. What fits the part or board is marked.

    \b
    bitlight explore cnv --target ecp5-85k --csv cnv.csv --picture cnv.svg
    bitlight explore small28 --board icebreaker
    """
    from bitlight_lab.exploration import draw

    if picture is not None:
        _check_picture()
    net = sources.network(network)
    found = look_around(net, target, board, foldings, plans)
    where = found.room.name
    _show(found, network, mhz)
    if csv_file is not None:
        with replacing(csv_file) as file:
            file.write(table(found, mhz).encode())
        console.print(f"all foldings: {csv_file}", soft_wrap=True)
    if picture is not None:
        draw(found, picture, mhz, f"{network} on {where}")
        console.print(f"the picture: {picture}", soft_wrap=True)
    write_json(
        json_file,
        {
            "network": found.net_id,
            "target": where,
            "mhz": mhz,
            "foldings": len(found.points),
            "front": [asdict(point) for point in found.front],
            "fastest_that_fits": None if found.fastest is None else found.fastest.text,
        },
    )


def look_around(
    net: Network, target: str, board: str | None, foldings: int = 2000, plans: int = 16
) -> Any:
    """Explore, and say on the terminal where that is."""
    from bitlight_hw.exploring import explore as find

    there = room(net, target, board)
    with progress("foldings", 1) as done:
        return find(net, there, foldings, plans, done)


def room(net: Network, target: str, board: str | None) -> Any:
    """What there is on a part, or on a board beside its link."""
    from bitlight_hw.boards import board as find
    from bitlight_hw.boards.choosing import room_on
    from bitlight_hw.exploring import Room
    from bitlight_hw.parts import part

    if board is None:
        found = part(target)
        return Room(found.name, found.family, found.cells, found.blocks)
    context = click.get_current_context(silent=True)
    source = None if context is None else context.get_parameter_source("target")
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError("give one of --target and --board")
    return room_on(net, find(board))


COLUMNS = [
    "folding",
    "cycles_per_image",
    "images_per_s",
    "luts_at_least",
    "block_rams_at_least",
    "cells_at_least",
    "luts",
    "block_rams",
    "cells",
    "front",
    "fits",
]


def table(found: Any, mhz: float) -> str:
    """All points as CSV; what a folding takes is empty unless it was planned in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in found.points:
        fits = "" if point.fits is None else int(point.fits)
        row = [point.text, point.cycles, f"{mhz * 1e6 / point.cycles:.3f}", *point.least]
        writer.writerow([*row, *(point.planned or ("", "", "")), int(point.front), fits])
    return text.getvalue()


def _check_picture() -> None:
    try:
        import matplotlib  # noqa: F401, asked for before the work
    except ModuleNotFoundError:
        raise BitlightError(
            "--picture needs matplotlib; try: pip install 'bitlight[lab]', or --csv alone"
        ) from None


def _show(found: Any, network: str, mhz: float) -> None:
    from bitlight_hw.exploring import cheapest

    family, front, best = found.room.family, found.front, found.fastest
    first = cheapest(front)
    step = max(1, -(-len(first) // LINES))
    planned = [point for point in front if point.planned]
    some = planned if len(planned) >= LINES // 2 else [*first[::step], *planned]
    some = sorted({*some, *filter(None, [best])}, key=lambda point: (point.cycles, point.least))
    rows = [
        [
            point.text,
            point.cycles,
            round(mhz * 1e6 / point.cycles, 1),
            *(f"{'' if point.planned else '≥ '}{count:,}" for count in point.taken[:2]),
            {None: "", True: "fits", False: "too large"}[point.fits]
            + (", the fastest" if point == best else ""),
        ]
        for point in some
    ]
    columns = ["folding", "cycles", "images/s", f"LUT{family.lut_inputs}", family.block_name, ""]
    show_table(f"front of {network} on {found.room.name}, some of it", columns, rows)
    if not front[0].folding:
        console.print("no layer of it has weights: there is one accelerator and no other")
        return
    console.print(
        f"{len(found.points):,} foldings, {len(front):,} of them on the front, {len(planned)} of "
        "these planned in full",
        soft_wrap=True,
    )
    if best is not None and best.folding:
        sure = "" if best.planned else ", as far as bounds tell"
        console.print(
            f"the fastest that fits{sure}, {mhz * 1e6 / best.cycles:,.0f} images/s: "
            f"--folding {best.text}",
            soft_wrap=True,
        )
    elif found.room.holds(found.points[0]) is not None:
        console.print("none of these foldings fits", soft_wrap=True)

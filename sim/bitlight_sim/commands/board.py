"""`bitlight board`: from a network to features that an FPGA on a board computed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, progress, steps, working
from bitlight.errors import BitlightError
from bitlight_hw.commands.plan import finite_mhz

FOLDER = Path("build/board")
cycles_option = click.option(
    "--cycles", type=click.IntRange(1), help="Interval to reach; by default what the link can feed."
)
clock_option = click.option(
    "--clock",
    "--mhz",
    "clock",
    type=click.FloatRange(1),
    callback=finite_mhz,
    help="MHz of the design; by default what the board says.",
)
port_option = click.option("--port", required=True, help="Its serial port, as in /dev/ttyUSB1.")
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=5,
    show_default=True,
    help="Seconds without an answer that are borne; a large virtual board wants more.",
)
baud_option = click.option(
    "--baud",
    type=click.IntRange(1),
    help="Of its serial line; `bitlight board list` has it.",
    default=3_000_000,
    show_default=True,
)


@click.group()
def board() -> None:
    """Put a network on an FPGA board and compute features there, over a serial line.

    \b
    bitlight board list
    bitlight board build icebreaker small28     a bitstream, by tools that pip installs
    bitlight board load icebreaker small28      onto the board
    bitlight board test small28 digits --port /dev/ttyUSB1   every bit compared
    bitlight board virtual icebreaker small28   the same without a board
    """


@board.command("list", epilog="Next: bitlight board build BOARD NETWORK.")
@json_option
def list_(json_file: str | None) -> None:
    """The boards, their parts, clocks and links."""
    from bitlight_hw.boards import NAMES
    from bitlight_hw.boards import board as find
    from bitlight_hw.boards.flow import FLOWS

    rows = []
    for one in map(find, NAMES):
        pins = " ".join(f"{port}={pin.site}" for port, pin in one.pins.items())
        made = "bitstream" if one.name in FLOWS else "project for Vivado"
        rows.append([one.name, one.part, pins, one.clock_hz / 1e6, f"{one.baud:,}", one.link, made])
    columns = ["board", "part", "pins", "clock, MHz", "baud", "link", "build makes"]
    show_table("boards", columns, rows)
    write_json(json_file, {"boards": [dict(zip(columns, row, strict=True)) for row in rows]})


@board.command(
    epilog="Next: bitlight board load BOARD NETWORK, bitlight board virtual BOARD NETWORK.",
)
@click.argument("name", metavar="BOARD")
@click.argument("network", type=NETWORK)
@cycles_option
@clock_option
@click.option("--seed", type=int, default=1, show_default=True, help="Of the placer.")
@click.option(
    "-o",
    "--folder",
    type=Output(file_okay=False),
    help="By default build/board/BOARD-NETWORK.",
)
@json_option
def build(
    name: str,
    network: str,
    cycles: int | None,
    clock: float | None,
    seed: int,
    folder: str | None,
    json_file: str | None,
) -> None:
    """Make the bitstream of NETWORK for BOARD.

    The folding is the smallest that keeps up with the link and fits. If the placed design does not
    reach the clock, it is made again for a lower one that the board's loop makes; a --clock that is
    asked for is kept, and if it is not reached nothing is written that could be loaded. For a board
    whose tools pip cannot install, a project for them is written instead.
    """
    from bitlight_hw.boards.closing import Closed, close
    from bitlight_hw.boards.flow import FLOWS, synthesise
    from bitlight_hw.boards.vivado import write_project

    serial = _serial(name, network, clock, cycles)
    place = Path(folder) if folder else _folder(serial, network)
    _show(serial, network)
    figures: dict[str, Any] = _figures(serial)
    if serial.board.name not in FLOWS:
        script = write_project(serial, place)
        console.print(f"run: vivado -mode batch -source {script.name}, in {place}", soft_wrap=True)
        write_json(json_file, figures | {"script": str(script)})
        return
    with steps() as step:
        if clock is None:
            made = close(serial.acc.net, serial, place, cycles=cycles, seed=seed, say=step)
        else:
            made = Closed(serial, synthesise(serial, place, seed=seed, say=step), {})
    built = made.built
    if made.missed:
        _show(made.serial, network)
        figures = _figures(made.serial)
    rows = [
        [resource, used, there, f"{used / there:.0%}"]
        for resource, (used, there) in built.utilisation.items()
    ]
    show_table("placed", ["", "used", "there are", ""], rows)
    for asked, reached in made.missed.items():
        console.print(f"not reached: {asked:g} MHz, but {reached:g}", soft_wrap=True)
    console.print(
        f"clock: {built.fmax_mhz:.1f} MHz reached, {built.clock_mhz:g} MHz made", soft_wrap=True
    )
    if made.missed:
        console.print(f"for its virtual board: --clock {built.clock_mhz:g}", soft_wrap=True)
    console.print(f"bitstream: {built.bitstream}", soft_wrap=True)
    write_json(
        json_file,
        figures
        | {
            "bitstream": str(built.bitstream),
            "fmax_mhz": round(built.fmax_mhz, 2),
            "clocks_missed": made.missed,
            "utilisation": built.utilisation,
            "seconds": built.seconds,
        },
    )


@board.command(epilog="Next: bitlight board test NETWORK IMAGES --port PORT.")
@click.argument("name", metavar="BOARD")
@click.argument("bitstream", type=click.Path(path_type=Path))
@click.option("--flash", is_flag=True, help="For good, rather than until power goes.")
def load(name: str, bitstream: Path, flash: bool) -> None:
    """Load BITSTREAM onto BOARD, or say what to type; it may be the network that was built."""
    from bitlight_hw.boards import board as find

    one = find(name)
    if not bitstream.is_file():
        built = FOLDER / f"{one.name}-{bitstream}" / one.bitstream
        if not built.is_file():
            raise BitlightError(
                f"neither {bitstream} nor {built} is a file: bitlight board build {name} NETWORK"
            )
        bitstream = built
    command = [part.format(bitstream) for part in (one.flash if flash else one.load)]
    if shutil.which(command[0]) is None:
        raise BitlightError(f"{command[0]} is not installed; once it is: {' '.join(command)}")
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise BitlightError(f"{' '.join(command)} failed with {done.returncode}")


@board.command(
    epilog="Next: bitlight board test NETWORK IMAGES --port PORT, with the port that it tells.",
)
@click.argument("name", metavar="BOARD")
@click.argument("network", type=NETWORK)
@cycles_option
@clock_option
@click.option(
    "--of",
    type=click.Choice(["design", "netlist", "bitstream"]),
    default="design",
    show_default=True,
    help="The Verilog; what synthesis made of it; or what `build` packed, read back (iCE40).",
)
def virtual(name: str, network: str, cycles: int | None, clock: float | None, of: str) -> None:
    """Run the design of BOARD in a simulator behind a pseudo-terminal, until Ctrl-C.

    It is the same top level as on the board, clock, pins and bits of the serial line, and the host
    cannot tell the difference but by the time that it takes.
    """
    from bitlight_sim.board.virtual import VirtualBoard

    serial = _serial(name, network, clock, cycles)
    program = _program(serial, of, _folder(serial, network))
    with VirtualBoard(serial, program) as opened:
        click.echo(opened.port)
        opened.wait()


@board.command(epilog="Next: bitlight features NETWORK IMAGES OUT --engine board --port PORT.")
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@port_option
@baud_option
@timeout_option
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@reading_options
@json_option
def run(
    network: str,
    images: str,
    port: str,
    baud: int,
    timeout: float,
    number: int | None,
    reading: Reading,
    json_file: str | None,
) -> None:
    """Send IMAGES to the board at PORT and tell how fast it was.

    `bitlight features --engine board` keeps what it gives.
    """
    *_, figures = _exchange(network, images, port, baud, timeout, number, reading)
    _tell(f"{network} on {images}", figures, json_file)


@board.command(epilog="Next: bitlight board run NETWORK IMAGES --port PORT.")
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@port_option
@baud_option
@timeout_option
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@reading_options
@json_option
def test(
    network: str,
    images: str,
    port: str,
    baud: int,
    timeout: float,
    number: int | None,
    reading: Reading,
    json_file: str | None,
) -> None:
    """Send IMAGES to the board at PORT and compare every bit with the golden model.

    Ends with code 1 if a bit differs, or the first image took other cycles than predicted.
    """
    net, batch, out, figures = _exchange(network, images, port, baud, timeout, number, reading)
    expected = net.forward(batch)
    figures["bits_different"] = int((out.features != expected).sum())
    # As long as each image is done before the next has come, each takes as long as one alone.
    figures["images_of_other_cycles"] = int(
        (out.image_cycles != figures["latency_predicted"]).sum()
    )
    figures["images_different"] = int((out.features != expected).any(axis=1).sum())
    _tell(f"{network} on {images}", figures, json_file)
    if figures["bits_different"] or figures["latency_measured"] != figures["latency_predicted"]:
        raise SystemExit(1)


def _exchange(
    network: str,
    images: str,
    port: str,
    baud: int,
    timeout: float,
    number: int | None,
    reading: Reading,
) -> tuple[Any, Any, Any, dict[str, Any]]:
    from bitlight_sim.board.board import Board

    net = sources.network(network)
    batch = sources.images(images, net, number, reading)[0]
    with Board(port, net, baud=baud, timeout=timeout) as opened:
        told = opened.identity
        predicted = told.clock_hz / _slowest_cycles(opened)
        with progress("the board computes", len(batch)) as done:
            out = opened.run(batch, done)
        counters = opened.counters()
    rate = told.clock_hz / out.cycles_per_image
    figures = {
        "board": told.board,
        "images": len(batch),
        "latency_predicted": told.latency,
        "latency_measured": out.latency,
        "cycles_between_results": round(float(out.cycles_per_image), 1),
        "images_per_s_predicted": round(predicted, 1),
        "images_per_s_of_the_board": round(rate, 1),
        "share_of_predicted": round(rate / predicted, 3),
        "images_per_s": round(out.images_per_s, 1),
        "host_ms_per_image": round(1e3 * out.host_seconds / len(batch), 3),
        "resent": out.resent,
        **{name: counters[name] for name in ("damaged", "refused", "overruns")},
    }
    return net, batch, out, figures


def _slowest_cycles(opened: Any) -> int:
    """Cycles of an image in the slower of link and accelerator, by what a board says of itself."""
    from bitlight_hw.boards import board as find
    from bitlight_hw.boards.top import bit_cycles
    from bitlight_hw.link.design import line_cycles
    from bitlight_hw.link.uart import BITS

    told = opened.identity
    byte_cycles = BITS * bit_cycles(find(told.board), told.clock_hz)
    sizes = opened.frames_in.bytes, opened.frames_out.bytes
    return max(line_cycles(*sizes, byte_cycles), told.interval)


def _tell(title: str, figures: dict[str, Any], json_file: str | None) -> None:
    show_table(title, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)


def _serial(name: str, network: str, clock: float | None, cycles: int | None) -> Any:
    from bitlight_hw.boards import board as find
    from bitlight_hw.boards.choosing import serial_for
    from bitlight_hw.boards.top import bit_cycles

    one, net = find(name), sources.network(network)
    clock_hz = None if clock is None else round(clock * 1e6)
    if clock_hz is not None:  # a search for a folding takes longer
        bit_cycles(one, clock_hz)
        one.pll(one.oscillator_hz, clock_hz)
    with working("choosing a folding"):
        return serial_for(net, one, clock_hz=clock_hz, cycles=cycles)


def _program(serial: Any, of: str, folder: Path) -> Path:
    """The simulator of a design, or of what became of it."""
    from bitlight_hw.boards.flow import FLOWS, netlist
    from bitlight_hw.boards.readback import read_back
    from bitlight_sim.board.build import build as compile
    from bitlight_sim.board.build import build_cells

    with steps() as step:
        if of == "design":
            step("compiling the simulator")
            return compile(serial)[0]
        if of == "netlist":
            text = netlist(serial, step)
        else:
            bitstream = folder / serial.board.bitstream
            if not bitstream.is_file():
                raise BitlightError(
                    f"there is no {bitstream}: bitlight board build {serial.board.name} NETWORK"
                )
            text = read_back(bitstream, serial.board)
        step("compiling the simulator of its cells")
        return build_cells(FLOWS[serial.board.name].family, text)[0]


def _folder(serial: Any, network: str) -> Path:
    return FOLDER / f"{serial.board.name}-{Path(network).stem.replace(':', '-')}"


def _figures(serial: Any) -> dict[str, Any]:
    linked = serial.linked
    return {
        "board": serial.board.name,
        "network": serial.acc.net.id,
        "folding": serial.acc.folding,
        "clock_mhz": serial.clock_hz / 1e6,
        "bit_cycles": serial.divisor,
        "latency": linked.latency,
        "interval": linked.interval,
        "link_cycles": linked.line_cycles,
        "bottleneck": serial.bottleneck,
        "images_per_s": round(serial.images_per_s, 1),
    }


def _show(serial: Any, network: str) -> None:
    from bitlight_hw.folding import as_text

    figures = _figures(serial)
    folding = as_text(figures.pop("folding"))
    rows = [[key.replace("_", " "), value] for key, value in figures.items()]
    show_table(f"{network} on {serial.board.title}", ["", ""], [["folding", folding], *rows])

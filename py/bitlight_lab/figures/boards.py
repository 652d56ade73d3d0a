"""Every row of docs/boards.md, each by the command that a user would type.

    python -m bitlight_lab.figures.boards builds
    python -m bitlight_lab.figures.boards virtual --photos build/data/cifar10/test
    python -m bitlight_lab.figures.boards netlists
    python -m bitlight_lab.figures.boards bitstream

`--only` takes the rows of one board or one network. The builds of `ulx3s_85f` take up to half an
hour each; `bitstream` wants `iceunpack` and `icebox_vlog`, and the iCEBreaker's build before it.

Each command writes its own figures to docs/raw/boards. A command that fails, as it does when a bit
differs, ends all.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bitlight import SimulationError
from bitlight_lab.benchmarks.harness import machine
from bitlight_lab.figures.record import DOCS

RAW = DOCS / "raw" / "boards"
CLOTHES = "fashion-mnist:test"
BUILT = (
    ("icebreaker", "small28"),
    ("tang_nano_9k", "small28"),
    ("tang_nano_9k", "sfc"),
    ("orangecrab", "fashion28"),
    ("ulx3s_85f", "fashion28"),
    ("ulx3s_85f", "shortcut28"),
    ("ulx3s_85f", "cnv"),
)
VIRTUAL = (*BUILT, ("arty_a7_35t", "fashion28"))
NETLISTS = (
    ("icebreaker", "small28"),
    ("tang_nano_9k", "small28"),
    ("orangecrab", "small28"),
    ("tang_nano_9k", "sfc"),
)
READ_BACK = (("icebreaker", "small28"),)
# Seconds without an answer that are borne: a simulated board takes as long for an image.
PATIENCE = 900


@click.group()
def main() -> None:
    """Run the rows of docs/boards.md, and write what was found to docs/raw/boards."""


only = click.option("--only", metavar="NAME", help="Rows of this board or this network alone.")


@main.command()
@only
def builds(only: str | None) -> None:
    """Bitstreams: what fits, and at which clock."""
    for board, network in _rows(BUILT, only):
        started = time.monotonic()
        kept = RAW / f"{board}-{network}.json"
        _bitlight("board", "build", board, _network(network), "--json", kept)
        seconds = time.monotonic() - started
        # Where steps came from the cache, the time of the command says nothing.
        whole = seconds > sum(json.loads(kept.read_text())["seconds"].values())
        _add(kept, {"seconds_in_all": round(seconds, 1)} if whole else {})


@main.command()
@only
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False),
    help="A folder of photographs for cnv; by default it gets noise.",
)
def virtual(only: str | None, photos: str | None) -> None:
    """The Verilog of each board behind a serial port: 200 images, 20 for cnv."""
    for board, network in _rows(VIRTUAL, only):
        large = network == "cnv"
        images = (photos or "random") if large else CLOTHES
        _compare("design", board, network, images, 20 if large else 200)


@main.command()
@only
def netlists(only: str | None) -> None:
    """The cells that synthesis made behind the same port: 20 images."""
    for board, network in _rows(NETLISTS, only):
        _compare("netlist", board, network, CLOTHES, 20)


@main.command()
@only
def bitstream(only: str | None) -> None:
    """The bitstream, read back to Verilog, behind the same port: 20 images."""
    for board, network in _rows(READ_BACK, only):
        _compare("bitstream", board, network, CLOTHES, 20)


def _rows(rows: tuple[tuple[str, str], ...], only: str | None) -> list[tuple[str, str]]:
    """Those of one board or network, or all."""
    chosen = [row for row in rows if only is None or only in row]
    if not chosen:
        known = ", ".join(sorted({name for row in rows for name in row}))
        raise click.BadParameter(f"no row has {only!r}; there are {known}", param_hint="--only")
    return chosen


def _compare(of: str, board: str, network: str, images: str, count: int) -> None:
    """Every bit of `count` images, between a simulated board and the golden model."""
    kept = RAW / f"{'virtual' if of == 'design' else of}-{board}-{network}.json"
    clock = _clock(board, network)
    with _simulated(of, board, network, clock) as port:
        _bitlight(
            *("board", "test", _network(network), images, "-n", count),
            *("--port", port, "--timeout", PATIENCE, "--json", kept),
        )
    _add(kept, {"of": of, "images_from": "photographs" if "/" in images else images})


@contextmanager
def _simulated(of: str, board: str, network: str, clock: float | None) -> Iterator[str]:
    """The serial port of a simulated board."""
    words = [*_command("board", "virtual", board, _network(network), "--of", of)]
    if clock is not None:
        words += ["--clock", f"{clock:g}"]
    print("$", " ".join(words[1:]), flush=True)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ports = (line.strip() for line in process.stdout if line.startswith("/dev/"))
        port = next(ports, None)
        if port is None:
            raise SimulationError(f"no virtual board: its command ended with {process.wait()}")
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _clock(board: str, network: str) -> float | None:
    """What `build` ended at, if the board's own clock was missed."""
    built = RAW / f"{board}-{network}.json"
    figures = json.loads(built.read_text()) if built.exists() else {}
    return figures["clock_mhz"] if figures.get("clocks_missed") else None


def _network(name: str) -> str:
    """Its name, or the file of the graph that the tests make."""
    if name != "shortcut28":
        return name
    file = Path("build/shortcut28.bnn")
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        made = f"from graphs import shortcut28; shortcut28().save({str(file.resolve())!r})"
        subprocess.run([sys.executable, "-c", made], cwd="tests/support", check=True)
    return str(file)


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "bitlight.cli", *map(str, words)]


def _bitlight(*words: object) -> None:
    command = _command(*words)
    print("$ bitlight", *command[3:], flush=True)
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise click.ClickException(f"it ended with {done.returncode}")


def _add(kept: Path, more: dict[str, Any]) -> None:
    """What the command itself cannot know."""
    figures = json.loads(kept.read_text())
    kept.write_text(json.dumps(figures | more | {"machine": machine()}, indent=2) + "\n")


if __name__ == "__main__":
    main()

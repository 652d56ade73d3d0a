"""Commands that measure speed."""

import statistics
from pathlib import Path
from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, steps
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw.commands.folding import accelerator, folding_options


@click.group()
def bench() -> None:
    """Measure speed, as ratios within one run."""


@bench.command()
@click.argument("networks", type=NETWORK, nargs=-1)
@click.option(
    "--threads", type=click.IntRange(1), help="For every engine; by default one for each core."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--without", multiple=True, help="Leave out engines whose names begin so; may be repeated."
)
@json_option
def golden(
    networks: tuple[str, ...],
    threads: int | None,
    rounds: int,
    without: tuple[str, ...],
    json_file: str | None,
) -> None:
    """Images per second of the golden model beside torch and what else is installed.

    NETWORKS are cnv, fashion28, lfc and alexnet if none is given. All engines get the same images,
    of random pixels, and the same threads, in turn, round after round; the median counts. Engines
    of a whole network must give the same features. An engine of products alone does nothing but
    the matrix products.

    bitlight bench golden cnv --threads 1
    bitlight bench golden alexnet --without plain --without torch
    """
    from bitlight_lab.benchmarks import golden as speed
    from bitlight_lab.benchmarks import harness

    cores = threads or harness.cores()
    figures: dict[str, Any] = {"seed": speed.SEED, "networks": {}}
    for name in networks or ("cnv", "fashion28", "lfc", "alexnet"):
        net = sources.network(name)
        with steps() as say:
            found = speed.measure(net, cores, rounds, without, say)
        found["layers"] = speed.layers(net, cores)
        figures["networks"][name] = {"id": net.id, **found}
        rows = [
            [engine, row["images_per_s"], row["gmacs_per_s"], row["ratio"]]
            for engine, row in found["engines"].items()
        ]
        show_table(
            f"{name}, {found['macs'] / 1e6:.4g} million MACs, batches of {found['batch']}, "
            f"{cores} threads",
            ["engine", "images/s", "GMAC/s", "packed is faster, times"],
            rows,
        )
        parts = [
            [row["layer"], 1e6 * row["seconds_per_image"], row["gmacs_per_s"]]
            for row in found["layers"]
        ]
        if parts:
            show_table(
                f"{name} in the packed engine", ["rows × K × outputs", "µs", "GMAC/s"], parts
            )
    _write(json_file, figures)


@bench.command()
@click.argument("network", type=NETWORK, default="fashion28")
@click.argument("images", type=IMAGES, default="random")
@click.option("-n", "--number", type=click.IntRange(2), default=50, show_default=True)
@click.option(
    "--few", type=click.IntRange(2), default=2, show_default=True, help="Images for cocotb."
)
@click.option(
    "--without", multiple=True, help="Leave out engines whose names begin so; may be repeated."
)
@click.option(
    "-o", "--folder", type=Output(file_okay=False), default="build/bench", show_default=True
)
@reading_options
@folding_options
@json_option
def rtl(
    network: str,
    images: str,
    number: int,
    few: int,
    without: tuple[str, ...],
    folder: str,
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Images per second of the RTL of NETWORK in every simulator that is here.

    verilator, sliced and cxxrtl are compiled, and behind their names is the number of processes;
    the sliced one gets some thousand images. cocotb gets a few. Amaranth's own simulator runs for
    some seconds. All must give the golden model's features.

    bitlight bench rtl cnv --folding published --without "cocotb on icarus"
    """
    from bitlight_lab.benchmarks.rtl import compare

    acc = accelerator(network, **choice)
    batch = sources.images(images, acc.net, number, reading)[0]
    with steps() as say:
        figures = compare(acc, batch, Path(folder), few=few, without=without, say=say)
    first = next(iter(figures["engines"].values()))["images_per_s"]
    rows = [
        [
            name,
            "cached" if row["build_s"] is None else round(row["build_s"], 1),
            row["images"],
            row["images_per_s"],
            row["cycles_per_s"],
            row["images_per_s"] / first,
        ]
        for name, row in figures["engines"].items()
    ]
    show_table(
        f"RTL of {network}, {acc.cycles_per_image:,} cycles an image",
        ["engine", "build, s", "images", "images/s", "cycles/s", "times the first"],
        rows,
    )
    _write(json_file, figures)


@bench.command()
@click.argument("network", type=NETWORK, default="fashion28")
@folding_options
@json_option
def images(network: str, json_file: str | None, **choice: Any) -> None:
    """Seconds that one image, some, and thousands take in RTL, by Verilator and bit-sliced.

    The build is timed with an empty cache only: set BITLIGHT_CACHE to a new folder.
    """
    from bitlight_lab.benchmarks.rtl import over_images

    acc = accelerator(network, **choice)
    batch = sources.images("random", acc.net)[0]
    with steps() as say:
        figures = over_images(
            acc,
            batch,
            {"verilator": (1, 4, 16, 64, 256), "sliced": (1, 16, 256, 1024, 4096, 16384)},
            say,
        )
    rows = [
        [engine, row["images"], row["seconds"], row["images"] / row["seconds"]]
        for engine, row_of in figures["engines"].items()
        for row in row_of["runs"]
    ]
    show_table(f"RTL of {network}", ["engine", "images", "s", "images/s"], rows)
    _write(json_file, {"name": network, **figures})


@bench.command()
@click.argument("networks", type=NETWORK, nargs=-1)
@click.option("--board", default="ulx3s_85f", show_default=True, help="Whose clock and cycles.")
@click.option("-n", "--number", type=click.IntRange(1), default=200, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--dribble",
    metavar="BAUD",
    type=click.IntRange(1),
    help="A line that slow, whose bytes come one by one as those of a virtual board.",
)
@json_option
def driver(
    networks: tuple[str, ...],
    board: str,
    number: int,
    rounds: int,
    dribble: int | None,
    json_file: str | None,
) -> None:
    """Processor time that the host's driver takes for an image, on a serial line of real speed.

    NETWORKS are small28, fashion28 and cnv if none is given. A process of its own answers in place
    of the board, with features that were computed before, and lets bytes pass at the baud rate and
    in the packets of an FT2232H in its low-latency mode. Images are noise, and black ones, whose
    frames take the most work. All features must be equal.

    bitlight bench driver small28 --rounds 1
    """
    from bitlight_hw.boards import board as find
    from bitlight_hw.boards.choosing import serial_for
    from bitlight_lab.benchmarks import driver as speed

    found: dict[str, Any] = {}
    with steps() as say:
        for name in networks or ("small28", "fashion28", "cnv"):
            say(f"{name}: choosing a folding")
            serial = serial_for(sources.network(name), find(board))
            say(f"{name}: sending images")
            found[name] = speed.compare(serial, number, rounds, dribble)
    rows = [
        [
            f"{name}, {images}",
            row["line_ms_per_image"],
            row["ms_per_image_of_line"],
            statistics.median(row["host_ms_per_image"]),
            max(row["host_ms_per_image"]),
        ]
        for name, kinds in found.items()
        for images, row in kinds.items()
    ]
    columns = ["", "line, ms", "times that, in all", "driver, ms", "at most"]
    show_table(f"an image, {number} images, {rounds} runs", columns, rows)
    figures = {"board": board, "dribble": dribble, "seed": speed.SEED, "networks": found}
    _write(json_file, figures)


@bench.command()
@click.option(
    "--size", "sizes", type=(int, int), multiple=True, help="Features and components; repeatable."
)
@click.option("--threads", type=click.IntRange(1), help="By default one for each core.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--without", multiple=True, help="Leave out engines whose names begin so; may be repeated."
)
@json_option
def optics(
    sizes: tuple[tuple[int, int], ...],
    threads: int | None,
    rounds: int,
    without: tuple[str, ...],
    json_file: str | None,
) -> None:
    """Frames per second of the optical media beside dense products by other means.

    Sizes are 1,024 → 2,048, 10,000 → 10,000 and 81,536 → 40,768 if none is given. Media take packed
    bits and give uint8; the others keep all of R and give floats.

    bitlight bench optics --size 4096 8192 --without gaussian
    """
    from bitlight_lab.benchmarks import harness
    from bitlight_lab.benchmarks.optics import SIZES, measure

    cores = threads or harness.cores()
    with steps() as say:
        found = measure(sizes or SIZES, cores, rounds, without, say)
    rows = [
        [
            f"{row['n_features']:,} → {row['n_components']:,}",
            row["engine"] + ("" if row["measured_components"] == row["n_components"] else " *"),
            row["frames_per_s"],
            row["gmacs_per_s"],
            row["peak_bytes"] / 1e6,
        ]
        for row in found
    ]
    columns = ["size", "engine", "frames/s", "GMAC/s", "peak memory, MB"]
    show_table(f"optical projection, {cores} threads; *: from a part of R", columns, rows)
    _write(json_file, {"threads": cores, "seed": 0, "measurements": found})


@bench.command()
@click.argument("topology", type=click.Choice(sorted(TOPOLOGIES)), default="fashion28")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--images", type=click.IntRange(128), default=1280, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@json_option
def training(topology: str, threads: int, images: int, rounds: int, json_file: str | None) -> None:
    """Images per second of training TOPOLOGY, beside Brevitas where that is installed.

    The same loop trains the same network built of either's layers, in turn, round after round.

    bitlight bench training cnv --threads 2
    """
    import torch

    from bitlight_lab.benchmarks.training import measure

    torch.set_num_threads(threads)
    with steps() as say:
        found = measure(TOPOLOGIES[topology], images=images, rounds=rounds, say=say)
    rows = [[name, row["images_per_s"], row["ratio"]] for name, row in found["engines"].items()]
    show_table(
        f"{topology}, {threads} threads", ["engine", "images/s", "bitlight is faster, times"], rows
    )
    _write(json_file, {"topology": topology, **found})


@bench.command()
@click.option(
    "--size",
    type=(int, int),
    default=(10_000, 4096),
    show_default=True,
    help="Samples and features of the comparison; 0 0 leaves it out.",
)
@click.option(
    "--stream",
    type=(int, int),
    default=(200_000, 8192),
    show_default=True,
    help="Samples and features of the streamed head; 0 0 leaves it out.",
)
@click.option(
    "--in-memory", is_flag=True, help="Bound its error by all features at once, in float64."
)
@click.option("--threads", type=click.IntRange(1), help="By default one for each core.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@json_option
def heads(
    size: tuple[int, int],
    stream: tuple[int, int],
    in_memory: bool,
    threads: int | None,
    rounds: int,
    json_file: str | None,
) -> None:
    """Seconds of RidgeHead beside scikit-learn's RidgeClassifierCV, and memory of a streamed one.

    Ten alphas each, on random bits with a little of ten classes in them; accuracy on further ones.
    The streamed head sees uint8 features that are drawn batch by batch.

    bitlight bench heads --size 4000 2000 --stream 0 0
    """
    from bitlight_lab.benchmarks import harness
    from bitlight_lab.benchmarks.heads import compare
    from bitlight_lab.benchmarks.heads import stream as streamed

    cores = threads or harness.cores()
    with steps() as say:
        figures = compare(*size, cores, rounds, say) if all(size) else None
        memory = streamed(*stream, cores, in_memory, say) if all(stream) else None
    if figures is not None:
        rows = [
            [name, statistics.median(row["seconds"]), row["alpha"], row["accuracy"]]
            for name, row in figures["engines"].items()
        ]
        title = f"{size[0]:,} × {size[1]:,} bits, 10 alphas, {cores} threads"
        show_table(title, ["head", "seconds", "alpha", "accuracy"], rows)
        console.print(f"RidgeHead is faster {figures['ratio']:.1f} times")
    if memory is not None:
        shown = [["peak memory, MB", memory["peak_bytes"] / 1e6], ["seconds", memory["seconds"]]]
        shown += [["alpha", memory["alpha"]]]
        if in_memory:
            bound = memory["in_memory"]["error_bound"]
            shown += [["distance from the exact solution, relative, at most", bound]]
        show_table(f"{stream[0]:,} × {stream[1]:,} uint8, streamed", ["", "value"], shown)
    _write(json_file, {"threads": cores, "seed": 0, "ridge": figures, "streamed": memory})


def _write(file: str | None, figures: dict[str, Any]) -> None:
    """Write the raw figures of a benchmark after what the machine is."""
    from bitlight_lab.benchmarks.harness import machine

    write_json(file, {"machine": machine(), **figures})

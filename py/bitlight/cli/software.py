"""Commands around networks and features, and the demonstration."""

import dataclasses
from pathlib import Path

import click
import numpy as np

from bitlight.cli import sources
from bitlight.cli.layers import show_layers
from bitlight.cli.report import json_option, progress, show_table, write_json


@click.command()
@click.argument("network")
@json_option
def inspect(network: str, json_file: str | None) -> None:
    """Show the layers of NETWORK: shapes, bits of weight, work per image, thresholds."""
    from bitlight.inspection import inspect as rows_of

    net = sources.network(network, whole=True)
    figures = rows_of(net)
    show_layers(f"{network}, id {net.id}", figures)
    write_json(json_file, dataclasses.asdict(figures))


@click.command()
@click.argument("network")
@click.argument("images")
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--engine", type=click.Choice(["golden", "rtl"]), default="golden", show_default=True)
@click.option("--upto", type=click.IntRange(1), help="Stop behind that many layers.")
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True, help="For rtl.")
@json_option
def features(
    network: str,
    images: str,
    out: str,
    engine: str,
    upto: int | None,
    number: int | None,
    processes: int,
    json_file: str | None,
) -> None:
    """Compute the binary features of IMAGES and write them to OUT, an .npz file.

    It holds `features` (uint8, packed rows), `n_features`, `labels`, and the network's `id`.
    """
    from bitlight.featurefile import FeatureFile

    net = sources.network(network)
    net = net if upto is None else net.upto(upto)
    batch, labels = sources.images(images, net)
    batch, labels = batch[:number], labels[:number]
    net.check_images(batch)
    if engine == "golden":
        found = np.empty((len(batch), net.n_features), np.uint8)
        with progress("golden model", len(batch)) as done:
            for start in range(0, len(batch), 1024):
                found[start : start + 1024] = net.forward(batch[start : start + 1024])
                done(min(start + 1024, len(batch)))
    else:
        from bitlight_hw import Accelerator
        from bitlight_sim import Simulator

        with (
            Simulator(Accelerator(net), processes, engine="sliced") as simulator,
            progress("RTL simulation", len(batch)) as done,
        ):
            found = simulator.run(batch, done).features
    FeatureFile(found, labels, net.id).save(out)
    figures = {
        "images": len(found),
        "features": net.n_features,
        "engine": engine,
        "network": net.id,
    }
    show_table(out, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)


@click.command()
@click.option("--folder", type=click.Path(file_okay=False), default="build/demo", show_default=True)
@click.option(
    "-n",
    "--images",
    type=click.IntRange(2000, 10000),
    default=10000,
    show_default=True,
    help="How many of the 10,000 images go through the RTL: the test images first.",
)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
def demo(folder: str, images: int, processes: int) -> None:
    """The whole chain once: network, Verilog, RTL simulation, features, heads, on real images.

    Leaves result.json and accuracy.png in the folder. Ends with code 1 if a bit or a cycle count of
    the RTL differs from the golden model or the prediction.
    """
    from bitlight.demo import run

    if not run(Path(folder), images, processes):
        raise SystemExit(1)

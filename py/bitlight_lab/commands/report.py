"""`bitlight report`: a network and its accelerator on one page."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Input, Output
from bitlight.cli.reading import Reading, reading_options, split_options
from bitlight.cli.report import json_option, write_json
from bitlight.console.progress import console, progress, steps, working
from bitlight.errors import BitlightError, DataError
from bitlight.network.network import Network
from bitlight_hw.commands.folding import accelerator, folding_options
from bitlight_hw.commands.plan import mhz_option, target_option
from bitlight_lab.commands.explore import look_around

# Images whose accuracy is told and that are simulated, if no number is asked for.
MOST = 2000
SIMULATED = 20


@click.command(epilog="Next: bitlight explore NETWORK, bitlight verilog NETWORK OUT.")
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES, required=False)
@click.option(
    "-o",
    "--out",
    type=Output(".html", dir_okay=False),
    default="report.html",
    show_default=True,
    help="The page.",
)
@click.option("--head", "head_file", type=Input(), help="Its accuracy on IMAGES.")
@click.option(
    "--simulate", is_flag=True, help="Run the first IMAGES, or noise, through the RTL as well."
)
@click.option(
    "--explore", is_flag=True, help="Show other foldings as well, as `bitlight explore` does."
)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1),
    help=f"Of IMAGES, only the first so many; by default accuracy is that of {MOST:,}, and "
    f"{SIMULATED} are simulated.",
)
@click.option(
    "--shown",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="Images whose feature maps are shown, while the page has room.",
)
@target_option
@mhz_option
@reading_options
@split_options
@folding_options
@json_option
def report(
    network: str,
    images: str | None,
    out: str,
    head_file: str | None,
    simulate: bool,
    explore: bool,
    number: int | None,
    shown: int,
    target: str,
    mhz: float,
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Show NETWORK and its accelerator on one page, without network access, for any browser.

    The page has the network drawn, cycles, memory and look-up tables by unit, a roofline, one image
    on its way through the units, how full the queues are and, with IMAGES, what each layer makes of
    some of them. With --head, or of a NETWORK that gives scores, it tells the accuracy; with
    --simulate, what the RTL measured beside what was predicted.

    \b
    bitlight report fashion28 animals:test -o fashion28.html
    bitlight report fashion28 animals:test --head head.safetensors --simulate
    bitlight report cnv --cycles 20000 --target ecp5-85k --mhz 60 --explore
    """
    from bitlight_hw.parts import part
    from bitlight_lab.report import origins
    from bitlight_lab.report.report import report as gather

    if head_file is not None and images is None:
        raise click.UsageError("--head needs IMAGES, to be tried on")
    if simulate and number == 1:
        raise click.UsageError("an interval is between two images: --simulate needs -n 2 or more")
    part(target)
    if simulate:
        from bitlight_sim import toolchain

        toolchain.check("sliced")
    acc = accelerator(network, target=target, **choice)
    batch, labels, names = _read(images, acc.net, number, reading)
    more: dict[str, str] = {}
    classes = None
    if head_file is not None and batch is not None and images is not None:
        classes = _head(head_file, acc.net, batch, labels, names, images)
        more = origins.of_file("head", head_file)
    elif batch is not None and images is not None and acc.net.gives_scores:
        classes = _scores(acc.net, batch, labels, names)
    checked = _simulate(acc, batch, number) if simulate else None
    explored = look_around(acc.net, target, None) if explore else None
    with working("drawing"):
        found = gather(
            acc,
            title=network,
            target=target,
            mhz=mhz,
            images=batch,
            titles=_titles(labels, names),
            images_name=images or "",
            shown=_different(labels, shown),
            checked=checked,
            classes=classes,
            explored=explored,
            more_origins=more,
        )
        found.save(out)
    console.print(f"the page: {out}", soft_wrap=True)
    write_json(json_file, _figures(found, out))
    if checked is not None and not checked.holds:
        raise SystemExit(1)


def _read(
    images: str | None, net: Network, number: int | None, reading: Reading
) -> tuple[np.ndarray | None, np.ndarray, tuple[str, ...]]:
    if images is None:
        return None, np.zeros(0, np.int64), ()
    source = sources.source(images, net, number or MOST, reading)
    everything = range(len(source))
    with working("reading images"):
        batch, labels = source.images(everything), source.labels(everything)
    if images.partition(":")[0] == "random":  # what noise is called is no matter
        labels = np.full(len(labels), -1)
    return batch, labels, tuple(source.classes)


def _different(labels: np.ndarray, count: int) -> list[int]:
    """The first image of each class, then the second ones …, so many of these, in their order."""
    turn: dict[int, int] = {}
    turns = []
    for place, label in enumerate(labels.tolist()):
        turn[label] = turn.get(label, -1) + 1
        turns.append((turn[label] if label >= 0 else place, place))
    return sorted(place for _, place in sorted(turns)[:count])


def _titles(labels: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """The class of each image, where it has one."""
    return [
        f"{place}: {names[label] if 0 <= label < len(names) else label}"
        if label >= 0
        else f"image {place}"
        for place, label in enumerate(labels.tolist())
    ]


def _labels(labels: np.ndarray, images: str) -> None:
    if not len(labels) or labels.min() < 0:
        raise DataError(f"{images} has no labels to compare with")


def _head(
    head_file: str,
    net: Network,
    batch: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, ...],
    images: str,
) -> Any:
    from bitlight.classifier import Classifier
    from bitlight.heads.head import Head
    from bitlight.heads.matching import check_numbers, class_places
    from bitlight_lab.report.classes import Classes

    _labels(labels, images)
    head = Head.load(head_file)
    model = Classifier(net, head)
    if bool(names) != bool(head.class_names_):
        check_numbers(head, names, labels, head_file if names else images)
    truth = class_places(head, labels, names, images)
    with progress("features", len(labels)) as done:
        features = model.features(batch, done)
    told = model.scores_of(features).argmax(axis=1)
    kind = type(head).__name__
    return Classes.of_predictions(f"{kind} on {images}", model.names, truth, told)


def _scores(net: Network, batch: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> Any:
    """The network's own classes, where they can be those of the images."""
    from bitlight_lab.report.classes import Classes

    classes = net.n_features
    if not len(labels) or labels.min() < 0 or labels.max() >= classes or len(names) > classes:
        return None
    known = names if len(names) == classes else tuple(map(str, range(classes)))
    told = net.classify(batch)
    return Classes.of_predictions("The network's own last layer", known, labels, told)


def _simulate(acc: Any, batch: np.ndarray | None, number: int | None) -> Any:
    from bitlight_lab.report.checking import simulate

    if batch is None:
        batch = sources.images(f"random:{number or SIMULATED}", acc.net)[0]
    some = batch[: number or SIMULATED]
    if len(some) < 2:
        raise BitlightError("an interval is between two images: --simulate needs two or more")
    with steps() as say:
        return simulate(acc, some, say=say)


def _figures(found: Any, out: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"page": out, "bytes": Path(out).stat().st_size, **found.origins}
    if found.checked is not None:
        figures["checked"] = asdict(found.checked)
    if found.classes is not None:
        figures["accuracy"] = found.classes.accuracy.share
        figures["confusion"] = found.classes.counts.tolist()
        figures["classes"] = list(found.classes.names)
    return figures

"""The command that says what is on photographs."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from bitlight import engines
from bitlight.cli import sources
from bitlight.cli.paths import NETWORK, Input, Photographs, expand
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import progress

MANY = 100  # of so many images the progress is shown


@click.command(
    epilog="Next: bitlight report NETWORK IMAGES --head HEAD (which classes are confused).",
)
@click.argument("head_file", metavar="HEAD", type=Input(dir_okay=False))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=Photographs())
@click.option(
    "--top", type=click.IntRange(1), default=1, show_default=True, help="The most likely so many."
)
@click.option(
    "--extractor",
    type=NETWORK,
    help="The .bnn file that HEAD was trained for. Default: the one that comes with bitlight and "
    "has the id that HEAD names.",
)
@click.option(
    "--engine", type=click.Choice(engines.KEPT), default=engines.GOLDEN, show_default=True
)
@click.option("--port", help="For board: its serial port, as in /dev/ttyUSB1.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True, help="For rtl.")
@json_option
def predict(
    head_file: str,
    images: tuple[str, ...],
    top: int,
    extractor: str | None,
    engine: str,
    port: str | None,
    processes: int,
    json_file: str | None,
) -> None:
    """Say which class each IMAGE belongs to, by HEAD of `bitlight head train`.

    IMAGE is a photograph, a folder of them, or a pattern in quotes. HEAD knows the extractor that
    it was trained for, and how photographs come to it: both are used again, and another extractor
    is refused. Probabilities are told where HEAD was calibrated, and otherwise its scores, which
    are none: `bitlight head train --calibrate`.

    \b
    bitlight predict my.head photo.jpg --top 3
    bitlight predict my.head photos "more/*.png" --json found.json
    bitlight predict my.head photo.jpg --extractor build/net/network.bnn --engine rtl
    """
    from bitlight.classifier import Classifier
    from bitlight.data.checking import bad_images
    from bitlight.data.folder import refusal
    from bitlight.errors import DataError

    if (engine == engines.BOARD) != (port is not None):
        raise click.UsageError("--engine board and --port go together")
    given = None
    if extractor is not None:
        given = sources.extractor(extractor)
    model = Classifier.load(head_file, given, engine=engine, processes=processes, port=port)
    sources.note(extractor or "extractor", model.extractor)
    files = [file for name in images for file in expand(name)]
    bad = bad_images(files)
    if bad:
        raise DataError(refusal([*bad.values()], len(files)))
    if model.head.placing_ is None:
        click.echo(
            f"{head_file} does not say how photographs came to it: their middle is taken, as by "
            "default",
            err=True,
        )
    features = _features(model, files)
    calibrated = model.head.temperature_ != 1 or type(model.head).__name__ == "LinearHead"
    kind = "probability" if calibrated else "score"
    if not calibrated:
        click.echo(f"{head_file} was not calibrated: scores are told, no probabilities", err=True)
    scores = model.scores_of(features)
    told = model.head.predict_proba(features) if calibrated else scores
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    found = [
        {
            "image": str(file),
            "classes": [{"class": model.names[n], kind: float(row[n])} for n in places.tolist()],
        }
        for file, row, places in zip(files, told, order, strict=True)
    ]
    rows = [
        ["" if rank else str(file), model.names[n], float(row[n])]
        for file, row, places in zip(files, told, order, strict=True)
        for rank, n in enumerate(places.tolist())
    ]
    show_table(head_file, ["image", "class", kind], rows)
    figures: dict[str, Any] = {"extractor": model.extractor.id, "engine": engine}
    figures |= {"placing": model.placing.record(), "classes": list(model.names), "images": found}
    write_json(json_file, figures)


def _features(model: Any, files: list[Path]) -> np.ndarray:
    if len(files) < MANY:
        return model.features(files)
    with progress("features", len(files)) as done:
        return model.features(files, done)

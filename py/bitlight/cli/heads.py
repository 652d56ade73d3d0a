"""Commands around heads: train, score, show and export the small last layer."""

from pathlib import Path
from typing import Any

import click
import numpy as np
from click.core import ParameterSource

from bitlight.cli import sources
from bitlight.cli.cluster import dask_option
from bitlight.cli.headtraining import new_head, train_on_file, train_on_images, train_on_store
from bitlight.cli.paths import FEATURES_OR_IMAGES, NETWORK, Input, Output
from bitlight.cli.reading import Reading, reading_options, split_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import format_value
from bitlight.data.views import Views
from bitlight.errors import DataError, HeadError
from bitlight.files.replacing import size_of


@click.group()
def head() -> None:
    """Train, test, measure and export the small last layer."""


@head.command(epilog="Next: bitlight predict HEAD IMAGE, bitlight head score HEAD FEATURES.")
@click.argument("features_file", metavar="FEATURES|IMAGES", type=FEATURES_OR_IMAGES)
@click.argument("out", type=Output(dir_okay=False))
@click.option(
    "--extractor",
    type=NETWORK,
    help="The network whose features of IMAGES are computed on the way: fashion32, or a .bnn file.",
)
@click.option(
    "--kind",
    type=click.Choice(["ridge", "linear", "binary"]),
    default="ridge",
    show_default=True,
    help="Ridge regression; softmax in floating point; or a bit for each weight.",
)
@click.option("--alpha", "alphas", type=float, multiple=True, help="Of ridge; repeat to choose.")
@click.option("--balanced", is_flag=True, help="All classes count the same, however many images.")
@click.option(
    "--calibrate/--no-calibrate",
    default=None,
    help="Fit the temperature on what is held out. Default: with --extractor, of 20 or more.",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 0.5),
    default=0.2,
    show_default=True,
    help="Share of the images whose accuracy is told, of a head that has not seen them; 0: none.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8", "bits"]),
    help="Of the stored weights. Default: float32, for binary bits.",
)
@click.option(
    "--mirror",
    is_flag=True,
    help="With --extractor: learn each photograph left for right, too. Not for writing.",
)
@click.option(
    "--shift",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="With --extractor: learn each photograph moved by N pixels to four sides, too.",
)
@click.option("--names", help="Names of the classes in their order, separated by commas.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is held out."
)
@reading_options
@split_options
@dask_option
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    features_file: str,
    out: str,
    extractor: str | None,
    kind: str,
    alphas: tuple[float, ...],
    balanced: bool,
    calibrate: bool | None,
    hold_out: float,
    dtype: str | None,
    mirror: bool,
    shift: int,
    names: str | None,
    seed: int,
    reading: Reading,
    dask: str | None,
    json_file: str | None,
) -> None:
    """Train a head on FEATURES, or on the features of IMAGES, and write it to OUT.

    With --extractor the first argument is IMAGES, as of `bitlight features`: a folder with one
    sub-folder of photographs for each class is enough. Without it, it is FEATURES of `bitlight
    features` or `project`: a file, or a store, which ridge goes through chunk by chunk.

    A part of each class is held out first, and the accuracy on it is told, with its interval of
    95 %: an estimate of what the head will do with images that it has never seen, as the accuracy
    on its own training images is not. The head that is written is then trained on everything.
    `bitlight head score` tells the accuracy on other images.

    --mirror and --shift show the head more views of each photograph, whose bits the same hardware
    gives: some points of accuracy where photographs are few. Those that are held out, and those
    of later predictions, are seen as they are.

    \b
    bitlight head train photos/ my.head --extractor fashion32
    bitlight predict my.head one.jpg two.png --top 3
    bitlight head train photos/ my.head --extractor natural32 --mirror --shift 2
    bitlight head train photos my.head --extractor fashion32 --split 80:20 --part train
    bitlight head train a.npz my.head --kind linear --dtype int8 --calibrate
    """
    if alphas and kind != "ridge":
        raise click.UsageError(f"--alpha is for ridge alone, not for {kind}")
    if calibrate and not hold_out:
        raise click.UsageError("--calibrate needs samples that are held out: give --hold-out")
    head = new_head(kind, alphas, "balanced" if balanced else None, seed)
    class_names = names.split(",") if names else None
    if extractor is not None:
        if names or dask:
            raise click.UsageError("--names and --dask are for FEATURES, without --extractor")
        figures = train_on_images(
            features_file,
            extractor,
            out,
            head,
            dtype,
            calibrate,
            hold_out,
            seed,
            reading,
            Views(mirror, shift),
        )
    elif mirror or shift:
        raise click.UsageError("--mirror and --shift are for IMAGES, with --extractor")
    elif (given := _of_images(ctx)) or not _is_features(features_file):
        raise click.UsageError(
            f"{given or features_file} {'are' if given else 'is'} for images: --extractor says "
            "whose features of them a head is trained on, as in --extractor fashion32"
        )
    elif Path(features_file).is_dir():
        if kind != "ridge" or calibrate:
            raise click.UsageError("stores are for ridge, without --calibrate")
        figures = train_on_store(features_file, out, head, class_names, dtype, dask, hold_out)
    elif dask is not None:
        raise click.UsageError("--dask is for stores; a head is trained on a file here")
    else:
        figures = train_on_file(
            features_file, out, head, class_names, dtype, bool(calibrate), hold_out, seed
        )
    figures = {**figures, "kind": kind, "bytes": size_of(out)}
    show_table(out, ["", "value"], [[k, _shown(v)] for k, v in figures.items() if v is not None])
    write_json(json_file, figures)


def _shown(value: Any) -> Any:
    """A figure for the table: ends of an interval, and how photographs were placed."""
    if isinstance(value, list):
        return " to ".join(format_value(end) for end in value)
    return ", ".join(value.values()) if isinstance(value, dict) else value


def _of_images(ctx: click.Context) -> str:
    """Options that were given and are for images alone."""
    options = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name in ("fit", "background", "skip_bad", "how", "part", "split_seed")
        and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    return " and ".join(options)


def _is_features(path: str) -> bool:
    """Whether it is a file of features, or a store."""
    return Path(path).is_file() or (Path(path) / "zarr.json").is_file()


@head.command(
    epilog="Next: bitlight report NETWORK IMAGES --head HEAD (which classes are confused).",
)
@click.argument("head_file", metavar="HEAD", type=Input())
@click.argument("features_file", metavar="FEATURES", type=Input())
@json_option
def score(head_file: str, features_file: str, json_file: str | None) -> None:
    """Accuracy of HEAD on FEATURES; refused if they come from another network or projection.

    Classes are matched by name. FEATURES may lack classes that HEAD knows, not the other way round.
    """
    from bitlight.heads import Head
    from bitlight.heads.matching import check_numbers, class_places
    from bitlight.store.samples import open_features

    samples = open_features(features_file)
    head = Head.load(head_file, samples.network, samples.projection)
    sources.tell_whole(samples.source)
    if bool(samples.classes) != bool(head.class_names_):
        nameless = head_file if samples.classes else features_file
        check_numbers(head, samples.classes, samples.labels(), nameless)
        click.echo(f"{nameless} has no class names: labels are compared by their numbers", err=True)
    images, right, losses = 0, 0, 0.0
    for features, theirs in samples.batches:
        if (theirs < 0).any():
            raise DataError(f"{features_file} has no labels to compare with")
        places = class_places(head, theirs, samples.classes, features_file)
        logs = head.predict_log_proba(features)
        images += len(theirs)
        right += int((head.predict(features) == head.classes_[places]).sum())
        losses -= float(logs[np.arange(len(logs)), places].sum())
    figures = {
        "images": images,
        "accuracy": right / images,
        "mean_log_loss": losses / images,
        "temperature": head.temperature_,
    }
    show_table(head_file, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)


@head.command(epilog="Next: bitlight head export HEAD OUT.")
@click.argument("head_file", metavar="HEAD", type=Input())
@click.option(
    "--network", type=NETWORK, help="The network that gives the features, to compare sizes with."
)
@json_option
def show(head_file: str, network: str | None, json_file: str | None) -> None:
    """What is in HEAD, and its size beside the network's, as bits and as 32-bit floats."""
    from bitlight.heads import Head
    from bitlight.heads.size import sizes

    head = Head.load(head_file)
    outputs, features = head.readout_.weight.shape
    size = Path(head_file).stat().st_size
    figures: dict[str, Any] = {
        "type": type(head).__name__,
        "features": features,
        "inputs": head.inputs_,
        "classes": len(head.classes_),
        "names": ", ".join(head.class_names_) if head.class_names_ else "none",
        "dtype": head.readout_.dtype,
        "temperature": head.temperature_,
        "extractor": head.extractor_id_,
        "projection": head.projection_,
        "bytes": size,
    }
    show_table(head_file, ["", "value"], [[k, v] for k, v in figures.items()])
    if network is not None:
        net = sources.network(network if ":" in network else f"{network}:whole")
        used = next(
            (k for k in range(1, len(net.layers) + 1) if net.upto(k).id == head.extractor_id_), None
        )
        if used is None:
            raise HeadError(f"{head_file} was not trained for {network} or a part of it")
        figures["sizes"] = sizes(net, used, features * outputs + outputs)
        rows = [
            [row["what"], row["parameters"], row["bytes"], 100 * size / row["bytes"]]
            for row in figures["sizes"]
        ]
        columns = ["", "parameters", "bytes", "the head file is of it, %"]
        show_table(f"beside {network}", columns, rows)
    write_json(json_file, figures)


@head.command(epilog="Next: bitlight head score HEAD FEATURES (its accuracy).")
@click.argument("head_file", metavar="HEAD", type=Input())
@click.argument("out", type=Output(dir_okay=False))
@click.option(
    "--format", "form", type=click.Choice(["onnx", "c"]), help="Default: by the name of OUT."
)
@click.option("--name", default="head", show_default=True, help="Prefix of the names in C.")
@json_option
def export(head_file: str, out: str, form: str | None, name: str, json_file: str | None) -> None:
    """Write HEAD as an ONNX model or as a C header; both find the class that HEAD finds."""
    form = form or {".onnx": "onnx", ".h": "c"}.get(Path(out).suffix)
    if form is None:
        raise click.UsageError(f"give --format, because {out} ends neither in .onnx nor in .h")
    from bitlight.heads import Head, cheader, onnxmodel

    head = Head.load(head_file)
    if form == "onnx":
        onnxmodel.write(head, out)
    else:
        cheader.write(head, out, name)
    figures = {"format": form, "bytes": size_of(out)}
    show_table(out, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)

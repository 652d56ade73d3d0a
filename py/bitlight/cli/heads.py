"""Commands around heads: train, score, show and export the small last layer."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from bitlight.cli import sources
from bitlight.cli.cluster import dask_client, dask_option
from bitlight.cli.paths import NETWORK, Input, Output
from bitlight.cli.report import json_option, progress, show_table, write_json
from bitlight.errors import DataError, HeadError
from bitlight.files import size_of


@click.group()
def head() -> None:
    """Train, test, measure and export the small last layer."""


@head.command()
@click.argument("features_file", metavar="FEATURES", type=Input())
@click.argument("out", type=Output(dir_okay=False))
@click.option(
    "--kind",
    type=click.Choice(["ridge", "linear", "binary"]),
    default="ridge",
    show_default=True,
    help="Ridge regression; softmax in floating point; or a bit for each weight.",
)
@click.option("--alpha", "alphas", type=float, multiple=True, help="Of ridge; repeat to choose.")
@click.option("--balanced", is_flag=True, help="All classes count the same, however many images.")
@click.option("--calibrate", is_flag=True, help="Fit the temperature on a fifth held out before.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8", "bits"]),
    help="Of the stored weights. Default: float32, for binary bits.",
)
@click.option("--names", help="Names of the classes in their order, separated by commas.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@dask_option
@json_option
def train(
    features_file: str,
    out: str,
    kind: str,
    alphas: tuple[float, ...],
    balanced: bool,
    calibrate: bool,
    dtype: str | None,
    names: str | None,
    seed: int,
    dask: str | None,
    json_file: str | None,
) -> None:
    """Train a head on FEATURES, of `bitlight features` or `project`, and write it to OUT.

    FEATURES is a file, or a store, which ridge goes through once, chunk by chunk.
    """
    if alphas and kind != "ridge":
        raise click.UsageError(f"--alpha is for ridge alone, not for {kind}")
    head = _new(kind, alphas, "balanced" if balanced else None, seed)
    class_names = names.split(",") if names else None
    if Path(features_file).is_dir():
        if kind != "ridge" or calibrate:
            raise click.UsageError("stores are for ridge, without --calibrate")
        figures = _train_on_store(features_file, out, head, class_names, dtype, dask)
    elif dask is not None:
        raise click.UsageError("--dask is for stores; a head is trained on a file here")
    else:
        figures = _train_on_file(features_file, out, head, class_names, dtype, calibrate)
    figures = {**figures, "kind": kind, "bytes": size_of(out)}
    show_table(out, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)


def _train_on_file(
    path: str, out: str, head: Any, names: list[str] | None, dtype: str | None, calibrate: bool
) -> dict[str, Any]:
    from bitlight.featurefile import FeatureFile

    samples = FeatureFile.load(path)
    if (samples.labels < 0).any():
        raise DataError(f"{path} has no labels to train on")
    temperature = _temperature(head, samples.features, samples.labels) if calibrate else None
    head.fit(samples.features, samples.labels)
    head.temperature_ = temperature or head.temperature_
    head.save(out, samples.network_id, names, dtype=dtype, projection=samples.optics)
    stored = head.shipped(dtype)
    accuracy = float(stored.score(samples.features, samples.labels))
    figures = _figures(head, stored, samples.features.shape, accuracy)
    return {**figures, "temperature": temperature} if calibrate else figures


def _train_on_store(
    path: str, out: str, head: Any, names: list[str] | None, dtype: str | None, dask: str | None
) -> dict[str, Any]:
    from bitlight.store import FeatureStore
    from bitlight.store.ridge import ridge_over

    store = FeatureStore(path)
    manifest = store.manifest
    with dask_client(dask) as client, progress("sums of products", len(store)) as done:
        head = ridge_over(store, head, client, done)
    names = names or list(manifest.classes) or None
    head.save(out, manifest.network, names, dtype=dtype, projection=manifest.projection)
    stored = head.shipped(dtype)
    right = 0
    with progress("accuracy", manifest.chunks) as done:
        for chunk, (features, labels) in enumerate(store.batches()):
            right += int((stored.predict(features) == labels).sum())
            done(chunk + 1)
    return _figures(head, stored, store.shape, right / len(store))


def _figures(head: Any, stored: Any, shape: tuple[int, int], accuracy: float) -> dict[str, Any]:
    return {
        "images": shape[0],
        "features": shape[1],
        "classes": len(head.classes_),
        "dtype": stored.readout_.dtype,
        **({"alpha": head.alpha_} if hasattr(head, "alpha_") else {}),
        "training_accuracy": accuracy,
    }


def _new(kind: str, alphas: tuple[float, ...], weight: Any, seed: int) -> Any:
    from bitlight.heads import BinaryHead, LinearHead, RidgeHead

    if kind == "linear":
        return LinearHead(class_weight=weight, random_state=seed, verbose=True)
    if kind == "binary":
        return BinaryHead(class_weight=weight, random_state=seed, verbose=True)
    return RidgeHead(alphas, weight) if alphas else RidgeHead(class_weight=weight)


def _temperature(head: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Temperature of a head of the same kind that has not seen a fifth of the images."""
    from sklearn.base import clone
    from sklearn.model_selection import train_test_split

    seen, unseen, labels, others = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    return clone(head).fit(seen, labels).calibrate(unseen, others).temperature_


@head.command()
@click.argument("head_file", metavar="HEAD", type=Input())
@click.argument("features_file", metavar="FEATURES", type=Input())
@json_option
def score(head_file: str, features_file: str, json_file: str | None) -> None:
    """Accuracy of HEAD on FEATURES; refused if they come from another network or projection."""
    from bitlight.heads import Head

    network, projection, batches = _samples(features_file)
    head = Head.load(head_file, network, projection)
    images, right, losses, known = 0, 0, 0.0, 0
    for features, labels in batches:
        if (labels < 0).any():
            raise DataError(f"{features_file} has no labels to compare with")
        logs = head.predict_log_proba(features)
        places = np.searchsorted(head.classes_, labels).clip(max=len(head.classes_) - 1)
        has = head.classes_[places] == labels
        images, known = images + len(labels), known + int(has.sum())
        right += int((head.predict(features) == labels).sum())
        losses -= float(logs[np.arange(len(logs)), places][has].sum())
    figures = {
        "images": images,
        "accuracy": right / images,
        "mean_log_loss": losses / max(1, known),
        "temperature": head.temperature_,
    }
    show_table(head_file, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)


def _samples(path: str) -> tuple[str, Any, Iterable[tuple[np.ndarray, ...]]]:
    """Network and projection of a file or a store; its features and labels in parts."""
    from bitlight.featurefile import FeatureFile
    from bitlight.store import FeatureStore

    if Path(path).is_dir():
        store = FeatureStore(path)
        return store.manifest.network, store.manifest.projection, store.batches()
    file = FeatureFile.load(path)
    return file.network_id, file.optics, [(file.features, file.labels)]


@head.command()
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
        net = sources.network(network, whole=True)
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


@head.command()
@click.argument("head_file", metavar="HEAD", type=Input())
@click.argument("out", type=Output(dir_okay=False))
@click.option(
    "--format", "form", type=click.Choice(["onnx", "c"]), help="Default: by the name of OUT."
)
@click.option("--name", default="head", show_default=True, help="Prefix of the names in C.")
def export(head_file: str, out: str, form: str | None, name: str) -> None:
    """Write HEAD as an ONNX model or as a C header; both find the class that HEAD finds."""
    from bitlight.heads import Head, cheader, onnxmodel

    form = form or {".onnx": "onnx", ".h": "c"}.get(Path(out).suffix)
    if form is None:
        raise click.UsageError(f"give --format, because {out} ends neither in .onnx nor in .h")
    head = Head.load(head_file)
    if form == "onnx":
        onnxmodel.write(head, out)
    else:
        cheader.write(head, out, name)
    show_table(out, ["", "value"], [["format", form], ["bytes", size_of(out)]])

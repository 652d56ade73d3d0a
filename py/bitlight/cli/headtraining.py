"""What `bitlight head train` does with a file, a store, or images."""

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from bitlight.cli import sources
from bitlight.cli.cluster import dask_client
from bitlight.cli.reading import Reading, tell_skipped
from bitlight.console.progress import progress, working
from bitlight.errors import DataError

if TYPE_CHECKING:
    from bitlight.data.views import Views
    from bitlight.heads.accuracy import Accuracy


def train_on_file(
    path: str,
    out: str,
    head: Any,
    names: list[str] | None,
    dtype: str | None,
    calibrate: bool,
    hold_out: float,
    seed: int,
) -> dict[str, Any]:
    """Train on a feature file; the figures that are told."""
    from bitlight.features.npz import FeatureFile
    from bitlight.heads.heldout import fit_held_out
    from bitlight.store.samples import name_of

    samples = FeatureFile.load(path)
    sources.tell_whole(name_of(samples))
    X, y = samples.features, samples.labels
    if (y < 0).any():
        raise DataError(f"{path} has no labels to train on")
    names = _class_names(np.unique(y), names, samples.classes)
    how = {"hold_out": hold_out, "seed": seed, "dtype": dtype, "calibrate": calibrate}
    with working("training the head"):
        told = fit_held_out(head, X, y, **how)  # type: ignore[arg-type]
    placing = (samples.source or {}).get("placing")
    head.save(
        out,
        samples.network_id,
        names,
        dtype=dtype,
        projection=samples.optics,
        placing=placing,
    )
    stored = head.shipped(dtype)
    figures = _figures(head, stored, X.shape, _told(told), float(stored.score(X, y)))
    return {**figures, "temperature": head.temperature_} if calibrate else figures


def train_on_images(
    images: str,
    extractor: str,
    out: str,
    head: Any,
    dtype: str | None,
    calibrate: bool | None,
    hold_out: float,
    seed: int,
    reading: Reading,
    views: "Views",
) -> dict[str, Any]:
    """Train on the features of images, computed on the way; the figures that are told."""
    from bitlight.classifier import Classifier

    net = sources.extractor(extractor)
    sources.tell_whole(images)
    source = sources.source(images, net, reading=reading)
    tell_skipped(source.skipped)
    with progress("features", len(source)) as done:
        model = Classifier.train(
            source,
            net,
            head,
            hold_out=hold_out,
            seed=seed,
            dtype=dtype,
            calibrate=calibrate,
            views=views,
            progress=done,
        )
    model.save(out, dtype)
    shape = len(source), model.extractor.n_features
    figures = _figures(head, head.shipped(dtype), shape, _told(model.held_out), None)
    seen = {"views": views.count} if views.count > 1 else {}
    return {**figures, **seen, "temperature": head.temperature_, "placing": model.placing.record()}


def train_on_store(
    path: str,
    out: str,
    head: Any,
    names: list[str] | None,
    dtype: str | None,
    dask: str | None,
    hold_out: float,
) -> dict[str, Any]:
    """Train ridge on a store, chunk by chunk; the figures that are told."""
    from copy import deepcopy

    from bitlight.heads.accuracy import Accuracy
    from bitlight.store import FeatureStore
    from bitlight.store.ridge import ridge_over
    from bitlight.store.rows import Rows

    store = FeatureStore(path)
    manifest = store.manifest
    sources.tell_whole(manifest.source)
    every = round(1 / hold_out) if hold_out and len(store) * hold_out >= 1 else 0
    held = Rows(every, held=True)
    classes = np.unique(store.labels())
    names = _class_names(classes, names, manifest.classes)
    with dask_client(dask) as client, progress("sums of products", len(store)) as done:
        kept = ridge_over(store, head, client, done, Rows(every))
        trial = deepcopy(kept).shipped(dtype) if every else None
        if every:
            seen = len(store) - len(store) // every
            rest = ridge_over(store, head, client, lambda n: done(min(seen + n, len(store))), held)
            kept.merge(rest)
    kept.save(
        out,
        manifest.network,
        names,
        dtype=dtype,
        projection=manifest.projection,
        placing=manifest.placing,
    )
    stored = kept.shipped(dtype)
    right, apart_right, apart_count = 0, 0, 0
    with progress("accuracy", manifest.chunks) as done:
        for chunk, (features, labels) in enumerate(store.batches()):
            right += int((stored.predict(features) == labels).sum())
            apart = held.chosen(manifest.span(chunk))
            if trial is not None and apart.any():
                apart_count += int(apart.sum())
                apart_right += int((trial.predict(features[apart]) == labels[apart]).sum())
            done(chunk + 1)
    told = Accuracy(apart_right, apart_count) if apart_count else None
    return _figures(kept, stored, store.shape, _told(told), right / len(store))


def _class_names(
    classes: np.ndarray, given: list[str] | None, known: tuple[str, ...]
) -> list[str] | None:
    """Names of the classes that occur: those given, or else those that the features carry."""
    if given is not None:
        named = [known[label] for label in classes.tolist() if label < len(known)]
        if known and given != named:
            raise click.UsageError(
                f"the features have names of their classes, {', '.join(named)}: --names is for "
                "those that have none"
            )
        if len(given) != len(classes):
            raise click.UsageError(
                f"--names gives {len(given)} names, and there are {len(classes)} classes"
            )
        return given
    if known and classes.max() >= len(known):
        raise DataError(f"there is the label {classes.max()}, and names for {len(known)} classes")
    return [known[label] for label in classes.tolist()] if known else None


def _told(told: "Accuracy | None") -> dict[str, Any]:
    """What is told of the images that were held out; no accuracy if there were none."""
    if told is None:
        return {"images_held_out": 0, "accuracy_held_out": None, "interval_held_out": None}
    return {
        "images_held_out": told.images,
        "accuracy_held_out": told.share,
        "interval_held_out": list(told.interval),
    }


def _figures(
    head: Any, stored: Any, shape: tuple[int, int], told: dict[str, Any], accuracy: float | None
) -> dict[str, Any]:
    return {
        "images": shape[0],
        "features": shape[1],
        "classes": len(head.classes_),
        "dtype": stored.readout_.dtype,
        **({"alpha": head.alpha_} if hasattr(head, "alpha_") else {}),
        **told,
        "training_accuracy": accuracy,
    }


def new_head(kind: str, alphas: tuple[float, ...], weight: Any, seed: int) -> Any:
    """An untrained head of a kind."""
    from bitlight.heads import BinaryHead, LinearHead, RidgeHead

    if kind == "linear":
        return LinearHead(class_weight=weight, random_state=seed, verbose=True)
    if kind == "binary":
        return BinaryHead(class_weight=weight, random_state=seed, verbose=True)
    return RidgeHead(alphas, weight) if alphas else RidgeHead(class_weight=weight)

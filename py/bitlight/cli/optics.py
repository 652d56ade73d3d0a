"""The command that sends binary features through the simulated optical processor."""

from pathlib import Path
from typing import Any

import click

from bitlight.cli.cluster import dask_client, dask_option
from bitlight.cli.paths import Input, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import progress
from bitlight.errors import DataError, StoreError


@click.command(epilog="Next: bitlight head train FEATURES HEAD.")
@click.argument("features_file", metavar="FEATURES", type=Input())
@click.argument("out", type=Output(".npz"))
@click.option("--components", type=click.IntRange(1), help="Needed, unless --like is given.")
@click.option(
    "--medium",
    type=click.Choice(["binary", "gaussian", "structured"]),
    default="structured",
    show_default=True,
)
@click.option("--bits", type=click.IntRange(1, 16), default=8, show_default=True, help="Of camera.")
@click.option("--exposure", type=float, help="Counts for each unit of intensity; default: by rule.")
@click.option("--no-camera", is_flag=True, help="Float intensities.")
@click.option("--linear", is_flag=True, help="A linear projection, from three captures.")
@click.option("--exponent", type=float, default=1.0, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--like", type=Input(), help="Project as this one was, exposure and all.")
@dask_option
@json_option
def project(
    features_file: str,
    out: str,
    components: int | None,
    medium: str,
    bits: int,
    exposure: float | None,
    no_camera: bool,
    linear: bool,
    exponent: float,
    seed: int,
    like: str | None,
    dask: str | None,
    json_file: str | None,
) -> None:
    """Project the bits in FEATURES by scattered light and write the features to OUT.

    FEATURES is a file or a store of `bitlight features`, and OUT will be the same. A store is read
    and written chunk by chunk, and the same command goes on where it was interrupted.

    A head serves features of one projection alone, so that test features want the training
    features' parameters:

    \b
    bitlight project train.npz t.npz --components 4000
    bitlight project test.npz s.npz --like t.npz
    """
    if like is None and components is None:
        raise click.UsageError("give --components, or --like FILE")
    camera = None if no_camera else {"bits": bits, "exposure": exposure or "auto"}
    chosen: dict[str, Any] = {"n_components": components, "medium": medium, "camera": camera}
    chosen |= {"linear": linear, "exponent": exponent, "random_state": seed}
    if like is not None:
        chosen = _like(like)
    if Path(features_file).is_dir():
        figures = _project_store(features_file, out, chosen, dask)
    elif dask is not None:
        raise click.UsageError("--dask is for stores; a file is projected here")
    else:
        figures = _project_file(features_file, out, chosen)
    shown = [[name, value] for name, value in figures.items() if name not in ("optics", "network")]
    show_table(out, ["", "value"], shown)
    write_json(json_file, figures)


def _like(path: str) -> dict[str, Any]:
    """Parameters of the projection that made a file or a store."""
    from bitlight.store.samples import open_features

    found = open_features(path).projection
    if found is None:
        raise DataError(f"{path} is no projection: write one with `bitlight project`")
    return found


def _project_file(path: str, out: str, chosen: dict[str, Any]) -> dict[str, Any]:
    from bitlight.features.npz import FeatureFile
    from bitlight.optics.recorded import recorded

    samples = FeatureFile.load(path)
    if samples.optics is not None:
        raise DataError(f"{path} is a projection already")
    optics = recorded(chosen, verbose=True).fit(samples.features)
    if chosen["camera"] is not None:
        chosen = {**chosen, "camera": {**chosen["camera"], "exposure": optics.exposure_}}
    found = optics.transform(samples.features)
    of = samples.network_id, chosen, samples.classes, samples.source
    FeatureFile(found, samples.labels, *of).save(out)
    return _figures(optics, samples.features.shape, str(found.dtype), chosen, samples.network_id)


def _project_store(path: str, out: str, chosen: dict[str, Any], dask: str | None) -> dict[str, Any]:
    from bitlight.optics.recorded import recorded
    from bitlight.store import FeatureStore
    from bitlight.store.projecting import expose, project_over

    store = FeatureStore(path)
    if store.manifest.projection is not None:
        raise StoreError(f"{path} is a projection already")
    optics = expose(recorded(chosen), store)
    label = "optical projection"
    with dask_client(dask) as client, progress(label, len(store)) as done:
        found = project_over(store, out, optics, client, done)
    kept = found.manifest.projection
    assert kept is not None
    return _figures(optics, store.shape, str(found.dtype), kept, store.manifest.network)


def _figures(
    optics: Any, shape: tuple[int, int], dtype: str, chosen: dict[str, Any], network: str
) -> dict[str, Any]:
    figures = {
        "images": shape[0],
        "features": shape[1],
        "components": optics.n_components,
        "dtype": dtype,
        "exposure": optics.exposure_,
    }
    if optics.quality_ is not None:
        figures["mean_count_of_full_scale"], figures["saturated"] = optics.quality_
    return {**figures, "optics": chosen, "network": network}

"""The command that sends binary features through the simulated optical processor."""

from typing import Any

import click

from bitlight.cli.report import json_option, show_table, write_json
from bitlight.errors import DataError


@click.command()
@click.argument("features_file", metavar="FEATURES", type=click.Path())
@click.argument("out", type=click.Path(dir_okay=False))
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
@click.option("--like", type=click.Path(), help="Project as this file was, exposure and all.")
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
    json_file: str | None,
) -> None:
    """Project the bits in FEATURES by scattered light and write the features to OUT.

    A head serves features of one projection alone, so that test features want the training file's
    parameters:

    \b
    bitlight project train.npz t.npz --components 4000
    bitlight project test.npz s.npz --like t.npz
    """
    from bitlight.featurefile import FeatureFile
    from bitlight.optics.camera import Camera
    from bitlight.optics.features import OpticalFeatures

    samples = FeatureFile.load(features_file)
    if samples.optics is not None:
        raise DataError(f"{features_file} is a projection already")
    if like is not None:
        chosen = FeatureFile.load(like).optics
        if chosen is None:
            raise DataError(f"{like} is no projection: write one with `bitlight project`")
    elif components is None:
        raise click.UsageError("give --components, or --like FILE")
    else:
        camera = None if no_camera else {"bits": bits, "exposure": exposure or "auto"}
        chosen = {"n_components": components, "medium": medium, "camera": camera}
        chosen |= {"linear": linear, "exponent": exponent, "random_state": seed}
    parameters: dict[str, Any] = dict(chosen)
    if parameters["camera"] is not None:
        parameters["camera"] = Camera(**parameters["camera"])
    optics = OpticalFeatures(**parameters, verbose=True).fit(samples.features)
    if chosen["camera"] is not None:
        chosen = {**chosen, "camera": {**chosen["camera"], "exposure": optics.exposure_}}
    found = optics.transform(samples.features)
    FeatureFile(found, samples.labels, samples.network_id, chosen).save(out)
    figures = {
        "images": len(found),
        "features": samples.features.shape[1],
        "components": found.shape[1],
        "dtype": str(found.dtype),
        "exposure": optics.exposure_,
    }
    if optics.quality_ is not None:
        figures["mean_count_of_full_scale"], figures["saturated"] = optics.quality_
    show_table(out, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, {**figures, "optics": chosen, "network": samples.network_id})

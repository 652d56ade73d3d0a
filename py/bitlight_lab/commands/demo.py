"""`bitlight demo`: the whole chain once."""

from pathlib import Path

import click

from bitlight.cli.paths import IMAGES, Output
from bitlight.cli.report import json_option, write_json


@click.command(
    epilog="Next: bitlight head train PHOTOS HEAD --extractor natural32 (your own photographs), "
    "bitlight report NETWORK."
)
@click.option(
    "--photos",
    type=IMAGES,
    help="Then the same with natural32 on your photographs: a folder with one sub-folder for each "
    "class, or with train/ and test/ that have one.",
)
@click.option(
    "-o", "--folder", type=Output(file_okay=False), default="build/demo", show_default=True
)
@click.option(
    "-n",
    "--number",
    "--images",
    "images",
    type=click.IntRange(2000, 10000),
    default=10000,
    show_default=True,
    help="How many of the 10,000 images go through the RTL: the test images first.",
)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@json_option
def demo(
    photos: str | None, folder: str, images: int, processes: int, json_file: str | None
) -> None:
    """The whole chain once: network, Verilog, RTL simulation, features, heads, on real images.

    Leaves result.json, accuracy.png and report.html, a page to look at, in the folder; of --photos
    photos.json, photos.head and photos.html. Ends with code 1 if a bit or a cycle count of the RTL
    differs from the golden model or the prediction.

    \b
    bitlight demo --photos photographs
    """
    from bitlight_lab import photodemo
    from bitlight_lab.demo import holds, run

    sides = None if photos is None else photodemo.read(photos)
    result = run(Path(folder), images, processes)
    held = holds(result)
    if sides is not None:
        result["photos"] = photodemo.run(sides, Path(folder), processes)
        held = held and holds(result["photos"])
    write_json(json_file, result)
    if not held:
        raise SystemExit(1)

"""`bitlight demo`: the whole chain once."""

from pathlib import Path

import click

from bitlight.cli.paths import Output
from bitlight.cli.report import json_option, write_json


@click.command(
    epilog="Next: bitlight head train PHOTOS HEAD --extractor natural32 (your own photographs), "
    "bitlight report NETWORK."
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
def demo(folder: str, images: int, processes: int, json_file: str | None) -> None:
    """The whole chain once: network, Verilog, RTL simulation, features, heads, on real images.

    Leaves result.json, accuracy.png and report.html, a page to look at, in the folder. Ends with
    code 1 if a bit or a cycle count of the RTL differs from the golden model or the prediction.
    """
    from bitlight_lab.demo import holds, run

    result = run(Path(folder), images, processes)
    write_json(json_file, result)
    if not holds(result):
        raise SystemExit(1)

"""Commands around feature stores: what is in one, whether it is whole, and other forms of it."""

from pathlib import Path
from typing import Any

import click

from bitlight.cli.paths import Input, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import progress
from bitlight.files.replacing import size_of
from bitlight.store.exporting import SUFFIXES


@click.group()
def store() -> None:
    """Check, merge and export feature stores, which `bitlight features` fills."""


@store.command(epilog="Next: bitlight head train PATH HEAD, bitlight store export PATH OUT.")
@click.argument("path", type=Input(path_type=Path))
@click.option("--drop", is_flag=True, help="Take damaged chunks out, to be computed again.")
@json_option
def check(path: Path, drop: bool, json_file: str | None) -> None:
    """Read every chunk of a store and its checksums; ends with code 1 if it is not whole."""
    from bitlight.errors import StoreError
    from bitlight.store import FeatureStore

    found = FeatureStore(path)
    manifest, missing = found.manifest, found.missing()
    damaged: dict[int, str] = {}
    audited = 0
    present = found.present()
    with progress("reading", len(present)) as done:
        for number, chunk in enumerate(present, 1):
            try:
                found.check_chunk(chunk)
                audited += found.audited_in(chunk)
            except StoreError as error:
                damaged[chunk] = str(error)
            done(number)
    for chunk in damaged if drop else ():
        found.drop(chunk)
    figures: dict[str, Any] = {
        "samples": len(found),
        "features": manifest.n_features,
        "dtype": manifest.dtype,
        "source": manifest.source,
        "network": manifest.network,
        "engine": manifest.engine,
        "chunks": manifest.chunks,
        "chunks_missing": len(missing),
        "chunks_damaged": len(damaged),
        "samples_audited": audited,
    }
    show_table(str(path), ["", "value"], [[name, value] for name, value in figures.items()])
    for line in damaged.values():
        click.echo(line, err=True)
    write_json(json_file, figures | {"damaged": sorted(damaged), "missing": sorted(missing)})
    if missing or damaged:
        raise SystemExit(1)


@store.command(epilog="Next: bitlight store check PATH.")
@click.argument("out", type=Output(path_type=Path))
@click.argument("paths", metavar="STORE...", nargs=-1, required=True, type=Input())
@json_option
def merge(out: Path, paths: tuple[str, ...], json_file: str | None) -> None:
    """Make one store, OUT, of several.

    Stores of the same images give each the chunks that others lack: for machines that filled parts
    without a shared disk. Stores of different images stand behind each other. An interrupted merge
    goes on when it is started again.
    """
    from bitlight.store import FeatureStore
    from bitlight.store import merge as merged

    stores = [FeatureStore(path) for path in paths]
    total = sum(len(store) for store in stores)
    with progress("merging", total) as done:
        found = merged(stores, out, done)
        done(total)
    click.echo(repr(found))
    manifest = found.manifest
    figures = {"samples": len(found), "features": manifest.n_features, "chunks": manifest.chunks}
    write_json(json_file, figures | {"chunks_missing": len(found.missing())})


@store.command(epilog="Next: bitlight head train PATH HEAD.")
@click.argument("path", type=Input(path_type=Path))
@click.argument("out", type=Output(*SUFFIXES, dir_okay=False, path_type=Path))
@json_option
def export(path: Path, out: Path, json_file: str | None) -> None:
    """Write a whole store as one file, OUT: .npz, .parquet or .safetensors.

    Features of bits stay packed, eight in a byte, the first in the lowest bit.
    """
    from bitlight.store import FeatureStore
    from bitlight.store import export as exported

    found = FeatureStore(path)
    with progress("exporting", len(found)) as done:
        exported(found, out, done)
    click.echo(f"{out}: {len(found)} samples")
    figures = {"samples": len(found), "features": found.manifest.n_features}
    write_json(json_file, figures | {"bytes": size_of(out)})

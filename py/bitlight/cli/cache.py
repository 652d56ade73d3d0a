"""Commands around the cache: what is in it, and emptying it."""

import os
from typing import Any

import click

from bitlight.cli.report import json_option, show_table, write_json


@click.group()
def cache() -> None:
    """See and empty the cache: compiled simulators, synthesis, compiled loops and tools.

    It is $BITLIGHT_CACHE, or bitlight's folder in the user's cache. Simulators and synthesis may
    take $BITLIGHT_CACHE_LIMIT together, 4G by default; those that were not used for longest go.
    """


@cache.command(epilog="Next: bitlight cache clear.")
@json_option
def show(json_file: str | None) -> None:
    """Show where the cache is, whether it can be used, and what takes how many bytes."""
    from bitlight.files.cache import SECTIONS, CacheError, cache_folder, own_section
    from bitlight.files.kept import limit, size

    folder, most = cache_folder(), limit()
    state = "in use"
    if folder is not None and not os.path.lexists(folder):
        state = "not there yet"
    else:
        try:
            own_section("", room=0)
        except CacheError as error:
            state = f"not in use: {error}"
    sizes = {name: 0 if folder is None else size(folder / name) for name in SECTIONS}
    figures: dict[str, Any] = {
        "folder": None if folder is None else os.fspath(folder),
        "state": state,
        "bytes": sizes,
        "limit_bytes": most,
    }
    rows: list[list[Any]] = [["folder", str(folder)], ["state", state]]
    rows += [[f"{name}, bytes", value] for name, value in sizes.items()]
    show_table("cache", ["", "value"], [*rows, ["limit of simulators and synthesis, bytes", most]])
    write_json(json_file, figures)


@cache.command(epilog="Next: bitlight cache show.")
@json_option
def clear(json_file: str | None) -> None:
    """Remove all that is in the cache; what else is in its folder stays."""
    from bitlight.files.cache import SECTIONS, cache_folder
    from bitlight.files.kept import clear as cleared

    folder = cache_folder()
    freed = 0 if folder is None else sum(cleared(folder / name) for name in SECTIONS)
    click.echo(f"removed {freed:,} bytes")
    write_json(json_file, {"bytes_removed": freed})

"""`bitlight doctor`: what is here, what is missing, and the command that brings it."""

import itertools
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path

import click

from bitlight import plugins
from bitlight.cli.findings import Finding, look
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, working
from bitlight.errors import BitlightError

BASE, CACHE, EXTRAS = "base", "cache", "extras"
# What the checks of higher packages are about, where one of them cannot even begin.
AREAS = {"hw": "hardware", "sim": "simulation", "lab": "demonstration and pictures"}
# Free bytes below which builds may fail.
ROOM = 1 << 30
REINSTALL = "pip install --upgrade bitlight"
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?\s*([^;]*)")


@click.command(epilog="Next: bitlight demo, bitlight cache show.")
@json_option
def doctor(json_file: str | None) -> None:
    """Show what bitlight finds here: packages, compiler, simulators, tools, boards' loaders, cache.

    What is missing stands with the command that brings it. Most of it is for some commands alone:
    the code is 0 unless something is missing or broken that everything needs.
    """
    with working("looking"):
        found = findings()
    for area, group in itertools.groupby(found, key=lambda finding: finding.area):
        rows = [[one.state, one.what, one.found, one.remedy] for one in group]
        show_table(area, ["", "what", "found", "to get it"], rows)
    failed = [one for one in found if one.needed and one.state != "ok"]
    missing = sum(one.state != "ok" for one in found)
    if failed:
        names = ", ".join(one.what for one in failed)
        console.print(f"bitlight itself does not work here: {names}", soft_wrap=True)
    else:
        console.print(
            f"bitlight works here; {missing} things that some commands need are not there"
            if missing
            else "everything is here",
            soft_wrap=True,
        )
    write_json(json_file, {"works": not failed, "findings": [asdict(one) for one in found]})
    if failed:
        raise SystemExit(1)


def findings() -> list[Finding]:
    """All findings, of this package and of those that bring more of them."""
    found = [*_base(), *_cache(), *_extras()]
    for name in plugins.names("bitlight.checks"):
        found += _of_plugin(name)
    order = list(dict.fromkeys(one.area for one in found))
    return sorted(found, key=lambda one: order.index(one.area))


def _of_plugin(name: str) -> list[Finding]:
    try:
        return list(plugins.load("bitlight.checks", name)())
    except BitlightError as error:  # what it needs is an extra
        told, _, remedy = str(error).partition("; try: ")
        return [Finding(AREAS.get(name, name), name, "missing", told, remedy)]
    except Exception as error:  # a package that is half there must not hide the others
        told = f"{type(error).__name__}: {error}"
        return [Finding(AREAS.get(name, name), name, "broken", f"{told:.200}", REINSTALL)]


def _base() -> Iterator[Finding]:
    yield Finding(BASE, "Python", "ok", f"{platform.python_version()}, {platform.machine()}")
    for name, bounds in _requirements(None):
        yield look(BASE, name, partial(_version, name, bounds), REINSTALL, needed=True)
    yield look(BASE, "golden model", _golden, REINSTALL, needed=True)


def _requirements(extra: str | None) -> Iterator[tuple[str, str]]:
    """Names and bounds of what bitlight, or an extra of it, wants."""
    for requirement in metadata.requires("bitlight") or ():
        of = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        named = REQUIREMENT.match(requirement)
        if named and (of[1] if of else None) == extra:
            yield named[1], named[2].strip()


def _version(name: str, bounds: str) -> str:
    """The version of a package.

    Raises
    ------
    LookupError
        If it is outside the bounds.
    """
    found = metadata.version(name)
    for operator, bound in re.findall(r"(>=|<)\s*([\d.]+)", bounds):
        numbers = [tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (found, bound)]
        if (numbers[0] >= numbers[1]) != (operator == ">="):
            raise LookupError(f"version {found}, and bitlight needs {operator} {bound}")
    return found


def _golden() -> str:
    """Both golden engines on a network that has all of theirs to do."""
    import numpy as np

    from bitlight import Conv2d, Linear, Network

    rng = np.random.default_rng(0)
    first = Conv2d(rng.random((8, 3, 3, 1)) < 0.5, rng.integers(-99, 99, 8))
    net = Network((5, 5, 1), 8, [first, Linear(rng.random((4, 72)) < 0.5, None)])
    images = rng.integers(0, 256, (9, 5, 5, 1), np.uint8)
    if not np.array_equal(net.forward(images), net.forward(images, engine="plain")):
        raise ArithmeticError("its engines differ")
    return "both engines agree"


def _cache() -> Iterator[Finding]:
    from bitlight.files.cache import SECTIONS, VARIABLE, CacheError, cache_folder, own_section
    from bitlight.files.kept import size

    folder = cache_folder()
    remedy = f"export {VARIABLE}=FOLDER"

    def used() -> str:
        own_section("", room=0)
        taken = sum(size(folder / name) for name in SECTIONS) if folder else 0
        return f"{folder}, {taken / 1e6:,.0f} MB"

    if folder is not None and not os.path.lexists(folder):
        yield Finding(CACHE, "folder", "ok", f"{folder}, not there yet")
    else:
        yield look(CACHE, "folder", used, remedy, absent=(CacheError,))
    there = next(
        (p for p in (folder, *(folder.parents if folder else ())) if p and p.exists()), Path()
    )
    free = shutil.disk_usage(there).free
    enough = free >= ROOM
    yield Finding(
        CACHE,
        "free space",
        "ok" if enough else "missing",
        f"{free / 1e9:,.1f} GB",
        "" if enough else "bitlight cache clear",
    )


def _extras() -> Iterator[Finding]:
    """Each extra: whether all of its packages are there."""
    for extra in metadata.metadata("bitlight").get_all("Provides-Extra") or ():
        if extra in ("all", "dev"):
            continue
        missing = []
        for name, _ in _requirements(extra):
            try:
                metadata.version(name)
            except metadata.PackageNotFoundError:
                missing.append(name)
        remedy = f"pip install 'bitlight[{extra}]'" if missing else ""
        said = f"without {', '.join(missing)}" if missing else "all of it"
        yield Finding(EXTRAS, extra, "missing" if missing else "ok", said, remedy)
    yield look(EXTRAS, "GPU", _gpu, absent=(ModuleNotFoundError, LookupError))


def _gpu() -> str:
    try:
        import torch
    except ModuleNotFoundError:
        raise LookupError("no torch") from None
    if not torch.cuda.is_available():
        raise LookupError(f"torch {torch.__version__} finds none; training runs on the CPU")
    return f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}"

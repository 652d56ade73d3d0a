"""What higher packages and other distributions bring, by name: engines, commands, checks.

Each is an entry point, loaded when it is asked for. What a name needs and is not installed is an
error that says which extra brings it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import Any, Literal

from bitlight.errors import BitlightError

Group = Literal["bitlight.engines", "bitlight.commands", "bitlight.checks"]
# Modules whose distribution has another name.
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "serial": "pyserial",
}


@cache
def _entries(group: Group) -> dict[str, metadata.EntryPoint]:
    """A group's entry points; to look for them takes all distributions' files."""
    return {entry.name: entry for entry in metadata.entry_points(group=group)}


def names(group: Group) -> tuple[str, ...]:
    """Names of a group's entry points, sorted."""
    return tuple(sorted(_entries(group)))


def load(group: Group, name: str) -> Any:
    """The object behind a name.

    Raises
    ------
    BitlightError
        If there is none, or what it needs is not installed.
    """
    entry = _entries(group).get(name)
    if entry is None:
        raise BitlightError(f"no {name!r} in {group}; there are {', '.join(names(group))}")
    with saying_what_is_missing():
        return entry.load()


@contextmanager
def saying_what_is_missing() -> Iterator[None]:
    """Make one line of a package that is not installed, with the extra that brings it.

    Raises
    ------
    BitlightError
        Instead of ModuleNotFoundError, if the package is one that an extra of bitlight brings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if extra is None:
            raise
        raise BitlightError(
            f"{error.name} is not installed; try: pip install 'bitlight[{extra}]'"
        ) from error


def extra_of(module: str) -> str | None:
    """The smallest extra of bitlight that brings a module, or None.

    Examples
    --------
    >>> extra_of("cocotb.triggers")
    'sim'
    >>> extra_of("bitlight") is None
    True
    """
    top = module.partition(".")[0]
    wanted = _normal(DISTRIBUTIONS.get(top, top))
    extras: dict[str, list[str]] = {}
    for requirement in metadata.requires("bitlight") or ():
        found = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement)
        if found:
            extras.setdefault(found[2], []).append(_normal(found[1]))
    bringing = [extra for extra, brought in extras.items() if wanted in brought]
    return min(bringing, key=lambda extra: len(extras[extra]), default=None)


def _normal(distribution: str) -> str:
    return distribution.replace("_", "-").lower()

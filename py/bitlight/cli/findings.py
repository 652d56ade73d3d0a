"""What `bitlight doctor` finds: each package of ours looks at what it needs itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that is there, or not.

    Attributes
    ----------
    area : str
        What it is for, as a heading.
    what : str
    state : "ok", "missing" or "broken"
    found : str
        Version, path, or what is wrong.
    remedy : str
        The command that brings it; "" where nothing is to be done.
    needed : bool
        Whether the base of bitlight does not work without it.
    """

    area: str
    what: str
    state: State
    found: str = ""
    remedy: str = ""
    needed: bool = False


def look(
    area: str,
    what: str,
    find: Callable[[], str],
    remedy: str = "",
    *,
    needed: bool = False,
    absent: tuple[type[BaseException], ...] = (),
) -> Finding:
    """Find something out; whatever goes wrong is what was found.

    Parameters
    ----------
    find : callable
        Gives what to say of what is there.
    absent : tuple of exceptions
        Those that mean that it is not there, rather than that it is broken.
    """
    try:
        return Finding(area, what, "ok", find())
    except absent as error:
        return Finding(area, what, "missing", str(error).partition("; try")[0], remedy, needed)
    except Exception as error:  # a doctor goes on
        told = f"{type(error).__name__}: {error}"
        return Finding(area, what, "broken", f"{told:.300}", remedy, needed)


def packages(
    area: str, names: Iterable[str], remedy: str, *, needed: bool = False
) -> Iterator[Finding]:
    """A finding for each package of pip: its version."""
    for name in names:
        try:
            yield Finding(area, name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(area, name, "missing", "not installed", remedy, needed)

"""The public names of the four packages, and those that pages import from inside them.

Public is what stands in `__all__` of a package. A name of a module that a page or a tutorial
imports is described as well.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = ("bitlight", "bitlight_hw", "bitlight_sim", "bitlight_lab")
DOCS = Path(__file__).parents[1]
IMPORT = re.compile(
    rf"^ *(?:>>> )?from ((?:{'|'.join(PACKAGES)})[\w.]*) import ([\w, ]+)$", re.MULTILINE
)


def packages() -> Iterator[ModuleType]:
    """The four packages and all inside them, each before those that it holds."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        inner = pkgutil.walk_packages(package.__path__, f"{name}.")
        yield from (importlib.import_module(found.name) for found in inner if found.ispkg)


def public() -> dict[str, list[tuple[str, Any]]]:
    """Of each package that has any, its public names and what they are."""
    return {
        package.__name__: [(name, getattr(package, name)) for name in sorted(package.__all__)]
        for package in packages()
        if getattr(package, "__all__", None)
    }


def pages() -> list[Path]:
    """README, and the pages and tutorials of docs/."""
    return [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("*/*.md"))]


def imported() -> dict[str, list[tuple[str, Any]]]:
    """What pages import from modules whose package does not make it public."""
    found: dict[str, set[str]] = {}
    for page in pages():
        for module, names in IMPORT.findall(page.read_text()):
            found.setdefault(module, set()).update(name.split()[0] for name in names.split(","))
    public_ids = {id(what) for names in public().values() for _, what in names}
    described = {}
    for module, names in sorted(found.items()):
        own = importlib.import_module(module)
        kept = [(name, getattr(own, name)) for name in sorted(names)]
        kept = [
            (name, what)
            for name, what in kept
            if id(what) not in public_ids and not isinstance(what, ModuleType)
        ]
        if kept:
            described[module] = kept
    return described

"""The help texts of commands: what follows a `\\b` there is a block of commands here."""

import re

import click
from sphinx.application import Sphinx


def blocks(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Lines that click must not wrap become a block, and the rest plain text."""
    found: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("| "):
            if not inside:
                found += ["", ".. code-block:: text", ""]
            found.append(f"   {line[2:]}")
        else:
            found += [""] if inside else []
            found.append(re.sub(r"([*|\\`])", r"\\\1", line))
        inside = line.startswith("| ")
    lines[:] = found


def setup(app: Sphinx) -> dict[str, bool]:
    """After sphinx-click has read a help text."""
    app.connect("sphinx-click-process-description", blocks)
    return {"parallel_read_safe": True}

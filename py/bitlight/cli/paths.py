"""Types of the parameters that name files: what is read, and what is written.

A command declares which is which, and before it runs no output is an input or another output.
"""

from pathlib import Path
from typing import Any

import click

from bitlight.errors import NetworkError
from bitlight.extractors.shipped import CUTS
from bitlight.files import check_distinct
from bitlight.topologies import TOPOLOGIES

DATA_SETS = ("animals", "digits", "fashion-mnist", "random")
METADATA = "bitlight.paths"
# What may stand behind a network's colon, beside a number of layers.
CUT = "features"
WHOLE = "whole"


class Input(click.Path):
    """What a command reads: a file, a folder, or one of the names that stand for no file.

    Parameters
    ----------
    names : collection of str
        What needs no file; as in `random:100`, a colon and more may come after it.
    options : dict
        Of click.Path.
    """

    def __init__(self, names: Any = (), **options: Any) -> None:
        super().__init__(**options)
        self.names = names

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is an output."""
        if isinstance(value, str) and value.partition(":")[0] in self.names:
            return value
        _note("inputs", value, ctx)
        return super().convert(value, param, ctx)


class NetworkInput(Input):
    """NETWORK: of a file with a cut behind its name, the file is what is read."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the file, and refuse it if it is an output."""
        super().convert(split_cut(value)[0], param, ctx)
        return value


def split_cut(name: str) -> tuple[str, str]:
    """A network's name and the cut behind its colon, which may as well belong to a file's name.

    Raises
    ------
    NetworkError
        If there is something else behind the colon.
    """
    base, colon, cut = name.rpartition(":")
    if not colon or Path(name).is_file():
        return name, ""
    if cut not in (CUT, WHOLE) and not cut.isdecimal():
        raise NetworkError(f"{name}: behind the colon stands {CUT}, {WHOLE} or a number of layers")
    return base, cut


class Output(click.Path):
    """What a command writes, a file or a folder.

    Parameters
    ----------
    options : dict
        Of click.Path.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(readable=False, **options)

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is an input or another output."""
        _note("outputs", value, ctx)
        return super().convert(value, param, ctx)


random_weights_option = click.option(
    "--random-weights",
    is_flag=True,
    help="Take a topology as NETWORK, whose weights are random: what it gives means nothing.",
)
NETWORK = NetworkInput((*CUTS, *TOPOLOGIES))
IMAGES = Input(DATA_SETS)


def _note(role: str, path: Any, ctx: click.Context | None) -> None:
    if ctx is None or ctx.resilient_parsing:
        return
    known = ctx.meta.setdefault(METADATA, {"inputs": [], "outputs": []})
    known[role].append(path)
    check_distinct(known["outputs"], known["inputs"])

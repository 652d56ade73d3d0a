"""Types of the parameters that name files: what is read, and what is written.

A command declares which is which, and before it runs no output is an input or another output.
"""

from pathlib import Path
from typing import Any

import click

from bitlight.errors import BitlightError, DataError, NetworkError
from bitlight.extractors.shipped import CUTS
from bitlight.files.replacing import check_distinct, check_writable
from bitlight.zoo.topologies import TOPOLOGIES

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
        if self.is_name(value):
            return value
        _note("inputs", value, ctx)
        if not self.names and not Path(value).exists():
            raise BitlightError(f"no such file: {value}")
        return super().convert(value, param, ctx)

    def is_name(self, value: Any) -> bool:
        """Whether it stands for no file."""
        return isinstance(value, str) and value.partition(":")[0] in self.names


class ImagesInput(Input):
    """IMAGES: a data set, a folder or an array; what is neither is refused before other work."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is an output or leads nowhere."""
        found = super().convert(value, param, ctx)
        path = Path(value)
        if self.is_name(value) or path.is_dir() or (path.suffix == ".npy" and path.exists()):
            return found
        raise no_images(value)


def no_images(name: str) -> DataError:
    """What is said of IMAGES that are none."""
    return DataError(
        f"no images {name!r}: give animals, animals:train, animals:test, digits, "
        "fashion-mnist:train, fashion-mnist:test, random or random:COUNT, a .npy file, "
        "or a folder with one sub-folder for each class"
    )


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
    *suffixes : str
        How the name of a file may end, if it has an ending; a folder's name has none.
    **options
        Of click.Path.
    """

    def __init__(self, *suffixes: str, **options: Any) -> None:
        super().__init__(readable=False, **options)
        self.suffixes = suffixes

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is read, another output, or cannot be written."""
        _note("outputs", value, ctx)
        found = super().convert(value, param, ctx)
        if ctx is None or not ctx.resilient_parsing:
            self._check_suffix(Path(value))
            check_writable(value, folders=not self.file_okay)
        return found

    def _check_suffix(self, path: Path) -> None:
        foreign = path.suffix[1:2].isalpha() and path.suffix not in self.suffixes
        if self.suffixes and foreign and (path.is_file() or not path.exists()):
            folder = ", or be a folder's name, without an ending" if self.dir_okay else ""
            raise BitlightError(f"{path} should end in {' or '.join(self.suffixes)}{folder}")


random_weights_option = click.option(
    "--random-weights",
    is_flag=True,
    help="Take a topology as NETWORK, whose weights are random: what it gives means nothing.",
)
NETWORK = NetworkInput((*CUTS, *TOPOLOGIES))
IMAGES = ImagesInput(DATA_SETS)


def _note(role: str, path: Any, ctx: click.Context | None) -> None:
    if ctx is None or ctx.resilient_parsing:
        return
    known = ctx.meta.setdefault(METADATA, {"inputs": [], "outputs": []})
    known[role].append(path)
    check_distinct(known["outputs"], known["inputs"])

"""Types of the parameters that name files: what is read, and what is written.

A command declares which is which, and before it runs no output is an input or another output.
"""

import glob
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from bitlight.data.parts import ARCHIVES, split_part
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

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin so, and files."""
        names = [CompletionItem(name) for name in self.names if name.startswith(incomplete)]
        return [*names, *super().shell_complete(ctx, param, incomplete)]

    def is_name(self, value: Any) -> bool:
        """Whether it stands for no file."""
        return isinstance(value, str) and value.partition(":")[0] in self.names


class ImagesInput(Input):
    """IMAGES: a data set, a folder or an array; what is neither is refused before other work."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is an output or leads nowhere."""
        if self.is_name(value):
            return value
        path, part = split_part(str(value))
        super().convert(str(path), param, ctx)
        packed = path.is_file() and path.name.endswith(ARCHIVES)
        if path.is_dir() or packed or (path.suffix == ".npy" and path.exists() and not part):
            return value
        raise no_images(value)


class FeaturesOrImages(ImagesInput):
    """Features on disk, or IMAGES; which of them is the command's to say."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the path, and refuse it if it is an output or leads nowhere."""
        if Path(value).is_file():
            return Input.convert(self, value, param, ctx)
        path, _ = split_part(str(value))
        if not self.is_name(value) and not path.exists():
            raise BitlightError(f"no such file: {value}")
        return super().convert(value, param, ctx)


class Photographs(Input):
    """Files of photographs, folders of them, or patterns as *.jpg."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """Note the files, and refuse them if one is an output, or if there are none."""
        for file in expand(value):
            _note("inputs", str(file), ctx)
        return value


def expand(name: str) -> list[Path]:
    """The files that a name means: itself, those of a folder, or those of a pattern, sorted.

    Raises
    ------
    DataError
        If there are none.
    """
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _is_visible(file, path))
        if not found:
            raise DataError(f"there are no files in {name}")
        return found
    if path.exists():
        return [path]
    if not glob.has_magic(name):
        raise DataError(f"no such file: {name}")
    found = sorted(Path(file) for file in glob.glob(name, recursive=True))
    found = [file for file in found if file.is_file()]
    if not found:
        raise DataError(f"no file has a name like {name}")
    return found


def _is_visible(file: Path, folder: Path) -> bool:
    """Whether it is a file of which no part of the name within a folder begins with a dot."""
    parts = file.relative_to(folder).parts
    return file.is_file() and not any(part.startswith(".") for part in parts)


def no_images(name: str) -> DataError:
    """What is said of IMAGES that are none."""
    return DataError(
        f"no images {name!r}: give animals, animals:train, animals:test, digits, "
        "fashion-mnist:train, fashion-mnist:test, random or random:COUNT, a .npy file, "
        "a folder with one sub-folder for each class, or PATH:train and the like of CIFAR, "
        "Tiny ImageNet, STL-10, SVHN, or of a folder with train/ and test/ in it"
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
FEATURES_OR_IMAGES = FeaturesOrImages(DATA_SETS)


def _note(role: str, path: Any, ctx: click.Context | None) -> None:
    if ctx is None or ctx.resilient_parsing:
        return
    known = ctx.meta.setdefault(METADATA, {"inputs": [], "outputs": []})
    known[role].append(path)
    check_distinct(known["outputs"], known["inputs"])

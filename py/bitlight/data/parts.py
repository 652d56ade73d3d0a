"""Data sets on disk that come in parts, by how their files lie: PATH:train, PATH:test and the like.

A data set with parts is never taken as a whole: what was tested on would be trained on. Another
layout is an entry in `LAYOUTS`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bitlight.data.cifar import FORMS, cifar, form_of
from bitlight.data.cifar import PARTS as CIFAR_PARTS
from bitlight.data.foldersource import list_folder
from bitlight.data.labelled import Listing, Pixels
from bitlight.data.stl10 import PARTS as STL_PARTS
from bitlight.data.stl10 import stl10
from bitlight.data.svhn import PARTS as SVHN_PARTS
from bitlight.data.svhn import file_of, svhn
from bitlight.data.tinyimagenet import PARTS as TINY_PARTS
from bitlight.data.tinyimagenet import is_tiny_imagenet, tiny_imagenet
from bitlight.errors import DataError

PARTS = ("train", "test", "val", "valid", "validation", "extra")
ARCHIVES = (".tar.gz", ".tgz")
# What the part that is tested on is called, the first that is there.
TESTED = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class Layout:
    """How the files of a data set lie.

    Attributes
    ----------
    title : str
    parts : callable
        Of a path that is laid out so, the names of its parts; of others nothing.
    read : callable
        A path and a part to `Pixels` or a `Listing`.
    photographs : bool
        Whether it is folders of photographs, with one sub-folder for each class in each part.
    """

    title: str
    parts: Callable[[Path], tuple[str, ...]]
    read: Callable[..., Pixels | Listing]
    photographs: bool = False

    def divided(self, path: Path) -> tuple[str, str]:
        """The parts to train and to test on; the second is empty where there is none."""
        parts = self.parts(path)
        return "train", next((part for part in TESTED if part in parts), "")


def split_part(name: str) -> tuple[Path, str]:
    """A path and the part behind its colon, which is empty where there is none.

    Examples
    --------
    >>> split_part("photos:train"), split_part("photos")
    ((PosixPath('photos'), 'train'), (PosixPath('photos'), ''))
    """
    base, colon, part = name.rpartition(":")
    if colon and part.isalpha() and not Path(name).exists():
        return Path(base), part
    return Path(name), ""


def layout_of(path: Path) -> Layout | None:
    """How the files at a path lie, if that is a layout with parts."""
    return next((layout for layout in LAYOUTS if layout.parts(path)), None)


def read_part(path: Path, part: str) -> Pixels | Listing | None:
    """A part of a data set; None for a path whose files have no parts, where none is asked for.

    Raises
    ------
    DataError
        If there is no such part, a data set with parts is named without one, or its files are not
        as they should be.
    """
    layout = layout_of(path)
    if layout is None:
        if part:
            raise DataError(
                f"{path} has no part {part!r}: parts are those of CIFAR, Tiny ImageNet, STL-10 and "
                "SVHN, and of a folder with train/ and test/ or val/ in it"
            )
        return None
    parts = layout.parts(path)
    if part not in parts:
        named = " or ".join(f"{path}:{name}" for name in parts)
        what = f"has no part {part!r}" if part else f"has the parts {' and '.join(parts)}"
        raise DataError(f"{path} ({layout.title}) {what}: give {named}")
    return layout.read(path, part)


def _cifar_parts(path: Path) -> tuple[str, ...]:
    if path.is_file():
        return CIFAR_PARTS if path.name.endswith(ARCHIVES) else ()
    there = {entry.name for entry in _entries(path)}
    inner = any((path / form.folder).is_dir() for form in FORMS if form.folder in there)
    return CIFAR_PARTS if inner or form_of(there) else ()


def _tiny_parts(path: Path) -> tuple[str, ...]:
    return TINY_PARTS if is_tiny_imagenet(path) else ()


def _svhn_parts(path: Path) -> tuple[str, ...]:
    return tuple(part for part in SVHN_PARTS if (path / file_of(part)).is_file())


def _stl_parts(path: Path) -> tuple[str, ...]:
    here = any((path / inner / "train_X.bin").is_file() for inner in ("", "stl10_binary"))
    return STL_PARTS if here else ()


def _folder_parts(path: Path) -> tuple[str, ...]:
    """Folders for training and for testing, each with folders of its own."""
    found = tuple(part for part in PARTS if any(map(Path.is_dir, _entries(path / part))))
    return found if "train" in found and len(found) > 1 else ()


def _folder_part(path: Path, part: str) -> Listing:
    return list_folder(path / part)


def _entries(path: Path) -> Iterator[Path]:
    return path.iterdir() if path.is_dir() else iter(())


LAYOUTS = (
    Layout("CIFAR", _cifar_parts, cifar),
    Layout("Tiny ImageNet", _tiny_parts, tiny_imagenet),
    Layout("SVHN", _svhn_parts, svhn),
    Layout("STL-10", _stl_parts, stl10),
    Layout("a folder of parts", _folder_parts, _folder_part, photographs=True),
)

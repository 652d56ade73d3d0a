"""Tiny ImageNet: 100,000 photographs of 64×64 pixels in 200 of ImageNet's classes.

`train/` has a folder for each class, `val/` one folder for all and a list that says which is what.
Both are numbered by `wnids.txt`, whose ids name the classes; `words.txt` says what they mean.
Source: Stanford's course CS231n, tiny-imagenet-200.
"""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.data.imagesplit import lines
from bitlight.data.labelled import Listing
from bitlight.errors import DataError

SOURCE = "tiny-imagenet-200"
PARTS = ("train", "val")
ANNOTATIONS = "val_annotations.txt"

Part = Literal["train", "val"]


def is_tiny_imagenet(folder: Path) -> bool:
    """Whether a folder is laid out as Tiny ImageNet is."""
    return (folder / "wnids.txt").is_file() and (folder / "train").is_dir()


def tiny_imagenet(folder: str | os.PathLike[str], part: Part) -> Listing:
    """List the files of Tiny ImageNet.

    Parameters
    ----------
    folder : path
        Holds train/, val/ and wnids.txt.
    part : "train" or "val"
        The test images have no labels.

    Returns
    -------
    Listing
        Labels 0 to 199 are the places of the ids in wnids.txt, the same for both parts.

    Raises
    ------
    DataError
        If a list or a folder is missing, they do not agree on classes and files, or a class has no
        images.

    Examples
    --------
    >>> len(tiny_imagenet("tiny-imagenet-200", "val").files)  # doctest: +SKIP
    10000
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> _ = (folder / "wnids.txt").write_text("n01\\nn02\\n")
    >>> for kind in ("n01", "n02"):
    ...     (folder / "train" / kind / "images").mkdir(parents=True)
    ...     (folder / "train" / kind / "images" / "0.JPEG").touch()
    >>> listing = tiny_imagenet(folder, "train")
    >>> listing.labels, listing.names
    (array([0, 1]), ('n01', 'n02'))
    """
    if part not in PARTS:
        raise DataError(
            f"part must be 'train' or 'val', not {part!r:.80}: the test images have no labels"
        )
    root = Path(folder).resolve()
    ids = tuple(lines(root / "wnids.txt", SOURCE))
    if len(set(ids)) < len(ids) or not all(map(_is_name, ids)):
        raise DataError(f"{root / 'wnids.txt'} should name each class once, one in a line")
    if len(ids) < 2:
        raise DataError(f"{root / 'wnids.txt'} should name two classes or more, not {len(ids)}")
    labelled = (_train if part == "train" else _val)(root, ids)
    counts = np.bincount([label for _, label in labelled], minlength=len(ids))
    if not counts.all():
        raise DataError(f"{root / part} has no images of the class {ids[int(counts.argmin())]}")
    files, labels = zip(*labelled, strict=True)
    return Listing(root, list(files), np.array(labels, np.int64), ids)


def words(folder: str | os.PathLike[str]) -> dict[str, str]:
    """What the ids of classes mean, from words.txt.

    Raises
    ------
    DataError
        If there is no such list.

    Examples
    --------
    >>> words("tiny-imagenet-200")["n02124075"]  # doctest: +SKIP
    'Egyptian cat'
    """
    rows = (line.partition("\t") for line in lines(Path(folder) / "words.txt", SOURCE))
    return {name: meaning for name, _, meaning in rows}


def _train(root: Path, ids: tuple[str, ...]) -> list[tuple[Path, int]]:
    place = root / "train"
    if not place.is_dir():
        raise DataError(f"no folder {place}: it comes with {SOURCE}")
    there = {entry.name for entry in place.iterdir() if entry.is_dir()}
    for name in sorted(there.symmetric_difference(ids)):
        where = "wnids.txt" if name in there else "train/"
        raise DataError(f"the class {name} is missing in {root}/{where}: not all is unpacked")
    found = []
    for label, name in enumerate(ids):
        folder = place / name / "images"
        if not folder.is_dir():
            raise DataError(f"no folder {folder}: it comes with {SOURCE}")
        files = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        found += [(file, label) for file in files]
    return found


def _val(root: Path, ids: tuple[str, ...]) -> list[tuple[Path, int]]:
    numbers = {name: label for label, name in enumerate(ids)}
    annotations = read_annotations(root / "val" / ANNOTATIONS)
    place = root / "val" / "images"
    there = {entry.name for entry in place.iterdir()} if place.is_dir() else set()
    for file, name in annotations.items():
        if name not in numbers:
            raise DataError(f"{root}/val/{ANNOTATIONS} has the class {name}, wnids.txt has not")
        if file not in there:
            raise DataError(f"no image {place / file}, which {ANNOTATIONS} names")
    more = sorted(name for name in there.difference(annotations) if not name.startswith("."))
    if more:
        raise DataError(f"{place / more[0]} is not in {ANNOTATIONS}: its class is unknown")
    return [(place / file, numbers[name]) for file, name in sorted(annotations.items())]


def read_annotations(path: Path) -> dict[str, str]:
    """The class's id of each file: lines of a file's name, an id, and a box, with tabs between.

    Raises
    ------
    DataError
        If there is no such list, a line has no id, or a file is named twice or elsewhere.
    """
    found: dict[str, str] = {}
    for line in lines(path, SOURCE):
        file, _, rest = line.partition("\t")
        name = rest.partition("\t")[0]
        if not _is_name(file) or not _is_name(name):
            raise DataError(f"{path} should have a file and a class in each line, not {line!r:.80}")
        if file in found:
            raise DataError(f"{path} names {file!r:.80} twice")
        found[file] = name
    return found


def _is_name(text: str) -> bool:
    """Whether it is the name of something within a folder."""
    return bool(text) and text.isprintable() and text not in (".", "..") and "/" not in text

"""Caltech-UCSD Birds-200-2011 from the folder that a user has (Welinder et al.)."""

import os
from pathlib import Path

import numpy as np

from bitlight.data.imagesplit import ImageSplit, lines
from bitlight.errors import DataError

SOURCE = "CUB-200-2011"


def birds200(folder: str | os.PathLike[str]) -> ImageSplit:
    """Read the lists of CUB-200-2011: 5,994 images to train and 5,794 to test.

    Parameters
    ----------
    folder : path
        Holds images/, images.txt, train_test_split.txt, image_class_labels.txt and classes.txt.

    Raises
    ------
    DataError
        If a file is missing or not as it should be.

    Examples
    --------
    >>> len(birds200("CUB_200_2011").test)  # doctest: +SKIP
    5794
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> lists = {"images": ("a.jpg", "b.jpg"), "image_class_labels": (1, 2)}
    >>> lists |= {"train_test_split": (1, 0), "classes": ("001.Crow", "002.Gull")}
    >>> for name, values in lists.items():
    ...     rows = "".join(f"{number} {value}\\n" for number, value in enumerate(values, 1))
    ...     _ = (folder / f"{name}.txt").write_text(rows)
    >>> (folder / "images").mkdir()
    >>> for name in lists["images"]:
    ...     (folder / "images" / name).touch()
    >>> split = birds200(folder)
    >>> len(split.train), split.names[split.test_labels[0]]
    (1, '002.Gull')
    """
    root = Path(folder)
    paths = _table(root / "images.txt")
    trained, label = _table(root / "train_test_split.txt"), _table(root / "image_class_labels.txt")
    names = _table(root / "classes.txt")
    numbers = {name: index for index, name in enumerate(names)}
    if not paths.keys() == trained.keys() == label.keys():
        raise DataError(f"the lists in {root} should be of the same images")
    unknown = next((number for number in label.values() if number not in numbers), None)
    if unknown is not None:
        raise DataError(f"class {unknown} is not in {root / 'classes.txt'}")
    return ImageSplit.of(
        [root / "images" / path for path in paths.values()],
        np.array([numbers[label[image]] for image in paths]),
        np.array([trained[image] == "0" for image in paths]),
        tuple(names.values()),
    )


def _table(path: Path) -> dict[str, str]:
    """Lines of a number and a value."""
    rows = [line.split(maxsplit=1) for line in lines(path, SOURCE)]
    short = next((row for row in rows if len(row) != 2), None)
    if short is not None:
        raise DataError(f"{path} should have a number and a value in each line, not {short[0]!r}")
    return dict(rows)

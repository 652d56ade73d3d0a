"""MIT Indoor-67 from the folder that a user has (Quattoni and Torralba 2009)."""

import os
from pathlib import Path

import numpy as np

from bitlight.data.imagesplit import ImageSplit, lines

SOURCE = "MIT Indoor-67: Images/, TrainImages.txt and TestImages.txt"


def indoor67(folder: str | os.PathLike[str]) -> ImageSplit:
    """Read the lists of MIT Indoor-67: 5,360 images to train and 1,340 to test.

    Parameters
    ----------
    folder : path
        Holds Images/ with one sub-folder for each class, TrainImages.txt and TestImages.txt.

    Raises
    ------
    DataError
        If a file is missing.

    Examples
    --------
    >>> len(indoor67("indoor").test)  # doctest: +SKIP
    1340
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> for part, kind in (("Train", "attic"), ("Test", "cellar")):
    ...     (folder / "Images" / kind).mkdir(parents=True)
    ...     (folder / "Images" / kind / "a.jpg").touch()
    ...     _ = (folder / f"{part}Images.txt").write_text(f"{kind}/a.jpg\\n")
    >>> split = indoor67(folder)
    >>> split.names, split.test_labels
    (('attic', 'cellar'), array([1]))
    """
    root = Path(folder)
    train, test = (lines(root / f"{side}Images.txt", SOURCE) for side in ("Train", "Test"))
    listed = train + test
    names = tuple(sorted({Path(path).parent.name for path in listed}))
    numbers = {name: index for index, name in enumerate(names)}
    labels = np.array([numbers[Path(path).parent.name] for path in listed])
    tested = np.arange(len(listed)) >= len(train)
    return ImageSplit.of([root / "Images" / path for path in listed], labels, tested, names)

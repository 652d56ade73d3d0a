"""Folders of one sub-folder for each class, as Animals-10 has them, divided at random."""

import os
from pathlib import Path

import numpy as np

from bitlight.data.folder import image_files
from bitlight.data.imagesplit import ImageSplit


def class_folders(
    folder: str | os.PathLike[str], *, test_share: float = 0.2, seed: int = 0
) -> ImageSplit:
    """Divide the images of a folder, class by class.

    Animals-10 is such a folder, its images in raw-img/. LightOn's article tests on a fifth of it,
    drawn at random; which images these were it does not say.

    Parameters
    ----------
    folder : path
        Holds one sub-folder of images for each class, or raw-img/ that does.
    test_share : float
        Of each class, rounded, one image at least on either side where there are two.
    seed : int

    Raises
    ------
    DataError
        If there is no such folder, or a class has no images.

    Examples
    --------
    >>> len(class_folders("animals10").test)  # doctest: +SKIP
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> for kind in ("cat", "dog"):
    ...     (folder / kind).mkdir()
    ...     for number in range(5):
    ...         (folder / kind / f"{number}.jpg").touch()
    >>> split = class_folders(folder)
    >>> len(split.train), len(split.test), split.names
    (8, 2, ('cat', 'dog'))
    """
    root = Path(folder)
    files, labels, names = image_files(root / "raw-img" if (root / "raw-img").is_dir() else root)
    generator = np.random.default_rng(seed)
    tested = np.zeros(len(files), bool)
    for label in range(len(names)):
        members = generator.permutation(np.flatnonzero(labels == label))
        count = np.clip(round(test_share * len(members)), 1, max(len(members) - 1, 0))
        tested[members[: int(count)]] = True
    return ImageSplit.of(files, labels, tested, names)

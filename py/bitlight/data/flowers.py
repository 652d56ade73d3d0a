"""Oxford Flowers-102 from the folder that a user has (Nilsback and Zisserman 2008)."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.data.imagesplit import ImageSplit
from bitlight.errors import DataError, reason

SOURCE = "Oxford Flowers-102: jpg/, imagelabels.mat and setid.mat"


def flowers102(
    folder: str | os.PathLike[str], split: Literal["reversed", "official"] = "reversed"
) -> ImageSplit:
    """Read the lists of Flowers-102.

    Parameters
    ----------
    folder : path
        Holds jpg/image_00001.jpg and so on, imagelabels.mat and setid.mat.
    split : "reversed" or "official"
        As Leroux et al. have it, Table 1: the official test images train (6,149) and the official
        training images test (1,020). Or the official one: training and validation images (2,040)
        train.

    Raises
    ------
    DataError
        If a file is missing or not as it should be.

    Examples
    --------
    >>> len(flowers102("flowers-102").train)  # doctest: +SKIP
    6149
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> from scipy.io import savemat
    >>> savemat(folder / "imagelabels.mat", {"labels": [[1, 2, 1]]})
    >>> savemat(folder / "setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[3]]})
    >>> (folder / "jpg").mkdir()
    >>> for number in (1, 2, 3):
    ...     (folder / "jpg" / f"image_{number:05}.jpg").touch()
    >>> split = flowers102(folder)
    >>> split.train[0].name, split.test[0].name
    ('image_00003.jpg', 'image_00001.jpg')
    """
    if split not in ("reversed", "official"):
        raise DataError(f"split must be 'reversed' or 'official', not {split!r}")
    root = Path(folder)
    labels = _matrix(root / "imagelabels.mat", "labels")
    sets = {name: _matrix(root / "setid.mat", name) for name in ("trnid", "valid", "tstid")}
    if split == "reversed":
        train, test = sets["tstid"], sets["trnid"]
    else:
        train, test = np.concatenate([sets["trnid"], sets["valid"]]), sets["tstid"]
    chosen = np.concatenate([train, test])
    if chosen.size and (chosen.min() < 1 or chosen.max() > len(labels)):
        raise DataError(f"{root / 'setid.mat'} names images beyond the {len(labels)} labels")
    files = [root / "jpg" / f"image_{number:05}.jpg" for number in chosen]
    names = tuple(f"flower {label}" for label in range(1, int(labels.max(initial=0)) + 1))
    tested = np.arange(len(chosen)) >= len(train)
    return ImageSplit.of(files, labels[chosen - 1] - 1, tested, names)


def _matrix(path: Path, name: str) -> np.ndarray:
    """One matrix of a MATLAB file, as a vector of integers."""
    from scipy.io import loadmat

    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: it comes with {SOURCE}")
    try:
        return np.asarray(loadmat(path)[name]).ravel().astype(np.int64)
    except Exception as error:
        # loadmat raises whatever the bytes lead it to.
        raise DataError(f"{path} holds no matrix {name!r}: {reason(error)}") from error

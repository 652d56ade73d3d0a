"""Dividing images with labels into those to train on and those to test on, class by class.

Who comes where follows from a seed and the images' own names alone: each class is put into the
order of SHA-256(seed, name), of which a part is taken. Neither the order of a folder, nor the
machine, nor a version of a library plays a part.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from bitlight.errors import DataError

Side = Literal["train", "test"]


@dataclass(frozen=True)
class Split:
    """One side of a division.

    Attributes
    ----------
    how : str
        "80:20", shares to train and to test on; or "2/5", the second of five folds to test on and
        the others to train on.
    side : "train" or "test"
    seed : int

    Raises
    ------
    DataError
        If they are none of these.

    Examples
    --------
    >>> names, labels = [f"{n}.png" for n in range(10)], np.arange(10) % 2
    >>> Split("80:20", "test").rows(names, labels)
    array([5, 8])
    >>> [Split(f"{fold}/5", "test").rows(names, labels).tolist() for fold in (1, 2)]
    [[5, 8], [3, 6]]
    """

    how: str
    side: Side
    seed: int = 0

    def __post_init__(self) -> None:
        if self.side not in ("train", "test"):
            raise DataError(f"a split has the sides train and test, not {self.side!r:.80}")
        if self.seed < 0:
            raise DataError(f"the seed of a split must be 0 or more, not {self.seed}")
        self._parsed()

    def __str__(self) -> str:
        return f"{self.side} of {self.how}, seed {self.seed}"

    def rows(self, ids: Sequence[str], labels: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
        """Which images are on this side.

        Parameters
        ----------
        ids : sequence of str
            A name for each image, no two alike.
        labels : int array, shape (N,)
        names : sequence of str
            Of the classes, for messages.

        Returns
        -------
        int64 array, ascending

        Raises
        ------
        DataError
            If images have no labels, or a class has too few images to be on both sides.
        """
        if not len(labels) or labels.min() < 0:
            raise DataError("a split goes class by class: these images have no labels")
        if len(set(ids)) < len(ids):
            raise DataError("a split goes by names, and two images have the same")
        rank = [_rank(self.seed, name) for name in ids]
        tested = np.zeros(len(ids), bool)
        for label in np.unique(labels).tolist():
            members = sorted(np.flatnonzero(labels == label).tolist(), key=rank.__getitem__)
            name = names[label] if label < len(names) else label
            start, stop = self._span(len(members), name)
            tested[members[start:stop]] = True
        return np.flatnonzero(tested == (self.side == "test"))

    def _span(self, count: int, name: object) -> tuple[int, int]:
        """Which of a class's images, in their order, are tested."""
        fold, parts = self._parsed()
        least = 2 if isinstance(parts, Fraction) else parts
        if count < least:
            raise DataError(
                f"the class {name!r} has {count} {'image' if count == 1 else 'images'}, and "
                f"{self.how} needs {least} of each class at least"
            )
        if isinstance(parts, Fraction):
            return 0, min(max(int(parts * count + Fraction(1, 2)), 1), count - 1)
        return (fold - 1) * count // parts, fold * count // parts

    def _parsed(self) -> tuple[int, int | Fraction]:
        """Fold and number of folds; or 0 and the share to test on."""
        if found := re.fullmatch(r"(\d{1,6}):(\d{1,6})", self.how):
            train, test = int(found[1]), int(found[2])
            if train and test:
                return 0, Fraction(test, train + test)
        elif found := re.fullmatch(r"(\d{1,4})/(\d{1,4})", self.how):
            fold, folds = int(found[1]), int(found[2])
            if 1 <= fold <= folds and folds >= 2:
                return fold, folds
        raise DataError(
            f"a split is two shares, as 80:20, or one of some folds, as 2/5; not {self.how!r:.80}"
        )


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()

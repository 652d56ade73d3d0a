"""Target data sets by name: what installs offline, and folders that a user has."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bitlight import data
from bitlight.data import ImageSplit
from bitlight.data.checking import bad_images
from bitlight.data.folder import refusal
from bitlight.data.labelled import Listing
from bitlight.data.parts import layout_of, read_part
from bitlight.errors import DataError

# The extractor of "fashion5" is trained on the odd classes; the even ones are shirts, pullovers,
# coats and bags, hard to tell apart.
SOURCE_CLASSES = (1, 3, 5, 7, 9)
TARGET_CLASSES = (0, 2, 4, 6, 8)
SUBSET = (8000, 2000)  # of Fashion-MNIST, as many as there are animals

Side = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Target:
    """Images to train on and images to test on.

    Attributes
    ----------
    name : str
    images, test_images : uint8 array, shape (N, H, W, C)
    labels, test_labels : int64 array, shape (N,)
    flip : bool
        Whether mirrored images are of the same class.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    flip: bool = True

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.labels.max(), self.test_labels.max())) + 1

    def few(self, per_class: int, seed: int) -> Side:
        """That many training images of each class, or all where there are fewer, shuffled."""
        generator = np.random.default_rng([per_class, seed])
        order = generator.permutation(len(self.labels))
        chosen = [order[self.labels[order] == label][:per_class] for label in range(self.classes)]
        rows = generator.permutation(np.concatenate(chosen))
        return self.images[rows], self.labels[rows]

    def limited(self, train: int | None, test: int | None) -> "Target":
        """The first images of each side alone, whose order is random; None leaves all."""
        return replace(
            self,
            images=self.images[:train],
            labels=self.labels[:train],
            test_images=self.test_images[:test],
            test_labels=self.test_labels[:test],
        )


def load(name: str, shape: tuple[int, int, int]) -> Target:
    """Load a target by its name, or NAME=FOLDER for those that a user has.

    Parameters
    ----------
    name : str
        animals, digits, fashion5, fashion, flowers=DIR, flowers-official=DIR, birds=DIR,
        indoor=DIR, animals10=DIR, or folder=DIR for any folder of one sub-folder for each class,
        or of train/ and test/ that are such folders.
    shape : (H, W, C)
        That images are brought to. Of photographs it is the middle, 7/8 of the shorter side.

    Raises
    ------
    DataError
        If there is no such target, or it is not as it should be.
    """
    kind, folder = _parsed(name)
    if folder:
        return _photographs(label(name), FOLDERS[kind](folder), shape)
    (images, labels), (tests, test_labels) = OFFLINE[kind]()
    images, tests = data.fit(images, shape), data.fit(tests, shape)
    return Target(kind, images, labels, tests, test_labels, flip=_flips(kind))


def label(name: str) -> str:
    """What a target is called in tables: its kind, or of folder=DIR the folder's own name."""
    kind, folder = _parsed(name)
    return Path(folder).resolve().name if kind == "folder" else kind


def identity(name: str) -> dict[str, str]:
    """What tells a target's runs from those of any other target: for a journal.

    Of a user's photographs that is their names, sizes, classes and division as well, so that runs
    on one folder are never taken for runs on another.

    Raises
    ------
    DataError
        If there is no such target.
    """
    kind, folder = _parsed(name)
    if not folder:
        return {"target": kind}
    split = FOLDERS[kind](folder)
    found = hashlib.sha256(repr(split.names).encode())
    for files, labels in ((split.train, split.train_labels), (split.test, split.test_labels)):
        for file, number in zip(files, labels.tolist(), strict=True):
            found.update(f"{file.name}\0{file.stat().st_size}\0{number}\n".encode(errors="replace"))
        found.update(b"\n")
    return {"target": label(name), "data": found.hexdigest()[:16]}


def check_labels(names: Iterable[str]) -> None:
    """Refuse two targets that tables would not tell apart.

    Raises
    ------
    DataError
    """
    names = list(names)
    labels = [label(name) for name in names]
    for one, name in zip(labels, names, strict=True):
        if labels.count(one) > 1:
            raise DataError(f"two targets are called {one!r}, as {name} is: give each once")


def check_mirrors(names: Iterable[str]) -> None:
    """Refuse targets whose images, mirrored, are of another class.

    Raises
    ------
    DataError
    """
    for name in names:
        if not _flips(_parsed(name)[0]):
            raise DataError(f"mirrored {name} are other {name}, or none: leave --mirror out")


def _flips(kind: str) -> bool:
    return kind != "digits"


def _parsed(name: str) -> tuple[str, str]:
    """Kind and folder of a target; the folder is empty for those that install offline."""
    kind, _, folder = name.partition("=")
    if (kind in FOLDERS and folder) or (kind in OFFLINE and not folder):
        return kind, folder
    raise DataError(
        f"no target {name!r}: give {', '.join(OFFLINE)}, "
        f"or one of {', '.join(FOLDERS)} with its folder, as in flowers=DIR"
    )


def fashion(side: str, classes: tuple[int, ...]) -> Side:
    """Images of some classes of Fashion-MNIST, numbered anew in that order."""
    images, labels = data.fashion_mnist(side)  # type: ignore[arg-type]
    chosen = np.isin(labels, classes)
    return images[chosen], np.searchsorted(classes, labels[chosen])


def _animals() -> tuple[Side, Side]:
    images, labels, test_images, test_labels = data.animal_split(seed=0)
    return (images, labels), (test_images, test_labels)


def _digits() -> tuple[Side, Side]:
    """1,437 to train and 360 to test, as many of each class as there are in all."""
    from sklearn.model_selection import train_test_split

    images, labels = data.digits()
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0
    )
    return (images[train], labels[train]), (images[test], labels[test])


def _fashion5() -> tuple[Side, Side]:
    return fashion("train", TARGET_CLASSES), fashion("test", TARGET_CLASSES)


def _subset() -> tuple[Side, Side]:
    generator = np.random.default_rng(0)
    sides = []
    for side, count in zip(("train", "test"), SUBSET, strict=True):
        images, labels = data.fashion_mnist(side)  # type: ignore[arg-type]
        rows = generator.permutation(len(labels))[:count]
        sides.append((images[rows], labels[rows]))
    return sides[0], sides[1]


def _divided(folder: str) -> ImageSplit:
    """A folder as it is divided into train/ and test/, or as `class_folders` divides it."""
    root = Path(folder)
    layout = layout_of(root)
    if layout is None:
        return data.class_folders(root)
    parts = layout.divided(root)
    sides = [read_part(root, part) for part in parts]
    train, test = (side if isinstance(side, Listing) else None for side in sides)
    if train is None or test is None:
        raise DataError(f"{root} ({layout.title}) holds no photographs in folders")
    if train.names != test.names:
        odd = min(set(train.names) ^ set(test.names))
        raise DataError(f"{root}: the class {odd!r} is in one of train/ and {parts[1]}/ alone")
    return ImageSplit(tuple(train.files), train.labels, tuple(test.files), test.labels, train.names)


def _photographs(name: str, split: ImageSplit, shape: tuple[int, int, int]) -> Target:
    from bitlight.training.augmentation import crop

    def read(files: tuple[Path, ...]) -> np.ndarray:
        images = np.empty((len(files), *shape), np.uint8)
        for image, file in zip(images, files, strict=True):
            image[:] = crop(data.open_image(file), shape, None)
        return images

    bad = bad_images([*split.train, *split.test])
    if bad:
        raise DataError(refusal([*bad.values()], len(split.train) + len(split.test)))
    rows = np.random.default_rng(0).permutation(len(split.train))
    train = tuple(split.train[row] for row in rows)
    tests = np.random.default_rng(1).permutation(len(split.test))
    test = tuple(split.test[row] for row in tests)
    return Target(name, read(train), split.train_labels[rows], read(test), split.test_labels[tests])


OFFLINE: dict[str, Callable[[], tuple[Side, Side]]] = {
    "animals": _animals,
    "digits": _digits,
    "fashion5": _fashion5,
    "fashion": _subset,
}
FOLDERS: dict[str, Callable[[str], ImageSplit]] = {
    "flowers": data.flowers102,
    "flowers-official": partial(data.flowers102, split="official"),
    "birds": data.birds200,
    "indoor": data.indoor67,
    "animals10": data.class_folders,
    "folder": _divided,
}

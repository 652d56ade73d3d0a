"""CIFAR-10 and CIFAR-100: 60,000 photographs of 32×32 pixels in 10 or 100 classes.

Both come as batches, pickles for Python or plain binary files, in a .tar.gz. A row of either is
3,072 bytes, the red plane, the green and the blue, each row by row. Nothing is unpickled: see
`bitlight.data.pickled`. Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
Images", 2009, and https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bitlight.data.archive import members
from bitlight.data.classes import check_names
from bitlight.data.labelled import Pixels
from bitlight.data.pickled import read_pickle
from bitlight.errors import DataError, reason
from bitlight.files.opening import read_regular

SIDE, CHANNELS = 32, 3
ROW = CHANNELS * SIDE * SIDE
LARGEST_BATCH = 1 << 29  # bytes; CIFAR-100's training batch has 155 million
PARTS = ("train", "test")

Part = Literal["train", "test"]
Batch = tuple[np.ndarray, np.ndarray]  # images and labels


@dataclass(frozen=True)
class Form:
    """One of the four forms in which the files come.

    Attributes
    ----------
    folder : str
        What it is called where it is unpacked.
    archive : str
        What it is called where it is not.
    train, test : tuple of str
        Files of each part.
    names : str
        The file that has the classes' names.
    classes : int
        Of the label that is taken.
    labels : str
        Of that label, in a pickle.
    column : int
        Of that label, before the pixels of a binary row.
    columns : int
        How many labels there are.
    """

    folder: str
    archive: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    classes: int
    labels: str = "labels"
    label_names: str = "label_names"
    column: int = 0
    columns: int = 1

    @property
    def binary(self) -> bool:
        """Whether its batches are plain binary files."""
        return self.train[0].endswith(".bin")

    @property
    def files(self) -> tuple[str, ...]:
        """All that belong to it."""
        return (*self.train, *self.test, self.names)

    def coarse(self) -> "Form":
        """The same with the 20 superclasses of CIFAR-100 for its classes.

        Raises
        ------
        DataError
            If it is CIFAR-10, which has none.
        """
        if self.classes != 100:
            raise DataError("CIFAR-10 has no coarse labels; CIFAR-100 has 20")
        changed = {"labels": "coarse_labels", "label_names": "coarse_label_names"}
        changed |= {"names": self.names.replace("fine", "coarse")}
        return Form(**{**vars(self), **changed, "classes": 20, "column": 0})


_NUMBERS = range(1, 6)
FORMS = (
    Form(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        tuple(f"data_batch_{n}" for n in _NUMBERS),
        ("test_batch",),
        "batches.meta",
        10,
    ),
    Form(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        tuple(f"data_batch_{n}.bin" for n in _NUMBERS),
        ("test_batch.bin",),
        "batches.meta.txt",
        10,
    ),
    Form(
        "cifar-100-python",
        "cifar-100-python.tar.gz",
        ("train",),
        ("test",),
        "meta",
        100,
        "fine_labels",
        "fine_label_names",
    ),
    Form(
        "cifar-100-binary",
        "cifar-100-binary.tar.gz",
        ("train.bin",),
        ("test.bin",),
        "fine_label_names.txt",
        100,
        column=1,
        columns=2,
    ),
)


def cifar(path: str | os.PathLike[str], part: Part, *, coarse: bool = False) -> Pixels:
    """Load CIFAR-10 or CIFAR-100.

    Parameters
    ----------
    path : path
        cifar-10-batches-py, cifar-10-batches-bin, cifar-100-python or cifar-100-binary, under
        whatever name; a folder that holds one of them, as torchvision's root does; or the .tar.gz.
    part : "train" or "test"
    coarse : bool
        Of CIFAR-100 the 20 superclasses rather than the 100 classes.

    Returns
    -------
    images : uint8 array, shape (N, 32, 32, 3)
    labels : int64 array, shape (N,)
    names : tuple of str
        As the data set's own list has them.

    Raises
    ------
    DataError
        If a file is missing, damaged, or holds what such files do not.

    Examples
    --------
    >>> images, labels, names = cifar("cifar-10-batches-py", "train")  # doctest: +SKIP
    >>> images.shape  # doctest: +SKIP
    (50000, 32, 32, 3)
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> rows = np.zeros((2, 1 + 3 * 32 * 32), np.uint8)
    >>> rows[:, 0] = 3, 9  # a label, then the pixels
    >>> rows.tofile(folder / "test_batch.bin")
    >>> for number in range(1, 6):
    ...     rows.tofile(folder / f"data_batch_{number}.bin")
    >>> _ = (folder / "batches.meta.txt").write_text("".join(f"class{k}\\n" for k in range(10)))
    >>> images, labels, names = cifar(folder, "train")
    >>> images.shape, labels[:2], names[3]
    ((10, 32, 32, 3), array([3, 9]), 'class3')
    """
    if part not in PARTS:
        raise DataError(f"part must be 'train' or 'test', not {part!r:.80}")
    place = Path(path)
    if place.is_dir():
        place, form = _folder(place)
        content = {name: _read(place / name) for name in _wanted(form, part, coarse)}
    elif place.exists():
        form, content = _unpacked(place, part, coarse)
    else:
        raise DataError(f"no {place}: it should be {', '.join(f.folder for f in FORMS)}")
    form = form.coarse() if coarse else form
    names = read_names(content[form.names], form, place / form.names)
    batches = [read_batch(content[name], form, place / name) for name in getattr(form, part)]
    images, labels = map(np.concatenate, zip(*batches, strict=True))
    return Pixels(images, labels, names)


def form_of(names: Iterable[str]) -> Form | None:
    """The form to which files of these names belong, all or some of them."""
    there = set(names)
    for form in FORMS:
        named = form.names in there and not there.isdisjoint((*form.train, *form.test))
        # CIFAR-100's `train` and `test` could be anything's.
        telling = "_" in form.train[0] and {form.train[0], form.test[0]} <= there
        if named or telling:
            return form
    return None


def read_batch(content: bytes, form: Form, path: Path) -> Batch:
    """Images (N, 32, 32, 3) and labels of one file.

    Raises
    ------
    DataError
        If it is damaged, or holds what such files do not.
    """
    rows, labels = (_binary if form.binary else _pickled)(content, form, path)
    high = labels.max(initial=0)
    if len(rows) != len(labels) or not len(rows):
        raise DataError(f"{path} has {len(rows)} images and {len(labels)} labels")
    if high >= form.classes or labels.min(initial=0) < 0:
        raise DataError(f"{path} has labels that are not 0 to {form.classes - 1}")
    planes = rows.reshape(len(rows), CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def read_names(content: bytes, form: Form, path: Path) -> tuple[str, ...]:
    """The classes' names of one file.

    Raises
    ------
    DataError
        If there are not as many as classes, or they are no texts.
    """
    found: Any = None
    if form.binary:
        found = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
        found = [line for line in found if line]
    else:
        found = read_pickle(content, path).get(form.label_names)
        if isinstance(found, list):
            found = [n.decode("latin-1") if isinstance(n, bytes) else n for n in found]
    try:
        names = check_names(found, "its class names")
    except ValueError as error:
        raise DataError(f"{path}: {reason(error)}") from error
    if len(names) != form.classes:
        raise DataError(f"{path} should name {form.classes} classes, not {len(names)}")
    return names


def _pickled(content: bytes, form: Form, path: Path) -> Batch:
    found = read_pickle(content, path)
    rows, labels = found.get("data"), found.get(form.labels)
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != ROW:
        shape = getattr(rows, "shape", "none")
        raise DataError(f"{path}: `data` should be (N, {ROW}) of uint8, not {shape}")
    if not isinstance(labels, list) or not all(type(n) is int and n < 256 for n in labels):
        raise DataError(f"{path}: `{form.labels}` should be a list of numbers below {form.classes}")
    return rows, np.array([max(label, -1) for label in labels], np.int64)


def _binary(content: bytes, form: Form, path: Path) -> Batch:
    width = form.columns + ROW
    if len(content) % width:
        raise DataError(f"{path} should have {width} bytes for each image, and has {len(content)}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, width)
    return rows[:, form.columns :], rows[:, form.column].astype(np.int64)


def _wanted(form: Form, part: Part, coarse: bool) -> tuple[str, ...]:
    return (*getattr(form, part), (form.coarse() if coarse else form).names)


def _folder(path: Path) -> tuple[Path, Form]:
    """The folder that has the batches, and their form."""
    form = form_of(entry.name for entry in path.iterdir() if entry.is_file())
    if form is not None:
        return path, form
    inner = [form for form in FORMS if (path / form.folder).is_dir()]
    if len(inner) == 1:
        return path / inner[0].folder, inner[0]
    if inner:
        raise DataError(f"{path} holds {' and '.join(f.folder for f in inner)}: name one of them")
    raise DataError(
        f"no CIFAR in {path}: it should be {', '.join(f.folder for f in FORMS)}, or hold one"
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_BATCH)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or reason(error)}") from error


def _unpacked(path: Path, part: Part, coarse: bool) -> tuple[Form, dict[str, bytes]]:
    """The form of an archive, and what is wanted of its content."""
    known = {name for form in FORMS for name in form.files} | {"coarse_label_names.txt"}
    # Of the other part's batches the names are enough, which tell the form.
    others = {n for form in FORMS for n in (form.test if part == "train" else form.train)}
    content = {}
    for name, held in members(path):
        if name in known:
            content[name] = b"" if name in others else held
    form = form_of(content)
    if form is None:
        raise DataError(f"{path} holds no CIFAR")
    wanted = _wanted(form, part, coarse)
    missing = next((name for name in wanted if name not in content), None)
    if missing is not None:
        raise DataError(f"{path} lacks {missing}")
    return form, {name: content[name] for name in wanted}

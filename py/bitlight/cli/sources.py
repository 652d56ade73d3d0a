"""What NETWORK and IMAGES stand for on the command line."""

from pathlib import Path

import numpy as np

from bitlight import DataError, Network, data, extractors
from bitlight.data.source import (
    ArraySource,
    FileSource,
    FirstOf,
    FolderSource,
    ImageSource,
    RandomSource,
)
from bitlight.extractors.shipped import CUTS
from bitlight.topologies import TOPOLOGIES


def network(name: str, *, whole: bool = False) -> Network:
    """A .bnn file, or a network that comes with bitlight: its extractor, or the whole of it.

    The published topologies have names too; their weights are random.
    """
    if name in CUTS:
        return extractors.load(name) if whole else extractors.features(name)
    if name in TOPOLOGIES:
        return TOPOLOGIES[name].random(0)
    return Network.load(name)


def named_images(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]] | None:
    """Images, labels and class names of a data set that installs offline; None if there is none."""
    kind, _, split = name.partition(":")
    if kind == "fashion-mnist":
        return *data.fashion_mnist(split or "test"), data.FASHION  # type: ignore[arg-type]
    if kind == "animals" and split in ("train", "test"):
        both = data.animal_split()
        return *(both[:2] if split == "train" else both[2:]), data.ANIMALS
    if name == "animals":
        return *data.animals(), data.ANIMALS
    return (*data.digits(), tuple("0123456789")) if name == "digits" else None


def images(name: str, net: Network) -> tuple[np.ndarray, np.ndarray]:
    """All images for the network, and their labels; labels are −1 where there are none.

    Raises
    ------
    DataError
        If there is no such data set, file or folder, or it cannot be read.
    """
    found = source(name, net)
    everything = range(len(found))
    return found.images(everything), found.labels(everything)


def source(name: str, net: Network, number: int | None = None) -> ImageSource:
    """The same to be read bit by bit, or the first so many of them.

    Raises
    ------
    DataError
        If there is no such data set, file or folder.
    """
    found = _source(name, net)
    return found if number is None or number >= len(found) else FirstOf(found, number)


def _source(name: str, net: Network) -> ImageSource:
    named = named_images(name)
    if named is not None:
        images, labels, classes = named
        form = net.input_shape, net.input_bits
        return ArraySource(name, images, labels, *form, classes, net.codes)
    kind, _, count = name.partition(":")
    if kind == "random" and (count.isdecimal() or not count):
        return RandomSource(int(count or 100), net.input_shape, net.input_bits)
    path = Path(name)
    if path.is_dir():
        return FolderSource(path, net.input_shape, net.input_bits, net.codes)
    if path.suffix == ".npy" and path.is_file():
        return FileSource(path, net.input_shape, net.input_bits, net.codes)
    raise DataError(
        f"no images {name!r}: give animals, animals:train, animals:test, digits, "
        "fashion-mnist:train, fashion-mnist:test, random or random:COUNT, a .npy file, "
        "or a folder with one sub-folder for each class"
    )

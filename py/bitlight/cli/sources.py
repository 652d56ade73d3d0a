"""What NETWORK and IMAGES stand for on the command line."""

from pathlib import Path

import numpy as np

from bitlight import DataError, Network, data, extractors
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


def named_images(name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Images and labels of a data set that installs offline; None if there is none of that name."""
    kind, _, split = name.partition(":")
    if kind == "fashion-mnist":
        return data.fashion_mnist(split or "test")  # type: ignore[arg-type]
    if kind == "animals" and split in ("train", "test"):
        both = data.animal_split()
        return both[:2] if split == "train" else both[2:]
    return {"animals": data.animals, "digits": data.digits}.get(name, lambda: None)()


def images(name: str, net: Network) -> tuple[np.ndarray, np.ndarray]:
    """Images for the network and their labels; labels are −1 where there are none.

    Raises
    ------
    DataError
        If there is no such data set, file or folder, or it cannot be read.
    """
    named = named_images(name)
    if named is not None:
        return data.fit(named[0], net.input_shape, net.input_bits), named[1]
    if name == "random":
        rng = np.random.default_rng(0)
        found = rng.integers(0, 1 << net.input_bits, (100, *net.input_shape), dtype=np.uint8)
        return found, np.full(len(found), -1, np.int64)
    path = Path(name)
    if path.is_dir():
        found, labels, _ = data.image_folder(path, net.input_shape)  # type: ignore[arg-type]
        return found, labels
    if path.suffix == ".npy" and path.is_file():
        try:
            found = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{path} is not a whole .npy file: {error}") from error
        return found, np.full(len(found), -1, np.int64)
    raise DataError(
        f"no images {name!r}: give animals, animals:train, animals:test, digits, "
        "fashion-mnist:train, fashion-mnist:test, random, a .npy file, "
        "or a folder with one sub-folder for each class"
    )

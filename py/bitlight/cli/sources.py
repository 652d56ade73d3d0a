"""What NETWORK and IMAGES stand for on the command line."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from bitlight import DataError, Network, NetworkError, data, extractors
from bitlight.cli.paths import CUT, no_images, split_cut
from bitlight.cli.reading import Reading, looking, tell_skipped
from bitlight.cli.report import NETWORK_USED
from bitlight.data.foldersource import FolderSource, list_folder
from bitlight.data.labelled import Listing, Pixels
from bitlight.data.parts import ARCHIVES, layout_of, read_part, split_part
from bitlight.data.source import (
    ArraySource,
    FileSource,
    FirstOf,
    ImageSource,
    RandomSource,
)
from bitlight.extractors.shipped import CUTS
from bitlight.network.values import Shape
from bitlight.zoo.topologies import TOPOLOGIES

if TYPE_CHECKING:
    from bitlight.training import Arrays, Photographs


def network(name: str, *, upto: int | None = None, random_weights: bool = True) -> Network:
    """The network that NETWORK means, the same for every command.

    Parameters
    ----------
    name : str
        A .bnn file; natural32, fashion28 or fashion32, which are the layers that give features; or
        one of the published topologies, whose weights are random. `:whole` behind it means all
        layers of a file, `:features` those that give features, and `:N` the first N.
    upto : int, optional
        Of these layers the first so many.
    random_weights : bool
        Whether topologies are wanted; results of random weights are nobody's.

    Raises
    ------
    NetworkError
        If there is no such network, or its weights are random and that is not wanted.
    """
    base, cut = split_cut(name)
    weights = "trained"
    if base in CUTS:
        net = extractors.load(base)
        cut = cut or CUT
        if cut == CUT:
            net = net.upto(CUTS[base])
    elif base in TOPOLOGIES:
        weights = "random"
        if not random_weights:
            raise NetworkError(
                f"{base} is a topology, whose weights are random here: give a .bnn file that was "
                "trained, or --random-weights if that is what you want"
            )
        net = TOPOLOGIES[base].random(0)
    elif Path(base).is_file() or base.endswith(".bnn"):
        net = Network.load(base)
    else:
        known = list(dict.fromkeys([*CUTS, *TOPOLOGIES]))
        near = difflib.get_close_matches(base, known, 1)
        raise NetworkError(
            f"no file and no network {base!r}: {f'do you mean {near[0]}? ' if near else ''}"
            f"named are {', '.join(known)}"
        )
    if cut.isdecimal():
        net = net.upto(int(cut))
    elif cut == CUT and net.gives_scores:
        net = net.upto(len(net.layers) - 1)
    if upto is not None:
        net, cut = net.upto(upto), str(upto)
    note(f"{base}:{cut}" if cut else base, net, weights)
    return net


def extractor(name: str) -> Network:
    """The same where features are wanted: without a last layer that gives scores.

    Raises
    ------
    NetworkError
        If there is no such network, its weights are random, or scores are asked for.
    """
    base, cut = split_cut(name)
    if base in TOPOLOGIES and base not in CUTS:
        raise NetworkError(
            f"{base} is a topology, whose weights are random here: give a .bnn file that was "
            f"trained, or {', '.join(CUTS)}"
        )
    net = network(name if cut else f"{name}:{CUT}")
    if net.gives_scores:
        raise NetworkError(f"{name} gives scores, and a head wants features: {base}:{CUT}")
    return net


def note(name: str, net: Network, weights: str = "trained") -> None:
    """Keep which network is used, for the tables and figures that the command shows."""
    used = {
        "name": name,
        "layers": len(net.layers),
        "outputs": net.n_features,
        "of": "scores" if net.gives_scores else "features",
        "id": net.id,
        "weights": weights,
    }
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[NETWORK_USED] = used


def named_images(name: str) -> Pixels | None:
    """A data set that installs offline; None if there is none of that name."""
    kind, _, split = name.partition(":")
    if kind == "fashion-mnist":
        found = data.fashion_mnist(split or "test")  # type: ignore[arg-type]
        return Pixels(*found, data.FASHION)
    if kind == "animals" and split in ("train", "test"):
        both = data.animal_split()
        return Pixels(*(both[:2] if split == "train" else both[2:]), data.ANIMALS)
    if name == "animals":
        return Pixels(*data.animals(), data.ANIMALS)
    return Pixels(*data.digits(), tuple("0123456789")) if name == "digits" else None


def labelled(name: str) -> Pixels | Listing | None:
    """Images with labels, in memory or as files; None for a name of others, or of none.

    Raises
    ------
    DataError
        If a folder or a part of a data set is not as it should be.
    """
    named = named_images(name)
    if named is not None:
        return named
    path, part = split_part(name)
    if not path.is_dir() and not (path.is_file() and path.name.endswith(ARCHIVES)):
        return None
    return read_part(path, part) or list_folder(path)


def tell_whole(name: str) -> None:
    """Say what a data set's name alone means, before something is trained or scored on it."""
    said = {
        "animals": "all 10,000 images, those to train on and those to test on: animals:train and "
        "animals:test are its parts",
        "digits": "all of its 1,797 images: none are left to test on",
        "fashion-mnist": "its 10,000 test images: fashion-mnist:train are those to train on",
    }
    if name in said:
        click.echo(f"{name} is {said[name]}", err=True)


def images(
    name: str, net: Network, number: int | None = None, reading: Reading | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All images for the network, or the first so many; labels are −1 where there are none.

    Raises
    ------
    DataError
        If there is no such data set, file or folder, or it cannot be read.
    """
    found = source(name, net, number, reading)
    tell_skipped(found.skipped)
    everything = range(len(found))
    return found.images(everything), found.labels(everything)


def source(
    name: str, net: Network, number: int | None = None, reading: Reading | None = None
) -> ImageSource:
    """The same to be read bit by bit.

    Raises
    ------
    DataError
        If there is no such data set, file or folder, or files in a folder are no images.
    """
    found = _source(name, net, reading or Reading())
    return found if number is None or number >= len(found) else FirstOf(found, number)


def _source(name: str, net: Network, reading: Reading) -> ImageSource:
    content, split = labelled(name), reading.split
    form = net.input_shape, net.input_bits
    if content is not None:
        if split is not None:
            content = content.take(split.rows(content.ids, content.labels, content.names))
        title = name if split is None else f"{name}, {split}"
        if isinstance(content, Listing):
            return _listed(content, title, net, reading)
        images, labels, classes = content
        return ArraySource(title, images, labels, *form, classes, net.codes, reading.placing)
    kind, _, count = name.partition(":")
    path, noise = Path(name), kind == "random" and (count.isdecimal() or not count)
    if split is not None and (noise or path.suffix == ".npy"):
        raise DataError(f"--split goes class by class, and {name} has no classes")
    if noise:
        return RandomSource(int(count or 100), *form)
    if path.suffix == ".npy" and path.is_file():
        return FileSource(path, *form, net.codes, reading.placing)
    raise no_images(name)


def _listed(listing: Listing, title: str, net: Network, reading: Reading) -> FolderSource:
    form = net.input_shape, net.input_bits, net.codes, reading.placing
    with looking(len(listing.files), reading) as done:
        return FolderSource(
            listing,
            *form,
            skip_bad=reading.skip_bad,
            known_bad=reading.known_bad,
            progress=done,
            name=title,
        )


def is_photographs(name: str) -> bool:
    """Whether it is a folder with a sub-folder for each class, perhaps a part of a larger one."""
    path, _ = split_part(name)
    layout = layout_of(path)
    return path.is_dir() and (layout is None or layout.photographs)


def photographs(
    listing: Listing, input_shape: Shape, input_bits: int, workers: int, reading: Reading
) -> "Photographs":
    """Images of a folder to train on, or to test what was trained.

    Raises
    ------
    DataError
        If there is no such folder, or files in it are no images.
    """
    from bitlight.training import Photographs

    with looking(len(listing.files), reading) as done:
        found = Photographs.of_folder(
            listing.root,
            input_shape,
            workers,
            input_bits=input_bits,
            background=reading.placing.background,
            skip_bad=reading.skip_bad,
            progress=done,
        )
    tell_skipped(found.skipped)
    return found


def whole_photographs(
    listing: Listing, input_shape: Shape, input_bits: int, reading: Reading
) -> "Arrays":
    """The same, each read once, as `bitlight features` reads it.

    Raises
    ------
    DataError
        If there is no such folder, files in it are no images, or one has no label.
    """
    from bitlight.training import Arrays

    with looking(len(listing.files), reading) as done:
        found = FolderSource(
            listing,
            input_shape,
            input_bits,
            placing=reading.placing,
            skip_bad=reading.skip_bad,
            known_bad=reading.known_bad,
            progress=done,
        )
    tell_skipped(found.skipped)
    everything = range(len(found))
    return Arrays(found.images(everything), found.labels(everything), found.classes)

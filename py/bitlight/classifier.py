"""Photographs in, names of classes out: an extractor and a head as one thing."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from bitlight import engines
from bitlight.data.fitting import fit, photograph_shape
from bitlight.data.folder import read_images
from bitlight.data.foldersource import FolderSource, list_folder
from bitlight.data.labelled import Listing
from bitlight.data.parts import read_part, split_part
from bitlight.data.placing import Placing
from bitlight.data.source import ArraySource, ImageSource
from bitlight.data.views import Views
from bitlight.errors import DataError, HeadError
from bitlight.extractors.finding import extractor as find_extractor
from bitlight.extractors.finding import extractor_of
from bitlight.heads.accuracy import Accuracy
from bitlight.heads.head import Head
from bitlight.heads.heldout import fit_held_out
from bitlight.heads.ridge import RidgeHead
from bitlight.network.network import Network

PART = 1024  # images that are computed at once
MOST_BYTES = 1 << 31  # of features in memory, a byte for each bit

Images = Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | np.ndarray
Progress = Callable[[int], None]


class Classifier:
    """A fixed extractor, the head that was trained on its bits, and how photographs come to both.

    Parameters
    ----------
    extractor : Network
        Gives the bits.
    head : Head
        Trained on them, or on an optical projection of them.
    placing : Placing, optional
        How photographs come into the extractor's shape; by default as the head's file says, or
        their middle on white.
    engine : "golden", "rtl" or "board"
        What computes the bits; all give the same.
    processes : int
        For "rtl".
    port : str, optional
        For "board".

    Attributes
    ----------
    names : tuple of str
        Of the classes: those of the head, or its labels where it has no names.
    held_out : Accuracy or None
        Of one that was trained here: on images that a copy of the head had not seen.

    Raises
    ------
    HeadError
        If the head was trained for another extractor, or takes another number of features.

    Examples
    --------
    >>> from bitlight import Classifier
    >>> model = Classifier.train("photos", "fashion32")  # doctest: +SKIP
    >>> model.save("my.head")  # doctest: +SKIP
    >>> Classifier.load("my.head").predict(["one.jpg", "two.png"])  # doctest: +SKIP
    ['cat', 'dog']
    """

    held_out: Accuracy | None = None

    def __init__(
        self,
        extractor: Network,
        head: Head,
        placing: Placing | None = None,
        *,
        engine: str = engines.GOLDEN,
        processes: int = 1,
        port: str | None = None,
    ) -> None:
        if head.extractor_id_ not in (None, extractor.id):
            raise HeadError(
                f"the head was trained for extractor {head.extractor_id_}, not for {extractor.id}"
            )
        taken = extractor.n_features
        if head.projection_ is None and head.n_features_in_ != taken:
            raise HeadError(f"the head takes {head.n_features_in_} features, not {taken}")
        self.extractor, self.head = extractor, head
        self.placing = placing or Placing(**(head.placing_ or {}))  # type: ignore[arg-type]
        self.names = head.class_names_ or tuple(str(label) for label in head.classes_.tolist())
        self._engine, self._processes, self._port = engine, processes, port

    @classmethod
    def train(
        cls,
        photographs: str | os.PathLike[str] | ImageSource,
        extractor: str | os.PathLike[str] | Network,
        head: Head | None = None,
        *,
        placing: Placing | None = None,
        hold_out: float = 0.2,
        seed: int = 0,
        dtype: str | None = None,
        calibrate: bool | None = None,
        views: Views = Views(),  # noqa: B008, it is frozen
        progress: Progress = lambda images: None,
    ) -> Self:
        """Compute the features of photographs, and train a head on them.

        A part of each class is held out first, to tell the accuracy (`held_out`) and, where it is
        large enough, to set the head's temperature; the head is then trained on everything.

        Parameters
        ----------
        photographs : path or ImageSource
            A folder with one sub-folder for each class, or PATH:train and the like of a data set
            that has parts.
        extractor : str, path or Network
            fashion32 and the like, or a .bnn file.
        head : Head, optional
            Default: `RidgeHead()`.
        placing : Placing, optional
        hold_out : float
            Share of each class.
        seed : int
            Of what is held out.
        dtype : str, optional
            Of the weights as they will be stored.
        calibrate : bool, optional
            Whether what is held out sets the head's temperature; by default if it is 20 images or
            more, of which fewer tell little.
        views : Views
            As what else each photograph is seen; those that are held out are tried as they are.
        progress : callable
            Called with the number of images whose features are there.

        Raises
        ------
        DataError
            If there are no such photographs, files are none, they have no labels, all features
            take more than 2 GiB, or there are no such views of the extractor's images.
        NetworkError
            If there is no such extractor.
        HeadError
            If there is one class alone, or the head would choose alpha by leaving out one view of a
            photograph while the others stay.
        """
        net = find_extractor(extractor)
        source = photographs
        if isinstance(source, str | os.PathLike):
            source = _source(source, net, placing)
        labels = source.labels(range(len(source)))
        fitted = head or RidgeHead()
        _check(source, labels, net, views, fitted)
        bits = np.empty((views.count, len(source), net.n_features), np.uint8)
        for start in range(0, len(source), PART):
            rows = range(start, min(start + PART, len(source)))
            for view, images in enumerate(views.of(source.images(rows))):
                bits[view, rows.start : rows.stop] = net.forward(np.ascontiguousarray(images))
            progress(rows.stop)
        how = {"hold_out": hold_out, "seed": seed, "dtype": dtype, "calibrate": calibrate}
        every = bits.reshape(-1, net.n_features)
        told = fit_held_out(fitted, every, labels, views=views.count, **how)  # type: ignore[arg-type]
        fitted.extractor_id_, fitted.placing_ = net.id, source.placing
        if source.classes:
            fitted.class_names_ = tuple(source.classes[n] for n in fitted.classes_.tolist())
        found = cls(net, fitted)
        found.held_out = told
        return found

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        extractor: str | os.PathLike[str] | Network | None = None,
        **how: Any,
    ) -> Self:
        """Read a head, and find the extractor that it was trained for.

        Parameters
        ----------
        path : path
        extractor : str, path or Network, optional
            The network, or one that begins with it; by default those that come with bitlight are
            tried.
        **how
            `engine`, `processes` and `port`.

        Raises
        ------
        HeadError
            If the file is damaged, or the extractor is unknown or another one.
        """
        head = Head.load(path)
        given = None if extractor is None else find_extractor(extractor)
        return cls(extractor_of(head.extractor_id_, path, given), head, **how)

    def save(self, path: str | os.PathLike[str], dtype: str | None = None) -> None:
        """Write the head with all that it takes to use it again, but for the extractor itself.

        Parameters
        ----------
        path : path
        dtype : "float32", "float16", "int8" or "bits", optional
            Of the weights; see `Head.save`.

        Raises
        ------
        BitlightError
            If it cannot be written.
        """
        self.head.save(path, self.extractor.id, dtype=dtype, placing=self.placing.record())

    def predict(self, images: Images) -> list[str]:
        """The name of each image's class."""
        return [self.names[place] for place in self.scores(images).argmax(axis=1)]

    def predict_proba(self, images: Images) -> np.ndarray:
        """Probabilities, float64 (N, classes) in the order of `names`; see `Head.predict_proba`."""
        return self.head.predict_proba(self.features(images))

    def scores(self, images: Images) -> np.ndarray:
        """What the head's linear layer gives, float64 (N, classes): the largest has it."""
        return self.scores_of(self.features(images))

    def scores_of(self, features: np.ndarray) -> np.ndarray:
        """The same of features that were computed before."""
        scores = self.head.decision_function(features)
        return scores if scores.ndim > 1 else np.stack([-scores, scores], axis=1)

    def features(self, images: Images, progress: Progress = lambda images: None) -> np.ndarray:
        """What the head takes, (N, features).

        Parameters
        ----------
        images : path, sequence of paths, or uint8 array, shape (N, H, W, C)
            Files of photographs; or pixels, grey or RGB.
        progress : callable
            Called with the number of images whose features are there.

        Raises
        ------
        DataError
            If files are no images, which are named, or there are none.
        """
        whole: Any = [images] if isinstance(images, str | os.PathLike) else images
        if not len(whole):
            raise DataError("there are no images to predict")
        net, found = self.extractor, []
        place: dict[str, Any] = {} if self._port is None else {"port": self._port}
        with engines.load(self._engine)(
            net,
            processes=self._processes,
            few=len(whole) < PART,
            **place,
        ) as compute:
            for start in range(0, len(whole), PART):
                found.append(compute(self._pixels(whole[start : start + PART])))
                progress(min(start + PART, len(whole)))
        bits = np.concatenate(found)
        if self.head.projection_ is None:
            return bits
        from bitlight.optics.recorded import recorded

        return recorded(self.head.projection_).fit(bits).transform(bits)

    def _pixels(self, images: Any) -> np.ndarray:
        net = self.extractor
        if not isinstance(images, np.ndarray):
            shape = photograph_shape(net.input_shape)
            images = read_images([Path(image) for image in images], shape, self.placing)
        return fit(images, net.input_shape, net.input_bits, net.codes, self.placing)


def _source(path: str | os.PathLike[str], net: Network, placing: Placing | None) -> ImageSource:
    name = os.fspath(path)
    root, part = split_part(name)
    content = read_part(root, part) or list_folder(root)
    form = net.input_shape, net.input_bits
    if isinstance(content, Listing):
        return FolderSource(content, *form, net.codes, placing, name=name)
    return ArraySource(
        name, content.images, content.labels, *form, content.names, net.codes, placing
    )


def _check(source: ImageSource, labels: np.ndarray, net: Network, views: Views, head: Head) -> None:
    if not len(source) or labels.min() < 0:
        raise DataError(f"{source.name} has no images with labels to train on")
    views.check(net.input_shape)
    if views.count > 1 and getattr(head, "selection", None) == "leave-one-out":
        raise HeadError(
            "leave-one-out leaves the other views of a photograph in: take selection='held-out'"
        )
    size = len(source) * views.count * net.n_features
    seen = f" in {views.count} views" if views.count > 1 else ""
    if size > MOST_BYTES:
        raise DataError(
            f"{len(source)} images of {net.n_features} features{seen} take {size >> 20} MiB, more "
            f"than {MOST_BYTES >> 20}: write a store with `bitlight features`, and train on that"
        )

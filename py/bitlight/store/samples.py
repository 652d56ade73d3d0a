"""Features, whether they are in a file or in a store: the one way to open what a user names."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitlight.features.npz import FeatureFile
from bitlight.store.store import FeatureStore


class Samples(NamedTuple):
    """Features in parts, and what they are.

    Attributes
    ----------
    network : str
        Id of the network that gave them.
    projection : dict or None
        Parameters of the optical projection behind it.
    source : str
        What the images were, as far as the features say so.
    classes : tuple of str
    labels : callable, gives int64 array (samples,)
    batches : iterable of (features, labels)
    """

    network: str
    projection: dict[str, Any] | None
    source: str
    classes: tuple[str, ...]
    labels: Callable[[], np.ndarray]
    batches: Iterable[tuple[np.ndarray, ...]]


def open_features(path: str | os.PathLike[str]) -> Samples:
    """Open a feature file, or a feature store if the path is a folder.

    Raises
    ------
    DataError, StoreError
        If it is missing, damaged, or something else.
    """
    if Path(path).is_dir():
        store = FeatureStore(path)
        found = store.manifest
        of = found.network, found.projection, found.source, found.classes
        return Samples(*of, store.labels, store.batches())
    file = FeatureFile.load(path)
    of = file.network_id, file.optics, name_of(file), file.classes
    return Samples(*of, lambda: file.labels, [(file.features, file.labels)])


def name_of(file: FeatureFile) -> str:
    """What the images of a feature file were, as far as it says so."""
    return str((file.source or {}).get("name", ""))

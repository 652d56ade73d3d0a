"""Features on disk: bits or counts, with their labels and the id of what they came from."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import bits
from bitlight.errors import DataError
from bitlight.files import replacing
from bitlight.store.manifest import features_id

DTYPES = ("uint8", "uint16", "float32")  # of features that are not bits


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """Features of some images: bits of a network, or what an optical projection made of these.

    Attributes
    ----------
    features : array, shape (N, features)
        uint8 0/1; with optics uint8, uint16 or float32.
    labels : int64 array, shape (N,); −1 where unknown
    network_id : str
    optics : dict, optional
        Parameters of the projection, for JSON.
    """

    features: np.ndarray
    labels: np.ndarray
    network_id: str
    optics: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The network's id, or a digest of it and the optics: what tells features apart."""
        return features_id(self.network_id, self.optics)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file; the name never stands for half a file."""
        plain = self.optics is None
        with replacing(path) as file:
            np.savez(
                file,
                features=bits.pack(self.features) if plain else self.features,
                n_features=self.features.shape[1],
                labels=self.labels,
                id=self.network_id,
                **({} if plain else {"optics": np.array(json.dumps(self.optics))}),  # type: ignore[arg-type]
            )

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "FeatureFile":
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If the file is missing, truncated, or something else.
        """
        if not Path(path).is_file():
            raise DataError(f"no such file: {path}")
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path} is not a whole feature file: not an .npz file")
        try:
            with np.load(path, allow_pickle=False) as file:
                stored, count = file["features"], int(file["n_features"])
                labels, network = file["labels"], str(file["id"])
                optics = json.loads(str(file["optics"])) if "optics" in file else None
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is not a whole feature file: {error}") from error
        width = -(-count // 8) if optics is None else count
        fits = stored.ndim == 2 and stored.shape[1] == width and labels.shape == stored.shape[:1]
        kind = "bits" if optics is None else "counts"
        if not fits or stored.dtype.name not in (DTYPES if optics is not None else DTYPES[:1]):
            what = f"features {stored.shape} of {stored.dtype}"
            raise DataError(f"{path}: {what} do not fit {count} {kind} or labels")
        features = bits.unpack(stored, count) if optics is None else stored
        return FeatureFile(features, labels, network, optics)

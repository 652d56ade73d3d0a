"""Features on disk: packed bits with their labels and the id of the network they came from."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitlight import bits
from bitlight.errors import DataError
from bitlight.files import replacing


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """Binary features of some images.

    Attributes
    ----------
    features : uint8 array of 0/1, shape (N, features)
    labels : int64 array, shape (N,); −1 where unknown
    network_id : str
    """

    features: np.ndarray
    labels: np.ndarray
    network_id: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file; the name never stands for half a file."""
        with replacing(path) as file:
            np.savez(
                file,
                features=bits.pack(self.features),
                n_features=self.features.shape[1],
                labels=self.labels,
                id=self.network_id,
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
                packed, count = file["features"], int(file["n_features"])
                labels, network = file["labels"], str(file["id"])
            fits = packed.ndim == 2 and packed.shape[1] == -(-count // 8)
            if not fits or labels.shape != packed.shape[:1]:
                raise DataError(
                    f"{path}: features {packed.shape} do not fit {count} bits or labels"
                )
            return FeatureFile(bits.unpack(packed, count), labels, network)
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} is not a whole feature file: {error}") from error

"""Features on disk: bits or counts, with their labels and the id of what they came from."""

import json
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import bits
from bitlight.data.classes import check_names
from bitlight.errors import DataError, reason
from bitlight.files.headers import parse, room
from bitlight.files.npy import read_npy
from bitlight.files.opening import open_regular
from bitlight.files.replacing import replacing
from bitlight.identity import check_id, features_id

DTYPES = ("uint8", "uint16", "float32")  # of features that are not bits
MEMBERS = ("features", "n_features", "labels", "id")
OPTIONAL = ("optics", "classes", "source")
# A zip file's list of seven members has about 430 bytes; each takes a thousand when it is read.
LONGEST_LIST = 1000
LARGEST = 1 << 33  # bytes of a file, which is read as a whole; stores are for more


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
    classes : tuple of str
        Names of the labels 0, 1, …; empty where they have none.
    source : dict, optional
        What the images are, for JSON: `name`, and where they are files `placing`, how they came
        into the network's shape, and `skipped`, those that were left out.
    """

    features: np.ndarray
    labels: np.ndarray
    network_id: str
    optics: dict[str, Any] | None = None
    classes: tuple[str, ...] = ()
    source: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The network's id, or a digest of it and the optics: what tells features apart."""
        return features_id(self.network_id, self.optics)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file; the name never stands for half a file."""
        plain = self.optics is None
        more: dict[str, Any] = {} if plain else {"optics": np.array(json.dumps(self.optics))}
        if self.classes:
            more["classes"] = np.array(json.dumps(self.classes))
        if self.source is not None:
            more["source"] = np.array(json.dumps(self.source))
        with replacing(path) as file:
            np.savez(
                file,
                features=bits.pack(self.features) if plain else self.features,
                n_features=self.features.shape[1],
                labels=self.labels,
                id=self.network_id,
                **more,
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
        try:
            arrays = _members(Path(path))
            stored, labels = arrays["features"], arrays["labels"]
            count, network = int(arrays["n_features"]), str(arrays["id"])
            text = arrays.get("optics")
            limit = room(Path(path).stat().st_size)
            optics = None if text is None else parse(str(text), limit)
            classes = check_names(parse(str(arrays.get("classes", "[]")), limit), "its classes")
            source = parse(str(arrays["source"]), limit) if "source" in arrays else None
            network = check_id(network, "the network's id")
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            struct.error,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            raise DataError(f"{path} is not a whole feature file: {reason(error)}") from error
        if count < 1:
            raise DataError(f"{path} says that it has {count} features; 1 is the least")
        width = -(-count // 8) if optics is None else count
        fits = stored.ndim == 2 and stored.shape[1] == width and labels.shape == stored.shape[:1]
        kind = "bits" if optics is None else "counts"
        if not fits or stored.dtype.name not in (DTYPES if optics is not None else DTYPES[:1]):
            what = f"features {stored.shape} of {stored.dtype}"
            raise DataError(f"{path}: {what} do not fit {count} {kind} or labels")
        if labels.dtype.kind not in "iu" or not isinstance(optics, dict | None):
            raise DataError(f"{path} has labels of {labels.dtype}, or optics that are no object")
        if not isinstance(source, dict | None):
            raise DataError(f"{path} has a source that is no object")
        if optics is None and count % 8 and (stored[:, -1] >> count % 8).any():
            raise DataError(f"{path} has bits after the last of {count} features")
        if stored.dtype.kind == "f" and not np.isfinite(stored).all():
            raise DataError(f"{path} has features that are no finite numbers")
        features = bits.unpack(stored, count) if optics is None else stored
        if classes and labels.size and labels.max() >= len(classes):
            raise DataError(f"{path} has the label {labels.max()}, and {len(classes)} classes")
        return FeatureFile(features, labels, network, optics, classes, source)


def _members(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, stored as they are: packed ones could unpack to anything."""
    _check_list(path)
    size = path.stat().st_size
    with open_regular(path, LARGEST) as content, zipfile.ZipFile(content) as file:
        members = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
        if len(members) != len(file.infolist()) or members.keys() - {*OPTIONAL} != set(MEMBERS):
            raise ValueError(
                f"its members should be {', '.join(MEMBERS)}, and perhaps {' and '.join(OPTIONAL)}"
            )
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
            raise ValueError("its members are compressed, which bitlight never does")
        if sum(member.file_size for member in members.values()) > size:
            raise ValueError(f"its members would be larger than its {size} bytes")
        arrays = {}
        for name, member in members.items():
            with file.open(member) as part:
                arrays[name] = read_npy(part, member.file_size)
        return arrays


def _check_list(path: Path) -> None:
    """ValueError unless the file ends like a zip file with a short list of members."""
    with open_regular(path, None) as file:
        file.seek(max(path.stat().st_size - 98, 0))
        tail = file.read(98)
    end, locator, end64 = tail[-22:], tail[-42:-22], tail[-98:-42]
    if len(end) < 22 or end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
        raise ValueError("not an .npz file")
    length = struct.unpack("<L", end[12:16])[0]
    if locator[:4] == b"PK\6\7" and len(end64) == 56:
        length = struct.unpack("<Q", end64[40:48])[0]
    if length > LONGEST_LIST:
        raise ValueError(f"its list of members has {length} bytes, more than {LONGEST_LIST}")

"""What a feature store says of itself: whose features they are, and how they lie on disk."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlight import engines
from bitlight.errors import StoreError
from bitlight.identity import check_id, features_id

FORMAT = "bitlight.store"
VERSION = 2
UNSIGNED = 1  # the version whose descriptions had no digest
DTYPES = ("bits", "uint8", "uint16", "float32")
CHUNK_BYTES = 1 << 28  # what a single chunk may take once it is read, whatever a file says
SAMPLES = 1 << 40
CHUNKS = 1 << 22


@dataclass(frozen=True)
class Manifest:
    """Written once, when a store is made; two writers of one store agree in all of it.

    Attributes
    ----------
    network : str
        Id of the network that gives the features.
    n_features : int
    samples : int
        How many there will be.
    source : str
        What the samples are, for people and to tell another set from this one.
    engine : "golden", "rtl" or "board"
        What computes them.
    dtype : "bits", "uint8", "uint16" or "float32"
        Bits are packed eight in a byte, as `bitlight.bits` has it.
    folding : tuple of (PE, SIMD), optional
        Of the accelerator, for "rtl".
    projection : dict, optional
        Parameters of the optical projection that made intensities of bits, for JSON.
    audit : float
        Share of each chunk that the other engine computes too, 0 to 1.
    classes : tuple of str
        Names of the labels, where they have any.
    chunk : int
        Samples in a chunk.
    id_bytes : int
        Room for the id of a sample, in UTF-8.
    content : str, optional
        Digest of the images, as `ImageSource.digest` gives it: another set under the same name is
        another set. Stores of version 1 have none.
    placing : dict, optional
        How pictures came into the network's shape, where that is a choice; see
        `bitlight.data.Placing`.
    skipped : tuple of str
        Ids of files that were left out, being no images.

    Examples
    --------
    >>> manifest = Manifest("0" * 64, n_features=100, samples=5000, source="photos")
    >>> manifest.chunk, manifest.samples
    (1024, 5000)
    """

    network: str
    n_features: int
    samples: int
    source: str
    engine: str = engines.GOLDEN
    dtype: str = "bits"
    folding: tuple[tuple[int, int], ...] | None = None
    projection: dict[str, Any] | None = None
    audit: float = 0.0
    classes: tuple[str, ...] = ()
    chunk: int = 1024
    id_bytes: int = 32
    content: str | None = None
    placing: dict[str, str] | None = None
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, most in (
            ("n_features", CHUNK_BYTES),
            ("samples", SAMPLES),
            ("chunk", CHUNK_BYTES),
            ("id_bytes", 4096),
        ):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise StoreError(f"{name} must be 1 to {most}, not {value!r}")
        for name, choices in (("engine", engines.KEPT), ("dtype", DTYPES)):
            if getattr(self, name) not in choices:
                raise StoreError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        try:
            check_id(self.network, "network")
            if self.content is not None:
                check_id(self.content, "content")
        except ValueError as error:
            raise StoreError(str(error)) from None
        if not isinstance(self.source, str):
            raise StoreError(f"source must be text, not {self.source!r}")
        if not isinstance(self.audit, int | float) or not 0 <= self.audit <= 1:
            raise StoreError(f"audit must be a share from 0 to 1, not {self.audit!r}")
        if not isinstance(self.projection, dict | None):
            raise StoreError(f"projection must be a dict, not {self.projection!r}")
        if not isinstance(self.placing, dict | None):
            raise StoreError(f"placing must be a dict, not {self.placing!r:.80}")
        if self.chunks > CHUNKS:
            raise StoreError(
                f"{self.samples} samples in chunks of {self.chunk} are {self.chunks} chunks, more "
                f"than {CHUNKS}: take more samples for a chunk"
            )
        if self.chunk * max(self.row_bytes, self.id_bytes) > CHUNK_BYTES:
            raise StoreError(
                f"a chunk of {self.chunk} samples of {self.row_bytes} bytes is more than "
                f"{CHUNK_BYTES >> 20} MiB: take fewer samples for a chunk"
            )

    @property
    def row_bytes(self) -> int:
        """Bytes of one sample's features."""
        return self.row_items * self.item.itemsize

    @property
    def row_items(self) -> int:
        """Array elements of one sample's features, as they are stored."""
        return -(-self.n_features // 8) if self.dtype == "bits" else self.n_features

    @property
    def item(self) -> np.dtype:
        """The NumPy dtype of stored features."""
        return np.dtype("uint8" if self.dtype == "bits" else self.dtype).newbyteorder("<")

    @property
    def chunks(self) -> int:
        """How many chunks make the whole."""
        return -(-self.samples // self.chunk)

    @property
    def id(self) -> str:
        """The network's id, or a digest of it and the projection: what heads are tied to."""
        return features_id(self.network, self.projection)

    def span(self, chunk: int) -> range:
        """Numbers of the samples in a chunk."""
        start = chunk * self.chunk
        return range(start, min(start + self.chunk, self.samples))

    def differences(self, other: "Manifest") -> str:
        """What two manifests differ in, as a sentence's end; empty if they are equal."""
        names = [field.name for field in dataclasses.fields(self)]
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        said = [f"{n} {a!r} instead of {b!r}" for n, a, b in pairs if a != b and n != "content"]
        if self.placing is None and other.placing is not None:
            said = [text for text in said if not text.startswith("placing ")] or [
                "photographs as an earlier version read them: stretched, and not turned upright"
            ]
        if not said and self.content != other.content:
            said = ["other images under the same name: they have changed since it was begun"]
            if self.content is None:
                said = ["no digest of its images, being of an earlier version: export it"]
        return ", ".join(said)

    def to_attributes(self) -> dict[str, Any]:
        """For the attributes of the zarr group."""
        described = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        return described | {"sha256": _digest(described)}

    @staticmethod
    def from_attributes(attributes: Mapping[str, Any]) -> "Manifest":
        """Undo `to_attributes`.

        Raises
        ------
        StoreError
            If this is another format or version, was altered, or a value cannot be.
        """
        fields = dict(attributes)
        kind, version = fields.pop("format", None), fields.pop("version", None)
        if kind != FORMAT or version not in (UNSIGNED, VERSION):
            raise StoreError(
                f"this is {kind} version {version}, and this bitlight reads {FORMAT} "
                f"versions {UNSIGNED} and {VERSION}"
            )
        if version == VERSION:
            rest = {"format": kind, "version": version, **fields}
            signature = rest.pop("sha256", None)
            fields.pop("sha256", None)
            if signature != _digest(rest):
                raise StoreError("its description was altered: it is not the one that was written")
        try:
            if fields.get("folding") is not None:
                fields["folding"] = tuple((int(pe), int(simd)) for pe, simd in fields["folding"])
            for name in ("classes", "skipped"):
                fields[name] = tuple(map(str, fields.get(name, ())))
            return Manifest(**fields)
        except (TypeError, ValueError) as error:
            raise StoreError(f"its description is damaged: {error}") from error


def _digest(described: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

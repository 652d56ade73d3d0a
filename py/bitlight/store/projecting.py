"""The optical projection of a store, into a second store, chunk by chunk."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from bitlight.cluster.job import Job
from bitlight.errors import OpticsError, StoreError
from bitlight.optics.camera import Camera
from bitlight.optics.features import OpticalFeatures
from bitlight.optics.projection import SEEN
from bitlight.store.completing import complete, one_by_one
from bitlight.store.manifest import CHUNK_BYTES, Manifest
from bitlight.store.store import FeatureStore
from bitlight.store.workers import open_shared, write_chunks


def project_over(
    store: FeatureStore,
    out: str | Path,
    optics: OpticalFeatures,
    client: Any = None,
    progress: Callable[[int], None] = lambda samples: None,
) -> FeatureStore:
    """Project all samples of a store; what `out` has of it already stays.

    Frames are numbered as the samples are, so that it makes no difference who projects which chunk,
    and when.

    Parameters
    ----------
    store : FeatureStore
        Of bits.
    out : path
        Of the second store. Its dtype is the camera's, or float32.
    optics : OpticalFeatures
        Fitted, or to be fitted to some samples from all over the store.
    client : distributed.Client, optional
        As `bitlight.cluster.connect` gives it; both stores are on a file system that workers
        share.
    progress : callable
        Called with the number of samples that are there.

    Returns
    -------
    FeatureStore
        The second store.

    Raises
    ------
    StoreError
        If the store is a projection itself, lacks chunks, `out` is a store of other features, or
        the disk takes no more.
    OpticsError
        If a parameter is out of its range, or such that a store cannot tell of it.
    """
    if store.manifest.projection is not None:
        raise StoreError(f"{store.path} is a projection already")
    fitted = expose(optics, store)
    found = FeatureStore.create(out, _manifest(store.manifest, fitted))
    if client is None:
        complete(
            found, one_by_one(lambda chunk: project_chunk(store, found, fitted, chunk)), progress
        )
        return found
    if not found.missing():
        return found
    work = Projecting(store.path.resolve(), found.path.resolve(), fitted)
    complete(found, lambda chunks: write_chunks(client, found, work, chunks), progress)
    return found


class Projecting(Job):
    """Projects chunks of one store into another.

    Parameters
    ----------
    source, target : Path
        Of the stores.
    optics : OpticalFeatures
        Fitted.
    """

    def __init__(self, source: Path, target: Path, optics: OpticalFeatures) -> None:
        self.source, self.target, self.optics = source, target, optics

    def __call__(self, chunk: int) -> bool:
        """Write a chunk; False if another process has it, or has done it."""
        return project_chunk(open_shared(self.source), open_shared(self.target), self.optics, chunk)


def expose(optics: OpticalFeatures, store: FeatureStore) -> OpticalFeatures:
    """Optics as they are if they are fitted, or fitted to what they would look at of all samples.

    Raises
    ------
    OpticsError
        If a parameter is out of its range.
    StoreError
        If a chunk is missing.
    """
    try:
        check_is_fitted(optics)
    except NotFittedError:
        some = slice(None, None, -(-len(store) // SEEN))
        return clone(optics).fit(store[some])
    return optics


def parameters(optics: OpticalFeatures) -> dict[str, Any]:
    """What a store tells of a fitted projection: as `OpticalFeatures` takes it, for JSON.

    Raises
    ------
    OpticsError
        If there is an encoder, speckle, a display, or frames are packed.
    """
    for name in ("encoder", "speckle", "display", "packed"):
        if getattr(optics, name):
            raise OpticsError(f"{name} is not for stores: leave it out")
    taken, camera = _camera(optics), None
    if taken is not None:
        camera = {"bits": taken.bits, "exposure": optics.exposure_}
        for field in dataclasses.fields(Camera):
            value = getattr(taken, field.name)
            if field.name not in camera and value != field.default:
                camera[field.name] = value
    return {
        "n_components": int(optics.n_components),
        "medium": optics.medium,
        "camera": camera,
        "linear": optics.linear,
        "exponent": float(optics.exponent),
        "random_state": optics.seed_,
    }


def project_chunk(
    store: FeatureStore, out: FeatureStore, optics: OpticalFeatures, chunk: int
) -> bool:
    """Project and write a chunk of `out`; False if another process has it, or has done it.

    Raises
    ------
    StoreError, OpticsError
        If samples are missing, or it cannot be written; the chunk is absent then.
    """
    with out.claims.on(chunk) as mine:
        if not mine or out.has(chunk):
            return False
        span = out.manifest.span(chunk)
        rows = slice(span.start, span.stop)
        found = optics.transform(store[rows], first_frame=span.start)
        out.write(chunk, found, store.labels(rows), store.ids(rows).tolist())
        return True


def _camera(optics: OpticalFeatures) -> Camera | None:
    return Camera() if isinstance(optics.camera, str) else optics.camera


def _manifest(bits: Manifest, optics: OpticalFeatures) -> Manifest:
    camera = _camera(optics)
    dtype = np.dtype(np.float32 if camera is None or optics.linear else camera.dtype)
    row = int(optics.n_components) * dtype.itemsize
    return dataclasses.replace(
        bits,
        n_features=int(optics.n_components),
        dtype=dtype.name,
        projection=parameters(optics),
        audit=0.0,
        chunk=max(1, min(bits.chunk, CHUNK_BYTES // row)),
    )

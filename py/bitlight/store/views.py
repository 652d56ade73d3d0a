"""A store as other libraries want it: a torch data set, a Dask array."""

from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

from bitlight.store.manifest import Manifest


class Indexed(Protocol):
    """What a view needs of a store."""

    manifest: Manifest

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any) -> np.ndarray: ...
    def labels(self, index: Any = ...) -> np.ndarray:
        """Labels of some samples."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Data type of the features."""
        ...


class StoreDataset(Dataset[Any]):
    """Samples of a store: (features, label), both tensors.

    Bits are uint8 0/1, one value each. A `DataLoader` fetches whole batches at once, so that each
    chunk is read once for a batch; workers of any start method open the store for themselves.

    Parameters
    ----------
    store : FeatureStore
    """

    def __init__(self, store: Indexed) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One sample: features (n,), and its label, int64."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        rows = np.asarray(indices)
        features = torch.from_numpy(self.store[rows])
        labels = torch.from_numpy(self.store.labels(rows))
        return list(zip(features, labels, strict=True))


def dask_array(store: Indexed) -> Any:
    """The features as a lazy dask.array of shape (samples, features), a block for each chunk."""
    import dask.array

    manifest = store.manifest
    blocks = tuple(len(manifest.span(chunk)) for chunk in range(manifest.chunks))
    return dask.array.map_blocks(
        _block,
        store,
        chunks=(blocks, (manifest.n_features,)),
        dtype=store.dtype,
        meta=np.empty((0, 0), store.dtype),
    )


def _block(store: Indexed, block_info: Any = None) -> np.ndarray:
    (start, stop), _ = block_info[None]["array-location"]
    return store[start:stop]

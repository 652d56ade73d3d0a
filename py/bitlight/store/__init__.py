"""Features of whole data sets: a store on disk, what fills it, and what reads it."""

import importlib
from typing import Any

_LAZY = {
    "FeatureStore": "bitlight.store.store",
    "Manifest": "bitlight.store.manifest",
    "chunk_for": "bitlight.store.filling",
    "export": "bitlight.store.exporting",
    "fill": "bitlight.store.filling",
    "manifest_for": "bitlight.store.filling",
    "merge": "bitlight.store.merging",
}

__all__ = list(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

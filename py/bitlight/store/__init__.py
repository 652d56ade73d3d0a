"""Features of whole data sets: a store on disk, what fills it, and what reads it."""

from bitlight.store.manifest import Manifest
from bitlight.store.store import FeatureStore

__all__ = ["FeatureStore", "Manifest"]

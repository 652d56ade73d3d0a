"""Chunks of feature stores on the workers of a Dask cluster."""

from bitlight.cluster.connection import connected
from bitlight.cluster.filling import fill_on
from bitlight.cluster.spreading import Work, spread

__all__ = ["Work", "connected", "fill_on", "spread"]

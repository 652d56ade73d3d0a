"""Extractors that come with bitlight: trained networks whose features serve other tasks."""

from bitlight.extractors.shipped import CUTS, features, load

__all__ = ["CUTS", "features", "load"]

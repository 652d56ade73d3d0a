"""Extractors that come with bitlight: trained networks whose features serve other tasks."""

from bitlight.extractors.finding import extractor, extractor_of
from bitlight.extractors.shipped import CUTS, features, load

__all__ = ["CUTS", "extractor", "extractor_of", "features", "load"]

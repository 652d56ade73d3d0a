"""Heads: the small last layer that is trained in software on the extractor's features."""

from bitlight.heads.ridge import RidgeHead

__all__ = ["RidgeHead"]

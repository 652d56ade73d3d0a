"""Heads: the small last layer that is trained in software on the extractor's features."""

from bitlight.heads.binary import BinaryHead
from bitlight.heads.head import Head
from bitlight.heads.linear import LinearHead
from bitlight.heads.ridge import RidgeHead

__all__ = ["BinaryHead", "Head", "LinearHead", "RidgeHead"]

"""LightOn's article, Table 1: the optical pipeline on features of several precisions."""

from bitlight_lab.papers.precision.experiment import Setting, run

__all__ = ["Setting", "run"]

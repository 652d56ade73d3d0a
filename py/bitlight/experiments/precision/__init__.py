"""LightOn's article, Table 1: the optical pipeline on features of several precisions."""

from bitlight.experiments.precision.experiment import Setting, run

__all__ = ["Setting", "run"]

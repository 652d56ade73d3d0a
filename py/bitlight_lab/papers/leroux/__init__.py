"""Leroux et al., "Transfer Learning with Binary Neural Networks", Table 2, on RTL features."""

from bitlight_lab.papers.leroux.experiment import Setting, run

__all__ = ["Setting", "run"]

"""LightOn's article, Figures 5 and 6: accuracy and training time against the model's size."""

from bitlight_lab.papers.transfer.experiment import Setting, run

__all__ = ["Setting", "run"]

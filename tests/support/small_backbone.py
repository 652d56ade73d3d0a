"""A backbone of two convolutions for 16×16 images, by the name "small"."""

from collections import OrderedDict

import torch
from torch import nn

from bitlight_lab.papers import backbones


def register(monkeypatch):
    """Let `bitlight_lab.papers.backbones.load` know it."""

    def small(size, weights):
        assert weights == "random"
        torch.manual_seed(0)
        stages = OrderedDict(
            stem=nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6()),
            block=nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)),
        )
        prepared = backbones.Prepared(size, backbones.LITE)
        return backbones.Backbone("small", nn.Sequential(stages), prepared, (2, 1), "block")

    monkeypatch.setitem(backbones.BACKBONES, "small", small)


def chosen(setting, folder, effort):
    """A setting that has it, and the digits."""
    choice = {"backbone": "small", "weights": "random", "size": 16}
    return setting(folder, ("digits",), effort=effort, **choice)

"""How a cut network is trained on a target: by backprop, or in one pass behind fixed features."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlight.nn import pixels_to_floats
from bitlight.training import Arrays, Recipe, train
from bitlight_lab.papers.backbones import Backbone
from bitlight_lab.papers.intervals import score_top
from bitlight_lab.papers.pipeline import Network, Sides
from bitlight_lab.papers.targets import Target

BATCH = 100
# The article says Adam and no more.
LEARNING_RATE = 1e-3
BATCH_NORM_MOMENTUM = 0.1

OPTICAL, RIDGE, POOLED, BACKPROP = "optical + ridge", "ridge", "ridge, pooled", "backprop"
# What backprop sees anyway: of each training image the mirrored one, too.
OPTICAL_MIRRORED, RIDGE_MIRRORED = "optical + ridge, mirrored", "ridge, mirrored"
MIRRORED = (OPTICAL_MIRRORED, RIDGE_MIRRORED)
DTYPES = {"float32": torch.float32, "float16": torch.float16}


def in_torch(backbone: Backbone, cut: int, precision: str, device: str = "cpu") -> Network:
    """The first stages as a function of pixels, in float32 or float16.

    Parameters
    ----------
    backbone : Backbone
    cut : int
        How many stages.
    precision : "float32" or "float16"
    device : str
    """
    dtype = DTYPES[precision]
    stages = copy.deepcopy(backbone.upto(cut)).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    prepared = copy.deepcopy(backbone.prepared).to(device)

    @torch.inference_mode()
    def network(images: np.ndarray) -> np.ndarray:
        x = prepared(pixels_to_floats(torch.from_numpy(images).to(device)))
        return stages(x.to(dtype)).cpu().numpy()

    return network


@dataclass
class Methods:
    """All ways to train on one target; the features of the last cut are kept.

    Attributes
    ----------
    backbone : Backbone
    target : Target
    epochs : int
        Of backprop; the article's five.
    batch_size : int
    device : str
    """

    backbone: Backbone
    target: Target
    epochs: int
    batch_size: int
    device: str = "cpu"
    _kept: tuple[tuple[int, str, bool], Sides] | None = field(default=None, init=False)

    def run(self, method: str, cut: int, precision: str, seed: int) -> dict[str, Any]:
        """Train and test; `training_seconds` of the result is the time that training took."""
        about = {"size": self.backbone.size(cut), "stage": self.backbone.label(cut)}
        if method == BACKPROP:
            return about | self._backprop(cut, seed)
        sides = self._sides(cut, precision, mirrored=method in MIRRORED)
        if method in (OPTICAL, OPTICAL_MIRRORED):
            return about | sides.optical(max(sides.train.n_features // 2, 1), seed)
        return about | (sides.pool() if method == POOLED else sides.ridge())

    def _sides(self, cut: int, precision: str, *, mirrored: bool) -> Sides:
        key = cut, precision, mirrored
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            network = in_torch(self.backbone, cut, precision, self.device)
            self._kept = key, Sides.of(network, self.target, mirrored=mirrored)
        return self._kept[1]

    def _backprop(self, cut: int, seed: int) -> dict[str, Any]:
        target = self.target
        module = _with_classifier(self.backbone, cut, target, seed)
        recipe = Recipe(
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(target.labels)),
            learning_rate=LEARNING_RATE,
            flip=target.flip,
            precision="float32",
            seed=seed,
        )
        history = train(module, Arrays(target.images, target.labels), recipe, device=self.device)
        with torch.inference_mode():
            parts = torch.from_numpy(target.test_images).split(BATCH)
            found = [module(pixels_to_floats(part.to(self.device))).cpu() for part in parts]
        return {
            **score_top(torch.cat(found).numpy(), target.test_labels),
            "train_images": len(target.labels),
            "test_images": len(target.test_labels),
            "epochs": self.epochs,
            "loss": history[-1].loss,
            "backprop_s": sum(epoch.seconds for epoch in history),
        }


def _with_classifier(backbone: Backbone, cut: int, target: Target, seed: int) -> nn.Sequential:
    """A copy of the first stages, averages over the image, and a last layer."""
    stages = copy.deepcopy(backbone.upto(cut))
    for module in stages.modules():
        if isinstance(module, nn.BatchNorm2d):
            # TensorFlow's 0.01 would not come near the target's statistics in five epochs.
            module.momentum = BATCH_NORM_MOMENTUM
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        side = backbone.prepared.size
        channels = stages.eval()(torch.zeros(1, 3, side, side)).shape[1]
        last = nn.Linear(channels, target.classes)
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(copy.deepcopy(backbone.prepared), stages, pool, nn.Flatten(), last)

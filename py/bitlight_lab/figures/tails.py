"""natural32's last layers in software: the paper's future work.

They become float ones, begin with the extractor's own bits as weights, and are trained on the task.
"""

import numpy as np
import torch
from torch import nn

from bitlight import Network
from bitlight.nn import BinaryConv2d, Scale, Sign, pixels_to_floats
from bitlight.training import thaw
from bitlight.zoo.designs import Design
from bitlight.zoo.modules import logit_scale


class Signed(nn.Module):
    """Bits as ±1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """0 and 1 to −1 and 1."""
        return 2 * x - 1


class Softened(nn.Module):
    """A convolution whose latent weights are no longer seen through their signs.

    Parameters
    ----------
    layer : BinaryConv2d
    latent : float
        What latent weights are divided by: those of ±latent give the binary layer's sums.
    """

    def __init__(self, layer: BinaryConv2d, latent: float) -> None:
        super().__init__()
        self.layer, self.latent = layer, latent

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) to (N, out, H', W')."""
        return self.layer.sums(x, self.layer.weight / self.latent)


def tail(net: Network, cut: int, classes: int, images: np.ndarray, latent: float) -> nn.Sequential:
    """natural32's layers from `cut` on as float ones, for the bits before them, and a last layer.

    Every sum begins as the binary network's; in the place of the signs is hardtanh, whose gradient
    the straight-through estimator lends them.
    """
    design = Design("vgg32", software_head=True)
    body = design.extractor(design.build(classes))
    thaw(net, body, [pixels_to_floats(torch.from_numpy(images))], latent=latent)
    parts: list[nn.Module] = [Signed()]
    stage = -1
    for part in body.children():
        stage += isinstance(part, BinaryConv2d | nn.MaxPool2d)
        if stage >= cut:
            soft = Softened(part, latent) if isinstance(part, BinaryConv2d) else part
            parts.append(nn.Hardtanh() if isinstance(part, Sign) else soft)
    last = nn.Linear(net.n_features, classes)
    return nn.Sequential(*parts, nn.Flatten(), last, Scale(logit_scale(net.n_features)))


def work_left(net: Network, cut: int) -> float:
    """The share of an image's products that leave the hardware, without the last layer's."""
    return 1 - net.upto(cut).work / net.work

"""Torch modules as training could leave them: statistics, gains of every sign, learned shifts."""

import torch

from bitlight import nn as bnn


def settle(module, images, seed=0, spread=0.3):
    """Draw all that is learned, let batch norms see images, (N, C, H, W) floats, and evaluate."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor, mean=0.0):
        tensor.data.normal_(mean, spread, generator=generator)

    for part in module.modules():
        if isinstance(part, bnn.RSign):
            draw(part.threshold)
        elif isinstance(part, bnn.RPReLU):
            for tensor in (part.before, part.slope, part.after):
                draw(tensor)
        elif isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            draw(part.weight, part.weight.mean().item())
            part.weight.data[::3] *= -1
            draw(part.bias)
    module.train()
    with torch.no_grad():
        for _ in range(10):
            module(images)
    return module.eval()

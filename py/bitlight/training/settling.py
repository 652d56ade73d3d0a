"""Batch norm's statistics, taken anew when the weights are done.

While weights move, the running mean is that of some twenty batches, augmented ones. Averaged over
many batches of images as tests see them, under weights that stand still, it is nearer to what tests
bring: Wu and Johnson, "Rethinking 'Batch' in BatchNorm" (2021), section 3.
"""

import torch
from torch import nn

from bitlight.errors import TrainingError
from bitlight.nn import pixels_to_floats
from bitlight.nn.integers import OnGrid
from bitlight.nn.modes import evaluating
from bitlight.training.recipes import Recipe
from bitlight.training.samples import Samples, generator

NORMS = nn.modules.batchnorm._BatchNorm
BATCH = 500
# Images are drawn from a seed of their own, beside those of the epochs.
OWN = 1 << 31


@torch.no_grad()
def settle(module: nn.Module, samples: Samples, recipe: Recipe, device: torch.device) -> None:
    """Take batch norm's statistics from `recipe.settle` images as they are, in place.

    Raises
    ------
    TrainingError
        If the module's batch norm is on the grid of integers.
    """
    norms = [part for part in module.modules() if isinstance(part, NORMS)]
    if any(isinstance(part, OnGrid) for part in norms):
        raise TrainingError("settle takes statistics of floats: networks with shortcuts have none")
    momenta = [norm.momentum for norm in norms]
    order = torch.randperm(len(samples), generator=generator(recipe.seed, OWN))
    parts = order[: recipe.settle].split(BATCH)
    try:
        with evaluating(module):
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
                norm.train()
            for pixels, _ in samples._load(parts, [0] * len(parts), None):
                module(pixels_to_floats(pixels.to(device)))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

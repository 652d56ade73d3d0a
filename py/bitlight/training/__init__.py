"""Training of torch modules, binary or float, with recipes that resume to the same weights."""

from bitlight.training.loop import evaluate, train
from bitlight.training.recipes import RECIPES, Recipe
from bitlight.training.samples import Arrays, Photographs, Samples
from bitlight.training.thawing import latent_size, thaw

__all__ = [
    "RECIPES",
    "Arrays",
    "Photographs",
    "Recipe",
    "Samples",
    "evaluate",
    "latent_size",
    "thaw",
    "train",
]

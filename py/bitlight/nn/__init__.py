"""Binary networks in torch: layers, gradients of the sign, float twins, and what it all costs."""

from bitlight.nn.counting import summary
from bitlight.nn.estimators import Estimator, sign
from bitlight.nn.layers import (
    BinaryConv2d,
    BinaryLinear,
    Scale,
    Sign,
    clip_latent,
    pixels_to_floats,
)
from bitlight.nn.twin import float_twin

__all__ = [
    "BinaryConv2d",
    "BinaryLinear",
    "Estimator",
    "Scale",
    "Sign",
    "clip_latent",
    "float_twin",
    "pixels_to_floats",
    "sign",
    "summary",
]

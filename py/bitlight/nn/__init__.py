"""Binary networks in torch: layers, gradients of the sign, float twins, and what it all costs."""

from bitlight.nn.counting import summary
from bitlight.nn.estimators import Estimator, sign
from bitlight.nn.integers import (
    Add,
    IntegerBatchNorm1d,
    IntegerBatchNorm2d,
    Levels,
    RPReLU,
    RSign,
    SumPool2d,
    fine_tune,
)
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
    "Add",
    "BinaryConv2d",
    "BinaryLinear",
    "Estimator",
    "IntegerBatchNorm1d",
    "IntegerBatchNorm2d",
    "Levels",
    "RPReLU",
    "RSign",
    "Scale",
    "Sign",
    "SumPool2d",
    "clip_latent",
    "fine_tune",
    "float_twin",
    "pixels_to_floats",
    "sign",
    "summary",
]

"""The zoo: torch modules of the published topologies and of the extractors that come with bitlight.

Each is untrained: an `nn.Sequential` of `bitlight.nn` layers, or a network with shortcuts of
`bitlight.zoo.residual`. Weights come from torch's global generator; `bitlight.nn.float_twin` gives
the float network of the same shape, `bitlight.training` trains either, `bitlight.extractors` has
some that are trained already.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from torch import nn

from bitlight.network.values import Shape
from bitlight.nn import BinaryConv2d, BinaryLinear, Estimator, Levels, Scale, Sign
from bitlight.zoo.residual import resnet18, resnet20
from bitlight.zoo.topologies import TOPOLOGIES, Conv, Dense, Pool, Scores, Step, Topology

__all__ = [
    "alexnet",
    "build",
    "cnv",
    "fashion28",
    "lfc",
    "logit_scale",
    "resnet18",
    "resnet20",
    "sfc",
    "tfc",
]


def logit_scale(fan_in: int) -> float:
    """Factor on a last layer's sums for softmax, so that they begin with a spread of a half."""
    return 0.5 / math.sqrt(fan_in)


def build(
    topology: Topology,
    *,
    estimator: Estimator = "ste",
    pad_bit: int = 1,
    dropout: float = 0.0,
    levels: int = 1,
) -> nn.Sequential:
    """The untrained module of a topology.

    Parameters
    ----------
    topology : Topology
    estimator : "ste", "approx-sign" or "swish-sign"
        Gradient of the activations' signs: see `bitlight.nn.sign`.
    pad_bit : 0 or 1
        What stands outside of a binary layer's images; outside of the pixels it is black, 0.
    dropout : float
        Share of the outputs of each fully connected layer that training turns to 0.
    levels : int
        L of the activations' levels 0 … L: 1 is their sign, 3 are two bits.

    Returns
    -------
    nn.Sequential
        (N, C, H, W) or (N, n) floats of pixel values, or of bits, to logits, or to ±1 features when
        the topology has no scores.

    Examples
    --------
    >>> build(TOPOLOGIES["tfc"])[-2]
    BinaryLinear(64, 10, input_bits=None)
    """
    parts = _Parts(estimator, pad_bit, dropout, levels)
    modules: list[nn.Module] = []
    input_bits: int | None = topology.input_bits
    for step, shape in zip(topology.steps, topology.shapes, strict=False):
        modules += parts.of(step, shape, input_bits)
        input_bits = None
    return nn.Sequential(*modules)


@dataclass(frozen=True)
class _Parts:
    """The modules of one step; `input_bits` is None behind the first."""

    estimator: Estimator
    pad_bit: int
    dropout: float
    levels: int

    def of(self, step: Step, shape: Shape, input_bits: int | None) -> Iterator[nn.Module]:
        if isinstance(step, Pool):
            yield nn.MaxPool2d(step.kernel, step.stride)
        elif isinstance(step, Conv):
            yield from self._convolution(step, shape, input_bits)
        else:
            if len(shape) == 3:
                yield nn.Flatten()
            yield from self._linear(step, math.prod(shape), input_bits)

    def _convolution(self, step: Conv, shape: Shape, input_bits: int | None) -> Iterator[nn.Module]:
        yield BinaryConv2d(
            shape[-1],
            step.outputs,
            step.kernel,
            step.stride,
            step.padding,
            pad_value=self.pad_bit * self.levels if input_bits is None else 0,
            input_bits=input_bits,
            levels=self.levels if input_bits is None else 1,
        )
        yield from self._activation(nn.BatchNorm2d(step.outputs))

    def _activation(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Iterator[nn.Module]:
        yield norm
        if self.levels == 1:
            yield Sign(self.estimator)
            return
        # So that what normally comes in reaches from the lowest level to the highest.
        nn.init.constant_(norm.weight, (self.levels + 1) / 2)
        yield Levels(self.levels)

    def _linear(
        self, step: Dense | Scores, fan_in: int, input_bits: int | None
    ) -> Iterator[nn.Module]:
        if isinstance(step, Scores):
            yield BinaryLinear(fan_in, step.classes, input_bits)
            yield Scale(logit_scale(fan_in))
            return
        yield BinaryLinear(fan_in, step.outputs, input_bits)
        yield from self._activation(nn.BatchNorm1d(step.outputs))
        if self.dropout:
            yield nn.Dropout(self.dropout)


def _named(name: str, classes: int = 10, width: float = 1, **parameters: float) -> nn.Sequential:
    topology = TOPOLOGIES[name].classifying(classes)
    topology = topology if width == 1 else topology.widened(width)
    return build(topology, **parameters)  # type: ignore[arg-type]


# Each takes `classes`, `width` (see `Topology.widened`) and what `build` takes.
tfc: Callable[..., nn.Sequential] = partial(_named, "tfc")
sfc: Callable[..., nn.Sequential] = partial(_named, "sfc")
lfc: Callable[..., nn.Sequential] = partial(_named, "lfc")
cnv: Callable[..., nn.Sequential] = partial(_named, "cnv")
alexnet: Callable[..., nn.Sequential] = partial(_named, "alexnet", classes=1000)
fashion28: Callable[..., nn.Sequential] = partial(_named, "fashion28")

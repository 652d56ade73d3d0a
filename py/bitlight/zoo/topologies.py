"""Topologies: the shapes of networks, without weights.

One description serves both sides: `Topology.random` gives a network of that shape with random
weights, for cycles, area and clock, which no training changes; `bitlight.zoo.modules` gives the
module to train. TFC, SFC, LFC and CNV are those of FINN (Umuroglu et al., FPGA 2017, and its
examples), with 784 inputs of one bit and images of 32×32×3. AlexNet is the network of Leroux et
al. at Larq Zoo's width; the code that they took theirs from has three times as many channels
(BinaryNet.pytorch, `ratioInfl`): `ALEXNET.widened(3)`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from bitlight.errors import NetworkError
from bitlight.network.layers import Conv2d, Layer, Linear, MaxPool2d
from bitlight.network.network import Network
from bitlight.network.values import Shape


@dataclass(frozen=True)
class Conv:
    """A square binary convolution and its threshold."""

    outputs: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (H', W', outputs)."""
        sides = [(n + 2 * self.padding - self.kernel) // self.stride + 1 for n in shape[:2]]
        return (*sides, self.outputs)


@dataclass(frozen=True)
class Pool:
    """A square max-pool."""

    kernel: int = 2
    stride: int = 2

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (H', W', C)."""
        return (*((n - self.kernel) // self.stride + 1 for n in shape[:2]), shape[2])


@dataclass(frozen=True)
class Dense:
    """A fully connected binary layer and its threshold."""

    outputs: int

    def output_shape(self, shape: Shape) -> Shape:
        """Any shape to (outputs,)."""
        return (self.outputs,)


@dataclass(frozen=True)
class Scores:
    """The last layer: one integer for each class."""

    classes: int

    def output_shape(self, shape: Shape) -> Shape:
        """Any shape to (classes,)."""
        return (self.classes,)


Step = Conv | Pool | Dense | Scores


@dataclass(frozen=True)
class Topology:
    """The shape of a network.

    Attributes
    ----------
    input_shape : (H, W, C) or (n,)
    input_bits : int
    steps : tuple of Conv, Pool, Dense and Scores
    """

    input_shape: Shape
    input_bits: int
    steps: tuple[Step, ...]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The input's shape and that of each step's output."""
        shapes = [self.input_shape]
        for step in self.steps:
            shapes.append(step.output_shape(shapes[-1]))
        return tuple(shapes)

    def widened(self, factor: float) -> "Topology":
        """The same with more channels in all convolutions but the last, so that features stay.

        Raises
        ------
        NetworkError
            If there are no such convolutions, or nothing would be left of one.

        Examples
        --------
        >>> ALEXNET.widened(3).shapes[1]
        (55, 55, 192)
        """
        convolutions = [step for step in self.steps if isinstance(step, Conv)]
        if len(convolutions) < 2 or min(step.outputs for step in convolutions) * factor < 1:
            raise NetworkError(f"width must leave channels in two convolutions, not {factor!r}")
        wide = [
            replace(step, outputs=int(step.outputs * factor))
            if isinstance(step, Conv) and step is not convolutions[-1]
            else step
            for step in self.steps
        ]
        return replace(self, steps=tuple(wide))

    def classifying(self, classes: int) -> "Topology":
        """The same with a last layer that scores that many classes."""
        return replace(self, steps=(*self.extractor.steps, Scores(classes)))

    @property
    def extractor(self) -> "Topology":
        """The same without its scores: what gives features."""
        kept = self.steps[:-1] if isinstance(self.steps[-1], Scores) else self.steps
        return replace(self, steps=kept)

    def random(self, seed: int = 0) -> Network:
        """A network with random weights, and thresholds where about half of the outputs are 1.

        Examples
        --------
        >>> TOPOLOGIES["tfc"].random().shapes
        ((784,), (64,), (64,), (64,), (10,))
        """
        return Network(self.input_shape, self.input_bits, self._draw(seed))

    def _draw(self, seed: int) -> Iterator[Layer]:
        rng = np.random.default_rng(seed)
        bits = self.input_bits
        for step, shape in zip(self.steps, self.shapes, strict=False):
            yield _random_layer(rng, step, shape, bits)
            bits = 1


def _random_layer(rng: np.random.Generator, step: Step, shape: Shape, bits: int) -> Layer:
    if isinstance(step, Pool):
        return MaxPool2d((step.kernel,) * 2, (step.stride,) * 2)
    if isinstance(step, Scores):
        return Linear(rng.random((step.classes, int(np.prod(shape)))) < 0.5, None)
    kernel = (step.kernel, step.kernel, shape[-1]) if isinstance(step, Conv) else (np.prod(shape),)
    weight = rng.random((step.outputs, *kernel)) < 0.5
    spread = int(np.sqrt(weight[0].size) * ((1 << bits) - 1))
    threshold = rng.integers(-spread, spread + 1, step.outputs, dtype=np.int32)
    if isinstance(step, Dense):
        return Linear(weight, threshold)
    return Conv2d(weight, threshold, (step.stride,) * 2, (step.padding,) * 2)


def _steps(*rows: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(chain.from_iterable(rows))


def _fully_connected(width: int) -> Topology:
    return Topology((784,), 1, _steps([Dense(width)] * 3, [Scores(10)]))


CNV = Topology(
    (32, 32, 3),
    8,
    _steps(
        [Conv(64), Conv(64), Pool()],
        [Conv(128), Conv(128), Pool()],
        [Conv(256), Conv(256)],
        [Dense(512), Dense(512), Scores(10)],
    ),
)

# The convolutions of BinaryNet's network for CIFAR-10 (Courbariaux et al. 2016) at half their
# width, which keep the image's size: 8×8 places of 256 bits.
VGG32 = Topology(
    (32, 32, 3),
    8,
    _steps(
        [Conv(64, padding=1), Conv(64, padding=1), Pool()],
        [Conv(128, padding=1), Conv(128, padding=1), Pool()],
        [Conv(256, padding=1), Conv(256, padding=1)],
        [Scores(10)],
    ),
)

# To its 4,096 features: the last layer is what a user trains.
ALEXNET = Topology(
    (224, 224, 3),
    8,
    _steps(
        [Conv(64, 11, stride=4, padding=2), Pool(3, 2)],
        [Conv(192, 5, padding=2), Pool(3, 2)],
        [Conv(384, padding=1), Conv(256, padding=1), Conv(256, padding=1), Pool(3, 2)],
        [Dense(4096), Dense(4096)],
    ),
)

# Three convolutions and pools on grey images, for the smallest FPGAs.
SMALL28 = Topology(
    (28, 28, 1),
    8,
    (Conv(16, padding=1), Pool(), Conv(32, padding=1), Pool(), Conv(64, padding=1), Pool()),
)

# The extractor that comes with bitlight, and its classifier.
FASHION28 = Topology(
    (28, 28, 1),
    8,
    _steps(
        [Conv(32, padding=1), Conv(32, padding=1), Pool()],
        [Conv(64, padding=1), Conv(64, padding=1), Pool()],
        [Conv(96), Dense(256), Scores(10)],
    ),
)

# One of everything in a few beats, for benches: pixels of several bits, padding, strides, windows
# that overlap, and scores.
SAMPLER = Topology(
    (12, 12, 3),
    4,
    _steps(
        [Conv(8, stride=2, padding=1), Conv(12, padding=1), Pool(2, 1), Conv(12)],
        [Dense(16), Scores(5)],
    ),
)

TOPOLOGIES: dict[str, Topology] = {
    "tfc": _fully_connected(64),
    "sfc": _fully_connected(256),
    "lfc": _fully_connected(1024),
    "cnv": CNV,
    "vgg32": VGG32,
    "alexnet": ALEXNET,
    "small28": SMALL28,
    "fashion28": FASHION28,
    "sampler": SAMPLER,
}

# Networks with shortcuts, which are no chains of steps: `bitlight.zoo.residual` has their modules.
RESNET20 = "resnet20"
# What can be trained by its name.
DESIGNS = (*TOPOLOGIES, RESNET20)

"""The zoo's residual networks: binary convolutions, each with a shortcut of integers around it.

The block is that of Liu et al., "Bi-Real Net" (2018) and "ReActNet" (2020): learned thresholds
before a binary convolution, batch norm, the shortcut, and a PReLU that is shifted on both sides.
Where the image becomes smaller, the shortcut is an average pool, whose channels stand twice side by
side and are normalised: it keeps its values, where a binary 1×1 convolution would keep signs alone.
"""

import torch
from torch import nn

from bitlight.nn import (
    Add,
    BinaryConv2d,
    BinaryLinear,
    Estimator,
    IntegerBatchNorm2d,
    Levels,
    RPReLU,
    RSign,
    Scale,
    Sign,
    SumPool2d,
)
from bitlight.nn.integers import BITS, FRACTION

# What the classifier sees of each pooled feature, 0 … 15, and the bits of its weights.
TOP = 15
CLASSIFIER_BITS = 4
STEM_BITS = 2


class BinaryBlock(nn.Module):
    """x + norm(conv(sign(x − t))), and a shifted PReLU; x is pooled and doubled for a stride of 2.

    Parameters
    ----------
    inputs, outputs : int
        Channels; outputs are inputs, or twice as many.
    stride : 1 or 2
    estimator : as in `bitlight.nn.sign`
    binary_shortcut : bool
        Whether the shortcut of a stride of 2 is the average pool's sign and a binary 1×1
        convolution, as in Bi-Real Net but for its float weights.
    levels : int
        L of the levels 0 … L that the convolution takes: 1 is the sign, 3 are two bits, which
        batch norm spreads the values over.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        estimator: Estimator = "approx-sign",
        *,
        binary_shortcut: bool = False,
        levels: int = 1,
    ) -> None:
        super().__init__()
        self.sign = _activation(inputs, estimator, levels)
        # Outside the image stands the level just above 0: there is no 0 itself.
        self.conv = BinaryConv2d(
            inputs, outputs, 3, stride, 1, levels=levels, pad_value=(levels + 1) // 2
        )
        self.norm = IntegerBatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if binary_shortcut and (stride != 1 or inputs != outputs):
            pool = [SumPool2d(stride)] if stride > 1 else []
            conv = BinaryConv2d(inputs, outputs, 1)
            self.shortcut = nn.Sequential(
                *pool, RSign(inputs, estimator), conv, IntegerBatchNorm2d(outputs)
            )
        elif stride != 1 or inputs != outputs:
            self.shortcut = PooledShortcut(inputs, outputs, stride)
        self.add = Add()
        self.act = RPReLU(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        y = self.norm(self.conv(self.sign(x)))
        return self.act(self.add(y, self.shortcut(x)))


def _activation(channels: int, estimator: Estimator, levels: int) -> nn.Module:
    """What is before a binary convolution: a learned threshold, or batch norm and L of them."""
    if levels == 1:
        return RSign(channels, estimator)
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.weight, (levels + 1) / 2)
    return nn.Sequential(norm, Levels(levels))


class PooledShortcut(nn.Module):
    """Average pool, its channels as often as they are wanted, batch norm.

    Parameters
    ----------
    inputs, outputs : int
        Channels; outputs are a multiple of inputs.
    stride : int
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        if outputs % inputs:
            raise ValueError(f"outputs must be a multiple of {inputs}, not {outputs}")
        self.copies = outputs // inputs
        self.pool = SumPool2d(stride)
        self.norm = IntegerBatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, H/stride, W/stride)."""
        x = self.pool(x)
        return self.norm(torch.cat([x] * self.copies, 1) if self.copies > 1 else x)


class ResidualNetwork(nn.Module):
    """Pixels, a stem, stages of blocks, the mean over the image in levels, and a classifier.

    Parameters
    ----------
    stem : nn.Module
        From pixels of 8 bits to values on the grid.
    stages : list of nn.Module
    channels : int
        Of the last stage.
    classes : int
    """

    def __init__(
        self, stem: nn.Module, stages: list[nn.Module], channels: int, classes: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.pool = SumPool2d("all")
        self.norm = nn.BatchNorm2d(channels)
        nn.init.constant_(self.norm.weight, TOP / 3)
        self.levels = Levels(TOP)
        self.classifier = BinaryLinear(channels, classes, weight_bits=CLASSIFIER_BITS)
        # Products of the levels' and the weights' spread, so that softmax begins with about 1.
        self.scale = Scale(2 / (TOP * (1 << CLASSIFIER_BITS) * channels**0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) floats of pixel values to (N, classes) logits."""
        x = self.stages(self.stem(x))
        x = self.levels(self.norm(self.pool(x)))
        return self.scale(self.classifier(torch.flatten(x, 1)))


class ResidualFeatures(nn.Module):
    """Pixels, a stem, stages of blocks, and the signs of what the last one gives.

    Parameters
    ----------
    stem, stages, channels : as for `ResidualNetwork`
    estimator : as in `bitlight.nn.sign`
    """

    def __init__(
        self, stem: nn.Module, stages: list[nn.Module], channels: int, estimator: Estimator
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(channels)
        self.sign = Sign(estimator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) floats of pixel values to ±1, (N, channels, H', W')."""
        return self.sign(self.norm(self.stages(self.stem(x))))


def resnet20(
    classes: int | None = 10,
    width: int = 32,
    *,
    estimator: Estimator = "approx-sign",
    blocks: int = 3,
    levels: int = 1,
) -> ResidualNetwork | ResidualFeatures:
    """ResNet-20 of CIFAR with ReActNet's blocks, for images of 32×32×3.

    Three stages of 2·blocks convolutions of `width`, 2·width and 4·width channels (He et al.,
    "Deep residual learning" (2016), section 4.2, which has 16, 32, 64). The stem's weights have two
    bits, two planes; the classifier's four, on means of the image in 16 levels.

    Parameters
    ----------
    classes : int or None
        None ends in the signs of the last stage, as features.
    width : int
        Channels of the first stage.
    estimator : as in `bitlight.nn.sign`
    blocks : int
        Pairs of convolutions in each stage.
    levels : int
        L of the activations' levels 0 … L before each binary convolution: 1 is their sign, 3 are
        two bits.

    Examples
    --------
    >>> sum(isinstance(m, BinaryConv2d) for m in resnet20(width=4).modules())
    19
    """
    stem = nn.Sequential(
        BinaryConv2d(3, width, 3, 1, 1, pad_value=128, input_bits=8, weight_bits=STEM_BITS),
        IntegerBatchNorm2d(width),
    )
    stages: list[nn.Module] = []
    inputs = width
    for number in range(3):
        outputs = width << number
        for k in range(2 * blocks):
            stride = 2 if number and not k else 1
            stages.append(BinaryBlock(inputs, outputs, stride, estimator, levels=levels))
            inputs = outputs
    if classes is None:
        return ResidualFeatures(stem, stages, inputs, estimator)
    return ResidualNetwork(stem, stages, inputs, classes)


def resnet18(
    classes: int = 1000,
    width: int = 64,
    *,
    estimator: Estimator = "approx-sign",
    binary_shortcut: bool = True,
) -> ResidualNetwork:
    """Bi-Real-18 for images of 224×224×3, but for a shortcut whose 1×1 convolutions are binary.

    Four stages of four convolutions of `width`, 2·width, 4·width and 8·width channels. The stem is
    7×7 with a stride of 2 and weights of two bits; an average pool stands where ResNet-18 has a
    max-pool, because maxima of integers are no layer of the hardware.

    Parameters
    ----------
    classes, width, estimator
        As for `resnet20`.
    binary_shortcut : bool
        Where the image becomes smaller: the sign of the average pool and a binary 1×1 convolution,
        or else the pool itself, twice side by side, as in `resnet20`.
    """
    stem = nn.Sequential(
        BinaryConv2d(3, width, 7, 2, 3, pad_value=128, input_bits=8, weight_bits=STEM_BITS),
        IntegerBatchNorm2d(width, fraction=FRACTION - 2, bits=BITS - 2),
        SumPool2d(2),
    )
    stages: list[nn.Module] = []
    inputs = width
    for number in range(4):
        outputs = width << number
        for k in range(4):
            stride = 2 if number and not k else 1
            block = BinaryBlock(inputs, outputs, stride, estimator, binary_shortcut=binary_shortcut)
            stages.append(block)
            inputs = outputs
    return ResidualNetwork(stem, stages, inputs, classes)

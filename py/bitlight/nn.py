"""Torch modules of binary networks: what they compute in eval mode can be frozen exactly.

Between the layers stand ±1 values as floats, in torch's own order (N, C, H, W). Build a network as
nested `torch.nn.Sequential` of these modules and torch's own BatchNorm, MaxPool2d, Flatten, Dropout
and Identity; `bitlight.freeze` turns it into a `Network`.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

# The next float32 after 1: hardtanh's gradient leaves its bounds out, ours passes at |x| = 1.
_EDGE = 1 + 2.0**-23


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        # Adding 0 makes -0.0 positive; one pass over a whole tensor, where x >= 0 would take four.
        return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), x + 0.0)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grad, x, -_EDGE, _EDGE)


def sign(x: torch.Tensor) -> torch.Tensor:
    """−1 where x < 0, else +1; the gradient passes unchanged where |x| ≤ 1 and is 0 elsewhere.

    The straight-through estimator of Hubara et al., "Binarized neural networks" (2016), eq. 4.

    Examples
    --------
    >>> sign(torch.tensor([-0.5, -0.0, 0.0, 2.0]))
    tensor([-1.,  1.,  1.,  1.])
    """
    return _StraightThrough.apply(x)


class Sign(nn.Module):
    """The activation: `sign` of its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `sign(x)`, in the shape and dtype of `x`."""
        return sign(x)


class _Binary(nn.Module):
    """A layer whose float weights are latent: the forward pass sees their signs alone."""

    weight: nn.Parameter

    def __init__(self, shape: tuple[int, ...], input_bits: int | None) -> None:
        super().__init__()
        if input_bits is not None and not 1 <= input_bits <= 8:
            raise ValueError(f"input_bits must be None or 1 to 8, not {input_bits!r}")
        self.input_bits = input_bits
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(shape)))

    def signed(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels 0..2^b − 1 as odd integers 2x − (2^b − 1); ±1 values as they are."""
        return x if self.input_bits is None else 2 * x - ((1 << self.input_bits) - 1)

    @abstractmethod
    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Σ w·x for signed values; the layer says how."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sums Σ w±·x; in eval mode they are exact integers."""
        if self.training:
            return self.sums(self.signed(x), sign(self.weight))
        # A fast convolution algorithm may miss the integer by a rounding error, bf16 by far more.
        with torch.autocast(x.device.type, enabled=False):
            return self.sums(self.signed(x.float()), sign(self.weight)).round()


class BinaryConv2d(_Binary):
    """Convolution of ±1 values, or of pixels, with the signs of its weights.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding : int or (rows, columns)
    pad_value : int
        What stands outside the image: the bit 0 (−1) or 1 (+1), or a pixel value with `input_bits`.
        There is no zero padding, because a binary layer has no zero.
    input_bits : int, optional
        Set in the first layer alone: its input is pixels 0..2^b − 1 and it computes
        Σ w±·(2x − (2^b − 1)). Without it the input is ±1.

    Attributes
    ----------
    weight : Parameter, float32, shape (out, in, rows, columns)
        Latent weights; keep them in [−1, 1] with `clip_latent` while training.

    Raises
    ------
    ValueError
        If `input_bits` or `pad_value` is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        *,
        pad_value: int = 1,
        input_bits: int | None = None,
    ) -> None:
        super().__init__((out_channels, in_channels, *_pair(kernel_size)), input_bits)
        top = (1 << (input_bits or 1)) - 1
        if not 0 <= pad_value <= top:
            raise ValueError(f"pad_value must be 0 to {top}, not {pad_value!r}")
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.pad_value = pad_value

    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) signed values to (N, out, H', W') sums."""
        if any(self.padding):
            rows, columns = self.padding
            outside = 2 * self.pad_value - ((1 << (self.input_bits or 1)) - 1)
            x = F.pad(x, (columns, columns, rows, rows), value=outside)
        return F.conv2d(x, weight, stride=self.stride)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        outputs, inputs, *kernel = self.weight.shape
        return (
            f"{inputs}, {outputs}, kernel_size={tuple(kernel)}, stride={self.stride}, "
            f"padding={self.padding}, pad_value={self.pad_value}, input_bits={self.input_bits}"
        )


class BinaryLinear(_Binary):
    """Fully connected layer of ±1 values, or of pixels, with the signs of its weights.

    Parameters
    ----------
    in_features, out_features : int
    input_bits : int, optional
        As in `BinaryConv2d`.

    Attributes
    ----------
    weight : Parameter, float32, shape (out, in)
        Latent weights; keep them in [−1, 1] with `clip_latent` while training.

    Raises
    ------
    ValueError
        If `input_bits` is out of range.
    """

    def __init__(self, in_features: int, out_features: int, input_bits: int | None = None) -> None:
        super().__init__((out_features, in_features), input_bits)

    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(N, in) signed values to (N, out) sums."""
        return F.linear(x, weight)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}, input_bits={self.input_bits}"


class Scale(nn.Module):
    """A fixed positive factor on the last layer's sums, so that softmax sees logits of fair size.

    It cannot change which sum is the largest, so a frozen network leaves it out.

    Parameters
    ----------
    factor : float

    Raises
    ------
    ValueError
        If the factor is not positive.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        if not factor > 0:
            raise ValueError(f"factor must be positive, not {factor!r}")
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `factor * x`."""
        return self.factor * x

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{self.factor}"


@torch.no_grad()
def clip_latent(module: nn.Module) -> None:
    """Clip the latent weights of every binary layer in `module` to [−1, 1], in place.

    Beyond ±1 a weight would only take longer to change its sign (Hubara et al. 2016, section 1.4).
    """
    for layer in module.modules():
        if isinstance(layer, _Binary):
            layer.weight.clamp_(-1, 1)


def pixels_to_floats(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (N, H, W, C) as float32 (N, C, H, W), channels still last in memory; (N, n) as is."""
    return (pixels.permute(0, 3, 1, 2) if pixels.ndim == 4 else pixels).float()


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value

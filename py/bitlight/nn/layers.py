"""Torch modules of binary networks: what they compute in eval mode can be frozen exactly.

Between the layers stand ±1 values as floats, in torch's own order (N, C, H, W). The modules are
ordinary ones: any optimizer and any training loop take them, beside torch's own BatchNorm,
MaxPool2d, Flatten, Dropout. `bitlight.freeze` turns a chain of them into a `Network`.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bitlight.nn.estimators import BETA, Estimator, check_estimator, sign


class Sign(nn.Module):
    """The activation: `sign` of its input.

    Parameters
    ----------
    estimator : "ste", "approx-sign" or "swish-sign"
        What is taken for its gradient, as `sign` says.
    beta : float
        Of "swish-sign".

    Raises
    ------
    ValueError
        If `sign` does not take them.

    Examples
    --------
    >>> Sign()(torch.tensor([-0.1, 0.0, 2.0]))  # sign(0) = +1
    tensor([-1.,  1.,  1.])
    """

    def __init__(self, estimator: Estimator = "ste", *, beta: float = BETA) -> None:
        super().__init__()
        check_estimator(estimator, beta)
        self.estimator = estimator
        self.beta = beta

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `sign(x)`, in the shape and dtype of `x`."""
        return sign(x, self.estimator, beta=self.beta)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return _gradient(self.estimator, self.beta)


class Binary(nn.Module):
    """A layer whose float weights are latent: the forward pass sees their signs alone."""

    weight: nn.Parameter

    def __init__(
        self,
        shape: tuple[int, ...],
        input_bits: int | None,
        estimator: Estimator,
        beta: float,
        weight_bits: int = 1,
    ) -> None:
        super().__init__()
        if input_bits is not None and not 1 <= input_bits <= 8:
            raise ValueError(f"input_bits must be None or 1 to 8, not {input_bits!r}")
        if type(weight_bits) is not int or not 1 <= weight_bits <= 8:
            raise ValueError(f"weight_bits must be 1 to 8, not {weight_bits!r}")
        check_estimator(estimator, beta)
        self.input_bits = input_bits
        self.weight_bits = weight_bits
        self.estimator = estimator
        self.beta = beta
        latent = torch.empty(shape)
        several = weight_bits > 1
        nn.init.uniform_(latent, -1, 1) if several else nn.init.xavier_uniform_(latent)
        self.weight = nn.Parameter(latent)

    def weights(self) -> torch.Tensor:
        """What the forward pass sees: ±1, or the odd integers of `weight_bits`."""
        if self.weight_bits == 1:
            return sign(self.weight, self.estimator, beta=self.beta)
        return _Planes.apply(self.weight, self.weight_bits)

    def signed(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels 0..2^b − 1 as odd integers 2x − (2^b − 1); ±1 values as they are."""
        return x if self.input_bits is None else 2 * x - ((1 << self.input_bits) - 1)

    @abstractmethod
    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Σ w·x for signed values; the layer says how."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sums Σ w±·x; in eval mode they are exact integers."""
        weight = self.weights()
        if self.training:
            return self.sums(self.signed(x), weight)
        # A fast convolution algorithm may miss the integer by a rounding error, bf16 by far more.
        with torch.autocast(x.device.type, enabled=False):
            return self.sums(self.signed(x.float()), weight).round()


class _Planes(torch.autograd.Function):
    """Latent weights, −1 … 1, as 2k − (2^bits − 1) with k = 0 … 2^bits − 1."""

    @staticmethod
    def forward(ctx: Any, latent: torch.Tensor, bits: int) -> torch.Tensor:
        ctx.save_for_backward(latent)
        count = 1 << bits
        return ((latent + 1) * (count / 2)).floor_().clamp_(0, count - 1).mul_(2).sub_(count - 1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (latent,) = ctx.saved_tensors
        edge = 1 + torch.finfo(latent.dtype).eps
        return torch.ops.aten.hardtanh_backward(grad, latent, -edge, edge), None


class BinaryConv2d(Binary):
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
    estimator, beta : as in `Sign`
        For the gradient of the latent weights.
    weight_bits : int
        1: weights are ±1. b: they are odd, −(2^b − 1) … 2^b − 1, which is b planes of ±1 with the
        factors 1, 2, 4, … in the frozen network.
    levels : int
        L, if what comes in without `input_bits` are the levels −L, −L + 2, …, L; `pad_value` is
        0 … L then.

    Attributes
    ----------
    weight : Parameter, float32, shape (out, in, rows, columns)
        Latent weights. Beyond ±1 "ste" and "approx-sign" give them no gradient, so that they stay
        about where they are; `clip_latent` after each step lets them come back.

    Raises
    ------
    ValueError
        If `input_bits`, `weight_bits`, `levels` or `pad_value` is out of range, or `sign` does not
        take the estimator.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> layer = BinaryConv2d(1, 4, 3, padding=1, input_bits=8)
    >>> pixels = torch.randint(0, 256, (2, 1, 8, 8)).float()
    >>> layer(pixels).shape
    torch.Size([2, 4, 8, 8])
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
        estimator: Estimator = "ste",
        beta: float = BETA,
        weight_bits: int = 1,
        levels: int = 1,
    ) -> None:
        shape = (out_channels, in_channels, *_pair(kernel_size))
        super().__init__(shape, input_bits, estimator, beta, weight_bits)
        if type(levels) is not int or not 1 <= levels <= 255:
            raise ValueError(f"levels must be 1 to 255, not {levels!r}")
        self.levels = levels
        top = self.top
        if not 0 <= pad_value <= top:
            raise ValueError(f"pad_value must be 0 to {top}, not {pad_value!r}")
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.pad_value = pad_value

    @property
    def top(self) -> int:
        """The largest level of what comes in."""
        return self.levels if self.input_bits is None else (1 << self.input_bits) - 1

    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) signed values to (N, out, H', W') sums."""
        if any(self.padding):
            rows, columns = self.padding
            outside = 2 * self.pad_value - self.top
            x = F.pad(x, (columns, columns, rows, rows), value=outside)
        return F.conv2d(x, weight, stride=self.stride)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        outputs, inputs, *kernel = self.weight.shape
        return (
            f"{inputs}, {outputs}, kernel_size={tuple(kernel)}, stride={self.stride}, "
            f"padding={self.padding}, pad_value={self.pad_value}, input_bits={self.input_bits}"
            f"{_several(self)}{_gradient(self.estimator, self.beta, ', ')}"
        )


class BinaryLinear(Binary):
    """Fully connected layer of ±1 values, or of pixels, with the signs of its weights.

    Parameters
    ----------
    in_features, out_features : int
    input_bits, estimator, beta, weight_bits : as in `BinaryConv2d`

    Attributes
    ----------
    weight : Parameter, float32, shape (out, in)
        Latent weights, as in `BinaryConv2d`.

    Raises
    ------
    ValueError
        If `input_bits` is out of range, or `sign` does not take the estimator.

    Examples
    --------
    >>> layer = BinaryLinear(3, 1)
    >>> _ = nn.init.constant_(layer.weight, 0.2)  # signs: +1
    >>> layer(torch.tensor([[1.0, 1.0, -1.0]])).detach()
    tensor([[1.]])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        input_bits: int | None = None,
        *,
        estimator: Estimator = "ste",
        beta: float = BETA,
        weight_bits: int = 1,
    ) -> None:
        super().__init__((out_features, in_features), input_bits, estimator, beta, weight_bits)

    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(N, in) signed values to (N, out) sums."""
        return F.linear(x, weight)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        outputs, inputs = self.weight.shape
        gradient = _several(self) + _gradient(self.estimator, self.beta, ", ")
        return f"{inputs}, {outputs}, input_bits={self.input_bits}{gradient}"


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

    Examples
    --------
    >>> Scale(0.5)(torch.tensor([4.0, -2.0]))
    tensor([ 2., -1.])
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

    To be called after each step of the optimizer. A loop without it trains as well, but weights
    that have gone beyond ±1 get no gradient and hardly change their sign again (Hubara et al.
    2016, section 1.4).

    Examples
    --------
    >>> layer = BinaryLinear(2, 1)
    >>> _ = nn.init.constant_(layer.weight, 3.0)
    >>> clip_latent(layer)
    >>> layer.weight.detach()
    tensor([[1., 1.]])
    """
    for layer in module.modules():
        if isinstance(layer, Binary):
            layer.weight.clamp_(-1, 1)


def pixels_to_floats(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (N, H, W, C) as float32 (N, C, H, W), channels still last in memory; (N, n) as is.

    Examples
    --------
    >>> pixels_to_floats(torch.zeros(5, 28, 28, 1, dtype=torch.uint8)).shape
    torch.Size([5, 1, 28, 28])
    """
    return (pixels.permute(0, 3, 1, 2) if pixels.ndim == 4 else pixels).float()


def _several(layer: Binary) -> str:
    """The part of a `repr` about weights and levels of several bits: nothing for usual ones."""
    weights = f", weight_bits={layer.weight_bits}" if layer.weight_bits > 1 else ""
    levels = getattr(layer, "levels", 1)
    return weights + (f", levels={levels}" if levels > 1 else "")


def _gradient(estimator: Estimator, beta: float, before: str = "") -> str:
    """The part of a `repr` about the gradient: nothing for the usual one."""
    if estimator == "ste":
        return ""
    of_beta = f", beta={beta}" if estimator == "swish-sign" else ""
    return f"{before}estimator={estimator!r}{of_beta}"


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value

"""Torch modules of networks with shortcuts, whose values in eval mode are integers on a grid.

On a shortcut path a value is an integer times 2^−fraction, which float32 holds exactly. In eval
mode each module here computes with these integers, rounding down where the network does, so that
`bitlight.freeze` has nothing to approximate. While training they are the usual float modules;
after `fine_tune(module)` they compute in training what eval mode does, gradients straight through.
"""

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from bitlight.nn.estimators import BETA, Estimator, check_estimator, sign

FRACTION = 6  # bits after the point of values on shortcuts
BITS = 12  # of these values
MULTIPLIER_BITS = 10
SLOPE_SHIFT = 6
MOST_SHIFT = 24  # so that all products stay exact in float64
MOST_SLOPE = (1 << 15) - 1


class _Straight(torch.autograd.Function):
    """The value of one tensor, the gradient of another."""

    @staticmethod
    def forward(ctx: Any, soft: torch.Tensor, hard: torch.Tensor) -> torch.Tensor:
        return hard

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad, None


class OnGrid(nn.Module):
    """What modules of integers share: their grid, and whether training computes on it too.

    Attributes
    ----------
    fraction : int
        Values are integers times 2^−fraction.
    integer : bool
        Whether training computes what eval mode does: see `fine_tune`.
    """

    fraction: int
    integer: bool

    def _begin(self, fraction: int) -> None:
        if type(fraction) is not int or not 0 <= fraction <= MOST_SHIFT:
            raise ValueError(f"fraction must be 0 to {MOST_SHIFT}, not {fraction!r}")
        self.fraction, self.integer = fraction, False

    def on_grid(self, *values: torch.Tensor) -> torch.Tensor:
        """What eval mode computes."""
        raise NotImplementedError

    def smooth(self, *values: torch.Tensor) -> torch.Tensor:
        """The float function that it rounds."""
        raise NotImplementedError

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """The integers' function in eval mode, the float one in training."""
        if not self.training:
            with torch.autocast(values[0].device.type, enabled=False):
                return self.on_grid(*(value.float() for value in values))
        if not self.integer:
            return self.smooth(*values)
        with torch.no_grad(), torch.autocast(values[0].device.type, enabled=False):
            hard = self.on_grid(*(value.float() for value in values))
        return _Straight.apply(self.smooth(*values), hard)


def fine_tune(module: nn.Module) -> None:
    """Let training compute on the grid from here on, with the statistics of batch norm as they are.

    Examples
    --------
    >>> norm = IntegerBatchNorm2d(4)
    >>> fine_tune(norm)
    >>> norm.integer
    True
    """
    for part in module.modules():
        if isinstance(part, OnGrid):
            part.integer = True


def _limits(bits: int) -> tuple[int, int]:
    if type(bits) is not int or not 2 <= bits <= 24:
        raise ValueError(f"bits must be 2 to 24, not {bits!r}")
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def _broadcast(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *[1] * (like.ndim - 2))


class _IntegerBatchNorm(OnGrid, nn.modules.batchnorm._BatchNorm):
    """Batch norm that is y = clip(⌊(g·x + b) / 2^e⌋) in eval mode, y in steps of the grid.

    Parameters
    ----------
    num_features : int
    fraction : int
        Of what it gives.
    bits : int
        Of what it gives, in two's complement; beyond them it clips.
    multiplier_bits : int
        Of g.
    kwargs : of torch's batch norm

    Raises
    ------
    ValueError
        If a number of bits is out of range.
    """

    def __init__(
        self,
        num_features: int,
        *,
        fraction: int = FRACTION,
        bits: int = BITS,
        multiplier_bits: int = MULTIPLIER_BITS,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_features, **kwargs)
        self._begin(fraction)
        self.low, self.high = _limits(bits)
        if type(multiplier_bits) is not int or not 2 <= multiplier_bits <= 24:
            raise ValueError(f"multiplier_bits must be 2 to 24, not {multiplier_bits!r}")
        self.bits, self.multiplier_bits = bits, multiplier_bits

    def folded(self) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Integers g and b of each channel, in float64, and the shift e; b rounds to nearest."""
        multiplier, offset, shift = self._folded()
        return multiplier, offset, int(shift.item())

    @torch.no_grad()
    def _folded(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The same; nothing here waits for a GPU."""
        assert self.running_mean is not None
        assert self.running_var is not None
        gain = (self.running_var.double() + self.eps).rsqrt()
        if self.weight is not None:
            gain = gain * self.weight.double()
        offset = -self.running_mean.double() * gain
        if self.bias is not None:
            offset = offset + self.bias.double()
        gain, offset = gain * 2.0**self.fraction, offset * 2.0**self.fraction
        most = (1 << (self.multiplier_bits - 1)) - 1
        largest = gain.abs().max()
        room = (most / largest).log2().floor()
        shift = torch.where(largest > 0, room, 0).clamp(0, MOST_SHIFT)
        scale = torch.exp2(shift)
        multiplier = (gain * scale).round().clamp(-most, most)
        return multiplier, ((offset + 0.5) * scale).round(), shift

    def on_grid(self, *values: torch.Tensor) -> torch.Tensor:
        """Return clip(⌊(g·x + b) / 2^e⌋) · 2^−fraction."""
        (x,) = values
        multiplier, offset, shift = self._folded()
        y = x.double() * _broadcast(multiplier, x) + _broadcast(offset, x)
        y = (y * torch.exp2(-shift)).floor_().clamp_(self.low, self.high)
        return (y * 2.0**-self.fraction).float()

    def smooth(self, *values: torch.Tensor) -> torch.Tensor:
        """Batch norm; with fixed statistics while fine-tuning."""
        (x,) = values
        if not self.integer:
            return nn.modules.batchnorm._BatchNorm.forward(self, x)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{self.num_features}, fraction={self.fraction}, bits={self.bits}"


class IntegerBatchNorm2d(_IntegerBatchNorm):
    """Batch norm of images (N, C, H, W) that is y = clip((g·x + b) >> e) in eval mode.

    g, b and e follow from gain, bias and the running statistics: g and b are one integer for each
    channel, e is one for all. x and y are integers on their grids.

    Parameters
    ----------
    num_features : int
    fraction : int
        y is an integer times 2^−fraction.
    bits : int
        Of y's integer, in two's complement; beyond them it clips.
    multiplier_bits : int
        Of g.
    kwargs : of `torch.nn.BatchNorm2d`

    Raises
    ------
    ValueError
        If a number of bits is out of range.

    Examples
    --------
    >>> norm = IntegerBatchNorm2d(1).eval()
    >>> norm(torch.tensor([[[[1.0, 3.0, 100.0]]]])) * 2**6
    tensor([[[[  64.,  192., 2047.]]]])
    """

    _check_input_dim = nn.BatchNorm2d._check_input_dim


class IntegerBatchNorm1d(_IntegerBatchNorm):
    """The same of vectors (N, C).

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> norm = IntegerBatchNorm1d(3).eval()
    >>> out = norm(torch.tensor([[4.0, -2.0, 6.0]]))
    >>> bool((out * 2**6 == (out * 2**6).round()).all())  # multiples of 2⁻⁶
    True
    """

    _check_input_dim = nn.BatchNorm1d._check_input_dim


class RSign(nn.Module):
    """The sign of x − t_c, with a threshold for each channel that is learned (ReActNet, eq. 1).

    Parameters
    ----------
    channels : int
    estimator, beta : as in `Sign`

    Attributes
    ----------
    threshold : Parameter, shape (channels,)
        Liu et al., "ReActNet" (2020), arXiv 2003.03488.

    Examples
    --------
    >>> RSign(2)(torch.tensor([[0.5, -0.5]])).detach()
    tensor([[ 1., -1.]])
    """

    def __init__(
        self, channels: int, estimator: Estimator = "approx-sign", *, beta: float = BETA
    ) -> None:
        super().__init__()
        check_estimator(estimator, beta)
        self.estimator, self.beta = estimator, beta
        self.threshold = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ±1 in the shape of x, (N, C, …)."""
        return sign(x - _broadcast(self.threshold, x), self.estimator, beta=self.beta)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{len(self.threshold)}"


class RPReLU(OnGrid):
    """y = v if v ≥ 0 else p_c·v, plus ζ_c, with v = x + γ_c: all learned (ReActNet, eq. 2).

    In eval mode γ and ζ are on the grid, p is an integer over 2^shift and p·v is rounded down.

    Parameters
    ----------
    channels : int
    fraction : int
        Of x and y.
    shift : int

    Attributes
    ----------
    before, slope, after : Parameter, shape (channels,); γ, p and ζ

    Examples
    --------
    >>> RPReLU(2).eval()(torch.tensor([[1.0, -1.0]]))  # slope 1/4 before it has learnt
    tensor([[ 1.0000, -0.2500]])
    """

    def __init__(
        self, channels: int, *, fraction: int = FRACTION, shift: int = SLOPE_SHIFT
    ) -> None:
        super().__init__()
        self._begin(fraction)
        if type(shift) is not int or not 0 <= shift <= MOST_SHIFT:
            raise ValueError(f"shift must be 0 to {MOST_SHIFT}, not {shift!r}")
        self.shift = shift
        self.before = nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.after = nn.Parameter(torch.zeros(channels))

    @torch.no_grad()
    def rounded(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """γ, p and ζ as integers, in float64."""
        step, reach = 2.0**self.fraction, float(1 << 24)
        before = (self.before.double() * step).round().clamp(-reach, reach)
        after = (self.after.double() * step).round().clamp(-reach, reach)
        slope = (self.slope.double() * 2.0**self.shift).round().clamp(-MOST_SLOPE, MOST_SLOPE)
        return before, slope, after

    def on_grid(self, *values: torch.Tensor) -> torch.Tensor:
        """Return the integers' function, times 2^−fraction."""
        (x,) = values
        before, slope, after = (_broadcast(part, x) for part in self.rounded())
        v = x.double() * 2.0**self.fraction + before
        y = torch.where(v >= 0, v, (v * slope * 2.0**-self.shift).floor()) + after
        return (y * 2.0**-self.fraction).float()

    def smooth(self, *values: torch.Tensor) -> torch.Tensor:
        """The same in floats."""
        (x,) = values
        return _Rectify.apply(x, self.before, self.slope, self.after)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{len(self.slope)}, fraction={self.fraction}, shift={self.shift}"


class _Rectify(torch.autograd.Function):
    """RPReLU in floats; torch's own gradient of PReLU takes three times as long on a CPU."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, before: torch.Tensor, slope: torch.Tensor, after: torch.Tensor
    ) -> torch.Tensor:
        v = x + _broadcast(before, x)
        ctx.save_for_backward(v, slope)
        y = v.clamp(max=0).mul_(_broadcast(slope - 1, x)).add_(v)
        return y.add_(_broadcast(after, x))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        v, slope = ctx.saved_tensors
        over = [axis for axis in range(v.ndim) if axis != 1]
        falling = v.clamp(max=0)
        of_slope = (falling * grad).sum(over)
        of_after = grad.sum(over)
        # 1 where v ≥ 0, else the slope.
        negative = torch.signbit(falling).to(grad.dtype)
        of_x = negative.mul_(_broadcast(slope - 1, v)).add_(1).mul_(grad)
        return of_x, of_x.sum(over), of_slope, of_after


class Add(OnGrid):
    """The sum of what ways bring together, clipped to so many bits in eval mode.

    `a + b` can be frozen as well; nothing is clipped then, and the sum takes a bit more than they.

    Parameters
    ----------
    fraction : int
    bits : int
        Of the sum's integer, in two's complement.

    Examples
    --------
    >>> Add()(torch.tensor([1.5]), torch.tensor([-0.25]))
    tensor([1.2500])
    """

    def __init__(self, *, fraction: int = FRACTION, bits: int = BITS) -> None:
        super().__init__()
        self._begin(fraction)
        self.low, self.high = _limits(bits)
        self.bits = bits

    def on_grid(self, *values: torch.Tensor) -> torch.Tensor:
        """Return the clipped sum."""
        step = 2.0**-self.fraction
        return self.smooth(*values).clamp(self.low * step, self.high * step)

    def smooth(self, *values: torch.Tensor) -> torch.Tensor:
        """The sum."""
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"fraction={self.fraction}, bits={self.bits}"


class SumPool2d(nn.Module):
    """The sum over each window, over the power of two that is as large as the window or larger.

    Of windows of 1, 2, 4, … places that is the mean, which torch's own AvgPool2d and
    AdaptiveAvgPool2d(1) give as well; of others a part of it, whose factor goes on to what follows.

    Parameters
    ----------
    kernel : int, (rows, columns) or "all"
        "all" is the whole image.
    stride : int or (rows, columns), optional
        By default the kernel.

    Examples
    --------
    >>> SumPool2d(2)(torch.ones(1, 1, 2, 2))
    tensor([[[[1.]]]])
    """

    def __init__(
        self,
        kernel: int | tuple[int, int] | Literal["all"] = 2,
        stride: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if kernel == "all" and stride is not None:
            raise ValueError("a pool over all of the image has no stride")
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H', W')."""
        kernel: Any = tuple(x.shape[2:]) if self.kernel == "all" else self.kernel
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        divisor = 1 << halvings(rows * columns)
        return F.avg_pool2d(x, (rows, columns), self.stride, divisor_override=divisor)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{self.kernel!r}, stride={self.stride}"


def halvings(count: int) -> int:
    """The least n with 2^n ≥ count."""
    return (count - 1).bit_length()


class Levels(nn.Module):
    """The activation of several bits: −L, −L + 2, …, L, whichever is just below x or is x itself.

    As levels 0 … L of the network, 2·level − L. L = 1 is the sign. Its gradient is 1 where
    |x| ≤ L + 1, else 0.

    Parameters
    ----------
    top : int, 1 to 255
        L.

    Examples
    --------
    >>> Levels(3)(torch.tensor([-9.0, -1.5, -0.1, 0.0, 1.9, 2.0]))
    tensor([-3., -1., -1.,  1.,  1.,  3.])
    """

    def __init__(self, top: int) -> None:
        super().__init__()
        if type(top) is not int or not 1 <= top <= 255:
            raise ValueError(f"top must be 1 to 255, not {top!r}")
        self.top = top

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return levels as what they stand for."""
        return _Levels.apply(x, self.top)

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{self.top}"


class _Levels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, top: int) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.top = top
        return ((x + (top + 1)) / 2).floor_().clamp_(0, top).mul_(2).sub_(top)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        edge = (ctx.top + 1) * (1 + torch.finfo(x.dtype).eps)
        return torch.ops.aten.hardtanh_backward(grad, x, -edge, edge), None

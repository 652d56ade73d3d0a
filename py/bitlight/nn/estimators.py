"""The sign of a tensor, and what is taken for its gradient while training.

The derivative of sign is zero wherever it exists, so that training puts another function in its
place. The choice changes training alone: every estimator has the same forward pass.
"""

from typing import Any, Literal, get_args

import torch
from torch.overrides import handle_torch_function, has_torch_function_unary

Estimator = Literal["ste", "approx-sign", "swish-sign"]

BETA = 5.0


def sign(x: torch.Tensor, estimator: Estimator = "ste", *, beta: float = BETA) -> torch.Tensor:
    """−1 where x < 0, else +1; the gradient is multiplied by that of the estimator.

    Parameters
    ----------
    x : Tensor, floating point, any shape
    estimator : "ste", "approx-sign" or "swish-sign"
        - "ste", straight through: 1 where |x| ≤ 1, else 0. Hubara et al., "Binarized neural
          networks" (2016), eq. 4.
        - "approx-sign": 2 − 2|x| where |x| ≤ 1, else 0; the derivative of a piecewise polynomial.
          Liu et al., "Bi-Real Net" (2018), arXiv 1808.00278.
        - "swish-sign": β(2 − βx·tanh(βx/2)) / (1 + cosh(βx)), the derivative of
          2σ(βx)(1 + βx(1 − σ(βx))) − 1. Darabi et al., "BNN+" (2018), arXiv 1812.11800. It is β
          at 0 and slightly negative beyond |x| = 2.4/β.
    beta : float
        Of "swish-sign": the larger, the closer to the step. 5 is Larq's default too.

    Raises
    ------
    ValueError
        If there is no such estimator, or beta is not positive.

    Examples
    --------
    >>> sign(torch.tensor([-0.5, -0.0, 0.0, 2.0]))
    tensor([-1.,  1.,  1.,  1.])
    >>> x = torch.tensor([-0.5, 0.25, 2.0], requires_grad=True)
    >>> sign(x, "approx-sign").sum().backward()
    >>> x.grad
    tensor([1.0000, 1.5000, 0.0000])
    """
    if has_torch_function_unary(x):  # a tracer's stand-in: it records this call
        return handle_torch_function(sign, (x,), x, estimator, beta=beta)
    if estimator == "ste":
        return _StraightThrough.apply(x)
    check_estimator(estimator, beta)
    return _ApproxSign.apply(x) if estimator == "approx-sign" else _SwishSign.apply(x, beta)


def check_estimator(estimator: str, beta: float) -> None:
    """Raise ValueError unless `sign` takes them."""
    if estimator not in get_args(Estimator):
        names = ", ".join(map(repr, get_args(Estimator)))
        raise ValueError(f"estimator must be one of {names}, not {estimator!r}")
    if not beta > 0:
        raise ValueError(f"beta must be positive, not {beta!r}")


def _step(x: torch.Tensor) -> torch.Tensor:
    # Adding 0 makes -0.0 positive; one pass over a whole tensor, where x >= 0 would take four.
    return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), x + 0.0)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return _step(x)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        # The next number after 1: hardtanh's gradient leaves its bounds out, ours passes at 1.
        edge = 1 + torch.finfo(x.dtype).eps
        return torch.ops.aten.hardtanh_backward(grad, x, -edge, edge)


class _ApproxSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return _step(x)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return grad * (2 - 2 * x.abs()).clamp(min=0)


class _SwishSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, beta: float) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.beta = beta
        return _step(x)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        # Far outside the slope is 0; an infinite product would make it NaN, as in float16.
        scaled = (ctx.beta * x).clamp(-1e4, 1e4)
        slope = ctx.beta * (2 - scaled * (scaled / 2).tanh()) / (1 + scaled.cosh())
        return grad * slope, None

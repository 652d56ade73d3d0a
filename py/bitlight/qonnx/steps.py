"""The float32 arithmetic between a layer's integer sums and the sign behind it.

Each node becomes a step that rounds as torch rounds, so that a threshold found by integer search
falls where the trained network's own sign falls, ties included. ONNX leaves the rounding of
BatchNormalization open; here it is that of torch's vector code for eval mode: one factor and one
summand for each channel, applied by a fused multiply-add.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Sums of this size and more are no longer exact in float32.
INEXACT = 1 << 24


@dataclass(frozen=True)
class Step:
    """One node's arithmetic on single channels.

    Attributes
    ----------
    text : str
        The step as one writes it, for people.
    rises : bool
        Whether no channel falls where its input rises.
    apply : function
        float32 array (..., channels) to the same.
    affine : pair of float64 arrays, shape (1,) or (channels,), optional
        Factor and summand, where the step is factor·x + summand but for rounding.
    """

    text: str
    rises: bool
    apply: Callable[[np.ndarray], np.ndarray]
    affine: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def falls(self) -> np.ndarray:
        """In which channels the result falls where the input rises: bool (1,) or (channels,)."""
        if self.affine is None:
            return np.zeros(1, bool)  # only rising steps come without
        return self.affine[0] < 0


def arithmetic(operation: str, constant: np.ndarray, constant_first: bool) -> Step | None:
    """Add, Sub, Mul or Div with a constant; None where the result is not monotonic.

    Parameters
    ----------
    operation : "Add", "Sub", "Mul" or "Div"
    constant : float32 array, shape (1,) or (channels,)
    constant_first : bool
        Whether the constant stands on the left.

    Examples
    --------
    >>> step = arithmetic("Sub", np.ones(1, np.float32), constant_first=True)
    >>> step.text, step.rises, step.apply(np.float32([0, 3]))
    ('1 − x', False, array([ 1., -2.], dtype=float32))
    """
    ufunc, sign = _OPERATIONS[operation]
    if operation == "Div" and (constant_first or not constant.all()):
        return None
    value = f"{constant[0]:.6g}" if constant.size == 1 else "c"
    value = f"({value})" if value.startswith("-") else value
    if constant_first:
        rises = operation != "Sub" and (operation == "Add" or bool((constant >= 0).all()))
        text = f"{value} {sign} x"
        return Step(text, rises, lambda x: ufunc(constant, x), _affine(operation, constant, True))
    rises = operation in ("Add", "Sub") or bool((constant >= 0).all())
    affine = _affine(operation, constant, False)
    return Step(f"x {sign} {value}", rises, lambda x: ufunc(x, constant), affine)


def _affine(operation: str, constant: np.ndarray, first: bool) -> tuple[np.ndarray, np.ndarray]:
    c = constant.astype(np.float64)
    one, zero = np.ones_like(c), np.zeros_like(c)
    return {
        "Add": (one, c),
        "Sub": (-one, c) if first else (one, -c),
        "Mul": (c, zero),
        "Div": (np.divide(one, c, out=zero.copy(), where=c != 0), zero),
    }[operation]


def clipping(low: float, high: float) -> Step:
    """Clip, Hardtanh and ReLU: what is below or above becomes the limit."""
    text = f"clip(x, {low:.6g}, {high:.6g})"
    return Step(text, True, lambda x: np.clip(x, np.float32(low), np.float32(high)))


def leaking(slope: np.ndarray) -> Step | None:
    """PReLU and LeakyReLU: slope·x below 0; None where that falls.

    Parameters
    ----------
    slope : float32 array, shape (1,) or (channels,)
    """
    if (slope < 0).any():
        return None
    return Step("prelu(x)", True, lambda x: np.where(x < 0, x * slope, x))


_OPERATIONS = {
    "Add": (np.add, "+"),
    "Sub": (np.subtract, "−"),
    "Mul": (np.multiply, "×"),
    "Div": (np.divide, "/"),
}


def normalisation(
    gain: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> Step:
    """Batch norm as torch computes it in eval mode.

    Parameters
    ----------
    gain, bias, mean, variance : float32 array, shape (channels,)
    epsilon : float
    """
    inverse = np.float32(1) / np.sqrt(variance + np.float32(epsilon))
    factor = inverse * gain
    summand = _multiply_add(-mean, factor, bias)
    return Step(
        "batch norm",
        bool((factor >= 0).all()),
        lambda x: _multiply_add(x, factor, summand),
        (factor.astype(np.float64), summand.astype(np.float64)),
    )


def _multiply_add(x: np.ndarray, factor: np.ndarray, summand: np.ndarray) -> np.ndarray:
    """x·factor + summand, rounded once: a product of two float32 is exact in float64."""
    return (x.astype(np.float64) * factor + summand).astype(np.float32)

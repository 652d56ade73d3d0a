"""What a trained head computes, in the numbers that a file, a C header and ONNX carry.

scores = scale·(W·x + b). The numbers are chosen so that every sum of products of them with bits or
uint8 is exact in float64: W and b are multiples of one power of two, and no sum has more than 53
bits. So NumPy, C and ONNX Runtime, which add in different orders, find the same class.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bitlight.errors import HeadError

Dtype = Literal["float32", "float16", "int8", "bits"]
Inputs = Literal["bits", "uint8", "float"]
DTYPES: tuple[str, ...] = get_args(Dtype)
INPUTS: tuple[Inputs, ...] = get_args(Inputs)  # each holds those before it
REACH = {"bits": 1, "uint8": 255, "float": None}  # the largest value of a feature
ROWS = 1024


@dataclass(frozen=True, eq=False)
class Readout:
    """Weights, bias and scale of a linear readout.

    Attributes
    ----------
    weight : array, shape (outputs, features)
        float64 as it was trained; float32, float16, int8, or bool for bits, which stand for ±1 and
        meet bits that stand for ±1 as well.
    bias : float64 array, shape (outputs,)
        For int8 whole numbers, for bits minus the sum of the weights.
    scale : float
    """

    weight: np.ndarray
    bias: np.ndarray
    scale: float = 1.0

    @staticmethod
    def of_bits(weight: np.ndarray) -> "Readout":
        """Σ ±w·(2x − 1) of bits x, the sums of a `bitlight.Linear` with these weights (bool)."""
        return Readout(weight, weight.shape[1] - 2.0 * weight.sum(axis=1))

    @property
    def dtype(self) -> str:
        """Name of the weights' type, "bits" for bool."""
        return "bits" if self.weight.dtype == bool else self.weight.dtype.name

    @property
    def factors(self) -> np.ndarray:
        """W as float64, which x as 0 and 1 (or counts, or floats) is multiplied by."""
        if self.dtype == "bits":
            return np.where(self.weight, 2.0, -2.0)
        return self.weight.astype(np.float64)

    @property
    def nbytes(self) -> int:
        """Bytes of weights and bias."""
        outputs, features = self.weight.shape
        bits = outputs * -(-features // 8) * 8 if self.dtype == "bits" else 8 * self.weight.nbytes
        return bits // 8 + (0 if self.dtype == "bits" else self.bias.nbytes)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores float64 (N, outputs) of features X (N, features)."""
        factors = self.factors.T
        scores = np.empty((len(X), len(self.bias)))
        for start in range(0, len(X), ROWS):
            rows = slice(start, start + ROWS)
            scores[rows] = self.scale * (X[rows].astype(np.float64) @ factors + self.bias)
        return scores

    def to(self, dtype: str, inputs: str) -> "Readout":
        """The same readout in another type, for features of that kind.

        Raises
        ------
        HeadError
            If the type is unknown, or bits are wanted of weights that are not.
        """
        if dtype not in DTYPES:
            raise HeadError(f"dtype must be one of {', '.join(DTYPES)}, not {dtype!r}")
        if dtype == self.dtype:
            return self
        if dtype == "bits":
            raise HeadError("weights become bits in training alone: take a BinaryHead")
        coef, bias = self.scale * self.factors, self.scale * self.bias
        largest = np.abs(coef).max(initial=0) or 1.0
        if dtype == "int8":
            scale = largest / 127
            return Readout(np.rint(coef / scale).astype(np.int8), np.rint(bias / scale), scale)
        if dtype == "float16":
            scale = _power_of_two(largest)
            return Readout((coef / scale).astype(np.float16), _rounded(bias / scale, 2**-24), scale)
        return _float32(coef, bias, REACH[inputs])


def _float32(coef: np.ndarray, bias: np.ndarray, reach: int | None) -> Readout:
    coef = coef.astype(np.float32).astype(np.float64)
    if reach is not None:
        most = np.max(reach * np.abs(coef).sum(axis=1) + np.abs(bias), initial=0)
        step = _power_of_two(most or 1.0) * 2**-52
        coef, bias = _rounded(coef, step), _rounded(bias, step)
    return Readout(coef.astype(np.float32), bias)


def _power_of_two(value: float) -> float:
    """The least power of two that is not below."""
    return 2.0 ** math.ceil(math.log2(value))


def _rounded(values: np.ndarray, step: float) -> np.ndarray:
    return np.rint(values / step) * step

"""What stands around a network's integers: codes of pixels before, a scale of scores after."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlight.errors import NetworkError

PIXELS = 256


def check_codes(value: Any, channels: int, input_bits: int) -> np.ndarray:
    """A table of codes, one for each value of an 8-bit pixel.

    Parameters
    ----------
    value : uint8 array, shape (256,), or (channels, 256)
    channels : int
    input_bits : int
        Of a code.

    Raises
    ------
    NetworkError
        If it is of another form, or holds a code that has more bits.
    """
    codes = np.asarray(value)
    if codes.dtype != np.uint8 or codes.shape not in ((PIXELS,), (channels, PIXELS)):
        raise NetworkError(
            f"codes must be uint8 of shape (256,) or ({channels}, 256), not {codes.dtype} of shape "
            f"{codes.shape}"
        )
    top = (1 << input_bits) - 1
    if codes.max() > top:
        raise NetworkError(f"codes must be 0 to {top}, not {codes.max()}")
    codes = np.array(codes, order="C")
    codes.flags.writeable = False
    return codes


def encode(pixels: np.ndarray, codes: np.ndarray | None, input_bits: int) -> np.ndarray:
    """8-bit pixels (..., channels) to the codes that a network takes, uint8 of the same shape.

    Without a table the upper bits of each pixel are its code.

    Examples
    --------
    >>> encode(np.array([[0, 127, 128, 255]], np.uint8), None, 1)
    array([[0, 0, 1, 1]], dtype=uint8)
    """
    if codes is None:
        return pixels >> (8 - input_bits) if input_bits < 8 else pixels
    if codes.ndim == 1:
        return codes[pixels]
    return codes[np.arange(len(codes)), pixels]


@dataclass(frozen=True, eq=False)
class OutputScale:
    """logit = multiplier·score + offset, for each class: a last batch norm, bias or scale.

    The best class is that of the largest logit, which need not be that of the largest score.

    Parameters
    ----------
    multiplier, offset : float64 array, shape (classes,)

    Raises
    ------
    NetworkError
        If they are not as many finite numbers.

    Examples
    --------
    >>> OutputScale(np.array([0.5, 2.0]), np.array([1.0, 0.0])).logits(np.array([[4, 2]]))
    array([[3., 4.]])
    """

    multiplier: np.ndarray
    offset: np.ndarray

    def __post_init__(self) -> None:
        for name in ("multiplier", "offset"):
            given = np.array(getattr(self, name), dtype=np.float64)
            if given.ndim != 1 or not np.isfinite(given).all():
                raise NetworkError(f"{name} must be finite numbers, one for each class")
            given.flags.writeable = False
            object.__setattr__(self, name, given)
        if self.multiplier.shape != self.offset.shape:
            raise NetworkError(
                f"multiplier and offset must be as many, not {self.multiplier.size} and "
                f"{self.offset.size}"
            )

    def logits(self, scores: np.ndarray) -> np.ndarray:
        """Scores (N, classes) to float64 logits of the same shape."""
        return scores * self.multiplier + self.offset

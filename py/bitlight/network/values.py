"""What travels between layers: levels, which are bits at their least, or integers of a range."""

import math
from dataclasses import dataclass

from bitlight.errors import NetworkError

Shape = tuple[int, ...]
# Of one image, between two layers: 4,096 × 4,096 bits. A file of some hundred bytes cannot ask for
# more memory than that, and no product of sizes leaves 64 bits.
MOST_VALUES = 1 << 24


@dataclass(frozen=True)
class Levels:
    """Unsigned levels 0 … top; x stands for 2x − top.

    A bit has the top 1 and stands for −1 or +1; a pixel of b bits has the top 2^b − 1.

    Attributes
    ----------
    top : int, 1 to 255
    """

    top: int

    @property
    def bits(self) -> int:
        """Bits of one level."""
        return self.top.bit_length()

    def __str__(self) -> str:
        return "bits" if self.top == 1 else f"levels 0 … {self.top}"


@dataclass(frozen=True)
class Integers:
    """Signed integers, low … high."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"integers {self.low:,} … {self.high:,}"


@dataclass(frozen=True)
class Value:
    """What one node gives, for one image.

    Attributes
    ----------
    shape : (H, W, C) or (n,)
    kind : Levels or Integers
    """

    shape: Shape
    kind: Levels | Integers

    @property
    def levels(self) -> Levels:
        """Its kind, if it is levels.

        Raises
        ------
        NetworkError
            If it is integers.
        """
        if isinstance(self.kind, Integers):
            raise NetworkError(f"it takes bits or pixels, not {self.kind}")
        return self.kind


def check_values(what: str, shape: Shape) -> None:
    """Refuse a shape of more values than `MOST_VALUES`.

    Raises
    ------
    NetworkError
    """
    values = math.prod(shape)
    if values > MOST_VALUES:
        raise NetworkError(f"{what}, {shape}, has {values:,} values, and {MOST_VALUES:,} at most")

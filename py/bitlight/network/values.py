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

    @property
    def low(self) -> int:
        """The least that a level stands for."""
        return -self.top

    @property
    def high(self) -> int:
        """The most that a level stands for."""
        return self.top

    def __str__(self) -> str:
        return "bits" if self.top == 1 else f"levels 0 … {self.top}"


@dataclass(frozen=True)
class Integers:
    """Signed integers, low … high, of 32 bits at most.

    Raises
    ------
    NetworkError
        If the range is empty or wider.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise NetworkError(f"no integer is {self.low:,} … {self.high:,}")
        if self.low < -(1 << 31) or self.high >= 1 << 31:
            raise NetworkError(f"integers {self.low:,} … {self.high:,} do not fit in 32 bits")

    @property
    def bits(self) -> int:
        """Bits of two's complement that hold the range."""
        return max(self.high.bit_length(), (~self.low).bit_length() if self.low < 0 else 0) + 1

    def __str__(self) -> str:
        return f"integers {self.low:,} … {self.high:,}"


Kind = Levels | Integers


@dataclass(frozen=True)
class Value:
    """What one node gives, for one image.

    Attributes
    ----------
    shape : (H, W, C) or (n,)
    kind : Levels or Integers
    """

    shape: Shape
    kind: Kind

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """C, or n."""
        return self.shape[-1]

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

    @property
    def integers(self) -> Integers:
        """Its kind, if it is integers.

        Raises
        ------
        NetworkError
            If it is levels.
        """
        if isinstance(self.kind, Levels):
            raise NetworkError(f"it takes integers, not {self.kind}")
        return self.kind

    def __str__(self) -> str:
        return f"{'×'.join(map(str, self.shape))} {self.kind}"


def check_values(what: str, shape: Shape) -> None:
    """Refuse a shape of more values than `MOST_VALUES`.

    Raises
    ------
    NetworkError
    """
    values = math.prod(shape)
    if values > MOST_VALUES:
        raise NetworkError(f"{what}, {shape}, has {values:,} values, and {MOST_VALUES:,} at most")

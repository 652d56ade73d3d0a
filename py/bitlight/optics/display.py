"""The display: features to micromirrors, in macro-pixels within a region."""

from dataclasses import dataclass

import numpy as np

from bitlight import bits
from bitlight.errors import OpticsError

MIRRORS = (912, 1140)  # rows and columns of LightOn's display


@dataclass(frozen=True)
class Display:
    """A micromirror array: each feature is a square of mirrors, from left to right, row by row.

    Mirrors that show no feature are dark. The medium then has one column for each mirror, and
    intensities are divided by the mirrors of a feature, so that they keep their scale.

    Parameters
    ----------
    shape : (rows, columns) of mirrors
        LightOn's display has 912 × 1,140.
    macro_pixel : int, optional
        Mirrors along a side of a feature's square; default: as many as fit.
    region : (top, left, rows, columns) of mirrors, optional
        Where features are shown; default: everywhere.

    Raises
    ------
    OpticsError
        If a parameter is out of its range.
    """

    shape: tuple[int, int] = MIRRORS
    macro_pixel: int | None = None
    region: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        top, left, rows, columns = self._region
        inside = top >= 0 and left >= 0 and rows >= 1 and columns >= 1
        if not inside or top + rows > self.shape[0] or left + columns > self.shape[1]:
            raise OpticsError(f"region {self.region} is not within {self.shape} mirrors")
        if self.macro_pixel is not None and self.macro_pixel < 1:
            raise OpticsError(f"macro_pixel must be 1 mirror or more, not {self.macro_pixel}")

    @property
    def _region(self) -> tuple[int, int, int, int]:
        return self.region or (0, 0, *self.shape)

    @property
    def mirrors(self) -> int:
        """All mirrors, dark ones too."""
        return self.shape[0] * self.shape[1]

    def side(self, n_features: int) -> int:
        """Mirrors along a side of a feature's square.

        Raises
        ------
        OpticsError
            If so many features do not fit.
        """
        _, _, rows, columns = self._region
        sides = [self.macro_pixel] if self.macro_pixel else range(min(rows, columns), 0, -1)
        for side in sides:
            if (rows // side) * (columns // side) >= n_features:
                return side
        raise OpticsError(
            f"{n_features:,} features do not fit {rows} × {columns} mirrors, "
            f"{sides[-1]} × {sides[-1]} for each"
        )

    def places(self, n_features: int) -> np.ndarray:
        """Mirrors of each feature: int array, shape (n_features, side²), numbered row by row."""
        side = self.side(n_features)
        top, left, _, columns = self._region
        row, column = np.divmod(np.arange(n_features), columns // side)
        corner = (top + row * side) * self.shape[1] + left + column * side
        down, across = np.divmod(np.arange(side * side), side)
        return corner[:, np.newaxis] + down * self.shape[1] + across

    def show(self, words: np.ndarray, n_features: int) -> np.ndarray:
        """What the mirrors show.

        Parameters
        ----------
        words : uint32 array, shape (N, ⌈n_features / 32⌉)

        Returns
        -------
        uint32 array, shape (N, ⌈mirrors / 32⌉)
        """
        places = self.places(n_features)
        shown = np.zeros((len(words), self.mirrors), np.uint8)
        shown[:, places] = bits.unpack_words(words, n_features)[..., np.newaxis]
        return bits.pack_words(shown)

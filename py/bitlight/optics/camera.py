"""The camera: intensities to counts of its converter."""

from dataclasses import dataclass

import numba
import numpy as np

from bitlight.errors import OpticsError

# LightOn's rule for their device: enough light on average, hardly any pixel saturated (of 8 bits).
LEAST_MEAN = 11 / 255
MOST_SATURATED = 0.005


@dataclass(frozen=True)
class Camera:
    """Counts = min(⌊exposure · intensity⌋, 2^bits − 1), truncated as a converter does.

    Parameters
    ----------
    bits : int, 1 to 16
    exposure : float, or "auto"
        Counts for each unit of intensity; a component of a frame with k ones has intensity k on
        average. "auto" takes the longest at which at most 0.5 % of the pixels are saturated, from
        the frames that `OpticalFeatures.fit` sees.

    Raises
    ------
    OpticsError
        If a parameter is out of its range.
    """

    bits: int = 8
    exposure: float | str = "auto"

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise OpticsError(f"bits must be 1 to 16, not {self.bits}")
        if self.exposure != "auto" and not (
            isinstance(self.exposure, int | float) and 0 < self.exposure < np.inf
        ):
            raise OpticsError(f"exposure must be positive or 'auto', not {self.exposure!r}")

    @property
    def top(self) -> int:
        """The count of a saturated pixel."""
        return (1 << self.bits) - 1

    def exposed(self, intensities: np.ndarray) -> float:
        """The exposure for such intensities: the one that is given, or by the rule."""
        if not isinstance(self.exposure, str):
            return float(self.exposure)
        bright = float(np.quantile(intensities, 1 - MOST_SATURATED)) if intensities.size else 0.0
        return (self.top + 1) / bright if bright > 0 else 1.0

    def capture(self, intensities: np.ndarray, exposure: float) -> np.ndarray:
        """Counts: uint8 array for up to 8 bits, else uint16."""
        counts = np.empty(intensities.shape, np.uint8 if self.bits <= 8 else np.uint16)
        _capture(intensities, np.float32(exposure), np.float32(self.top), counts)
        return counts


@numba.njit(parallel=True, cache=True, nogil=True)
def _capture(intensities, exposure, top, out):
    for n in numba.prange(len(intensities)):
        for j in range(intensities.shape[1]):
            out[n, j] = np.uint16(min(intensities[n, j] * exposure, top))

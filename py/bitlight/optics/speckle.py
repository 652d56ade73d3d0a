"""What the light path does to the field before the camera: grain, polarisation, drift."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d

from bitlight.errors import OpticsError
from bitlight.optics import generator
from bitlight.optics.media import MEDIA, Medium

_FWHM = 2 * math.sqrt(2 * math.log(2))  # of a normal curve, in units of its σ


@dataclass(frozen=True)
class Speckle:
    """Departures from one independent, polarised, steady mode for each pixel; all off by default.

    Parameters
    ----------
    grain : float, pixels
        Full width at half maximum of the intensities' autocorrelation along a row of pixels; 0:
        pixels are independent. The field is a moving sum of independent modes with normal weights,
        so that intensities d pixels apart correlate by exp(−d²/2σ²), grain = 2.355 σ (Goodman,
        Speckle Phenomena in Optics, section 5: contrast and size; the normal shape is assumed).
        Pixels lie on one line, which is an assumption too.
    polarised : bool
        False: the camera sees two independent speckles of half the power each, contrast 1/√2
        (Goodman, section 3.4).
    drift_frames : float
        Frames in which the medium turns into another, independent one: from there on, fields d
        frames later correlate by cos(πd / (2·drift_frames)). ∞: the medium is steady. The law is an
        assumption that allows any frame to be computed by itself.

    Raises
    ------
    OpticsError
        If a parameter is out of its range.
    """

    grain: float = 0.0
    polarised: bool = True
    drift_frames: float = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.grain < 1000:
            raise OpticsError(f"grain must be 0 to 1000 pixels, not {self.grain!r}")
        if not self.drift_frames > 0:
            raise OpticsError(f"drift_frames must be positive, not {self.drift_frames!r}")

    @property
    def steady(self) -> bool:
        """Whether the medium is the same in each frame."""
        return math.isinf(self.drift_frames)

    def weights(self) -> np.ndarray:
        """Of the modes that a pixel's field is the sum of: float32 array, Σ w² = 1."""
        if not self.grain:
            return np.ones(1, np.float32)
        # Fields correlate by the weights' autocorrelation, which is √2 wider than the weights, and
        # intensities by its square, which is √2 narrower again.
        sigma = self.grain / _FWHM
        reach = math.ceil(3 * sigma)
        weights = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
        return (weights / np.sqrt(np.sum(weights**2))).astype(np.float32)


class LightPath:
    """From packed frames to intensities at the camera: a medium and what `Speckle` adds.

    Parameters
    ----------
    medium : "gaussian", "binary" or "structured"
    n_features : int
    seed : int
    speckle : Speckle, optional
    materialise : int
        Rows of a Gaussian medium to keep in memory.
    """

    def __init__(
        self,
        medium: str,
        n_features: int,
        seed: int,
        speckle: Speckle | None = None,
        materialise: int = 0,
    ) -> None:
        self.speckle = speckle or Speckle()
        self.seed = seed
        self._kind = MEDIA[medium]
        self._media: dict[tuple[int, int], Medium] = {}
        self.n_features = n_features
        if materialise:
            self.medium.materialise(materialise + len(self.speckle.weights()) - 1)

    @property
    def plain(self) -> bool:
        """Whether a pixel is one mode of one steady medium."""
        return self.speckle == Speckle()

    @property
    def medium(self) -> Medium:
        """The medium of the first frame."""
        return self._medium(0, 0)

    def intensities(
        self, words: np.ndarray, first: int, count: int, frames: np.ndarray | None = None
    ) -> np.ndarray:
        """Intensities of the components first … first + count − 1.

        Parameters
        ----------
        words : uint32 array, shape (N, ⌈n_features / 32⌉)
        first, count : int
        frames : int array, shape (N,), optional
            Numbers of the frames; default: from 0 on.

        Returns
        -------
        float32 array, shape (N, count)
        """
        if self.plain:
            return self.medium.intensities(words, first, count)
        numbers = np.arange(len(words)) if frames is None else np.asarray(frames)
        modes = 1 if self.speckle.polarised else 2
        found = np.zeros((len(words), count), np.float32)
        for mode in range(modes):
            re, im = self._fields(words, first, count, numbers, mode)
            found += re**2 + im**2
        return found / np.float32(modes)

    def _fields(
        self, words: np.ndarray, first: int, count: int, numbers: np.ndarray, mode: int
    ) -> np.ndarray:
        """Fields of one polarisation: float32 array, shape (2, N, count)."""
        weights = self.speckle.weights()
        wide = count + len(weights) - 1
        if self.speckle.steady:
            fields = self._medium(mode, 0).fields(words, first, wide)
        else:
            fields = np.empty((2, len(words), wide), np.float32)
            knots, angles = np.divmod(numbers / self.speckle.drift_frames, 1)
            for knot in map(int, np.unique(knots)):
                here = knots == knot
                angle = (np.pi / 2 * angles[here, np.newaxis]).astype(np.float32)
                before, behind = self._medium(mode, knot), self._medium(mode, knot + 1)
                fields[:, here] = np.cos(angle) * before.fields(words[here], first, wide)
                if angle.any():
                    fields[:, here] += np.sin(angle) * behind.fields(words[here], first, wide)
        if len(weights) == 1:
            return fields
        reach = len(weights) // 2
        return convolve1d(fields, weights, axis=-1, mode="constant")[..., reach : reach + count]

    def _medium(self, mode: int, knot: int) -> Medium:
        """The medium of a polarisation, after so many turns into another."""
        if (mode, knot) not in self._media:
            # No more than those of the frames at hand.
            for key in [key for key in self._media if 0 < key[1] < knot - 1]:
                del self._media[key]
            other = generator.origin(self.seed) + 2 * knot + mode
            seed = self.seed if mode == knot == 0 else generator.origin(other & generator.FULL)
            self._media[mode, knot] = self._kind(self.n_features, seed)
        return self._media[mode, knot]

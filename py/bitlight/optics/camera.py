"""The camera: intensities to counts of its converter, with the noise that a sensor adds."""

import math
from dataclasses import dataclass

import numpy as np

from bitlight.errors import OpticsError
from bitlight.optics import generator
from bitlight.optics.loops import count

# LightOn's rule for their device: enough light on average, hardly any pixel saturated.
LEAST_MEAN = 11 / 255
MOST_SATURATED = 0.005
# What an automatic exposure aims at, so that frames it has not seen keep the rule.
_AIM = 0.8 * MOST_SATURATED
_KINDS = ("shot", "read", "dead")  # of noise, each with random numbers of its own


@dataclass(frozen=True)
class Camera:
    """Counts of a sensor: counts = min(⌊offset + gain · signal⌋, 2^bits − 1).

    Without noise signal = exposure · intensity. With a full well of W electrons, a full scale of
    2^bits counts at gain 1 is W electrons, and the signal is Poisson(electrons), at most W, plus a
    normal read noise (EMVA Standard 1288, release 4.0, section 2: linear model of a sensor; its
    dark current is left out, since exposures are short). Everything but bits and exposure is off by
    default.

    Parameters
    ----------
    bits : int, 1 to 16
        Of the converter. LightOn's camera has 8.
    exposure : float, or "auto"
        Counts for each unit of intensity at gain 1; a component of a frame with k ones has
        intensity k on average. "auto" takes the longest at which at most 0.5 % of the pixels are
        saturated (LightOn's rule for their device), from the frames that `OpticalFeatures.fit`
        sees.
    gain : float
        Of the amplifier, behind the electrons and their noise; counts for each count.
    full_well : float, optional
        Electrons of a pixel at saturation, at gain 1; None: no shot noise. About 10,000 is common
        for small CMOS pixels (assumed; the device's sensor is not published).
    read_noise : float
        Electrons rms; needs `full_well`. 2 to 20 is common for CMOS (assumed).
    offset : float
        Counts of a dark pixel.
    dead : float, 0 to 1
        Fraction of the pixels that always give 0 counts, the same ones in each frame.

    Raises
    ------
    OpticsError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import OpticalFeatures
    >>> frames = np.random.default_rng(0).integers(0, 2, (8, 50), dtype=np.uint8)
    >>> dim = OpticalFeatures(100, camera=Camera(bits=4, exposure=0.1)).fit_transform(frames)
    >>> int(dim.max()) <= 15
    True
    """

    bits: int = 8
    exposure: float | str = "auto"
    gain: float = 1.0
    full_well: float | None = None
    read_noise: float = 0.0
    offset: float = 0.0
    dead: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise OpticsError(f"bits must be 1 to 16, not {self.bits}")
        if self.exposure != "auto" and not _positive(self.exposure):
            raise OpticsError(f"exposure must be positive or 'auto', not {self.exposure!r}")
        if not _positive(self.gain):
            raise OpticsError(f"gain must be positive, not {self.gain!r}")
        if self.full_well is not None and not _positive(self.full_well):
            raise OpticsError(f"full_well must be positive electrons, not {self.full_well!r}")
        if not (self.read_noise == 0 or _positive(self.read_noise)):
            raise OpticsError(f"read_noise must not be negative, not {self.read_noise!r}")
        if self.read_noise and self.full_well is None:
            raise OpticsError("read_noise counts electrons: give full_well as well")
        if not 0 <= self.offset <= self.top:
            raise OpticsError(f"offset must be 0 to {self.top} counts, not {self.offset!r}")
        if not 0 <= self.dead <= 1:
            raise OpticsError(f"dead must be a fraction from 0 to 1, not {self.dead!r}")

    @property
    def top(self) -> int:
        """The count of a saturated pixel."""
        return (1 << self.bits) - 1

    @property
    def plain(self) -> bool:
        """Whether counts follow from the intensity alone."""
        return self.full_well is None and not self.dead

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Of the counts: uint8 for up to 8 bits, else uint16."""
        return np.uint8 if self.bits <= 8 else np.uint16

    def exposed(self, intensities: np.ndarray) -> float:
        """The exposure for such intensities: the one that is given, or by the rule."""
        if not isinstance(self.exposure, str):
            return float(self.exposure)
        bright = 0.0
        if intensities.size:
            bright = float(np.quantile(intensities, 1 - _AIM, method="higher"))
        if bright <= 0:
            return 1.0
        # A pixel as bright as that one stays just below the top.
        return max(self.top - self.offset, 1.0) / (self.gain * bright) * (1 - 2**-20)

    def capture(
        self,
        intensities: np.ndarray,
        exposure: float,
        seed: int = 0,
        frames: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Counts of some frames.

        Parameters
        ----------
        intensities : float32 array, shape (N, components)
        exposure : float, as `exposed` gives it
        seed : int
            Of noise and dead pixels: noise depends on the seed and the frame's number alone.
        frames : int array, shape (N,), optional
            Numbers of the frames; default: from 0 on.
        out : array of `dtype`, shape (N, components), optional

        Returns
        -------
        array of `dtype`, shape (N, components)
        """
        if out is None:
            out = np.empty(intensities.shape, self.dtype)
        if self.full_well is None:
            scale = np.float32(self.gain * exposure)
            count(intensities, scale, np.float32(self.offset), np.float32(self.top), out)
        else:
            numbers = range(len(intensities)) if frames is None else frames
            for intensity, number, counts in zip(intensities, numbers, out, strict=True):
                counts[:] = self._noisy(intensity, exposure, seed, int(number))
        if self.dead:
            out[:, self.dead_pixels(out.shape[1], seed)] = 0
        return out

    def intensities(self, counts: np.ndarray, exposure: float) -> np.ndarray:
        """What intensities such counts stand for, in the middle of each step: float32 array."""
        signal = counts.astype(np.float32) + np.float32(0.5 - self.offset)
        return signal / np.float32(self.gain * exposure)

    def dead_pixels(self, components: int, seed: int) -> np.ndarray:
        """Which pixels are dead: bool array, shape (components,); more do not change the first."""
        return _noise(seed, 0, "dead").random(components) < self.dead

    def quality(self, counts: np.ndarray) -> tuple[float, float]:
        """(mean count, fraction of saturated pixels), the mean as a fraction of full scale.

        LightOn's rule asks for `LEAST_MEAN` at least and `MOST_SATURATED` at most.
        """
        return float(counts.mean()) / self.top, float((counts == self.top).mean())

    def _noisy(self, intensity: np.ndarray, exposure: float, seed: int, number: int) -> np.ndarray:
        """Counts of one frame with shot and read noise, as floats within the range."""
        assert self.full_well is not None
        each = self.full_well / (self.top + 1)  # electrons of a count
        # Far beyond saturation the Poisson draw has nothing to say.
        mean = np.minimum(intensity * (exposure * each), 4 * self.full_well + 1000)
        electrons = np.minimum(_noise(seed, number, "shot").poisson(mean), self.full_well)
        if self.read_noise:
            normal = _noise(seed, number, "read").standard_normal(len(intensity))
            electrons = electrons + self.read_noise * normal
        return np.clip(np.floor(self.offset + self.gain / each * electrons), 0, self.top)


def _positive(value: object) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and 0 < float(value) < math.inf  # type: ignore[arg-type]


def _noise(seed: int, number: int, kind: str) -> np.random.Generator:
    """Generator of one frame's noise of one kind."""
    return generator.philox(
        generator.origin(seed ^ generator.FULL), _KINDS.index(kind) << 62 | number
    )

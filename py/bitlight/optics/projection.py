"""The whole processor: display, medium and camera, from packed frames to features."""

from dataclasses import dataclass, field

import numpy as np

from bitlight.errors import OpticsError
from bitlight.optics.camera import Camera
from bitlight.optics.display import Display
from bitlight.optics.speckle import LightPath, Speckle

_BYTES = 1 << 24  # of a batch's intensities, so that the camera finds them in the cache
_GAUSSIAN = 1 << 28  # the same where R is computed anew for each batch, which takes longest
SEEN = 64  # frames for an automatic exposure
_PIXELS = {"structured": 1 << 16, "binary": 1 << 14, "gaussian": 1 << 13}  # of them


@dataclass
class Projection:
    """Features of packed frames; see `OpticalFeatures` for the parameters.

    Attributes
    ----------
    exposure : float
        Counts for each unit of intensity; set by `expose`.
    quality : (float, float) or None
        `Camera.quality` of what `expose` saw.
    """

    n_features: int
    n_components: int
    medium: str
    seed: int
    camera: Camera | None
    speckle: Speckle | None = None
    display: Display | None = None
    linear: bool = False
    exponent: float = 1
    materialise: bool = False
    exposure: float = field(default=1.0, init=False)
    quality: tuple[float, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # Half as many ones as there are features: about as bright as a frame.
        self._anchor = max(1, self.n_features // 2) if self.linear else 0
        shown = self.n_features + self._anchor
        self._mirrors = 1
        columns = shown
        if self.display is not None:
            self._mirrors = self.display.side(shown) ** 2
            columns = self.display.mirrors
        self._shown = shown
        rows = self.n_components if self.materialise else 0
        self._path = LightPath(self.medium, columns, self.seed, self.speckle, rows)

    @property
    def dtype(self) -> type:
        """Of the features: counts, or float32 where they are no counts."""
        return np.float32 if self.camera is None or self.linear else self.camera.dtype

    @property
    def batch(self) -> int:
        """Frames that are projected together."""
        gaussian = self.medium == "gaussian" and not self.materialise
        # Intensities, and bits: unpacked one by one, or as numbers for products.
        columns = self._path.n_features * (4 if self.medium == "gaussian" else 1)
        # The structured medium writes counts and no intensities.
        each = 1 if self.medium == "structured" and self._straight else 4
        return max(1, (_GAUSSIAN if gaussian else _BYTES) // (each * self.n_components + columns))

    def expose(self, words: np.ndarray) -> None:
        """Set the exposure from some of the frames that are to be projected, `SEEN` at most."""
        if self.camera is None:
            return
        some = self._with_anchor(words) if self.linear else words
        count = min(self.n_components, _PIXELS[self.medium])
        light = self._light(some, count, np.arange(len(some)))
        self.exposure = self.camera.exposed(light)
        counts = self.camera.capture(light, self.exposure, self.seed)
        self.quality = self.camera.quality(counts)

    def __call__(
        self, words: np.ndarray, first_frame: int = 0, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Features of frames that are numbered from `first_frame` on.

        Parameters
        ----------
        words : uint32 array, shape (N, ⌈n_features / 32⌉)
        first_frame : int
        out : array of `dtype`, shape (N, n_components), optional

        Returns
        -------
        array of `dtype`, shape (N, n_components)
        """
        frames = first_frame + np.arange(len(words))
        if self._straight:
            return self._counts(words, out)
        if self.linear:
            found = self._linear(words, frames)
        elif self.camera is None:
            found = self._light(words, self.n_components, frames)
        else:
            light = self._light(words, self.n_components, frames)
            return self.camera.capture(light, self.exposure, self.seed, frames, out)
        if out is None:
            return found
        out[:] = found
        return out

    @property
    def _straight(self) -> bool:
        """Whether counts follow from the medium alone, so that it can write them by itself."""
        return (
            self.camera is not None
            and self.camera.plain
            and self._path.plain
            and self.display is None
            and self.exponent == 1
            and not self.linear
        )

    def _counts(self, words: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        assert self.camera is not None
        if out is None:
            out = np.empty((len(words), self.n_components), self.dtype)
        scale = self.camera.gain * self.exposure
        self._path.medium.counts(words, 0, scale, self.camera.offset, self.camera.top, out)
        return out

    def _light(self, words: np.ndarray, count: int, frames: np.ndarray) -> np.ndarray:
        """Light at the camera for frames that are to be shown."""
        if self.display is not None:
            words = self.display.show(words, self._shown)
        light = self._path.intensities(words, 0, count, frames)
        if self._mirrors != 1:
            light /= np.float32(self._mirrors)
        return light if self.exponent == 1 else light ** np.float32(self.exponent)

    def _linear(self, words: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """√2·Re(R·x·e^(−iφ)), φ the anchor's phase, from three captures.

        (|R(x+a)|² − |Rx|² − |Ra|²) / (2|Ra|) = Re(Rx · conj(Ra)) / |Ra|
        """
        dark = np.zeros((1, words.shape[1]), np.uint32)
        anchor = self._seen(self._with_anchor(dark), np.zeros(1, int))
        both = self._seen(self._with_anchor(words), 2 * frames + 1)
        alone = self._seen(self._with_anchor(words, on=False), 2 * frames + 2)
        length = np.sqrt(np.maximum(anchor, 0))
        # A pixel that the anchor leaves dark has no phase to compare with.
        inverse = np.divide(np.sqrt(0.5), length, out=np.zeros_like(length), where=length > 0)
        return (both - alone - anchor) * inverse

    def _seen(self, words: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Intensities as the camera sees them."""
        light = self._light(words, self.n_components, frames)
        if self.camera is None:
            return light
        counts = self.camera.capture(light, self.exposure, self.seed, frames)
        return self.camera.intensities(counts, self.exposure)

    def _with_anchor(self, words: np.ndarray, on: bool = True) -> np.ndarray:
        """Frames with the anchor's ones, or its zeros, behind the features."""
        wide = np.zeros((len(words), -(-self._shown // 32)), np.uint32)
        wide[:, : words.shape[1]] = words
        if on:
            place = np.arange(self.n_features, self._shown)
            one = np.uint32(1) << (place % 32).astype(np.uint32)
            anchor = np.zeros(wide.shape[1], np.uint32)
            np.bitwise_or.at(anchor, place // 32, one)
            wide |= anchor
        return wide


def check_camera(
    n_components: object, medium: object, camera: object, linear: bool, exponent: object
) -> Camera | None:
    """Check parameters that stand for themselves; the camera that is meant by `camera`.

    Raises
    ------
    OpticsError
        If one is out of its range.
    """
    if not isinstance(n_components, int | np.integer) or n_components < 1:
        raise OpticsError(f"n_components must be 1 or more, not {n_components!r}")
    if medium not in _PIXELS:
        raise OpticsError(f"medium must be one of {', '.join(sorted(_PIXELS))}, not {medium!r}")
    if not isinstance(exponent, int | float) or not 0 < exponent <= 4:
        raise OpticsError(f"exponent must be above 0, up to 4, not {exponent!r}")
    if linear and exponent != 1:
        raise OpticsError(f"a linear projection has exponent 1, not {exponent!r}")
    if camera is None or isinstance(camera, Camera):
        return camera
    if camera == "auto":
        return Camera()
    raise OpticsError(f"camera must be a Camera, 'auto' or None, not {camera!r}")

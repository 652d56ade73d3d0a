"""The interface of lightonml's `OPUMap`, so that code written for LightOn's device runs here."""

from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from bitlight.errors import OpticsError
from bitlight.optics.camera import Camera
from bitlight.optics.features import OpticalFeatures
from bitlight.optics.frames import plain


class OPUMap(TransformerMixin, BaseEstimator):
    """lightonml's `projections.sklearn.OPUMap` (1.3) with a simulated medium.

    Parameters
    ----------
    n_components : int
    opu : None
        A device; there is none here.
    ndims : 1 or 2
        Axes of a frame; frames of two axes are flattened.
    n_2d_features : (int, int), optional
        Rows and columns of packed frames with two axes.
    packed : bool
        Frames are packed bytes, most significant bit first, as `numpy.packbits` gives them.
    simulated : bool
        Ignored: always simulated.
    max_n_features : int, optional
        Bits of a frame, at most.
    verbose_level : int
        Ignored below 1; else a progress bar is shown.
    linear : bool
        `transform` is linear, as in lightonml's torch module.
    medium, camera, random_state : see `OpticalFeatures`

    Attributes
    ----------
    features_ : OpticalFeatures

    Examples
    --------
    >>> bits = np.random.default_rng(0).integers(0, 2, (20, 100), dtype=np.uint8)
    >>> OPUMap(n_components=300, simulated=True).fit_transform(bits).shape
    (20, 300)
    """

    features_: OpticalFeatures | None
    _linear: OpticalFeatures | None

    def __init__(
        self,
        n_components: int,
        opu: Any = None,
        ndims: int = 1,
        n_2d_features: tuple[int, int] | None = None,
        packed: bool = False,
        simulated: bool = False,
        max_n_features: int | None = None,
        verbose_level: int = -1,
        linear: bool = False,
        medium: Literal["binary", "gaussian", "structured"] = "structured",
        camera: Camera | Literal["auto"] | None = "auto",
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.opu = opu
        self.ndims = ndims
        self.n_2d_features = n_2d_features
        self.packed = packed
        self.simulated = simulated
        self.max_n_features = max_n_features
        self.verbose_level = verbose_level
        self.linear = linear
        self.medium = medium
        self.camera = camera
        self.random_state = random_state

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        n_features: int | tuple[int, int] | None = None,
        packed: bool = False,
        online: bool = False,
    ) -> "OPUMap":
        """Take the width and the exposure from X.

        Parameters
        ----------
        X : array of 0/1, shape (N, n) or, with two axes, (N, rows, columns), optional
            Without X, the first frames that `transform` is given serve for that.
        n_features : int or (int, int), optional
            Of a frame, needed where frames are packed and n is no multiple of 8.
        packed : bool
            Frames are packed; the same as in the constructor.
        online : bool
            Ignored: frames one by one are as fast.

        Raises
        ------
        OpticsError
            If frames are not as `OpticalFeatures` needs them, or there is neither X nor a width.
        """
        if self.opu is not None:
            raise OpticsError("opu must be None: there is no device here")
        if self.ndims not in (1, 2):
            raise OpticsError(f"ndims must be 1 or 2, not {self.ndims}")
        self.packed_ = bool(self.packed or packed)
        wanted = n_features if n_features is not None else self.n_2d_features
        self._width = None if wanted is None else int(np.prod(wanted))
        if X is None:
            if self._width is None:
                raise OpticsError("give frames X, or their n_features")
            self.features_ = None
            return self
        self._linear = None
        rows = self._rows(X)
        width = self._width if self.packed_ else rows.shape[1]
        if self.max_n_features is not None and (width or 8 * rows.shape[1]) > self.max_n_features:
            raise OpticsError(f"frames have more than {self.max_n_features} features")
        self.features_ = self._features(self.linear).fit(rows)
        return self

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Features (N, n_components), or (n_components,) of a single frame."""
        return self._transform(X, self.linear)

    def linear_transform(self, X: Any) -> np.ndarray:
        """Linear random projections, float32, as `OPU.linear_transform` gives them."""
        return self._transform(X, True)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit to X and transform it."""
        return self.fit(X, y, **fit_params).transform(X)

    def open(self) -> None:
        """Nothing has to be opened."""

    def close(self) -> None:
        """Nothing has to be closed."""

    def __enter__(self) -> "OPUMap":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _transform(self, X: Any, linear: bool) -> np.ndarray:
        if getattr(self, "features_", None) is None:
            width = getattr(self, "_width", None)
            self.fit(X, n_features=width, packed=getattr(self, "packed_", False))
        rows = self._rows(X)
        if linear == self.linear:
            assert self.features_ is not None
            found = self.features_.transform(rows)
        else:
            if getattr(self, "_linear", None) is None:
                self._linear = self._features(linear).fit(rows)
            assert self._linear is not None
            found = self._linear.transform(rows)
        single = plain(X).ndim == (1 if self.packed_ else self.ndims)
        return found[0] if single else found

    def _features(self, linear: bool) -> OpticalFeatures:
        return OpticalFeatures(
            self.n_components,
            self.medium,
            self.camera,
            linear,
            packed=self.packed_,
            n_features=self._width,
            random_state=self.random_state,
            verbose=self.verbose_level >= 1,
        )

    def _rows(self, X: Any) -> np.ndarray:
        """Frames as rows; packed ones with the least significant bit first."""
        X = np.asarray(plain(X))
        rows = X.reshape(-1, X.shape[-1]) if self.packed_ or self.ndims == 1 else X
        if not self.packed_ and self.ndims == 2:
            rows = X.reshape(-1, X.shape[-1] * X.shape[-2])
        return _REVERSED[rows] if self.packed_ and rows.dtype == np.uint8 else rows


_REVERSED = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1), axis=1, bitorder="little"
)[:, 0]

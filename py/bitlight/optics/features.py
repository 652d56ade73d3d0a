"""The optical processor as a scikit-learn transformer: bits in, speckle intensities out."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import OpticsError
from bitlight.optics.camera import Camera
from bitlight.optics.display import Display
from bitlight.optics.frames import Frames, plain
from bitlight.optics.memory import demand
from bitlight.optics.projection import SEEN, Projection, check_camera
from bitlight.optics.speckle import Speckle


class OpticalFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Random features y = camera(|R·x|²) of binary x, as light through a scattering medium.

    R has i.i.d. complex entries with E|r|² = 1 (nearly so for the structured medium), and row j of
    it depends on the random state and j alone, so that more components never change the first ones.
    No more of R than a tile is in memory. Saade et al., Random projections through multiple optical
    scattering, ICASSP 2016.

    Parameters
    ----------
    n_components : int
    medium : "binary", "gaussian" or "structured"
        Entries (±1 ± i)/√2 by popcount; complex normal entries, the physical reference, slow;
        random signs and Hadamard transforms, for the largest sizes.
    camera : Camera, "auto" or None
        "auto": 8 bits, exposure set by `fit`. None: float32 intensities, or projections.
    linear : bool
        √2·Re(R·x·e^(−iφ)) instead, with phases φ of a fixed anchor: float32, entries of variance 1,
        recovered from three captures |R(x+a)|², |Rx|² and |Ra|², with the camera's errors.
    exponent : float, up to 4
        s of features |R·x|^(2s), taken before the camera; see `optical_kernel`.
    packed : bool
        X is uint8 bytes as from `bitlight.bits.pack`.
    n_features : int, optional
        Bits of a frame; default: as wide as X is, for packed frames 8 for each byte.
    encoder : transformer to bits, optional
        Fitted and applied to X first; see `bitlight.optics.encoders`. Default: X is bits.
    speckle : Speckle, optional
        Grain, polarisation and drift; default: none of these.
    display : Display, optional
        Micromirrors; default: one for each feature.
    materialise : bool
        Keep a Gaussian R in memory, 8 bytes for each entry.
    random_state : int, RandomState or None
        Of R and of the camera's noise.
    verbose : bool
        Show a progress bar.

    Attributes
    ----------
    exposure_ : float
        Counts for each unit of intensity.
    quality_ : (float, float), or None without a camera
        Mean count as a fraction of full scale, and the fraction of saturated pixels, of frames seen
        in `fit`; LightOn's rule asks for 11/255 at least and 0.005 at most.
    seed_ : int
    n_bits_ : int
        Bits of a frame.
    encoder_ : the fitted encoder, or None
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.random.default_rng(0).integers(0, 2, (20, 100), dtype=np.uint8)
    >>> features = OpticalFeatures(n_components=300).fit_transform(bits)
    >>> features.shape, features.dtype
    ((20, 300), dtype('uint8'))
    """

    def __init__(
        self,
        n_components: int,
        medium: Literal["binary", "gaussian", "structured"] = "binary",
        camera: Camera | Literal["auto"] | None = "auto",
        linear: bool = False,
        exponent: float = 1,
        packed: bool = False,
        n_features: int | None = None,
        encoder: Any = None,
        speckle: Speckle | None = None,
        display: Display | None = None,
        materialise: bool = False,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.medium = medium
        self.camera = camera
        self.linear = linear
        self.exponent = exponent
        self.packed = packed
        self.n_features = n_features
        self.encoder = encoder
        self.speckle = speckle
        self.display = display
        self.materialise = materialise
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "OpticalFeatures":
        """Take the width of X, and an automatic exposure from some of its frames; y is ignored.

        Parameters
        ----------
        X : bool, int or float array of 0/1, SciPy sparse matrix or torch tensor, shape (N, n)
            Or packed bytes, or with an encoder what that takes.

        Raises
        ------
        OpticsError
            If a parameter is out of its range, a value is neither 0 nor 1, the width is another
            than `n_features`, or memory does not suffice.
        """
        camera = check_camera(
            self.n_components, self.medium, self.camera, self.linear, self.exponent
        )
        # A frame's intensities, fields and counts.
        what = f"{self.n_components:,} components of a frame"
        demand(20 * int(self.n_components), what, "take fewer")
        X = self._validated(X, reset=True)
        self.encoder_ = None if self.encoder is None else clone(self.encoder).fit(X)
        frames = Frames(X, self.packed, self.n_features, self.encoder_)
        self.n_bits_ = frames.n_features
        state = self.random_state
        whole = isinstance(state, int | np.integer)
        self.seed_ = int(state if whole else check_random_state(state).randint(1 << 31))
        self._projection = Projection(
            self.n_bits_,
            int(self.n_components),
            self.medium,
            self.seed_,
            camera,
            self.speckle,
            self.display,
            self.linear,
            self.exponent,
            self.materialise,
        )
        words = frames.words(slice(None, None, -(-len(frames) // SEEN)))
        self._projection.expose(words)
        self.exposure_ = self._projection.exposure
        self.quality_ = self._projection.quality
        self._n_features_out = int(self.n_components)
        return self

    def transform(self, X: Any, first_frame: int = 0) -> np.ndarray:
        """Compute the features.

        Parameters
        ----------
        X : as for `fit`
        first_frame : int
            Number of the first frame, for noise and drift.

        Returns
        -------
        uint8 array for a camera of up to 8 bits, uint16 for more, shape (N, n_components); float32
        without a camera or for linear projections

        Raises
        ------
        OpticsError
            If X is not as it must be, or the features do not fit into memory.
        """
        check_is_fitted(self)
        frames = self._checked_frames(X)
        projection = self._projection
        shape = (len(frames), int(self.n_components))
        size = np.dtype(projection.dtype).itemsize * shape[0] * shape[1]
        what = f"{shape[0]:,} × {shape[1]:,} features"
        demand(size, what, "take them in parts, from batches(X)")
        found: np.ndarray = np.empty(shape, projection.dtype)
        with self._progress(len(frames)) as done:
            for rows in self._rows(frames):
                projection(frames.words(rows), first_frame + rows.start, found[rows])
                done(rows.stop)
        return found

    def batches(self, X: Any, first_frame: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
        """Go through X: which rows, and their features, so that a head never holds all.

        >>> from bitlight import RidgeHead
        >>> bits = np.random.default_rng(0).integers(0, 2, (20, 100), dtype=np.uint8)
        >>> labels, head = np.arange(20) % 2, RidgeHead()
        >>> optics = OpticalFeatures(n_components=300).fit(bits)
        >>> for rows, features in optics.batches(bits):
        ...     head = head.partial_fit(features, labels[rows])
        """
        check_is_fitted(self)
        frames = self._checked_frames(X)
        with self._progress(len(frames)) as done:
            for rows in self._rows(frames):
                yield rows, self._projection(frames.words(rows), first_frame + rows.start)
                done(rows.stop)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.encoder is None
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _validated(self, X: Any, reset: bool) -> Any:
        try:
            return validate_data(
                self,
                plain(X),
                dtype=None,
                accept_sparse="csr" if self.encoder is None else False,
                reset=reset,
            )
        except ValueError as error:
            raise OpticsError(str(error)) from error

    def _checked_frames(self, X: Any) -> Frames:
        X = self._validated(X, reset=False)
        return Frames(X, self.packed, self.n_bits_, self.encoder_)

    def _rows(self, frames: Frames) -> Iterator[slice]:
        step = self._projection.batch
        for start in range(0, len(frames), step):
            yield slice(start, min(start + step, len(frames)))

    def _progress(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        if not self.verbose:
            return nullcontext(lambda done: None)
        from bitlight.console.progress import progress

        return progress("optical projection", total)

"""The fixed extractor as a scikit-learn transformer: images in, bits out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from bitlight import engines
from bitlight.errors import NetworkError
from bitlight.network.network import Network


class BinaryFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Binary features of images, from the golden model or from hardware, simulated or real.

    Nothing is learnt from data: `fit` checks the parameters and cuts the network. All engines give
    the same bits.

    Parameters
    ----------
    net : Network
    engine : "golden", "rtl", "board", or another that is installed
        XNOR-popcount on packed words, the accelerator's RTL in the bit-sliced simulator, or a board
        on which the network is loaded; see `bitlight.engines`.
    upto : int, optional
        Take the output of that many layers. Default: all.
    folding : list of (PE, SIMD), optional
        Of the accelerator, one pair for each Conv2d and Linear; for "rtl" only. Default: the
        accelerator's own choice.
    processes : int
        Simulations side by side, for "rtl" only.
    port : str, optional
        Serial port of the board, for "board" only; PORT@BAUD where it is not 3,000,000 baud.

    Attributes
    ----------
    network_ : Network
        The part of the network that gives the features; heads record its `id`.
    n_features_in_ : int
        Values of one image.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> net = Network((4,), 1, [Linear(np.array([[True, True, False, False]]), np.array([2]))])
    >>> images = np.array([[1, 1, 0, 1], [0, 1, 1, 1]], dtype=np.uint8)
    >>> BinaryFeatures(net).fit_transform(images)
    array([[1],
           [0]], dtype=uint8)
    """

    def __init__(
        self,
        net: Network,
        engine: str = "golden",
        upto: int | None = None,
        folding: Sequence[tuple[int, int]] | None = None,
        processes: int = 1,
        port: str | None = None,
    ) -> None:
        self.net = net
        self.engine = engine
        self.upto = upto
        self.folding = folding
        self.processes = processes
        self.port = port

    def fit(self, X: np.ndarray, y: Any = None) -> "BinaryFeatures":
        """Check the parameters and that the network takes images like X; y is ignored.

        Raises
        ------
        NetworkError
            If the engine is unknown, the network gives scores rather than bits, or X is not uint8
            of shape (N, H, W, C), (N, H·W·C) or (N, n).

        Notes
        -----
        X holds the values that `Network.forward` takes; of a network with a table of codes it holds
        8-bit pixels, of which `Network.encode` makes these.
        """
        if self.engine not in engines.names():
            known = " or ".join(map(repr, engines.names()))
            raise NetworkError(f"engine must be {known}, not {self.engine!r}")
        if not isinstance(self.net, Network):
            raise NetworkError(f"net must be a Network, not {type(self.net).__name__}")
        network = self.net if self.upto is None else self.net.upto(self.upto)
        if network.gives_scores:
            raise NetworkError(
                f"the last of these {len(network.layers)} layers gives scores, not bits: "
                f"take upto={len(network.layers) - 1}"
            )
        _as_images(network, X)
        self.network_ = network
        self.n_features_in_ = int(np.prod(network.input_shape))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Compute the features.

        Parameters
        ----------
        X : uint8 array, shape (N, H, W, C), or flattened (N, H·W·C), or (N, n)

        Returns
        -------
        uint8 array of 0/1, shape (N, features)

        Raises
        ------
        NetworkError
            If the images are not as the network takes them.
        FoldingError, SimulationError
            For "rtl": if the folding does not fit, or the simulation cannot be built or run.
            For "board": if nothing answers at the port, or another network is loaded.
        """
        check_is_fitted(self)
        images = _as_images(self.network_, X)
        engine = engines.load(self.engine)
        place: dict[str, Any] = {} if self.port is None else {"port": self.port}
        with engine(
            self.network_, folding=self.folding, processes=self.processes, **place
        ) as compute:
            return compute(images)

    @property
    def _n_features_out(self) -> int:
        return self.network_.n_features


def _as_images(network: Network, X: Any) -> np.ndarray:
    """X in the shape that the network takes; rows of flattened images are folded back."""
    X = np.asarray(X)
    size = int(np.prod(network.input_shape))
    if X.ndim == 2 and X.shape[1] == size:
        X = X.reshape(len(X), *network.input_shape)
    if network.codes is not None:
        return network.encode(X)
    network.check_images(X)
    return X

"""Softmax in floating point on frozen features: the last layer (b) of Leroux et al., section 3."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from bitlight.errors import HeadError
from bitlight.heads.classweight import relative_weights
from bitlight.heads.head import KEPT, Head
from bitlight.heads.readout import Readout
from bitlight.heads.sampleweight import weigh
from bitlight.heads.standard import Standard
from bitlight.plugins import saying_what_is_missing

SOLVERS = ("adam", "lbfgs")


class LinearHead(Head):
    """Multinomial logistic regression with floating-point weights.

    Features are bits, uint8 or floats; they are standardised inside, and the weights are those of
    the features as they come. Minimises the mean cross entropy and penalty/2·|W|², W being the
    weights of the standardised features.

    Parameters
    ----------
    solver : "adam" or "lbfgs"
        Mini-batches, quick for many samples; or L-BFGS on all samples, which converges.
    penalty : float
    learning_rate : float
        Of Adam at the start; it falls to 0 as a cosine.
    epochs : int
        Passes of Adam, more if there are few samples; or iterations of L-BFGS at most, ten for
        each.
    batch_size : int
    class_weight : dict of label to weight, "balanced" or None
        What a sample of each class counts.
    device : str
        As torch names it: "cpu", "cuda".
    random_state : int, RandomState or None
        Of the order of samples.
    verbose : bool
        Show a progress bar.

    Attributes
    ----------
    coef_ : float64 array, shape (classes, features), or (1, features) for two classes
    intercept_ : float64 array, shape (classes,) or (1,)
    classes_, n_features_in_, inputs_, temperature_, extractor_id_, projection_, class_names_
        As for every head; see `Head`.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
    >>> head = LinearHead("lbfgs").fit(bits, ["left", "left", "right", "right"])
    >>> head.predict(bits)
    array(['left', 'left', 'right', 'right'], dtype='<U5')
    """

    _descent: Any
    _standard: Standard

    def __init__(
        self,
        solver: Literal["adam", "lbfgs"] = "adam",
        penalty: float = 3e-3,
        learning_rate: float = 3e-3,
        epochs: int = 30,
        batch_size: int = 256,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        device: str = "cpu",
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.solver = solver
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.class_weight = class_weight
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LinearHead":
        """Train on X (N, features) with labels y (N,), forgetting what was learnt before.

        Parameters
        ----------
        X : array, shape (N, features)
        y : array, shape (N,)
        sample_weight : array, shape (N,), optional
            What each sample counts: k like k samples, 0 like none; by Adam in expectation.

        Raises
        ------
        HeadError
            If a parameter is not as it should be.
        ValueError
            If X or y are not features and labels, from scikit-learn's checks.
        """
        X, y = validate_data(self, X, y, dtype=KEPT)
        X, y, each = weigh(X, y, sample_weight)
        self._begin(y, None)
        labels = self._indices(y)
        self._start(X, labels, each)
        assert self._descent is not None
        if self.solver == "adam":
            self._descent.run(X, labels, self.epochs, self.verbose, each)
        else:
            from bitlight.heads.softmax import lbfgs

            lbfgs(self._layer, X, labels, self._weights, self.penalty, 10 * self.epochs, each)
        self._take()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "LinearHead":
        """One pass of Adam over further samples, at the full learning rate.

        The first samples decide how features are standardised.

        Parameters
        ----------
        X, y : as for `fit`
        classes : sequence of labels, optional
            All labels there will be. Default: those of the first call.
        sample_weight : as for `fit`

        Raises
        ------
        HeadError
            If a label is not among the classes, the classes change, the weights are to be balanced,
            or the head was loaded.
        """
        first = not self.__sklearn_is_fitted__()
        X, y = validate_data(self, X, y, dtype=KEPT, reset=first)
        X, y, each = weigh(X, y, sample_weight)
        if first:
            self._begin(y, classes)
        elif self._descent is None:
            raise HeadError("a loaded head cannot go on: begin with fit or partial_fit")
        self._check_classes(classes)
        labels = self._indices(y)
        if first:
            self._start(X, None, each)
        self._see(X)
        assert self._descent is not None
        self._descent.pass_over(X, labels, each)
        self._take()
        return self

    def _begin(self, y: np.ndarray, classes: Any) -> None:
        self._descent = None
        super()._begin(y, classes)
        if self.solver not in SOLVERS:
            raise HeadError(f"solver must be 'adam' or 'lbfgs', not {self.solver!r}")
        if not self.penalty >= 0:
            raise HeadError(f"penalty must be 0 or more, not {self.penalty!r}")

    def _start(self, X: np.ndarray, labels: np.ndarray | None, each: np.ndarray | None) -> None:
        with saying_what_is_missing():  # torch
            from bitlight.heads.descent import Descent
            from bitlight.heads.softmax import Softmax

        self._see(X)
        weights = relative_weights(self.class_weight, self.classes_, labels, each)
        self._weights = weights
        self._standard = Standard.of(X, each)
        self._layer = Softmax(self._standard, len(self.classes_)).to(self.device)
        seed = int(check_random_state(self.random_state).randint(1 << 31))
        self._descent = Descent(
            self._layer, weights, self.learning_rate, self.batch_size, seed, self._penalty
        )

    def _penalty(self) -> Any:
        return self.penalty / 2 * self._layer.weight.square().sum()

    def _take(self) -> None:
        mean, inverse = self._standard
        weight = self._layer.weight.detach().cpu().double().numpy() * inverse
        bias = self._layer.bias.detach().cpu().double().numpy() - weight @ mean
        self._readout = Readout(weight, bias)

    def _trained(self) -> dict[str, Any]:
        return {}

    def _restore(self, trained: Mapping[str, Any]) -> None:
        self._descent = None

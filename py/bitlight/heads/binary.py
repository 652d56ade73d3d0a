"""A last layer of binary weights on binary features: (a) of Leroux et al., section 3."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import HeadError
from bitlight.heads.classweight import relative_weights
from bitlight.heads.head import KEPT, Head
from bitlight.heads.readout import Readout
from bitlight.heads.sampleweight import weigh
from bitlight.network.layers import Linear
from bitlight.network.network import Network
from bitlight.plugins import saying_what_is_missing


class BinaryHead(Head):
    """Classifier of bits with a bit for each weight, the last layer of a binary network.

    A class's score is the integer Σ ±w·±x; there is no bias and no factor, so that the hardware's
    largest score is this head's answer. Trained with latent weights through the sign (Courbariaux
    et al. 2016); the softmax of the training sees scores/√features.

    Parameters
    ----------
    epochs : int
        Passes, more if there are few samples.
    learning_rate : float
        Of Adam on the latent weights, which are kept in [−1, 1]; it falls to 0 as a cosine.
    batch_size : int
    binarize : float, optional
        Features above it are 1, the others 0. Default: the features are bits already.
    class_weight : dict of label to weight, "balanced" or None
        What a sample of each class counts.
    device : str
        As torch names it: "cpu", "cuda".
    random_state : int, RandomState or None
        Of the first weights and the order of samples.
    verbose : bool
        Show a progress bar.

    Attributes
    ----------
    coef_ : float64 array, shape (classes, features)
        ±2: what a bit that is 1 adds to the scores.
    intercept_ : float64 array, shape (classes,)
        What is left where all bits are 0.
    classes_, n_features_in_, inputs_, temperature_, extractor_id_, projection_, class_names_
        As for every head; see `Head`.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
    >>> head = BinaryHead().fit(bits, ["left", "left", "right", "right"])
    >>> head.predict(bits)
    array(['left', 'left', 'right', 'right'], dtype='<U5')
    >>> head.layer().threshold is None
    True
    """

    _descent: Any

    def __init__(
        self,
        epochs: int = 20,
        learning_rate: float = 1e-2,
        batch_size: int = 128,
        binarize: float | None = None,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        device: str = "cpu",
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.binarize = binarize
        self.class_weight = class_weight
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BinaryHead":
        """Train on bits X (N, features) with labels y (N,), forgetting what was learnt before.

        Parameters
        ----------
        X : array, shape (N, features)
        y : array, shape (N,)
        sample_weight : array, shape (N,), optional
            What each sample counts, in expectation: k like k samples, 0 like none.

        Raises
        ------
        HeadError
            If a feature is neither 0 nor 1 and there is no threshold to binarise by.
        ValueError
            If X or y are not features and labels, from scikit-learn's checks.
        """
        X, y = validate_data(self, X, y, dtype=KEPT)
        X, y, each = weigh(X, y, sample_weight)
        self._begin(y, None)
        labels = self._indices(y)
        self._start(X.shape[1], labels, each)
        assert self._descent is not None
        self._descent.run(self._bits(X), labels, self.epochs, self.verbose, each)
        self._take()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "BinaryHead":
        """One pass over further samples, at the full learning rate; parameters as for LinearHead.

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
            self._start(X.shape[1], None, each)
        assert self._descent is not None
        self._descent.pass_over(self._bits(X), labels, each)
        self._take()
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Integer scores (N, classes), or (N,) for two classes: the second's less the first's."""
        check_is_fitted(self)
        return super().decision_function(
            self._bits(validate_data(self, X, dtype=KEPT, reset=False))
        )

    def layer(self) -> Linear:
        """The head as a layer: its int32 scores stand in the order of `classes_`."""
        return Linear(self.readout_.weight, None)

    def extend(self, net: Network) -> Network:
        """The network with this head behind it.

        Raises
        ------
        NetworkError
            If the network does not give as many bits as the head takes.
        """
        layers = [*net.layers, self.layer()]
        return Network(net.input_shape, net.input_bits, layers, codes=net.codes)

    def _begin(self, y: np.ndarray, classes: Any) -> None:
        self._descent = None
        super()._begin(y, classes)

    def _bits(self, X: np.ndarray) -> np.ndarray:
        if self.binarize is not None:
            return (self.binarize < X).view(np.uint8)
        bits = X.astype(np.uint8)
        if bits.max(initial=0) > 1 or not np.array_equal(bits, X):
            raise HeadError(
                "a BinaryHead takes bits, 0 and 1: give binarize=threshold for other features"
            )
        return bits

    def _start(self, features: int, labels: np.ndarray | None, each: np.ndarray | None) -> None:
        with saying_what_is_missing():  # torch
            from bitlight.heads.binarylayer import binary_layer
            from bitlight.heads.descent import Descent

        state = check_random_state(self.random_state)
        weights = relative_weights(self.class_weight, self.classes_, labels, each)
        seed = int(state.randint(1 << 31))
        self._layer, module, factor = binary_layer(features, len(self.classes_), seed)
        self.temperature_ = 1 / factor
        self._descent = Descent(
            module.to(self.device),
            weights,
            self.learning_rate,
            self.batch_size,
            int(state.randint(1 << 31)),
            after_step=self._clip,
        )

    def _clip(self) -> None:
        from bitlight.nn import clip_latent

        clip_latent(self._layer)

    def _take(self) -> None:
        self._readout = Readout.of_bits((self._layer.weight.detach() >= 0).cpu().numpy())

    def _trained(self) -> dict[str, Any]:
        return {}

    def _restore(self, trained: Mapping[str, Any]) -> None:
        self._descent = None
        if not isinstance(self.binarize, int | float | None):  # the one that predict needs
            raise HeadError(f"binarize must be a number, not {self.binarize!r:.80}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # a few features as bits say too little
        return tags

"""Ridge classifier in closed form, in one pass over the features, alpha from samples left out."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import HeadError
from bitlight.heads.classweight import class_weights
from bitlight.heads.head import KEPT, Head
from bitlight.heads.holdout import SplitMoments, split_kernel
from bitlight.heads.leaveoneout import leave_one_out
from bitlight.heads.place import place_of
from bitlight.heads.readout import INPUTS, Readout
from bitlight.heads.sampleweight import check_weights, weigh
from bitlight.heads.selection import Parts, check_alphas, choose_alpha, solve

ALPHAS = tuple(10.0**k for k in range(10))
SELECTIONS = ("held-out", "leave-one-out")


class RidgeHead(Head):
    """Linear classifier: ridge regression on ±1 targets, one for each class.

    Features stay in their own dtype. Products of bits and uint8 are integers, exact, by the
    processor's int8 instructions where it has them; those of floats are float32 (float64 for
    float64 features), batch by batch. All are summed in float64, so that for bits and uint8 the
    batches of `partial_fit` make no difference to the result. Systems are solved with factors in
    float32 and refined to float64.

    With several alphas, the second of every five samples of each class is held out, and the alpha
    with the least squared error on these is taken; the coefficients then come from all samples.
    Test data have no part in it. `partial_fit` has the same rule, because that error follows from
    sums as well.

    Memory for n features is 4·n² bytes with one alpha and 8·n² with several, and 4·n² more while
    solving; for `fit` with fewer samples than features, n is the number of samples, and memory
    three times that.

    Parameters
    ----------
    alphas : sequence of positive floats
        Penalties to choose from, on the scale of scikit-learn's RidgeClassifier. The default spans
        what bits and 8-bit intensities want.
    class_weight : dict of label to weight, "balanced" or None
        What a sample of each class counts; "balanced", for `fit` alone: N/(classes·its samples).
    selection : "held-out" or "leave-one-out"
        How an alpha is chosen. Leaving out one by one suits few samples; it needs all of them at
        once and an eigendecomposition: minutes for 10,000 features or samples, whichever is less.
    device : str
        Where products are summed and systems solved, as torch names it: "cpu", "cuda". Without
        torch it is "cpu", and products of bits take longer.

    Attributes
    ----------
    coef_ : float64 array, shape (classes, features), or (1, features) for two classes
    intercept_ : float64 array, shape (classes,) or (1,)
    alpha_ : float
        The alpha that was taken.
    classes_, n_features_in_, inputs_, temperature_, extractor_id_, projection_, class_names_
        As for every head; see `Head`.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
    >>> head = RidgeHead(alphas=[1.0]).fit(bits, ["left", "left", "right", "right"])
    >>> head.predict(bits)
    array(['left', 'left', 'right', 'right'], dtype='<U5')
    """

    _alpha: float
    _moments: SplitMoments | None

    def __init__(
        self,
        alphas: Iterable[float] = ALPHAS,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        selection: Literal["held-out", "leave-one-out"] = "held-out",
        device: str = "cpu",
    ) -> None:
        self.alphas = alphas
        self.class_weight = class_weight
        self.selection = selection
        self.device = device

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "RidgeHead":
        """Train on X (N, features) with labels y (N,), forgetting what was learnt before.

        The sums are dropped behind it; to go on with more samples later, begin with `partial_fit`.

        Parameters
        ----------
        X : array, shape (N, features)
        y : array, shape (N,)
        sample_weight : array, shape (N,), optional
            What each sample counts: k like k samples in a row, 0 like none. Leaving out one by one
            leaves out a sample with all that it counts. Products are float64 then.

        Raises
        ------
        HeadError
            If a parameter is not as it should be, or all alphas are lost in the rounding of the
            features' products.
        ValueError
            If X or y are not features and labels, from scikit-learn's checks.
        """
        X, y = validate_data(self, X, y, dtype=KEPT)
        X, y, each = weigh(X, y, sample_weight)
        self._begin(y, None)
        self._see(X)
        labels = self._indices(y)
        weights = class_weights(self.class_weight, self.classes_, labels, each)
        parts = self._sums(X, labels, weights, each)
        if len(self._alphas) == 1:
            alpha = self._alphas[0]
        elif self.selection == "held-out":
            alpha = choose_alpha(self._alphas, *parts[1:])
        else:
            alpha = leave_one_out(self._alphas, parts[0], X, labels, each)
        self._take(alpha, parts)
        return self

    def _sums(
        self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray, each: np.ndarray | None
    ) -> Parts:
        holding = len(self._alphas) > 1 and self.selection == "held-out"
        place = place_of(self.device)
        if len(X) < X.shape[1]:
            return split_kernel(X, labels, weights, holding, place, each)
        moments = SplitMoments(X, weights, holding, place)
        moments.add(X, labels, each)
        return moments.parts()

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        before: Any = None,
        sample_weight: Any = None,
    ) -> "RidgeHead":
        """Train on further samples; solving waits until a coefficient or a prediction is wanted.

        Parameters
        ----------
        X, y : as for `fit`
        classes : sequence of labels, optional
            All labels there will be. Default: those of the first call.
        before : array, shape (classes,), optional
            At the first call: how many samples of each class other workers see before these, or
            what those count, so that together they hold out what one worker would.
        sample_weight : as for `fit`
            All of a call may be 0.

        Raises
        ------
        HeadError
            If a label is not among the classes, the classes change, the weights are to be balanced
            or samples left out one by one, or the head was loaded or made by `fit`.
        """
        first = not self.__sklearn_is_fitted__()
        X, y = validate_data(self, X, y, dtype=KEPT, reset=first)
        each = check_weights(sample_weight, len(X))
        if first:
            self._begin(y, classes)
            if self.selection == "leave-one-out" and len(self._alphas) > 1:
                raise HeadError("leave-one-out needs all samples at once: use fit, or held-out")
        elif self._moments is None:
            raise HeadError("fit and load keep no sums to go on from: begin with partial_fit")
        self._check_classes(classes)
        if self._moments is None:
            weights = class_weights(self.class_weight, self.classes_, None)
            holding = len(self._alphas) > 1
            self._moments = SplitMoments(X, weights, holding, place_of(self.device), before)
        if each is not None:
            X, y, each = X[each > 0], y[each > 0], each[each > 0]
        self._see(X)
        self._moments.add(X, self._indices(y), each)
        self._readout = None
        return self

    def merge(self, other: "RidgeHead") -> "RidgeHead":
        """Take in the samples that another head has seen by `partial_fit`, as another worker's.

        Each has held out its own fifth; see `before` of `partial_fit`. For bits and uint8 the sums
        are as exact as those of one worker. A head travels between processes by pickle, with its
        sums.

        Raises
        ------
        HeadError
            If one of them has no sums, or features, classes, weights or alphas differ.
        """
        mine, others = getattr(self, "_moments", None), getattr(other, "_moments", None)
        if mine is None or others is None:
            raise HeadError("only heads that partial_fit has trained can be merged")
        for what, here, there in (
            ("features", self.n_features_in_, other.n_features_in_),
            ("classes", self.classes_.tolist(), other.classes_.tolist()),
            ("class weights", mine.kept.weights.tolist(), others.kept.weights.tolist()),
            ("alphas", self._alphas, other._alphas),
        ):
            if here != there:
                raise HeadError(f"{what} of merged heads must be equal, not {here} and {there}")
        mine.merge(others)
        self.inputs_ = max(self.inputs_, other.inputs_, key=INPUTS.index)
        self._readout = None
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to predict with; a fit that failed leaves nothing."""
        return any(getattr(self, name, None) is not None for name in ("_readout", "_moments"))

    def _begin(self, y: np.ndarray, classes: Any) -> None:
        self._moments = None
        super()._begin(y, classes)
        self._alphas = check_alphas(self.alphas)
        if self.selection not in SELECTIONS:
            raise HeadError(
                f"selection must be {' or '.join(map(repr, SELECTIONS))}, not {self.selection!r}"
            )

    def _take(self, alpha: float, parts: Parts) -> None:
        coef, intercept = solve(alpha, parts[0])
        self._alpha, self._readout = alpha, Readout(coef, intercept)

    @property
    def readout_(self) -> Readout:
        """The weights that predictions are made of."""
        check_is_fitted(self)
        if self._readout is None:
            assert self._moments is not None
            parts = self._moments.parts()
            if not parts[0].samples:
                raise HeadError("all sample weights are zero: there is nothing to learn from")
            single = len(self._alphas) == 1
            alpha = self._alphas[0] if single else choose_alpha(self._alphas, *parts[1:])
            self._take(alpha, parts)
        return super().readout_

    @property
    def alpha_(self) -> float:
        """The alpha that was taken."""
        self.readout_  # noqa: B018  solves, if that has waited
        return self._alpha

    def _trained(self) -> dict[str, Any]:
        return {"alpha": self.alpha_}

    def _restore(self, trained: Mapping[str, Any]) -> None:
        self._moments, self._alpha = None, check_alphas([trained["alpha"]])[0]

"""Ridge classifier in closed form, in one pass over the features, alpha from a held-out fifth."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import HeadError
from bitlight.heads import headfile
from bitlight.heads.holdout import SplitMoments, split_kernel
from bitlight.heads.moments import signs
from bitlight.heads.products import batches
from bitlight.heads.selection import Solution, checked_alphas, solve

# Kept as they are; anything else becomes float64.
DTYPES = [np.float64, np.float32, np.uint8, np.bool_]
ALPHAS = tuple(10.0**k for k in range(10))


class RidgeHead(ClassifierMixin, BaseEstimator):
    """Linear classifier: ridge regression on ±1 targets, one for each class.

    Features stay in their own dtype; batches of them become float32 products (float64 for float64
    features), summed in float64. For bits and uint8 these sums are exact, so that the batches of
    `partial_fit` make no difference to the result.

    With several alphas, the second of every five samples of each class is held out, and the alpha
    with the least squared error on these is taken; the coefficients then come from all samples.
    Test data have no part in it. `partial_fit` has the same rule, because that error follows from
    sums as well.

    Memory is 8·n² bytes, four times that while solving with several alphas: n is the number of
    features, or for `fit` the number of samples where that is smaller.

    Parameters
    ----------
    alphas : sequence of positive floats
        Penalties to choose from, on the scale of scikit-learn's RidgeClassifier. The default spans
        what bits and 8-bit intensities want.

    Attributes
    ----------
    coef_ : float64 array, shape (classes, features), or (1, features) for two classes
    intercept_ : float64 array, shape (classes,) or (1,)
    alpha_ : float
        The alpha that was taken.
    classes_ : array, shape (classes,)
    n_features_in_ : int
    extractor_id_ : str or None
        Of a loaded head: `Network.id` of the extractor whose features it was trained on.
    class_names_ : tuple of str or None
        Of a loaded head: names of `classes_`.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
    >>> head = RidgeHead(alphas=[1.0]).fit(bits, ["left", "left", "right", "right"])
    >>> head.predict(bits)
    array(['left', 'left', 'right', 'right'], dtype='<U5')
    """

    extractor_id_: str | None
    class_names_: tuple[str, ...] | None
    _solution: Solution | None
    _moments: SplitMoments | None

    def __init__(self, alphas: Iterable[float] = ALPHAS) -> None:
        self.alphas = alphas

    def fit(self, X: Any, y: Any) -> "RidgeHead":
        """Train on X (N, features) with labels y (N,), forgetting what was learnt before.

        The sums are dropped behind it; to go on with more samples later, begin with `partial_fit`.

        Raises
        ------
        HeadError
            If an alpha is not positive, or all are lost in the rounding of the features' products.
        ValueError
            If X or y are not features and labels, from scikit-learn's checks.
        """
        X, y = validate_data(self, X, y, dtype=DTYPES)
        self._begin(y, None)
        labels, classes, holding = self._indices(y), len(self.classes_), len(self._alphas) > 1
        if len(X) < X.shape[1]:
            parts = split_kernel(X, labels, classes, holding)
        else:
            moments = SplitMoments(X, classes, holding)
            moments.add(X, labels)
            parts = moments.parts()
        self._solution = solve(self._alphas, parts)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "RidgeHead":
        """Train on further samples; solving waits until a coefficient or a prediction is wanted.

        Parameters
        ----------
        X, y : as for `fit`
        classes : sequence of labels, optional
            All labels there will be. Default: those of the first call.

        Raises
        ------
        HeadError
            If a label is not among the classes, the classes change, or the head was loaded or made
            by `fit`.
        """
        first = not self.__sklearn_is_fitted__()
        X, y = validate_data(self, X, y, dtype=DTYPES, reset=first)
        if first:
            self._begin(y, classes)
        elif self._moments is None:
            raise HeadError("fit and load keep no sums to go on from: begin with partial_fit")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise HeadError(f"classes were {self.classes_.tolist()}, and must stay so")
        labels = self._indices(y)
        if self._moments is None:
            self._moments = SplitMoments(X, len(self.classes_), len(self._alphas) > 1)
        self._moments.add(X, labels)
        self._solution = None
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to predict with; a fit that failed leaves nothing."""
        return any(getattr(self, name, None) is not None for name in ("_solution", "_moments"))

    def _begin(self, y: np.ndarray, classes: Any) -> None:
        self._solution = self._moments = None
        self.extractor_id_ = self.class_names_ = None
        check_classification_targets(y)
        self._alphas = checked_alphas(self.alphas)
        self.classes_ = np.unique(y if classes is None else classes)
        if len(self.classes_) < 2:
            raise HeadError(f"a head needs two classes or more, not 1 class ({self.classes_[0]!r})")

    def _indices(self, y: np.ndarray) -> np.ndarray:
        known = np.isin(y, self.classes_)
        if not known.all():
            raise HeadError(
                f"label {y[~known][0]!r} is not among the classes {self.classes_.tolist()}; "
                "name all classes in the first partial_fit"
            )
        return np.searchsorted(self.classes_, y)

    def _solved(self) -> Solution:
        check_is_fitted(self)
        if self._solution is None:
            assert self._moments is not None
            self._solution = solve(self._alphas, self._moments.parts())
        return self._solution

    @property
    def coef_(self) -> np.ndarray:
        """Weights of the features, shape (targets, features)."""
        return self._solved().coef

    @property
    def intercept_(self) -> np.ndarray:
        """What is added to the weighted sums, shape (targets,)."""
        return self._solved().intercept

    @property
    def alpha_(self) -> float:
        """The alpha that was taken."""
        return self._solved().alpha

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores (N, classes), or (N,) for two classes, of which ≥ 0 speaks for the second."""
        coef, intercept, _ = self._solved()
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        scores = np.empty((len(X), len(coef)))
        for rows, batch in batches(X, np.zeros(X.shape[1])):
            scores[rows] = batch @ coef.T + intercept
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """Labels (N,) for features X (N, features)."""
        scores = self.decision_function(X)
        best = scores >= 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best.astype(np.intp)]

    def save(
        self,
        path: str | os.PathLike[str],
        extractor_id: str | None = None,
        class_names: Iterable[str] | None = None,
    ) -> None:
        """Write a head file: safetensors with a JSON header, no pickle.

        Parameters
        ----------
        path : path
        extractor_id : str, optional
            `Network.id` of the extractor; default: the one that was loaded, if any.
        class_names : sequence of str, optional
            Names of `classes_`; default: those that were loaded, if any.

        Raises
        ------
        HeadError
            If the names are not as many as the classes.
        BitlightError
            If the file cannot be written.
        """
        coef, intercept, alpha = self._solved()
        names = self.class_names_ if class_names is None else tuple(map(str, class_names))
        if names is not None and len(names) != len(self.classes_):
            raise HeadError(f"{len(self.classes_)} classes cannot have {len(names)} names")
        header = {
            "type": "RidgeHead",
            "alphas": checked_alphas(self.alphas),
            "alpha": alpha,
            "classes": self.classes_.tolist(),
            "class_names": names,
            "extractor_id": extractor_id or self.extractor_id_,
        }
        headfile.write(path, header, {"coef": coef, "intercept": intercept})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "RidgeHead":
        """Read a head that `save` wrote. It predicts; `fit` trains it anew.

        Raises
        ------
        HeadError
            If the file is missing, truncated, altered, or holds something else.
        """
        header, tensors = headfile.read(path, "RidgeHead")
        with headfile.refusing(path):
            head = cls(header["alphas"])
            head.classes_ = np.array(header["classes"])
            head.class_names_ = header["class_names"] and tuple(header["class_names"])
            head.extractor_id_ = header["extractor_id"]
            head._moments = None
            head._solution = Solution(tensors["coef"], tensors["intercept"], float(header["alpha"]))
            outputs, head.n_features_in_ = tensors["coef"].shape
            wanted = signs(len(head.classes_)).shape[1]
            if (outputs, *tensors["intercept"].shape) != (wanted, wanted):
                raise HeadError(f"{len(head.classes_)} classes do not fit {outputs} outputs")
        return head

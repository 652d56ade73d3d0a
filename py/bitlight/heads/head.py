"""What all heads share: labels, prediction from a linear readout, calibration, files, export."""

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import HeadError
from bitlight.heads import headfile
from bitlight.heads.calibration import best_temperature, log_probabilities
from bitlight.heads.place import place_of
from bitlight.heads.readout import INPUTS, Inputs, Readout
from bitlight.heads.sampleweight import weigh

# Kept as they are; anything else becomes float64.
KEPT = [np.float64, np.float32, np.uint8, np.bool_]


class Head(ClassifierMixin, BaseEstimator):
    """A linear classifier of features; base of RidgeHead, LinearHead and BinaryHead.

    Attributes
    ----------
    classes_ : array, shape (classes,)
    coef_ : float64 array, shape (outputs, features)
        One output for each class, or one for both of two classes.
    intercept_ : float64 array, shape (outputs,)
    readout_ : Readout
        The same as it is stored: the numbers of which predictions are made.
    temperature_ : float
        Scores are divided by it before the softmax; set by `calibrate`.
    inputs_ : "bits", "uint8" or "float"
        What the features of the training were.
    n_features_in_ : int
    extractor_id_ : str or None
        `Network.id` of the extractor whose features it was trained on, of a loaded head.
    projection_ : dict or None
        Parameters of the optical projection behind it, of a loaded head.
    class_names_ : tuple of str or None
        Names of `classes_`, of a loaded head.
    placing_ : dict or None
        How photographs came into the extractor's shape, of a loaded head; see `data.Placing`.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import RidgeHead
    >>> bits = np.array([[0, 1], [1, 0], [0, 0], [1, 1]], np.uint8)
    >>> head = RidgeHead(alphas=[1.0]).fit(bits, ["off", "on", "off", "on"])
    >>> isinstance(head, Head), head.predict(bits[:2])
    (True, array(['off', 'on'], dtype='<U3'))
    """

    device: str
    classes_: np.ndarray
    n_features_in_: int
    inputs_: Inputs
    temperature_: float
    extractor_id_: str | None
    projection_: dict[str, Any] | None
    class_names_: tuple[str, ...] | None
    placing_: dict[str, str] | None
    _readout: Readout | None

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to predict with; a fit that failed leaves nothing."""
        return getattr(self, "_readout", None) is not None

    def _begin(self, y: np.ndarray, classes: Any) -> None:
        """Forget what was learnt before and take the classes."""
        place_of(self.device)  # or an error
        self._readout = None
        self.extractor_id_ = self.projection_ = self.class_names_ = self.placing_ = None
        self.temperature_ = 1.0
        self.inputs_ = "bits"
        with warnings.catch_warnings():
            # One image of each class is a task like others here, and no regression.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            check_classification_targets(y)
        self.classes_ = np.unique(y if classes is None else classes)
        if len(self.classes_) < 2:
            raise HeadError(f"a head needs two classes or more, not 1 class ({self.classes_[0]!r})")

    def _see(self, X: np.ndarray) -> None:
        """Note what kind of features these are; of several, the widest counts."""
        kind: Inputs = "float"
        if X.dtype in (np.uint8, np.bool_):
            kind = "bits" if X.max(initial=0) <= 1 else "uint8"
        self.inputs_ = max(self.inputs_, kind, key=INPUTS.index)

    def _check_classes(self, classes: Any) -> None:
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise HeadError(f"classes were {self.classes_.tolist()}, and must stay so")

    def _indices(self, y: Any) -> np.ndarray:
        y = np.asarray(y)
        known = np.isin(y, self.classes_)
        if not known.all():
            raise HeadError(
                f"label {y[~known][0]!r} is not among the classes {self.classes_.tolist()}; "
                "name all classes in the first partial_fit"
            )
        return np.searchsorted(self.classes_, y)

    @property
    def readout_(self) -> Readout:
        """The weights that predictions are made of."""
        check_is_fitted(self)
        assert self._readout is not None
        return self._readout

    @property
    def coef_(self) -> np.ndarray:
        """Weights of the features, shape (outputs, features)."""
        readout = self.readout_
        return readout.scale * readout.factors

    @property
    def intercept_(self) -> np.ndarray:
        """What is added to the weighted sums, shape (outputs,)."""
        readout = self.readout_
        return readout.scale * readout.bias

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores (N, classes), or (N,) for two classes, of which > 0 speaks for the second."""
        readout = self.readout_
        scores = readout.scores(validate_data(self, X, dtype=KEPT, reset=False))
        if len(self.classes_) > 2:
            return scores
        return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """Labels (N,) for features X (N, features); of equal scores the first class has it."""
        scores = self.decision_function(X)
        best = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best.astype(np.intp)]

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of `predict_proba`."""
        return log_probabilities(self.decision_function(X), self.temperature_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, classes): the softmax of scores / temperature; see `calibrate`."""
        return np.exp(self.predict_log_proba(X))

    def calibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Set the temperature by samples that the head was not trained on.

        Parameters
        ----------
        X, y, sample_weight : as for `fit`
        """
        scores, labels, each = weigh(self.decision_function(X), self._indices(y), sample_weight)
        self.temperature_ = best_temperature(scores, labels, each)
        return self

    def shipped(self, dtype: str | None = None) -> Self:
        """A copy whose weights are of that type; see `save`."""
        stored = self.readout_.to(dtype or self._default_dtype(), self.inputs_)
        head = type(self)(**self.get_params())
        head.__dict__.update({name: value for name, value in vars(self).items()})
        head._readout = stored
        return head

    def _default_dtype(self) -> str:
        stored = self.readout_.dtype
        return "float32" if stored == "float64" else stored

    def save(
        self,
        path: str | os.PathLike[str],
        extractor_id: str | None = None,
        class_names: Iterable[str] | None = None,
        *,
        dtype: str | None = None,
        projection: Mapping[str, Any] | None = None,
        placing: Mapping[str, str] | None = None,
    ) -> None:
        """Write a head file: safetensors with a JSON header, no pickle.

        Parameters
        ----------
        path : path
        extractor_id : str, optional
            `Network.id` of the extractor; default: the one that was loaded, if any.
        class_names : sequence of str, optional
            Names of `classes_`; default: those that were loaded, if any.
        dtype : "float32", "float16", "int8" or "bits", optional
            Of the weights; default: float32, for a BinaryHead bits, for a loaded head its own. int8
            has one scale for all classes.
        projection : dict, optional
            Parameters of the optical projection, as feature files have them; default: those that
            were loaded.
        placing : dict, optional
            How photographs came into the extractor's shape, `Placing.record()`; default: as loaded.

        Raises
        ------
        HeadError
            If the names are not as many as the classes, or the type does not suit the head.
        BitlightError
            If the file cannot be written.
        """
        head = self.shipped(dtype)
        if class_names is not None:
            head.class_names_ = tuple(map(str, class_names))
        if head.class_names_ is not None and len(head.class_names_) != len(self.classes_):
            raise HeadError(
                f"{len(self.classes_)} classes cannot have {len(head.class_names_)} names"
            )
        head.extractor_id_ = extractor_id or self.extractor_id_
        head.projection_ = self.projection_ if projection is None else dict(projection)
        head.placing_ = self.placing_ if placing is None else dict(placing)
        headfile.write(path, headfile.describe(head), head.readout_)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        extractor_id: str | None = None,
        projection: Mapping[str, Any] | None = None,
    ) -> Self:
        """Read a head that `save` wrote. It predicts; `fit` trains it anew.

        Parameters
        ----------
        path : path
        extractor_id : str, optional
            Of the extractor that will give the features: a head for another one is refused.
        projection : dict, optional
            Of the projection behind that extractor; without it the features are its bits.

        Raises
        ------
        HeadError
            If the file is missing, truncated, altered, holds something else, or a head for other
            features.
        """
        kinds = {kind.__name__: kind for kind in (cls, *cls.__subclasses__())}
        header, readout = headfile.read(path, kinds)
        with headfile.refusing(path):
            head = kinds[header["type"]](**header["parameters"])
            headfile.restore(head, header, readout)
        if extractor_id is not None:
            headfile.check_source(path, header, extractor_id, projection)
        return head

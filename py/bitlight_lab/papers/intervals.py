"""Accuracies, and intervals of 95 %: what the test images and the seeds leave open."""

import base64
from typing import Any

import numpy as np
from scipy.stats import t

DRAWS = 4000
LEVEL = 0.95

Interval = tuple[float, float, float]  # value, lower and upper end


def bootstrap(ours: np.ndarray, theirs: np.ndarray | None = None) -> Interval:
    """Accuracy, or the difference of two on the same test images.

    Test images and seeds are both drawn again with replacement, the images for all seeds and both
    sides alike, so that a difference is that of pairs (percentile bootstrap, 4,000 draws).

    Parameters
    ----------
    ours, theirs : bool array, shape (seeds, images)
        Whether each test image was put into the right class.

    Returns
    -------
    value, lower, upper

    Examples
    --------
    >>> bootstrap(np.array([[True, False, True, True]]))
    (0.75, 0.25, 1.0)
    """
    generator = np.random.default_rng(0)
    both = ours if theirs is None else np.concatenate([ours, theirs])
    # Images that all runs answer alike are the same to a draw: it is enough to count them.
    kinds, counts = np.unique(both, axis=1, return_counts=True)
    shares = generator.multinomial(counts.sum(), counts / counts.sum(), DRAWS) / counts.sum()
    drawn = _drawn(kinds[: len(ours)], shares, generator)
    value = ours.mean()
    if theirs is not None:
        drawn = drawn - _drawn(kinds[len(ours) :], shares, generator)
        value = value - theirs.mean()
    lower, upper = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(value), float(lower), float(upper)


def _drawn(right: np.ndarray, shares: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Accuracy of each draw of images, the mean over a draw of seeds."""
    accuracy = shares @ right.T.astype(np.float64)
    chosen = generator.integers(len(right), size=accuracy.shape)
    return np.take_along_axis(accuracy, chosen, axis=1).mean(axis=1)


def over_seeds(values: np.ndarray) -> Interval:
    """Mean of some seeds' values and Student's interval of it; the value alone for one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    width = t.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return mean, mean - float(width), mean + float(width)


def class_scores(head: Any, features: np.ndarray, classes: int) -> np.ndarray:
    """Scores (N, classes) of a fitted classifier; −∞ for a class that its training had not.

    Parameters
    ----------
    head : scikit-learn classifier of labels 0 to classes − 1
    features : array, shape (N, features)
    classes : int
    """
    scores = head.decision_function(features)
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    found = np.full((len(scores), classes), -np.inf)
    found[:, head.classes_] = scores
    return found


def score_top(
    scores: np.ndarray, labels: np.ndarray, *, keep: bool = True
) -> dict[str, float | str]:
    """Top-1 and top-5 accuracy of scores (N, classes), and which images were right.

    Of equal scores the class with the lower number comes first, as `argmax` has it.

    Parameters
    ----------
    scores : array, shape (N, classes)
    labels : int array, shape (N,)
    keep : bool
        Whether the result holds `right`, packed bits in base64.

    Examples
    --------
    >>> score_top(np.array([[1, 2, 3], [5, 5, 1]]), np.array([1, 0]))
    {'top1': 0.5, 'top5': 1.0, 'right': 'Ag=='}
    """
    own = np.take_along_axis(scores, labels[:, np.newaxis], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, np.newaxis]
    rank = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    found: dict[str, float | str] = {
        "top1": float(np.mean(rank < 1)),
        "top5": float(np.mean(rank < 5)),
    }
    if keep:
        packed = np.packbits(rank < 1, bitorder="little")
        found["right"] = base64.b64encode(packed.tobytes()).decode()
    return found


def right(text: str, images: int) -> np.ndarray:
    """What `score_top` kept, as a bool array (images,)."""
    packed = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(packed, count=images, bitorder="little").astype(bool)

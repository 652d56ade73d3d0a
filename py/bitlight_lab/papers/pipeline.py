"""Sign features, optical projection, ridge: the article's pipeline, each part timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlight import OpticalFeatures, RidgeHead, bits
from bitlight.heads.heldout import order_of_views
from bitlight_lab.papers.intervals import class_scores, score_top
from bitlight_lab.papers.targets import Target

# Pooled features are floats of about 1, their penalties smaller than those of thousands of bits.
POOLED_ALPHAS = tuple(10.0**k for k in range(-4, 6))
BATCH = 50

Network = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features of some images.

    Attributes
    ----------
    signs : uint8 array, shape (N, bytes)
        Packed bits: 1 where a feature is positive.
    pooled : float32 array, shape (N, channels)
        Means over each image.
    n_features : int
    seconds : float
    """

    signs: np.ndarray
    pooled: np.ndarray
    n_features: int
    seconds: float

    @property
    def bits(self) -> np.ndarray:
        """uint8 array of 0/1, shape (N, n_features)."""
        return bits.unpack(self.signs, self.n_features)


def extract(network: Network, images: np.ndarray) -> Extracted:
    """Features of images, a batch at a time, behind one batch that is not timed.

    Parameters
    ----------
    network : callable
        uint8 (n, H, W, C) to float features (n, channels, h, w).
    images : uint8 array, shape (N, H, W, C)
    """
    network(images[:BATCH])
    signs, pooled = [], []
    started = time.perf_counter()
    for start in range(0, len(images), BATCH):
        found = network(images[start : start + BATCH])
        signs.append(bits.pack((found > 0).reshape(len(found), -1).astype(np.uint8)))
        pooled.append(found.mean(axis=(2, 3), dtype=np.float32))
    seconds = time.perf_counter() - started
    count = int(np.prod(found.shape[1:]))
    return Extracted(np.concatenate(signs), np.concatenate(pooled), count, seconds)


@dataclass(frozen=True, eq=False)
class Sides:
    """Features of the images to train on and to test on, and their labels."""

    train: Extracted
    labels: np.ndarray
    test: Extracted
    test_labels: np.ndarray
    classes: int

    @staticmethod
    def of(network: Network, target: Target, *, mirrored: bool = False) -> "Sides":
        """Extract the features of both sides of a target.

        Parameters
        ----------
        network : callable
        target : Target
        mirrored : bool
            Train on each image mirrored left to right, too, in the order of `order_of_views`, so
            that the penalty is not chosen on images whose mirrored ones were learnt.
        """
        images, labels = target.images, target.labels
        if mirrored:
            order = order_of_views(labels, 2)
            images = np.concatenate([images, images[:, :, ::-1]])[order]
            labels = np.concatenate([labels, labels])[order]
        train, test = (extract(network, x) for x in (images, target.test_images))
        return Sides(train, labels, test, target.test_labels, target.classes)

    def optical(self, components: int, seed: int) -> dict[str, Any]:
        """Sign features → projection → ridge, whose penalty a held-out fifth chooses.

        Returns
        -------
        dict with accuracies and the seconds of features, projection and ridge, in training
        """
        count, signs = self.train.n_features, self.train.signs
        optics = OpticalFeatures(
            components, "structured", packed=True, n_features=count, random_state=seed
        )
        optics.fit_transform(signs[:2])  # compiles at its first call
        started = time.perf_counter()
        features = optics.fit(signs).transform(signs)
        projected = time.perf_counter() - started
        tests = optics.transform(self.test.signs, first_frame=len(features))
        return self._ridge(RidgeHead(), features, tests) | {
            "projection_s": projected,
            "n_components": components,
        }

    def ridge(self) -> dict[str, Any]:
        """Sign features → ridge."""
        return self._ridge(RidgeHead(), self.train.bits, self.test.bits)

    def pool(self) -> dict[str, Any]:
        """Pooled features → ridge."""
        return self._ridge(RidgeHead(POOLED_ALPHAS), self.train.pooled, self.test.pooled)

    def _ridge(self, head: RidgeHead, features: np.ndarray, tests: np.ndarray) -> dict[str, Any]:
        started = time.perf_counter()
        head.fit(features, self.labels)
        seconds = time.perf_counter() - started
        return {
            **score_top(class_scores(head, tests, self.classes), self.test_labels),
            "train_images": len(self.labels),
            "test_images": len(self.test_labels),
            "n_features": self.train.n_features,
            "alpha": head.alpha_,
            "features_s": self.train.seconds,
            "projection_s": 0.0,
            "ridge_s": seconds,
        }


def training_seconds(result: dict[str, Any]) -> float:
    """Of features, projection and ridge, or of backprop."""
    if "backprop_s" in result:
        return result["backprop_s"]
    return result["features_s"] + result["projection_s"] + result["ridge_s"]

"""The rows of the table: what each trains on a target's images, and what it scores."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bitlight import OpticalFeatures
from bitlight.freezing.freeze import freeze
from bitlight.heads import BinaryHead, LinearHead, RidgeHead
from bitlight.training import Arrays
from bitlight_lab.papers.intervals import class_scores, score_top
from bitlight_lab.papers.leroux.effort import ALL, TABLE, Effort, PerClass
from bitlight_lab.papers.leroux.hardware import Simulated, simulate
from bitlight_lab.papers.leroux.networks import (
    Source,
    fine_tune,
    from_scratch,
    logits,
    recipe_for,
)
from bitlight_lab.papers.targets import Target

# As `bitlight demo` has it: chosen on a fifth of the animals' training images.
LOGISTIC_C = 0.1
SCRATCH = "float, from scratch"
FINE_TUNED = "float, fine-tuned"
BINARY = "binary, from scratch"
A = "(a) binary last layer"
B = "(b) float last layer"
OPTICAL = "optical + ridge"
ROWS = (SCRATCH, FINE_TUNED, BINARY, A, B, "ridge", "logistic", OPTICAL)
# The same for every seed where no images are drawn.
DETERMINED = ("ridge", "logistic")


@dataclass(frozen=True, eq=False)
class Bench:
    """All that the rows of one target need, made when it is first wanted.

    Attributes
    ----------
    target : Target
        Its images fit the source's topology.
    source : Source
    effort : Effort
    processes : int
        Of the RTL simulation.
    simulated : int or None
        Test images for the RTL; None: all.
    """

    target: Target
    source: Source
    effort: Effort
    processes: int = 1
    simulated: int | None = None

    @cached_property
    def tests(self) -> Simulated:
        """Features of the test images, from the RTL."""
        images = self.target.test_images
        return simulate(
            self.source.extractor, images, processes=self.processes, most=self.simulated
        )

    def run(self, row: str, per_class: PerClass, seed: int) -> dict[str, Any]:
        """Train one row and score it on the test images."""
        target = self.target
        images, labels = (
            (target.images, target.labels) if per_class == ALL else target.few(int(per_class), seed)
        )
        method = self._network if row in (SCRATCH, FINE_TUNED, BINARY) else self._head
        scores, figures = method(row, images, labels, per_class, seed)
        found = score_top(scores, target.test_labels, keep=per_class in TABLE)
        sizes = {"train_images": len(images), "test_images": len(target.test_labels)}
        return {**found, **sizes, "classes": target.classes, **figures}

    def _network(
        self, row: str, images: np.ndarray, labels: np.ndarray, per_class: PerClass, seed: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        topology, classes = self.source.topology, self.target.classes
        samples = Arrays(images, labels)
        recipe = recipe_for(self.effort, len(images), self.target.flip, seed)
        figures: dict[str, Any] = {"epochs": recipe.epochs, "batch_size": recipe.batch_size}
        device = self.source.device
        if row == FINE_TUNED:
            state = self.source.float_state
            module = fine_tune(topology, samples, recipe, classes, state, device=device)
        else:
            twin = row == SCRATCH
            module = from_scratch(topology, samples, recipe, classes, twin=twin, device=device)
        if row != BINARY:
            return logits(module, self.target.test_images), figures
        net = freeze(module, topology.input_shape, topology.input_bits)
        figures["network"] = net.id
        if per_class not in TABLE or seed:
            # Each network is hardware of its own, and its simulator takes minutes to compile.
            return net.forward(self.target.test_images), figures | {"rtl_images": 0}
        found = simulate(
            net, self.target.test_images, processes=self.processes, most=self.simulated
        )
        return found.values, figures | found.figures

    def _head(
        self, row: str, images: np.ndarray, labels: np.ndarray, per_class: PerClass, seed: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        bits, tests = self.source.extractor.forward(images), self.tests
        figures: dict[str, Any] = {"network": self.source.extractor.id, **tests.figures}
        head, features = HEADS[row](seed), tests.values
        if row == OPTICAL:
            components = figures["components"] = self.effort.components
            optics = OpticalFeatures(components, "structured", random_state=seed).fit(bits)
            # The camera goes on behind the training frames.
            features = optics.transform(features, first_frame=len(bits))
            bits = optics.transform(bits)
        head.fit(bits, labels)
        return class_scores(head, features, self.target.classes), figures


HEADS: dict[str, Callable[[int], Any]] = {
    A: lambda seed: BinaryHead(random_state=seed),
    B: lambda seed: LinearHead(random_state=seed),
    "ridge": lambda seed: RidgeHead(),
    "logistic": lambda seed: LogisticRegression(C=LOGISTIC_C, max_iter=1000),
    OPTICAL: lambda seed: RidgeHead(),
}

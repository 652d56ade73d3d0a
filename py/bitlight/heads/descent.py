"""Training a small layer by mini-batches: Adam on the cross entropy, the order from a seed."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bitlight.errors import HeadError

LEAST_STEPS = 300

Progress = Callable[[int], None]


class Descent:
    """A layer, its optimiser and its order of samples; goes on where it stopped.

    Parameters
    ----------
    layer : torch.nn.Module
        (B, features) floats to (B, classes) logits.
    weights : float64 array, shape (classes,)
        What a sample of each class counts, about 1.
    learning_rate : float
    batch_size : int
    seed : int
        Of the order.
    penalty : callable, optional
        A term of the loss from the layer's parameters.
    after_step : callable, optional
        Called behind each step.

    Raises
    ------
    HeadError
        If the learning rate is not positive, or the batch size not a whole number above 0.
    """

    def __init__(
        self,
        layer: nn.Module,
        weights: np.ndarray,
        learning_rate: float,
        batch_size: int,
        seed: int,
        penalty: Callable[[], torch.Tensor] | None = None,
        after_step: Callable[[], None] | None = None,
    ) -> None:
        if not learning_rate > 0:
            raise HeadError(f"learning_rate must be positive, not {learning_rate!r}")
        check_count("batch_size", batch_size)
        self.layer = layer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.penalty = penalty
        self.after_step = after_step
        self.device = next(layer.parameters()).device
        self._weights = torch.tensor(weights, dtype=torch.float32, device=self.device)
        self._optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
        self._generator = np.random.default_rng(seed)

    def run(
        self,
        X: np.ndarray,
        labels: np.ndarray,
        epochs: int,
        verbose: bool = False,
        each: np.ndarray | None = None,
    ) -> None:
        """Several passes, the learning rate falling as a cosine from its full value to 0.

        A few samples are gone through more often, until `LEAST_STEPS` are made. What samples count,
        `each` (N,), is relative to their mean.

        Raises
        ------
        HeadError
            If `epochs` is not a whole number above 0.
        """
        check_count("epochs", epochs)
        batches = -(-len(X) // self.batch_size)
        epochs = max(epochs, -(-LEAST_STEPS // batches))
        step, each = 0, None if each is None else each / each.mean()
        with _progress(verbose, epochs * batches) as done:
            for _ in range(epochs):
                step = self._epoch(X, labels, step, epochs * batches, done, each)

    def pass_over(self, X: np.ndarray, labels: np.ndarray, each: np.ndarray | None = None) -> None:
        """One pass at the full learning rate; samples count what they say, others being to come."""
        self._epoch(X, labels, 0, None, lambda step: None, each)

    def _epoch(
        self,
        X: np.ndarray,
        labels: np.ndarray,
        step: int,
        steps: int | None,
        done: Progress,
        each: np.ndarray | None,
    ) -> int:
        order = self._generator.permutation(len(X))
        # Batches of nearly equal size: a last one of a few samples would be too loud a voice.
        for chosen in np.array_split(order, -(-len(X) // self.batch_size)):
            share = 1.0 if steps is None else 0.5 + 0.5 * math.cos(math.pi * step / steps)
            self._optimizer.param_groups[0]["lr"] = share * self.learning_rate
            self._step(X[chosen], labels[chosen], None if each is None else each[chosen])
            step += 1
            done(step)
        return step

    def _step(self, batch: np.ndarray, labels: np.ndarray, each: np.ndarray | None) -> None:
        inputs = torch.from_numpy(batch).to(self.device).float()
        logits = self.layer(inputs)
        wanted = torch.from_numpy(labels).to(self.device)
        # Not torch's weighted mean, in which a batch of light samples alone is as loud as any.
        loss = total_loss(logits, wanted, self._weights, each) / len(batch)
        if self.penalty is not None:
            loss = loss + self.penalty()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        if self.after_step is not None:
            self.after_step()


def total_loss(
    logits: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor, each: np.ndarray | None
) -> torch.Tensor:
    """Σ weight·cross entropy over samples: weights of their classes, and of each sample if any."""
    if each is None:
        return cross_entropy(logits, wanted, weights, reduction="sum")
    factors = torch.from_numpy(each).to(logits)
    return factors @ cross_entropy(logits, wanted, weights, reduction="none")


def check_count(name: str, value: int) -> None:
    """HeadError unless the parameter is a whole number above 0."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise HeadError(f"{name} must be a whole number above 0, not {value!r}")


def _progress(show: bool, steps: int) -> AbstractContextManager[Progress]:
    if not show:
        return nullcontext(lambda step: None)
    from bitlight.console.progress import progress

    return progress("training the head", steps)

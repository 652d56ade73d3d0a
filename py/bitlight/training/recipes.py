"""Recipes: how a network is trained, in numbers."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from bitlight.errors import TrainingError
from bitlight.nn import Estimator

Precision = Literal["float32", "bfloat16", "float16"]
Schedule = Literal["cosine", "step"]
CHOICES = {
    "estimator": get_args(Estimator),
    "pad_bit": (0, 1),
    "precision": get_args(Precision),
    "schedule": get_args(Schedule),
}
WARM_UP = 0.05
# What recipes that were written down before these had a name of their own meant.
ADDED = {"cutout": 0, "weight_decay": 0.0, "fine_tune": 0, "settle": 0}


@dataclass(frozen=True)
class Recipe:
    """Adam on latent weights, which are clipped to [−1, 1] behind every step.

    Attributes
    ----------
    epochs : int
    batch_size : int
        Images of one step, over all pieces and all processes; a last smaller batch is left out.
    learning_rate : float
        Its peak, behind a warm-up over a twentieth of all steps.
    schedule : "cosine" or "step"
        Down to 0 along a cosine, or by 10 at a half, three quarters and nine tenths of the steps.
    label_smoothing : float
    shift : int
        Images in memory move by up to that many pixels in each direction, zeros coming in.
    flip : bool
        Whether half of the images are mirrored left to right.
    cutout : int
        Side of a square of images in memory that becomes black, at a random place (DeVries and
        Taylor, "Improved regularization of convolutional neural networks with cutout", 2017).
    dropout : float
        Behind each fully connected layer with a sign, and before a software head.
    estimator : "ste", "approx-sign" or "swish-sign"
        Gradient of the activations' signs: see `bitlight.nn.sign`.
    pad_bit : 0 or 1
        What stands outside of the images of binary layers.
    precision : "float32", "bfloat16" or "float16"
        Of the products while training. ±1 and 8-bit odd integers are exact in bfloat16; sums are
        rounded, which only adds noise. What is frozen is always computed in float32.
    distill : float
        Weight, 0 to 1, of a teacher's softened answers in the loss (Hinton, Vinyals and Dean,
        "Distilling the knowledge in a neural network", 2015).
    temperature : float
        By which both logits are divided there.
    weight_decay : float
        Decoupled from the gradient, as AdamW's; it has no meaning for latent weights, whose size
        changes nothing, and some for float twins.
    fine_tune : int
        So many epochs, the last ones, on the integers' grid: see `bitlight.nn.fine_tune`.
    settle : int
        So many training images, as they are, give batch norm its statistics after the last step.
    accumulate : int
        Pieces in which a batch is worked off, to save memory; batch norm sees one piece at a time.
    seed : int
        Initial weights, order, augmentation and dropout.

    Raises
    ------
    TrainingError
        If a value is out of its range.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    label_smoothing: float = 0.0
    shift: int = 0
    flip: bool = True
    cutout: int = 0
    dropout: float = 0.0
    estimator: Estimator = "ste"
    pad_bit: int = 1
    precision: Precision = "bfloat16"
    distill: float = 0.0
    temperature: float = 2.0
    weight_decay: float = 0.0
    fine_tune: int = 0
    settle: int = 0
    accumulate: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, math.inf),
            ("batch_size", 1, math.inf),
            ("learning_rate", 0, math.inf),
            ("label_smoothing", 0, 1),
            ("shift", 0, math.inf),
            ("cutout", 0, math.inf),
            ("dropout", 0, 0.99),
            ("distill", 0, 1),
            ("temperature", 1e-3, math.inf),
            ("weight_decay", 0, math.inf),
            ("fine_tune", 0, self.epochs),
            ("settle", 0, math.inf),
            ("accumulate", 1, math.inf),
            ("seed", 0, 2**32 - 1),
        ):
            if not low <= getattr(self, name) <= high:
                raise TrainingError(f"{name} must be {low} to {high}, not {getattr(self, name)!r}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                names = ", ".join(map(str, choices))
                raise TrainingError(f"{name} must be one of {names}, not {getattr(self, name)!r}")
        if self.batch_size % self.accumulate:
            raise TrainingError(
                f"accumulate must divide the batch of {self.batch_size}, not {self.accumulate!r}"
            )

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of one step out of all.

        Examples
        --------
        >>> Recipe(learning_rate=1).learning_rate_at(50, 100)
        0.5
        """
        done = step / steps
        if self.schedule == "cosine":
            factor = 0.5 + 0.5 * math.cos(math.pi * done)
        else:
            factor = 0.1 ** sum(done >= mark for mark in (0.5, 0.75, 0.9))
        return self.learning_rate * min((step + 1) / steps / WARM_UP, factor)

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Where a recorded recipe differs from this one, as "name: theirs, not ours"."""
        other, names = ADDED | other, [field.name for field in fields(self)]
        return [
            f"{name}: {other.get(name)!r}, not {getattr(self, name)!r}"
            for name in names
            if other.get(name) != getattr(self, name)
        ]


# What trained the networks of docs/training.md, but for the last, which is for ImageNet.
RECIPES = {
    "fashion28": Recipe(epochs=18),
    "lfc": Recipe(epochs=20),
    "cnv": Recipe(epochs=20),
    "alexnet": Recipe(epochs=150, batch_size=512, learning_rate=1e-3),
}

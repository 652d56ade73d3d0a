"""The folder of a training run: checkpoint, history, and a log that TensorBoard reads."""

import contextlib
import dataclasses
import io
import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bitlight.errors import TrainingError, reason
from bitlight.files.replacing import replacing
from bitlight.training.recipes import Recipe

FORMAT = 1
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAVE_EVERY_S = 300


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes
    ----------
    loss : float
        Mean over its steps.
    learning_rate : float
        That of its last step.
    accuracy : float or None
        Of the validation samples behind it, in eval mode.
    seconds : float
        Of training alone.
    """

    loss: float
    learning_rate: float
    accuracy: float | None
    seconds: float


@dataclass
class Progress:
    """How far a run has come; all that a checkpoint holds beside weights and optimizer."""

    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    history: list[Epoch] = dataclasses.field(default_factory=list)


class Run:
    """Saves and resumes a run; without a folder it does neither.

    Parameters
    ----------
    folder : path or None
    recipe : Recipe
    samples : int
        How many there are; a run resumes with the same number alone.
    parts : dict of objects with state_dict and load_state_dict
        "module", the optimizer and whatever else changes with the steps. A run resumes with a
        module of the same layers alone: some, as levels and signs, have no weights that differ.
    classes : sequence of str
        Names of the labels, where they have any; a run resumes with the same ones alone.
    """

    def __init__(
        self,
        folder: Path | None,
        recipe: Recipe,
        samples: int,
        parts: dict[str, Any],
        classes: Sequence[str] = (),
    ) -> None:
        self.folder, self.parts = folder, parts
        self.origin = {
            "format": FORMAT,
            "recipe": dataclasses.asdict(recipe),
            "samples": samples,
            "classes": list(classes),
        }
        self.recipe, self.classes = recipe, classes
        self.layers = repr(parts["module"]).splitlines()
        self.saved = time.monotonic()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> Progress:
        """Load the checkpoint, if there is one.

        Raises
        ------
        TrainingError
            If it is damaged, or of another recipe, data set or network.
        """
        if self.folder is None or not (path := self.folder / "checkpoint.pt").is_file():
            return Progress()
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            self._check(path, content)
            for name, part in self.parts.items():
                part.load_state_dict(content[name])
        except TrainingError:
            raise
        except Exception as error:
            # torch.load and load_state_dict raise whatever the bytes lead them to.
            raise TrainingError(
                f"{path} is no checkpoint of this network: {reason(error)}"
            ) from error
        history = [Epoch(**epoch) for epoch in content["history"]]
        return Progress(content["step"], content["loss"], content["seconds"], history)

    def _check(self, path: Path, content: dict[str, Any]) -> None:
        if content.get("format") != FORMAT:
            raise TrainingError(f"{path} has format {content.get('format')!r}, not {FORMAT}")
        differences = self.recipe.differences(content["recipe"])
        if content["samples"] != self.origin["samples"]:
            differences.append(f"samples: {content['samples']}, not {self.origin['samples']}")
        theirs, ours = content.get("classes"), list(self.classes)
        if theirs is not None and theirs != ours:
            differences.append(f"classes: {', '.join(theirs)}, not {', '.join(self.classes)}")
        if not differences:
            differences += self._other_layer(content.get("layers"))
        if differences:
            raise TrainingError(
                f"{path} comes from another run ({'; '.join(differences)}): "
                "take its recipe, or another folder"
            )

    def _other_layer(self, theirs: list[str] | None) -> list[str]:
        """The first layer that is another one; of checkpoints that do not tell theirs, none."""
        for there, here in zip_longest(theirs or self.layers, self.layers, fillvalue="none"):
            if there != here:
                return [f"a layer: {there.strip()}, not {here.strip()}"]
        return []

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is five minutes old."""
        return self.folder is not None and time.monotonic() - self.saved > SAVE_EVERY_S

    def save(self, progress: Progress) -> None:
        """Write a checkpoint."""
        if self.folder is None:
            return
        content = self.origin | dataclasses.asdict(progress) | {"layers": self.layers}
        content |= {name: part.state_dict() for name, part in self.parts.items()}
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with replacing(self.folder / "checkpoint.pt") as file:
            file.write(buffer.getbuffer())
        self.saved = time.monotonic()

    def log(self, history: list[Epoch]) -> None:
        """Write history.json, and the last epoch for TensorBoard where that is installed."""
        if self.folder is None:
            return
        content = self.origin | {"epochs": [dataclasses.asdict(epoch) for epoch in history]}
        with replacing(self.folder / "history.json") as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        with SummaryWriter(str(self.folder / "tensorboard")) as writer:
            for name, value in dataclasses.asdict(history[-1]).items():
                if value is not None:
                    writer.add_scalar(name, value, len(history))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that would end the work wait until the block is done, and no longer.

    So a step is taken as a whole, and what is saved after it is what the steps so far have made.
    """
    seen: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, lambda number, frame: seen.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if seen:
            signal.raise_signal(seen[0])


def weights_of(folder: Path, module: nn.Module) -> None:
    """Load the weights of a run's checkpoint into a module of the same shape, in place.

    Raises
    ------
    TrainingError
        If there is no checkpoint, or it is of another network.
    """
    path = folder / "checkpoint.pt"
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["module"])
    except Exception as error:
        raise TrainingError(f"{path} is no checkpoint of this network: {reason(error)}") from error

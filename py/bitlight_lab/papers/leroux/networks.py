"""The networks of the table: trained on the source, on the target, or on one behind the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bitlight import data, extractors
from bitlight.errors import TrainingError, reason
from bitlight.network.network import Network
from bitlight.nn import float_twin, pixels_to_floats
from bitlight.training import Arrays, Recipe, train
from bitlight.training.session import Session
from bitlight.zoo import modules as zoo
from bitlight.zoo.designs import Design
from bitlight.zoo.topologies import Conv, Pool, Topology
from bitlight_lab.papers import targets
from bitlight_lab.papers.leroux.effort import Effort

BATCH = 500
# A third of that from scratch: weights that know something already are to stay near.
FINE_TUNING_RATE = 1e-3
EPOCHS = (6, 40)


def image_layers(topology: Topology) -> int:
    """How many of the first layers give images: up to the last convolution and its pool.

    Examples
    --------
    >>> from bitlight.zoo.topologies import FASHION28
    >>> image_layers(FASHION28)
    7
    """
    count = sum(isinstance(step, Conv | Pool) for step in topology.steps)
    return count or len(topology.steps) - 1


@dataclass(frozen=True, eq=False)
class Source:
    """What extractors and pretrained float networks were trained on.

    Attributes
    ----------
    name : str
    topology : Topology
    effort : Effort
    folder : Path
        Of trainings.
    upto : int
        Layers that give the features.
    extractor_file : Path or None
        A .bnn file to take instead of training one.
    pretrained : Path or None
        The folder of a float twin's run, as `bitlight train --float-twin` leaves it.
    device : str
        Of trainings.
    """

    name: str
    topology: Topology
    effort: Effort
    folder: Path
    upto: int
    extractor_file: Path | None = None
    pretrained: Path | None = None
    device: str = "cpu"

    @cached_property
    def extractor(self) -> Network:
        """The layers that give the features."""
        if self.extractor_file is not None:
            return Network.load(self.extractor_file).upto(self.upto)
        if self.name == "fashion10":
            return extractors.load("fashion28").upto(self.upto)
        return Network.load(self._trained(twin=False) / "network.bnn").upto(self.upto)

    @cached_property
    def float_state(self) -> dict[str, torch.Tensor]:
        """Weights of the float network."""
        folder = self.pretrained or self._trained(twin=True)
        path = folder / "checkpoint.pt"
        try:
            return torch.load(path, map_location="cpu", weights_only=True)["module"]
        except Exception as error:
            # torch.load raises whatever the bytes lead it to.
            raise TrainingError(
                f"{path} is no checkpoint of a float twin: {reason(error)}"
            ) from error

    def _trained(self, twin: bool) -> Path:
        effort = self.effort
        images, labels = _source_images(self.name)
        images, labels = images[: effort.source_images], labels[: effort.source_images]
        kind = "float" if twin else "binary"
        folder = self.folder / f"{self.name}-{kind}-{len(images)}x{effort.source_epochs}"
        if not (folder / "result.json").is_file():
            recipe = Recipe(epochs=effort.source_epochs)
            images = data.fit(images, self.topology.input_shape, self.topology.input_bits)
            session = Session(Design(own=self.topology), recipe, folder, self.device, twin)
            session.train(Arrays(images, labels))
        return folder


def _source_images(name: str) -> targets.Side:
    if name == "fashion10":
        return data.fashion_mnist("train")
    return targets.fashion("train", targets.SOURCE_CLASSES)


def recipe_for(effort: Effort, images: int, flip: bool, seed: int) -> Recipe:
    """As many epochs as make up the images to be seen; small batches where there are few images."""
    batch = min(128, images if images < 64 else max(32, images // 16))
    epochs = int(np.clip(effort.images_seen // images, *EPOCHS))
    epochs = max(epochs, -(-effort.steps // (images // batch)))
    return Recipe(epochs=epochs, batch_size=batch, flip=flip, seed=seed)


def from_scratch(
    topology: Topology,
    samples: Arrays,
    recipe: Recipe,
    classes: int,
    *,
    twin: bool,
    device: str = "cpu",
) -> nn.Module:
    """A network, binary or float, trained on the target alone; it ends on the processor."""
    module = _built(topology, recipe.seed, classes, twin)
    train(module, samples, recipe, device=device)
    return module.cpu()


def fine_tune(
    topology: Topology,
    samples: Arrays,
    recipe: Recipe,
    classes: int,
    state: dict[str, torch.Tensor],
    *,
    device: str = "cpu",
) -> nn.Module:
    """A pretrained float network with a new last layer, all of it trained on the target.

    Raises
    ------
    TrainingError
        If the weights are of another network.
    """
    module = _built(topology, recipe.seed, classes, twin=True)
    last = f"{len(module) - 1}."
    kept = {name: value for name, value in state.items() if not name.startswith(last)}
    try:
        missing, unexpected = module.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise TrainingError(f"the pretrained weights do not fit: {error}") from error
    if unexpected or not all(name.startswith(last) for name in missing):
        raise TrainingError("the pretrained weights are of another network than the topology's")
    train(module, samples, replace(recipe, learning_rate=FINE_TUNING_RATE), device=device)
    return module.cpu()


def _built(topology: Topology, seed: int, classes: int, twin: bool) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = zoo.build(topology.classifying(classes))
        found = float_twin(module) if twin else module
    assert isinstance(found, nn.Sequential)
    return found


@torch.no_grad()
def logits(module: Callable[[torch.Tensor], torch.Tensor], images: np.ndarray) -> np.ndarray:
    """A float network's answers (N, classes)."""
    parts = torch.from_numpy(images).split(BATCH)
    return torch.cat([module(pixels_to_floats(part)) for part in parts]).numpy()

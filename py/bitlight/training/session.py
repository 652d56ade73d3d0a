"""A whole training session: build, train, freeze, compare, write."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError, TrainingError
from bitlight.files.replacing import replacing
from bitlight.freezing.freeze import freeze
from bitlight.freezing.verify import count_differences
from bitlight.network.network import Network
from bitlight.nn import pixels_to_floats
from bitlight.training.distributed import Team
from bitlight.training.loop import evaluate, train
from bitlight.training.recipes import Recipe
from bitlight.training.run import weights_of
from bitlight.training.samples import Samples
from bitlight.training.thawing import latent_size, thaw
from bitlight.zoo.designs import Design

# Images on which every layer of the frozen network is compared with torch.
COMPARED = 1000
# Images that show freezing what the first layer's values are.
SAMPLE = 100
BATCH = 500
# Images that show batch norm how the sums of a frozen network are spread.
SETTLED = 10_000


@dataclass(frozen=True)
class Session:
    """What is trained, how, and where it goes.

    Attributes
    ----------
    design : Design
        Its last layer is one for the samples' classes.
    recipe : Recipe
    folder : Path
    device : str
    float_twin : bool
        Train the float network of the same shape; there is nothing to freeze then.
    teacher : Path or None
        The folder of a float twin's run; of another design of the zoo where it says so.
    start : Path, Network or None
        What this one begins with: the weights of the folder of a run of the same design, or a
        frozen network of its shape, as `bitlight.training.thaw` takes it.
    """

    design: Design
    recipe: Recipe
    folder: Path
    device: str = "cpu"
    float_twin: bool = False
    teacher: Path | None = None
    start: Path | Network | None = None

    def train(
        self, samples: Samples, tests: Samples | None = None, *, curve: bool = False
    ) -> dict[str, Any] | None:
        """Train, or go on training, and write network.bnn and result.json.

        Parameters
        ----------
        samples : Samples
        tests : Samples, optional
            For the accuracy in the result: that of the frozen network in the golden model.
        curve : bool
            Whether their accuracy is noted behind every epoch as well.

        Returns
        -------
        dict or None
            What result.json holds; None in processes that do not lead.

        Raises
        ------
        FreezingError
            If one bit of one layer differs between torch and the frozen network. No network is
            written then.
        TrainingError
            As `bitlight.training.train`.
        """
        if tests is not None:
            tests = tests.renumber(samples.names)
        self._check_classes(self.teacher, samples.names)
        module, begun = self._module(samples)
        history = train(
            module,
            samples,
            self.recipe,
            folder=self.folder,
            validation=tests if curve else None,
            teacher=self._teacher(samples.classes),
            device=self.device,
            progress=True,
        )
        if not Team().leads:
            return None
        seconds = sum(epoch.seconds for epoch in history)
        result = {
            "images": len(samples),
            "minutes": seconds / 60,
            "images_per_s": self.recipe.epochs * len(samples) / seconds,
            "loss": history[-1].loss,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "classes": list(samples.names),
            "design": self.design.to_json(),
        } | begun
        if tests is not None and (self.float_twin or self.design.software_head):
            result["accuracy"] = evaluate(module, tests, device=self.device)
        if not self.float_twin:
            result |= self._frozen(module.cpu(), tests or samples, tests is not None)
        content = result | {"recipe": asdict(self.recipe)}
        with replacing(self.folder / "result.json") as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())
        return result

    def _module(self, samples: Samples) -> tuple[nn.Module, dict[str, Any]]:
        """The module at the first step, and what result.json says of where it comes from."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            module = self._build(self.design, samples.classes, twin=self.float_twin)
        begun = self._begun()
        if isinstance(self.start, Network):
            return module, begun or self._thaw(self.start, module, samples)
        if self.start is not None:
            self._check_classes(self.start, samples.names)
            self._check_design(self.start)
            weights_of(self.start, module)
        return module, {}

    def _begun(self) -> dict[str, Any]:
        """What an interrupted run of this folder began with, where that was a frozen network."""
        path = self.folder / "start.json"
        begun: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        ours = self.start.id if isinstance(self.start, Network) else None
        if (self.folder / "checkpoint.pt").is_file() and begun.get("start") != ours:
            raise TrainingError(
                f"the run in {self.folder} began with {_told(begun.get('start'))}, not with "
                f"{_told(ours)}: take that, or another folder"
            )
        return begun if (self.folder / "checkpoint.pt").is_file() else {}

    def _thaw(self, net: Network, module: nn.Module, samples: Samples) -> dict[str, Any]:
        """The network's weights in the module; what it began with is noted for a resumed run."""
        if self.float_twin:
            raise TrainingError("a frozen network has bits, of which no float twin can begin")
        recipe = self.recipe
        latent = latent_size(recipe, recipe.epochs * (len(samples) // recipe.batch_size))
        taken = thaw(net, self.design.extractor(module), _seen(samples, recipe), latent=latent)
        begun = {"start": net.id, "layers_taken": taken, "latent": latent}
        if Team().leads:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / "start.json") as file:
                file.write((json.dumps(begun, indent=2) + "\n").encode())
        return begun

    def _build(self, design: Design, classes: int, *, twin: bool) -> nn.Module:
        return design.build(
            classes,
            estimator=self.recipe.estimator,
            pad_bit=self.recipe.pad_bit,
            dropout=self.recipe.dropout,
            twin=twin,
        )

    @staticmethod
    def _of_run(folder: Path | None) -> dict[str, Any]:
        """What a run says of itself; nothing if it was never finished."""
        path = None if folder is None else Path(folder) / "result.json"
        if path is None or not path.is_file():
            return {}
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def _check_classes(self, folder: Path | None, names: tuple[str, ...]) -> None:
        """See that a run's outputs stand for the same classes, as far as that is recorded."""
        theirs = self._of_run(folder).get("classes") or list(names)
        if theirs != list(names):
            raise TrainingError(
                f"the network in {folder} knows other classes, or in another order: {theirs}"
            )

    def _check_design(self, folder: Path) -> None:
        """See that a run's weights are of the same network, as far as that is recorded."""
        ours, described = self.design.to_json(), self._of_run(folder).get("design")
        if ours is None or described is None:
            return
        theirs = Design.from_json(described).to_json() or {}
        other = [
            f"{name} {theirs.get(name)}, not {ours[name]}"
            for name in ours
            if theirs.get(name) != ours[name]
        ]
        if other:
            raise TrainingError(f"the network in {folder} is another one: {', '.join(other)}")

    def _teacher(self, classes: int) -> nn.Module | None:
        if self.teacher is None:
            return None
        described = self._of_run(self.teacher).get("design")
        design = self.design if described is None else Design.from_json(described)
        with torch.random.fork_rng(devices=[]):
            module = self._build(design, classes, twin=True)
        weights_of(self.teacher, module)
        return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _frozen(self, module: nn.Module, images: Samples, scored: bool) -> dict[str, Any]:
        extractor, design = self.design.extractor(module), self.design
        pixels = _first(images, COMPARED)
        sample = pixels_to_floats(torch.from_numpy(pixels[:SAMPLE]))
        net = freeze(extractor, design.input_shape, design.bits, sample)
        differences = count_differences(extractor, net, pixels)
        if any(differences):
            raise FreezingError(f"frozen and torch differ, values for each layer: {differences}")
        net.save(self.folder / "network.bnn")
        result = {
            "id": net.id,
            "bits_different": 0,
            "compared": f"{len(pixels)} images, {len(net.layers)} layers",
        }
        if scored and not self.design.software_head:
            result["accuracy"] = accuracy(net, images)
        return result


def accuracy(net: Network, images: Samples) -> float:
    """Share of images that a network's own integer scores put into the right class."""
    right = sum(
        int((net.classify(pixels.numpy()) == labels.numpy()).sum())
        for pixels, labels in images.in_order(BATCH)
    )
    return right / len(images)


def _told(network_id: str | None) -> str:
    return "no frozen network" if network_id is None else f"network {network_id[:12]}"


def _seen(samples: Samples, recipe: Recipe) -> Iterator[torch.Tensor]:
    """The first images of an epoch, as the training sees them."""
    seen = 0
    for pixels, _ in samples.epoch(0, recipe):
        yield pixels_to_floats(pixels)
        seen += len(pixels)
        if seen >= SETTLED:
            return


def _first(images: Samples, number: int) -> np.ndarray:
    batches = islice(images.in_order(BATCH), -(-number // BATCH))
    return np.concatenate([pixels.numpy() for pixels, _ in batches])[:number]

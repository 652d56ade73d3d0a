"""The whole experiment: its runs, then tables and figure of what is in the journal."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from bitlight.experiments import backbones, targets
from bitlight.experiments.journal import Cell, Found, Journal
from bitlight.experiments.transfer.figure import draw
from bitlight.experiments.transfer.methods import BACKPROP, OPTICAL, POOLED, RIDGE, Methods
from bitlight.experiments.transfer.report import write

SIZES = {"efficientnet-lite0": 96, "densenet169": 224}
TARGETS = ("animals", "fashion")


@dataclass(frozen=True)
class Effort:
    """Numbers of the experiment.

    Attributes
    ----------
    every : int
        Of the backbone's cuts, each that many.
    seeds : int
        Media of the optical features, and initial last layers of backprop on the whole network.
    epochs, batch_size : int
        Of backprop.
    train_images, test_images : int or None
        Of a target; None: all.
    """

    every: int = 1
    seeds: int = 3
    epochs: int = 5
    batch_size: int = 64
    train_images: int | None = None
    test_images: int | None = None

    def parameters(self) -> dict[str, Any]:
        """What a single run depends on."""
        return {k: v for k, v in asdict(self).items() if k not in ("every", "seeds")}


WHOLE = Effort()
# What two cores do in an hour; the article's set is ten times as large.
FULL = Effort(every=6, train_images=2000, test_images=2000)
QUICK = Effort(every=6, seeds=1, epochs=2, batch_size=32, train_images=400, test_images=300)


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes
    ----------
    folder : Path
        For runs.jsonl, table.md and the figure.
    targets : tuple of str
        Names, as `bitlight.experiments.targets.load` takes them.
    effort : Effort
    backbone : str
    weights : str
        "pretrained", "random" or a file; see `bitlight.experiments.backbones.load`.
    size : int or None
        Side of the images that the backbone sees; by default 96, for DenseNet-169 224.
    device : str
    """

    folder: Path
    targets: tuple[str, ...] = TARGETS
    effort: Effort = FULL
    backbone: str = "efficientnet-lite0"
    weights: str = "pretrained"
    size: int | None = None
    device: str = "cpu"


def run(setting: Setting, say: Callable[[str], None] = lambda label: None) -> list[Found]:
    """Do what the journal lacks, then write table.md and size.png.

    Raises
    ------
    DataError
        If a target, the backbone or its weights are missing.
    """
    size = setting.size or SIZES.get(setting.backbone, 96)
    backbone = backbones.load(setting.backbone, size, setting.weights)
    journal = Journal(setting.folder / "runs.jsonl")
    found: list[Found] = []
    for name in setting.targets:
        found += journal.complete(_cells(setting, backbone, name), say)
    write(setting.folder / "table.md", found)
    draw(setting.folder / "size.png", found)
    return found


def _cells(setting: Setting, backbone: backbones.Backbone, name: str) -> Iterator[Cell]:
    effort = setting.effort
    # Set up when a run begins: none does where all is in the journal.
    methods = cache(partial(_methods, setting, backbone, name))
    for cut in backbone.cuts[:: effort.every]:
        for method, precision, seeds in (
            (OPTICAL, "float32", effort.seeds),
            (RIDGE, "float32", 1),
            (POOLED, "float32", 1),
            (OPTICAL, "float16", effort.seeds),
            (BACKPROP, "float32", effort.seeds if cut == backbone.cuts[0] else 1),
        ):
            for seed in range(seeds):
                parameters = {
                    "target": name.partition("=")[0],
                    "backbone": backbone.name,
                    "weights": Path(setting.weights).stem,
                    "pixels": backbone.prepared.size,
                    "cut": cut,
                    "method": method,
                    "precision": precision,
                    "seed": seed,
                    "device": setting.device,
                    **effort.parameters(),
                }
                yield Cell(parameters, partial(_run, methods, method, cut, precision, seed))


def _methods(setting: Setting, backbone: backbones.Backbone, name: str) -> Methods:
    effort = setting.effort
    target = load_target(name, backbone.prepared.size)
    target = target.limited(effort.train_images, effort.test_images)
    return Methods(backbone, target, effort.epochs, effort.batch_size, setting.device)


def _run(
    methods: Callable[[], Methods], method: str, cut: int, precision: str, seed: int
) -> dict[str, Any]:
    return methods().run(method, cut, precision, seed)


def load_target(name: str, size: int) -> targets.Target:
    """A target for a backbone: small images stay so, and are stretched batch by batch."""
    if name in targets.OFFLINE:
        return targets.load(name, (28, 28, 1))
    return targets.load(name, (size, size, 3))

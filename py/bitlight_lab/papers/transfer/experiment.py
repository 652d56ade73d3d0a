"""The whole experiment: its runs, then tables and figure of what is in the journal."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

from bitlight_lab.papers.backbones import Backbone
from bitlight_lab.papers.frame import experiment
from bitlight_lab.papers.journal import Cell, Found
from bitlight_lab.papers.setting import BackboneSetting, load_target
from bitlight_lab.papers.targets import check_mirrors, identity
from bitlight_lab.papers.transfer.figure import draw
from bitlight_lab.papers.transfer.methods import (
    BACKPROP,
    OPTICAL,
    OPTICAL_MIRRORED,
    POOLED,
    RIDGE,
    RIDGE_MIRRORED,
    Methods,
)
from bitlight_lab.papers.transfer.report import parts

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
class Setting(BackboneSetting):
    """What is run: see `bitlight_lab.papers.setting`; and the numbers of it.

    Attributes
    ----------
    effort : Effort
    mirror : bool
        Train on fixed features of mirrored images as well, as backprop does.

    Examples
    --------
    >>> import pathlib
    >>> Setting(pathlib.Path("build"), targets=("animals",)).targets
    ('animals',)
    """

    targets: tuple[str, ...] = TARGETS
    effort: Effort = FULL
    mirror: bool = False


def run(setting: Setting, say: Callable[[str], None] = lambda label: None) -> list[Found]:
    """Do what the journal lacks, then write table.md and size.png.

    Raises
    ------
    DataError
        If a target, the backbone or its weights are missing, or mirrored images of a target are of
        another class.

    Examples
    --------
    The whole network alone, with random weights, on a few digits: each method once.

    >>> import tempfile
    >>> from pathlib import Path
    >>> few = Effort(every=99, seeds=1, epochs=1, train_images=40, test_images=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     setting = Setting(Path(folder), ("digits",), weights="random", size=32, effort=few)
    ...     found = run(setting)
    ...     files = sorted(path.name for path in Path(folder).iterdir())
    >>> [(one.parameters["method"], one.parameters["precision"]) for one in found[1:3]]
    [('ridge', 'float32'), ('ridge, pooled', 'float32')]
    >>> files
    ['runs.jsonl', 'size.png', 'table.md']
    """
    if setting.mirror:
        check_mirrors(setting.targets)
    backbone = setting.load_backbone()
    cells = partial(_cells, setting, backbone)
    return experiment(setting.folder, setting.targets, cells, parts, draw, "size.png", say)


def _cells(setting: Setting, backbone: Backbone, name: str) -> Iterator[Cell]:
    effort, target = setting.effort, identity(name)
    # Set up when a run begins: none does where all is in the journal.
    methods = cache(partial(_methods, setting, backbone, name))
    mirrored = [(OPTICAL_MIRRORED, "float32", effort.seeds), (RIDGE_MIRRORED, "float32", 1)]
    mirrored = mirrored if setting.mirror else []
    for cut in backbone.cuts[:: effort.every]:
        for method, precision, seeds in (
            (OPTICAL, "float32", effort.seeds),
            (RIDGE, "float32", 1),
            (POOLED, "float32", 1),
            (OPTICAL, "float16", effort.seeds),
            *mirrored,
            (BACKPROP, "float32", effort.seeds if cut == backbone.cuts[0] else 1),
        ):
            for seed in range(seeds):
                parameters = {
                    **setting.parameters(backbone, cut, target),
                    "method": method,
                    "precision": precision,
                    "seed": seed,
                    **effort.parameters(),
                }
                yield Cell(parameters, partial(_run, methods, method, cut, precision, seed))


def _methods(setting: Setting, backbone: Backbone, name: str) -> Methods:
    effort = setting.effort
    target = load_target(name, backbone, effort.train_images, effort.test_images)
    return Methods(backbone, target, effort.epochs, effort.batch_size, setting.device)


def _run(
    methods: Callable[[], Methods], method: str, cut: int, precision: str, seed: int
) -> dict[str, Any]:
    return methods().run(method, cut, precision, seed)

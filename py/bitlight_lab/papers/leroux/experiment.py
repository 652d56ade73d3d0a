"""The whole experiment: its runs, then tables and figure of what is in the journal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from bitlight.errors import NetworkError
from bitlight.network.network import Network
from bitlight.zoo.topologies import TOPOLOGIES, Topology
from bitlight_lab.papers import targets
from bitlight_lab.papers.frame import experiment
from bitlight_lab.papers.journal import Cell, Found
from bitlight_lab.papers.leroux.effort import ALL, FULL, Effort, PerClass
from bitlight_lab.papers.leroux.figure import draw
from bitlight_lab.papers.leroux.networks import Source, image_layers
from bitlight_lab.papers.leroux.report import parts
from bitlight_lab.papers.leroux.rows import DETERMINED, ROWS, Bench

TARGETS = ("animals", "digits", "fashion5")


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes
    ----------
    folder : Path
        For runs.jsonl, table.md, the figure and trainings.
    targets : tuple of str
        Names, as `bitlight_lab.papers.targets.load` takes them.
    effort : Effort
    topology : str
        Of all networks.
    extractor : Path or None
        A .bnn file of that topology instead of the one that comes with bitlight.
    pretrained : Path or None
        The folder of a float twin of that topology instead of one trained on Fashion-MNIST.
    upto : int or None
        Layers that give the features; by default up to the last convolution's pool.
    processes : int
        Of the RTL simulation.
    simulated : int or None
        Test images for the RTL; None: all.
    device : str
        Of trainings.

    Examples
    --------
    >>> Setting(Path("build"), targets=("animals",)).targets
    ('animals',)
    """

    folder: Path
    targets: tuple[str, ...] = TARGETS
    effort: Effort = FULL
    topology: str = "fashion28"
    extractor: Path | None = None
    pretrained: Path | None = None
    upto: int | None = None
    processes: int = 1
    simulated: int | None = None
    device: str = "cpu"


def run(setting: Setting, say: Callable[[str], None] = lambda label: None) -> list[Found]:
    """Do what the journal lacks, then write table.md and few-shot.png.

    Raises
    ------
    NetworkError
        If the topology's extractor does not come with bitlight and none is given.
    DataError
        If a target is missing or not as it should be.

    Examples
    --------
    Every row once, with a few digits and next to no training; two images go through the RTL.

    >>> import tempfile
    >>> effort = {"seeds": 1, "few_seeds": 1, "shots": (), "components": 64, "images_seen": 10}
    >>> source = {"source_images": 200, "source_epochs": 1, "steps": 1}
    >>> few = Effort(**effort, **source, train_images=60, test_images=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = run(Setting(Path(folder), ("digits",), effort=few, simulated=2))
    ...     files = sorted(path.name for path in Path(folder).iterdir())
    >>> [one.parameters["row"] for one in found[3:5]]
    ['(a) binary last layer', '(b) float last layer']
    >>> files
    ['few-shot.png', 'runs.jsonl', 'table.md', 'trainings']
    """
    topology = TOPOLOGIES[setting.topology]
    if setting.topology != "fashion28" and None in (setting.extractor, setting.pretrained):
        raise NetworkError(
            f"no trained {setting.topology} comes with bitlight: give an extractor and a "
            "pretrained float twin, as `bitlight train` writes them"
        )
    cells = partial(_cells, setting, topology)
    return experiment(setting.folder, setting.targets, cells, parts, draw, "few-shot.png", say)


def _cells(setting: Setting, topology: Topology, name: str) -> Iterator[Cell]:
    # Set up when a run begins: none does where all is in the journal.
    bench = cache(partial(_bench, setting, topology, name))
    kind, identity = name.partition("=")[0], targets.identity(name)
    chosen: dict[str, Any] = {"topology": setting.topology, "upto": setting.upto}
    if setting.extractor is not None and kind != "fashion5":
        chosen["extractor"] = Network.load(setting.extractor).id
    if setting.pretrained is not None and kind != "fashion5":
        chosen["pretrained"] = setting.pretrained.name
    if setting.simulated is not None:
        chosen["simulated"] = setting.simulated
    for row in ROWS:
        for per_class, seed in setting.effort.runs():
            if per_class == ALL and seed and row in DETERMINED:
                continue
            parameters = {
                **identity,
                "row": row,
                "per_class": per_class,
                "seed": seed,
                **chosen,
                **setting.effort.parameters(),
            }
            yield Cell(parameters, partial(_run, bench, row, per_class, seed))


def _bench(setting: Setting, topology: Topology, name: str) -> Bench:
    shape = topology.input_shape
    if len(shape) != 3 or topology.input_bits != 8:
        raise NetworkError(f"{setting.topology} takes no images of 8 bits")
    effort, own = setting.effort, name == "fashion5"
    source = Source(
        "fashion5" if own else "fashion10",
        topology,
        effort,
        setting.folder / "trainings",
        setting.upto or image_layers(topology),
        None if own else setting.extractor,
        None if own else setting.pretrained,
        setting.device,
    )
    target = targets.load(name, shape).limited(effort.train_images, effort.test_images)
    return Bench(target, source, effort, setting.processes, setting.simulated)


def _run(bench: Callable[[], Bench], row: str, per_class: PerClass, seed: int) -> dict[str, Any]:
    return bench().run(row, per_class, seed)

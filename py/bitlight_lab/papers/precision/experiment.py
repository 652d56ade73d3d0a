"""The whole experiment: its runs, then table and figure of what is in the journal."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bitlight.errors import DataError
from bitlight_lab.papers.backbones import Backbone
from bitlight_lab.papers.frame import experiment
from bitlight_lab.papers.journal import Cell, Found
from bitlight_lab.papers.pipeline import Network, Sides
from bitlight_lab.papers.precision import onnxengine
from bitlight_lab.papers.precision.figure import draw
from bitlight_lab.papers.precision.report import parts
from bitlight_lab.papers.setting import BackboneSetting, load_target
from bitlight_lab.papers.targets import Target, identity
from bitlight_lab.papers.transfer.methods import in_torch

TORCH = "PyTorch"
PRECISIONS = ("float32", "float16", "int8")
ENGINES = {onnxengine.CPU: "ONNX Runtime", onnxengine.TENSORRT: "TensorRT"}


@dataclass(frozen=True)
class Effort:
    """Numbers of the experiment.

    Attributes
    ----------
    seeds : int
        Media of the optical features.
    calibration : int
        Training images for the ranges of int8.
    train_images, test_images : int or None
        Of a target; None: all.
    """

    seeds: int = 3
    calibration: int = 200
    train_images: int | None = None
    test_images: int | None = None

    def parameters(self) -> dict[str, Any]:
        """What a single run depends on."""
        return {k: v for k, v in asdict(self).items() if k != "seeds"}


FULL = Effort()
QUICK = Effort(seeds=1, calibration=50, train_images=1000, test_images=500)


@dataclass(frozen=True)
class Setting(BackboneSetting):
    """What is run: see `bitlight_lab.papers.setting`; ONNX files go to the folder, too.

    Attributes
    ----------
    effort : Effort
    stage : str or None
        The last stage that is kept; by default the article's twelfth dense layer of DenseNet-169's
        last block, and the whole of EfficientNet-Lite0.

    Examples
    --------
    >>> Setting(Path("build"), targets=("animals",)).targets
    ('animals',)
    """

    effort: Effort = FULL
    stage: str | None = None


def run(setting: Setting, say: Callable[[str], None] = lambda label: None) -> list[Found]:
    """Do what the journal lacks, then write table.md and time.png.

    Raises
    ------
    DataError
        If a target, the backbone or its weights, or a package is missing.

    Examples
    --------
    A network with random weights on a few digits: each engine and precision once.

    >>> import tempfile
    >>> few = Effort(seeds=1, calibration=8, train_images=40, test_images=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     setting = Setting(Path(folder), ("digits",), weights="random", size=32, effort=few)
    ...     found = run(setting)
    ...     files = sorted(path.name for path in Path(folder).glob("*.*g*"))
    >>> found[0].parameters["engine"], found[0].parameters["precision"], found[0].result["stage"]
    ('PyTorch', 'float32', 'head')
    >>> files
    ['time.png']
    """
    backbone = setting.load_backbone()
    cut = _cut(backbone, setting.stage)
    cells = partial(_cells, setting, backbone, cut)
    return experiment(setting.folder, setting.targets, cells, parts, draw, "time.png", say)


def _cut(backbone: Backbone, stage: str | None) -> int:
    if stage is None:
        stage = backbone.article_stage
    names = list(backbone.stages._modules)
    if stage not in names:
        raise DataError(f"stage must be one of {', '.join(names)}, not {stage!r}")
    return names.index(stage) + 1


def _cells(setting: Setting, backbone: Backbone, cut: int, name: str) -> Iterator[Cell]:
    bench, target = _Bench(setting, backbone, cut, name), identity(name)
    rows = [(TORCH, "float32"), (TORCH, "float16")]
    for provider in onnxengine.providers():
        # On the processor float16 is a float32 network with conversions around each layer.
        wanted = PRECISIONS[::2] if provider == onnxengine.CPU else PRECISIONS
        rows += [(provider, precision) for precision in wanted]
    for engine, precision in rows:
        for seed in range(setting.effort.seeds):
            parameters = {
                **setting.parameters(backbone, cut, target),
                "engine": ENGINES.get(engine, engine),
                "precision": precision,
                "seed": seed,
                **setting.effort.parameters(),
            }
            yield Cell(parameters, partial(bench.run, engine, precision, seed))


class _Bench:
    """A target and the features of the last engine."""

    def __init__(self, setting: Setting, backbone: Backbone, cut: int, name: str) -> None:
        self.setting, self.backbone, self.cut, self.name = setting, backbone, cut, name
        self.target: Target | None = None
        self.kept: tuple[tuple[str, str], Sides, dict[str, Any]] | None = None

    def run(self, engine: str, precision: str, seed: int) -> dict[str, Any]:
        if self.kept is None or self.kept[0] != (engine, precision):
            network, about = self._network(engine, precision)
            self.kept = (engine, precision), Sides.of(network, self._target()), about
        _, sides, about = self.kept
        return about | sides.optical(max(sides.train.n_features // 2, 1), seed)

    def _target(self) -> Target:
        if self.target is None:
            effort = self.setting.effort
            self.target = load_target(
                self.name, self.backbone, effort.train_images, effort.test_images
            )
        return self.target

    def _network(self, engine: str, precision: str) -> tuple[Network, dict[str, Any]]:
        about: dict[str, Any] = {"stage": self.backbone.label(self.cut)}
        if engine == TORCH:
            bytes_each = 4 if precision == "float32" else 2
            about["model_bytes"] = bytes_each * self.backbone.parameters(self.cut)
            return in_torch(self.backbone, self.cut, precision, self.setting.device), about
        path = self._file("int8" if precision == "int8" else "float32")
        about["model_bytes"] = path.stat().st_size
        return onnxengine.in_onnxruntime(path, self.backbone, precision, engine), about

    def _file(self, precision: str) -> Path:
        stem = f"{self.backbone.name}-{self.cut}-{self.backbone.prepared.size}"
        path = self.setting.folder / f"{stem}.onnx"
        onnxengine.export(self.backbone, self.cut, path)
        if precision == "float32":
            return path
        target = self._target()
        quantised = path.with_name(f"{stem}-{target.name}-int8.onnx")
        images = target.images[: self.setting.effort.calibration]
        onnxengine.quantise(path, quantised, self.backbone, images)
        return quantised

"""Leroux et al.'s Table 2 on flowers12, with natural32 as the extractor: docs/natural.md's table.

python -m bitlight_lab.figures.flowers DATA [--row ROW] [--few | --all]

DATA holds flowers12/train and flowers12/test. Every row is trained on all images, or on 20 of each
species, and answers the same test images. Rows that the hardware takes part in see the bits that
the RTL gives. Trainings and answers are kept in build/flowers, so that a run that was cut goes on.

The paper's future work is the last rows: natural32's last layers become float ones in software,
begin with its own bits as weights, and are trained on the task.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from bitlight import Network, extractors
from bitlight.heads import BinaryHead, LinearHead, RidgeHead
from bitlight.heads.heldout import fit_held_out
from bitlight.nn import BinaryConv2d, Scale, Sign, pixels_to_floats
from bitlight.training import Arrays, Recipe, latent_size, thaw, train
from bitlight.training.run import weights_of
from bitlight.training.session import Session
from bitlight.zoo.designs import Design
from bitlight.zoo.modules import logit_scale
from bitlight_lab.benchmarks.harness import machine
from bitlight_lab.figures.natural import RAW, SEEDS, VIEWS, Task, few, tasks, write
from bitlight_lab.papers.intervals import Interval, bootstrap, right
from bitlight_lab.papers.leroux.hardware import simulate
from bitlight_lab.papers.leroux.networks import logits
from bitlight_lab.papers.leroux.rows import LOGISTIC_C
from bitlight_lab.papers.markdown import percent, signed, table

BEGUN = Path("build/flowers")
ALL, FEW = "all", 20
SCRATCH, BINARY, TUNED = "float, from scratch", "binary, from scratch", "binary, fine-tuned"
A, B = "(a) binary last layer", "(b) float last layer"
RIDGE, VIEWED, LOGISTIC = "ridge", "ridge, ten views", "logistic"
TWO, THREE = "last two layers in software", "last three layers in software"
HEADS: dict[str, Callable[[int], Any]] = {
    A: lambda seed: BinaryHead(random_state=seed),
    B: lambda seed: LinearHead(random_state=seed),
    RIDGE: lambda seed: RidgeHead(selection="leave-one-out"),
    LOGISTIC: lambda seed: LogisticRegression(C=LOGISTIC_C, max_iter=1000),
}
# Layers of natural32 that stay hardware.
CUTS = {TWO: 7, THREE: 6}
# The trainings of networks; binary ones from scratch and float ones as docs/natural.md has them.
FROM_SCRATCH = Recipe(epochs=40, batch_size=48, shift=4, estimator="approx-sign")
RECIPES = {
    BINARY: FROM_SCRATCH,
    SCRATCH: replace(FROM_SCRATCH, learning_rate=1e-3, estimator="ste"),
    # A third of the rate from scratch, as for every fine-tuning of the paper's rows.
    TUNED: replace(FROM_SCRATCH, epochs=20, learning_rate=1e-3),
    # Of views of bits, ten for each image.
    TWO: Recipe(epochs=4, batch_size=48, learning_rate=1e-3, flip=False),
    THREE: Recipe(epochs=4, batch_size=48, learning_rate=1e-3, flip=False),
}
FEW_BATCH = 32
ROWS = (SCRATCH, BINARY, TUNED, A, B, RIDGE, VIEWED, LOGISTIC, TWO, THREE)
# Draws and seeds, where they cost little; of networks one.
SEVERAL = (A, B, RIDGE, LOGISTIC, VIEWED)
# What the paper's order, and ours, is about: the first above the second.
ORDER = (
    (B, A),
    (TUNED, BINARY),
    (A, BINARY),
    (B, BINARY),
    (RIDGE, BINARY),
    (TUNED, B),
    (TUNED, VIEWED),
    (TUNED, SCRATCH),
    (TWO, VIEWED),
    (THREE, VIEWED),
    (TUNED, THREE),
)


@dataclass(eq=False)
class Bench:
    """What the rows need, made when it is first wanted.

    Attributes
    ----------
    task : Task
    net : Network
        The extractor.
    """

    task: Task
    net: Network

    @cached_property
    def design(self) -> Design:
        """Of networks that are trained on the task."""
        return Design("vgg32")

    def run(self, row: str, number: int | str, seed: int) -> dict[str, Any]:
        """Train one row and ask it about the test images."""
        chosen = slice(None) if number == ALL else few(self.task.labels, int(number), seed)
        images, labels = self.task.images[chosen], self.task.labels[chosen]
        if row in CUTS:
            answers, figures = self._tail(row, images, labels, seed, number)
        elif row in HEADS or row == VIEWED:
            answers, figures = self._head(row, images, labels, seed)
        else:
            answers, figures = self._network(row, images, labels, seed, number)
        found = np.packbits(answers == self.task.test_labels, bitorder="little")
        kept = base64.b64encode(found.tobytes()).decode()
        return {"images": len(images), "right": kept, **figures}

    def _network(
        self, row: str, images: np.ndarray, labels: np.ndarray, seed: int, number: int | str
    ) -> tuple[np.ndarray, dict[str, Any]]:
        folder = BEGUN / f"{row.replace(', ', '-').replace(' ', '-')}-{number}-{seed}"
        recipe = self._recipe(row, number, seed)
        start = self.net if row == TUNED else None
        twin = row == SCRATCH
        session = Session(self.design, recipe, folder, "cpu", twin, start=start)
        session.train(Arrays(images, labels))
        if twin:
            module = self.design.build(int(labels.max()) + 1, twin=True)
            weights_of(folder, module)
            return logits(module.eval(), self.task.tests).argmax(1), {}
        net = Network.load(folder / "network.bnn")
        tests = simulate(net, self.task.tests)
        return net.logits(tests.values).argmax(1), {"network": net.id, **tests.figures}

    def _recipe(self, row: str, number: int | str, seed: int) -> Recipe:
        recipe = replace(RECIPES[row], seed=seed)
        return recipe if number == ALL else replace(recipe, batch_size=FEW_BATCH)

    def _head(
        self, row: str, images: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        tests, figures = self.tests(len(self.net.layers))
        if row == VIEWED:
            bits, labels = self._views(images, labels, len(self.net.layers))
            head: Any = _ridge_of_views(bits, labels)
        else:
            bits = self.net.forward(images)
            head = HEADS[row](seed).fit(bits, labels)
        return head.predict(tests), figures

    def _tail(
        self, row: str, images: np.ndarray, labels: np.ndarray, seed: int, number: int | str
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """natural32's last layers as float ones, and a float last layer."""
        cut, recipe = CUTS[row], self._recipe(row, number, seed)
        bits, labels = self._views(images, labels, cut)
        shape = (-1, *self.net.shapes[cut])
        samples = Arrays(bits.reshape(shape), labels)
        steps = recipe.epochs * (len(bits) // recipe.batch_size)
        latent = latent_size(recipe, steps)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = tail(self.net, cut, int(labels.max()) + 1, images, latent)
        train(module, samples, recipe)
        tests, figures = self.tests(cut)
        return logits(module, tests.reshape(shape)).argmax(1), figures

    def _views(
        self, images: np.ndarray, labels: np.ndarray, cut: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The bits of every view of images, view by view."""
        seen = [np.ascontiguousarray(view) for view in VIEWS.of(images)]
        bits = np.concatenate([self.net.forward(view, cut) for view in seen])
        return bits, np.tile(labels, VIEWS.count)

    def tests(self, cut: int) -> tuple[np.ndarray, dict[str, Any]]:
        """The RTL's bits of the test images after so many layers, and how they were compared."""
        if cut not in self._tests:
            self._tests[cut] = simulate(self.net.upto(cut), self.task.tests)
        found = self._tests[cut]
        return found.values, {"network": self.net.upto(cut).id, **found.figures}

    @cached_property
    def _tests(self) -> dict[int, Any]:
        return {}


def _ridge_of_views(bits: np.ndarray, labels: np.ndarray) -> RidgeHead:
    head = RidgeHead()
    fit_held_out(head, bits, labels[: len(labels) // VIEWS.count], hold_out=0, views=VIEWS.count)
    return head


class Signed(nn.Module):
    """Bits as ±1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """0 and 1 to −1 and 1."""
        return 2 * x - 1


class Softened(nn.Module):
    """A convolution whose latent weights are no longer seen through their signs.

    Parameters
    ----------
    layer : BinaryConv2d
    latent : float
        What latent weights are divided by: those of ±latent give the binary layer's sums.
    """

    def __init__(self, layer: BinaryConv2d, latent: float) -> None:
        super().__init__()
        self.layer, self.latent = layer, latent

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) to (N, out, H', W')."""
        return self.layer.sums(x, self.layer.weight / self.latent)


def tail(net: Network, cut: int, classes: int, images: np.ndarray, latent: float) -> nn.Sequential:
    """natural32's layers from `cut` on as float ones, for the bits before them, and a last layer.

    Every sum begins as the binary network's; in the place of the signs is hardtanh, whose gradient
    the straight-through estimator lends them.
    """
    design = Design("vgg32", software_head=True)
    body = design.extractor(design.build(classes))
    thaw(net, body, [pixels_to_floats(torch.from_numpy(images))], latent=latent)
    parts: list[nn.Module] = [Signed()]
    stage = -1
    for part in body.children():
        stage += isinstance(part, BinaryConv2d | nn.MaxPool2d)
        if stage >= cut:
            soft = Softened(part, latent) if isinstance(part, BinaryConv2d) else part
            parts.append(nn.Hardtanh() if isinstance(part, Sign) else soft)
    last = nn.Linear(net.n_features, classes)
    return nn.Sequential(*parts, nn.Flatten(), last, Scale(logit_scale(net.n_features)))


def work_left(net: Network, cut: int) -> float:
    """The share of an image's products that leave the hardware, without the last layer's."""
    return 1 - net.upto(cut).work / net.work


def runs(rows: tuple[str, ...]) -> Iterator[tuple[str, int | str, int]]:
    """Row, images of each class and seed, what matters most first."""
    for number in (ALL, FEW):
        for row in sorted(rows, key=lambda row: row not in SEVERAL):
            fixed = number == ALL and row in (RIDGE, VIEWED, LOGISTIC)
            for seed in SEEDS if row in SEVERAL and not fixed else SEEDS[:1]:
                yield row, number, seed


def answers(found: dict[str, Any], row: str, number: int | str) -> np.ndarray:
    """Which test images a row's runs put into the right class, bool (seeds, images)."""
    kept = [found["runs"].get(key(row, number, seed)) for seed in SEEDS]
    return np.array([right(run["right"], found["test_images"]) for run in kept if run])


def key(row: str, number: int | str, seed: int) -> str:
    """A run's name in the raw results."""
    return f"{row}; {number}; {seed}"


def difference(found: dict[str, Any], above: str, below: str, number: int | str) -> Interval | None:
    """Accuracy of one row less that of another, on the same test images."""
    pair = [answers(found, row, number) for row in (above, below)]
    return bootstrap(*pair) if all(map(len, pair)) else None


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Accuracies and differences with their intervals."""
    accuracies, order = {}, {}
    for number in (ALL, FEW):
        have = {row: answers(found, row, number) for row in ROWS}
        accuracies[str(number)] = {row: bootstrap(a) for row, a in have.items() if len(a)}
        pairs = {f"{a} − {b}": difference(found, a, b, number) for a, b in ORDER}
        order[str(number)] = {name: pair for name, pair in pairs.items() if pair}
    return {"accuracy": accuracies, "order": order}


def tables(found: dict[str, Any]) -> str:
    """The tables as Markdown."""
    told = summary(found)

    def cells(kind: str, name: str, form: Callable[[Interval], str]) -> list[str]:
        columns = (told[kind][str(number)].get(name) for number in (ALL, FEW))
        return [name, *("" if value is None else form(value) for value in columns)]

    rows = [cells("accuracy", row, percent) for row in ROWS]
    order = [cells("order", f"{a} − {b}", signed) for a, b in ORDER]
    head = ["", "all", f"{FEW} of each"]
    return table(head, rows) + "\n" + table(head, order)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--row", "wanted", multiple=True, type=click.Choice(ROWS), help="Only these.")
@click.option("--few/--all", "sparse", default=None, help="Only those with few images, or all.")
def main(data: Path, wanted: tuple[str, ...], sparse: bool | None) -> None:
    """Train what is missing, write docs/raw/natural/flowers12-table2.json, print the tables."""
    (task,) = tasks(data, "flowers12")
    net = extractors.features("natural32")
    raw = RAW / "flowers12-table2.json"
    about = {"extractor": net.id, "test_images": len(task.tests)}
    kept = json.loads(raw.read_text()) if raw.exists() else {}
    found = {"machine": machine(), **about, "runs": kept.get("runs", {})}
    if any(kept.get(name, value) != value for name, value in about.items()):
        found["runs"] = {}
    found["work_left"] = {row: work_left(net, cut) for row, cut in CUTS.items()}
    bench = Bench(task, net)
    for row, number, seed in runs(wanted or ROWS):
        if key(row, number, seed) in found["runs"] or sparse is (number == ALL):
            continue
        print(f"{row}, {number}, seed {seed}", flush=True)
        found["runs"][key(row, number, seed)] = bench.run(row, number, seed)
        write(raw, found | summary(found))
    write(raw, found | summary(found))
    print(tables(found))


if __name__ == "__main__":
    main()

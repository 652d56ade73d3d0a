"""Leroux et al.'s Table 2 with natural32 as the extractor: docs/natural.md's tables.

python -m bitlight_lab.figures.table2 DATA TARGET [--row ROW] [--images N]

DATA holds the folders that `bitlight_lab.figures.natural` names. Every row is trained on all images
of the target, or on some of each class, and answers the same test images. Rows that the hardware
takes part in see the bits that the RTL gives. Trainings are kept in build/table2, so that a run
that was cut goes on.

On flowers12 the paper's future work is the last rows: natural32's last layers become float ones in
software, begin with its own bits as weights, and are trained on the task.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from bitlight import Network, extractors
from bitlight.heads import BinaryHead, LinearHead, RidgeHead
from bitlight.training import Arrays, Recipe, latent_size, train
from bitlight.training.recipes import Precision
from bitlight.training.run import weights_of
from bitlight.training.session import Session
from bitlight.zoo.designs import Design
from bitlight_lab.benchmarks.harness import machine
from bitlight_lab.figures.natural import (
    RAW,
    SEEDS,
    VIEWS,
    Task,
    bits_of,
    bits_of_views,
    few,
    ridge_of_views,
    tasks,
    write,
)
from bitlight_lab.figures.tails import tail, work_left
from bitlight_lab.papers.intervals import Interval, bootstrap, right
from bitlight_lab.papers.leroux.hardware import simulate
from bitlight_lab.papers.leroux.networks import logits
from bitlight_lab.papers.leroux.rows import LOGISTIC_C
from bitlight_lab.papers.markdown import percent, signed, table

BEGUN = Path("build/table2")
ALL = "all"
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
# The trainings of networks; their epochs and precision are the target's.
FROM_SCRATCH = Recipe(batch_size=48, shift=4, estimator="approx-sign")
RECIPES = {
    BINARY: FROM_SCRATCH,
    SCRATCH: replace(FROM_SCRATCH, learning_rate=1e-3, estimator="ste"),
    # A third of the rate from scratch, as for every fine-tuning of the paper's rows.
    TUNED: replace(FROM_SCRATCH, learning_rate=1e-3),
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
    (VIEWED, BINARY),
    (TUNED, B),
    (TUNED, VIEWED),
    (TUNED, SCRATCH),
    (TWO, VIEWED),
    (THREE, VIEWED),
    (TUNED, THREE),
)


@dataclass(frozen=True)
class Target:
    """What the table asks of a task.

    Attributes
    ----------
    name : str
    numbers : tuple
        How many images of each class rows learn from, or ALL.
    epochs : callable
        Of a network from scratch, for so many images; half as many of one that is fine-tuned.
    precision : str
        In which networks are trained.
    rows : tuple of str
    tests : int, optional
        Test images of each class that are asked about; by default all.
    """

    name: str
    numbers: tuple[int | str, ...]
    epochs: Callable[[int], int]
    precision: Precision
    rows: tuple[str, ...] = ROWS
    tests: int | None = None

    def task(self, data: Path) -> Task:
        """Images to learn from, and those that are asked about."""
        (task,) = tasks(data, self.name)
        if self.tests is None:
            return task
        asked = np.sort(few(task.test_labels, self.tests, seed=0))
        return replace(task, tests=task.tests[asked], test_labels=task.test_labels[asked])

    def recipe(self, row: str, number: int | str, images: int, seed: int) -> Recipe:
        """How a row's network is trained on so many images."""
        recipe = replace(RECIPES[row], seed=seed)
        if row not in CUTS:
            epochs = self.epochs(images) // (2 if row == TUNED else 1)
            recipe = replace(recipe, epochs=epochs, precision=self.precision)
        return recipe if number == ALL else replace(recipe, batch_size=FEW_BATCH)


def _epochs(images: int) -> int:
    """As many as show 16,000 images, but no fewer than five."""
    return max(5, 16_000 // images)


TARGETS = {
    target.name: target
    for target in (
        Target("flowers12", (ALL, 20), lambda images: 40, "bfloat16"),
        Target("cifar10", (100, 20), _epochs, "float32", ROWS[:-2], tests=200),
        Target("unseen50", (100, 20), _epochs, "float32", ROWS[:-2]),
    )
}


@dataclass(eq=False)
class Bench:
    """What the rows need, made when it is first wanted.

    Attributes
    ----------
    target : Target
    task : Task
    net : Network
        The extractor.
    """

    target: Target
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
        name = f"{row.replace(', ', '-').replace(' ', '-')}-{number}-{seed}"
        folder = BEGUN / self.target.name / name
        recipe = self.target.recipe(row, number, len(images), seed)
        start = self.net if row == TUNED else None
        twin = row == SCRATCH
        session = Session(self.design, recipe, folder, "cpu", twin, start=start)
        session.train(Arrays(images, labels))
        history = json.loads((folder / "history.json").read_text())["epochs"]
        figures: dict[str, Any] = {"losses": [round(epoch["loss"], 3) for epoch in history]}
        if twin:
            module = self.design.build(int(labels.max()) + 1, twin=True)
            weights_of(folder, module)
            return logits(module.eval(), self.task.tests).argmax(1), figures
        net = Network.load(folder / "network.bnn")
        tests = simulate(net, self.task.tests)
        return net.logits(tests.values).argmax(1), {"network": net.id, **figures, **tests.figures}

    def _head(
        self, row: str, images: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        tests, figures = self.tests(len(self.net.layers))
        if row == VIEWED:
            head: Any = ridge_of_views(self.net, images, labels)
        else:
            head = HEADS[row](seed).fit(bits_of(self.net, images), labels)
        return head.predict(tests), figures

    def _tail(
        self, row: str, images: np.ndarray, labels: np.ndarray, seed: int, number: int | str
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """natural32's last layers as float ones, and a float last layer."""
        cut, recipe = CUTS[row], self.target.recipe(row, number, len(images), seed)
        bits, labels = bits_of_views(self.net, images, cut), np.tile(labels, VIEWS.count)
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

    def tests(self, cut: int) -> tuple[np.ndarray, dict[str, Any]]:
        """The RTL's bits of the test images after so many layers, and how they were compared."""
        if cut not in self._tests:
            self._tests[cut] = simulate(self.net.upto(cut), self.task.tests)
        found = self._tests[cut]
        return found.values, {"network": self.net.upto(cut).id, **found.figures}

    @cached_property
    def _tests(self) -> dict[int, Any]:
        return {}


def runs(target: Target, rows: tuple[str, ...]) -> Iterator[tuple[str, int | str, int]]:
    """Row, images of each class and seed, what matters most first."""
    for number in target.numbers:
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


def summary(target: Target, found: dict[str, Any]) -> dict[str, Any]:
    """Accuracies and differences with their intervals."""
    accuracies, order = {}, {}
    for number in target.numbers:
        have = {row: answers(found, row, number) for row in target.rows}
        accuracies[str(number)] = {row: bootstrap(a) for row, a in have.items() if len(a)}
        pairs = {f"{a} − {b}": difference(found, a, b, number) for a, b in ORDER}
        order[str(number)] = {name: pair for name, pair in pairs.items() if pair}
    return {"accuracy": accuracies, "order": order}


def tables(target: Target, found: dict[str, Any]) -> str:
    """The tables as Markdown."""
    told = summary(target, found)

    def lines(kind: str, names: Iterable[str], form: Callable[[Interval], str]) -> list[list[str]]:
        columns = [told[kind][str(number)] for number in target.numbers]
        return [
            [name, *(form(column[name]) if name in column else "" for column in columns)]
            for name in names
            if any(name in column for column in columns)
        ]

    head = ["", *(ALL if number == ALL else f"{number} of each" for number in target.numbers)]
    accuracies = lines("accuracy", target.rows, percent)
    order = lines("order", (f"{a} − {b}" for a, b in ORDER), signed)
    return table(head, accuracies) + "\n" + table(head, order)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name", metavar="TARGET", type=click.Choice(list(TARGETS)))
@click.option("--row", "wanted", multiple=True, type=click.Choice(ROWS), help="Only these.")
@click.option("--images", "only", metavar="N", help="Only those that learn from N of each class.")
def main(data: Path, name: str, wanted: tuple[str, ...], only: str | None) -> None:
    """Train what is missing, write docs/raw/natural/TARGET-table2.json, print the tables."""
    target = TARGETS[name]
    task = target.task(data)
    net = extractors.features("natural32")
    raw = RAW / f"{name}-table2.json"
    about = {"extractor": net.id, "test_images": len(task.tests)}
    kept = json.loads(raw.read_text()) if raw.exists() else {}
    if any(kept.get(name, value) != value for name, value in about.items()):
        kept = {}
    found: dict[str, Any] = {"machine": machine(), **about, "runs": {}} | kept
    if cuts := {row: work_left(net, cut) for row, cut in CUTS.items() if row in target.rows}:
        found["work_left"] = cuts
    bench = Bench(target, task, net)
    for row, number, seed in runs(target, wanted or target.rows):
        if key(row, number, seed) in found["runs"] or only not in (None, str(number)):
            continue
        print(f"{row}, {number}, seed {seed}", flush=True)
        found["runs"][key(row, number, seed)] = bench.run(row, number, seed)
        found["machine"] = machine()
        write(raw, found | summary(target, found))
    write(raw, found | summary(target, found))
    print(tables(target, found))


if __name__ == "__main__":
    main()

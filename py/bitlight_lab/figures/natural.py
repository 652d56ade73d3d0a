"""What natural32's bits are worth on photographs that it has never seen: docs/natural.md's figures.

python -m bitlight_lab.figures.natural DATA [--rtl N] [--only TARGET]

What was found of an extractor is kept in build/natural, so that a run that was cut goes on.

DATA holds cifar10/train and cifar10/test, flowers12/train and flowers12/test, and
tiny-imagenet-32/train and tiny-imagenet-32/val, each a folder of one sub-folder for each class.
A ridge head is trained on the bits of some images of each class, or on all, and scored on all test
images; beside natural32 stand the same network with random weights, fashion32, and the pixels
themselves. The test images go through natural32's RTL as well, every bit of which is compared.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from bitlight import Network, OpticalFeatures, RidgeHead, extractors
from bitlight.console.progress import steps
from bitlight.data import Views
from bitlight.data.foldersource import FolderSource
from bitlight.files.replacing import replacing
from bitlight.freezing.freeze import freeze
from bitlight.heads.heldout import fit_held_out
from bitlight.nn import pixels_to_floats
from bitlight.training import Arrays
from bitlight.training.run import weights_of
from bitlight.zoo.designs import Design
from bitlight_lab.benchmarks.harness import machine
from bitlight_lab.figures.record import DOCS
from bitlight_lab.papers.intervals import bootstrap
from bitlight_lab.papers.leroux.hardware import simulate
from bitlight_lab.papers.leroux.networks import logits

RAW = DOCS / "raw" / "natural"
# What a run that was cut has found so far.
BEGUN = Path("build/natural")
SHAPE = (32, 32, 3)
# What natural32 has not been trained on: every fourth class of Tiny ImageNet.
EVERY = 4
FEW = (1, 5, 20)
SEEDS = (0, 1, 2)
BATCH = 1000
# Components of the optical projection, where images are few enough for all of them.
COMPONENTS = (4_096, 16_384, 65_536)
FEW_IMAGES = 2000
# As what else photographs are seen, where they are few.
VIEWS = Views(mirror=True, shift=2)


@dataclass(frozen=True, eq=False)
class Task:
    """Images of 32×32 to train a head on and to test it on."""

    name: str
    images: np.ndarray
    labels: np.ndarray
    tests: np.ndarray
    test_labels: np.ndarray


def _read(path: Path) -> Arrays:
    source = FolderSource(path, SHAPE)
    rows = range(len(source))
    return Arrays(source.images(rows), source.labels(rows), source.classes)


def _task(name: str, train: Arrays, test: Arrays) -> Task:
    test_labels = test.renumber(train.names)
    labels = np.concatenate([part.numpy() for _, part in test_labels.in_order(BATCH)])
    return Task(name, train.pixels.numpy(), train.labels.numpy(), test.pixels.numpy(), labels)


def _unseen(samples: Arrays) -> Arrays:
    """The classes that natural32's training left out."""
    labels = samples.labels.numpy()
    rows = labels % EVERY == EVERY - 1
    names = samples.names[EVERY - 1 :: EVERY]
    return Arrays(samples.pixels.numpy()[rows], labels[rows] // EVERY, names)


def tasks(data: Path, only: str | None) -> Iterator[Task]:
    """The tasks in DATA, or the one of that name."""
    for name, train, test in (
        ("flowers12", "flowers12/train", "flowers12/test"),
        ("unseen50", "tiny-imagenet-32/train", "tiny-imagenet-32/val"),
        ("cifar10", "cifar10/train", "cifar10/test"),
    ):
        if only in (None, name):
            sides = [_read(data / part) for part in (train, test)]
            yield _task(name, *(map(_unseen, sides) if name == "unseen50" else sides))


def _random(images: np.ndarray) -> Network:
    """natural32's shape with random weights; batch norm knows the images, as after training."""
    design = Design("vgg32", software_head=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = design.extractor(design.build(2)).train()
    sample = pixels_to_floats(torch.from_numpy(images))
    with torch.no_grad():
        for part in sample.split(100):
            module(part)
    return freeze(module.eval(), design.input_shape, design.bits, sample[:100])


def bits_of(net: Network | None, images: np.ndarray, upto: int | None = None) -> np.ndarray:
    """A network's bits, after so many layers or all; without a network the pixels, uint8."""
    if net is None:
        return images.reshape(len(images), -1)
    parts = [net.forward(images[k : k + BATCH], upto) for k in range(0, len(images), BATCH)]
    return np.concatenate([part.reshape(len(part), -1) for part in parts]).astype(np.uint8)


def bits_of_views(net: Network | None, images: np.ndarray, upto: int | None = None) -> np.ndarray:
    """The bits of every view of images, view by view."""
    seen = (np.ascontiguousarray(view) for view in VIEWS.of(images))
    return np.concatenate([bits_of(net, view, upto) for view in seen])


def ridge_of_views(net: Network | None, images: np.ndarray, labels: np.ndarray) -> RidgeHead:
    """A ridge head that has learnt every view of images."""
    head = RidgeHead()
    fit_held_out(head, bits_of_views(net, images), labels, hold_out=0, views=VIEWS.count)
    return head


def few(labels: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Which images a draw of so many of each class takes."""
    order = np.random.default_rng([number, seed]).permutation(len(labels))
    chosen = [order[labels[order] == label][:number] for label in range(labels.max() + 1)]
    return np.concatenate(chosen)


def _scores(task: Task, bits: np.ndarray, tests: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in (*FEW, "all"):
        started, right = time.perf_counter(), []
        for seed in SEEDS if isinstance(number, int) else SEEDS[:1]:
            rows = slice(None) if number == "all" else few(task.labels, int(number), seed)
            small = len(task.labels[rows]) < 2000
            head = RidgeHead(selection="leave-one-out" if small else "held-out")
            head.fit(bits[rows], task.labels[rows])
            right.append(head.predict(tests) == task.test_labels)
        accuracy, low, high = bootstrap(np.array(right))
        seconds = (time.perf_counter() - started) / len(right)
        found[str(number)] = {"accuracy": accuracy, "interval": [low, high], "seconds": seconds}
    return found


def _with_views(task: Task, net: Network | None, tests: np.ndarray) -> dict[str, Any]:
    """The same with all images, mirrored and moved as well; test images are seen as they are."""
    started = time.perf_counter()
    head = ridge_of_views(net, task.images, task.labels)
    seconds = time.perf_counter() - started
    right = head.predict(tests) == task.test_labels
    accuracy, low, high = bootstrap(right[np.newaxis])
    return {"accuracy": accuracy, "interval": [low, high], "seconds": seconds}


def _optical(task: Task, bits: np.ndarray, tests: np.ndarray) -> dict[str, Any]:
    """Ridge on optical random features of the bits, three media each, on all images."""
    found: dict[str, Any] = {}
    for components in COMPONENTS:
        right, seconds = [], 0.0
        for seed in SEEDS:
            started = time.perf_counter()
            optics = OpticalFeatures(components, "structured", random_state=seed).fit(bits)
            head = RidgeHead(selection="leave-one-out").fit(optics.transform(bits), task.labels)
            seconds += time.perf_counter() - started
            right.append(head.predict(optics.transform(tests)) == task.test_labels)
        accuracy, low, high = bootstrap(np.array(right))
        row = {"accuracy": accuracy, "interval": [low, high], "seconds": seconds / len(SEEDS)}
        found[str(components)] = row
    return found


def _answers(folder: Path, task: Task) -> np.ndarray:
    """What a network that was trained on the task itself says of the test images: right or not."""
    if (folder / "network.bnn").is_file():
        net = Network.load(folder / "network.bnn")
        return np.asarray(net.classify(task.tests) == task.test_labels)
    design = Design.from_json(json.loads((folder / "result.json").read_text())["design"])
    module = design.build(int(task.labels.max()) + 1, twin=True)
    weights_of(folder, module)
    return np.asarray(logits(module.eval(), task.tests).argmax(1) == task.test_labels)


def compare(task: Task, folders: Sequence[Path]) -> dict[str, Any]:
    """natural32's ridge heads on all images beside networks that know the task's images alone."""
    net = extractors.features("natural32")
    tests = bits_of(net, task.tests)
    head = RidgeHead(selection="leave-one-out")
    head.fit(bits_of(net, task.images), task.labels)
    viewed = ridge_of_views(net, task.images, task.labels)
    ours = {
        "natural32": head.predict(tests) == task.test_labels,
        "natural32, ten views": viewed.predict(tests) == task.test_labels,
    }
    found: dict[str, Any] = {
        name: {"accuracy": bootstrap(right[np.newaxis])} for name, right in ours.items()
    }
    for folder in folders:
        theirs = _answers(folder, task)[np.newaxis]
        above = {
            f"{name} above it": bootstrap(right[np.newaxis], theirs) for name, right in ours.items()
        }
        found[folder.name] = {"accuracy": bootstrap(theirs), **above}
    return found


def measure(task: Task, rtl: int | None) -> dict[str, Any]:
    """Accuracies of every extractor on one task, and the comparison of its test images in RTL."""
    net = extractors.features("natural32")
    some = np.random.default_rng(0).permutation(len(task.images))[:1000]
    networks = {
        "natural32": net,
        "random weights": _random(task.images[some]),
        "fashion32": extractors.features("fashion32"),
        "pixels": None,
    }
    about = {
        "network": extractors.load("natural32").id,
        "images": len(task.images),
        "test_images": len(task.tests),
    }
    begun = BEGUN / f"{task.name}.json"
    found = _begun(begun, about)
    small = len(task.images) < FEW_IMAGES
    with steps() as say:
        for name, used in networks.items():
            if name in found:
                continue
            say(f"{task.name}: {name}")
            bits, tests = bits_of(used, task.images), bits_of(used, task.tests)
            row = {"values": bits.shape[1], **_scores(task, bits, tests)}
            if small:
                row["views"] = _with_views(task, used, tests)
            if used is net and small:
                say(f"{task.name}: optical features of {name}")
                found["optical"] = _optical(task, bits, tests)
            found[name] = row
            write(begun, found)
        say(f"{task.name}: test images in RTL")
        found["rtl"] = simulate(net, task.tests, most=rtl).figures
    begun.unlink()
    return found


def _begun(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """What a run of the same network and images has found before it was cut."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        if all(found.get(key) == value for key, value in about.items()):
            return found
    return dict(about)


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures as JSON, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write((json.dumps(figures, indent=2) + "\n").encode())


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rtl", type=click.IntRange(1), help="Test images in RTL; all by default.")
@click.option("--only", type=click.Choice(["flowers12", "unseen50", "cifar10"]))
@click.option(
    "--beside",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of `bitlight train` on the task itself; may be repeated. Nothing else is done.",
)
def main(data: Path, rtl: int | None, only: str | None, beside: tuple[Path, ...]) -> None:
    """Measure, write docs/raw/natural and print the table."""
    for task in tasks(data, only):
        if beside:
            found = compare(task, beside)
            write(RAW / f"{task.name}-scratch.json", found)
            print(json.dumps(found, indent=2))
            continue
        figures = {"machine": machine()} | measure(task, rtl)
        write(RAW / f"{task.name}.json", figures)
        for name in ("natural32", "random weights", "fashion32", "pixels"):
            columns = [*map(str, FEW), "all", "views"]
            cells = [_cell(figures[name][key]) for key in columns if key in figures[name]]
            print(f"| {task.name} | {name} | {' | '.join(cells)} |")
        for components, row in figures.get("optical", {}).items():
            print(f"| {task.name} | {components} optical components, all | {_cell(row)} |")
        print(figures["rtl"])


def _cell(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{100 * row['accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()

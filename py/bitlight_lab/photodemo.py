"""The whole chain on photographs that a user has: what `make demo PHOTOS=…` adds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import Classifier, DataError, Network, extractors
from bitlight.cli import sources
from bitlight.cli.reading import Reading
from bitlight.cli.report import show_table, write_json
from bitlight.console.progress import console, progress, working
from bitlight.data.parts import layout_of
from bitlight.data.source import ArraySource
from bitlight.data.splitting import Split
from bitlight.heads import RidgeHead
from bitlight.heads.accuracy import Accuracy
from bitlight_lab.report import Classes, checking, report

EXTRACTOR = "natural32"
HOW = "80:20"  # where the photographs are not divided already
MOST = 200  # test images that go through the RTL: each takes 73,728 cycles
SHOWN = 4


@dataclass(frozen=True)
class Sides:
    """Photographs to train on and to test on, in the extractor's shape."""

    train: ArraySource
    test: ArraySource

    @staticmethod
    def of(photographs: str, net: Network) -> "Sides":
        """As they are divided, in folders or parts; else four fifths of each class, and the rest.

        Parameters
        ----------
        photographs : str
            A folder with one sub-folder for each class, or a data set with parts to train and to
            test on.

        Raises
        ------
        DataError
            If they are no photographs of classes, or both sides do not have the same classes.
        """
        layout = layout_of(Path(photographs))
        if layout is None:
            return Sides(
                _read(photographs, net, Reading(split=Split(HOW, "train"))),
                _read(photographs, net, Reading(split=Split(HOW, "test"))),
            )
        parts = layout.divided(Path(photographs))
        sides = [
            _read(f"{photographs}:{part}" if part else photographs, net, Reading())
            for part in parts
        ]
        if sides[0].classes != sides[1].classes:
            raise DataError(f"{photographs}: its parts {' and '.join(parts)} have other classes")
        return Sides(*sides)


def _read(name: str, net: Network, reading: Reading) -> ArraySource:
    source = sources.source(name, net, reading=reading)
    everything = range(len(source))
    images, labels = source.images(everything), source.labels(everything)
    if not source.classes or labels.min() < 0:
        raise DataError(f"{name} has no classes to learn: give a folder with a sub-folder for each")
    found = ArraySource(source.name, images, labels, net.input_shape, classes=source.classes)
    found.placing = source.placing
    return found


def read(photographs: str) -> Sides:
    """The photographs, before any other work; see `Sides.of`."""
    with working("reading the photographs"):
        return Sides.of(photographs, extractors.features(EXTRACTOR))


def run(sides: Sides, folder: Path, processes: int) -> dict[str, Any]:
    """Train a head on the photographs, and test it on features from the RTL.

    Parameters
    ----------
    sides : Sides
    folder : Path
        For `photos.json`, `photos.head` and `photos.html`.
    processes : int, of the RTL simulation

    Returns
    -------
    dict of figures; `bits_different` and the cycles, predicted and measured, tell whether all is
    as it should be.
    """
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    folder.mkdir(parents=True, exist_ok=True)
    net = extractors.features(EXTRACTOR)
    with progress("features", len(sides.train)) as done:
        model = Classifier.train(sides.train, net, progress=done)
    model.save(folder / "photos.head")
    everything = range(len(sides.test))
    tests, labels = sides.test.images(everything), sides.test.labels(everything)
    golden = net.forward(tests)
    simulated = np.sort(np.random.default_rng(0).permutation(len(tests))[:MOST])
    accelerator = Accelerator(net)
    simulator = Simulator(accelerator, processes, engine="sliced")
    with working("compiling the simulator, sliced"):
        simulator.build()
    with progress("RTL simulation, sliced", len(simulated)) as moved:
        out = simulator.run(tests[simulated], moved)
    checked = checking.of_run(accelerator, out, golden[simulated], "sliced")
    features = golden.reshape(len(tests), -1).copy()
    features[simulated] = out.features.reshape(len(simulated), -1)
    told = model.scores_of(features).argmax(axis=1)
    # The head's classes are those that it saw, and the labels count all names.
    told = model.head.classes_[told]
    result = {
        "photographs": sides.test.name,
        "network": net.id,
        "classes": list(sides.train.classes),
        "train_images": len(sides.train),
        "test_images": len(tests),
        "in_rtl": len(simulated),
        "bits_compared": out.features.size,
        "bits_different": int((out.features != golden[simulated]).sum()),
        "cycles_predicted": accelerator.cycles_per_image,
        "cycles_measured": out.cycles_per_image,
        "latency_predicted": accelerator.latency,
        "latency_measured": out.latency,
        "rtl_images_per_s": out.images_per_s,
        "accuracy": _about(Accuracy(int((told == labels).sum()), len(labels))),
        "accuracy_of_pixels": _about(_of_pixels(sides, tests, labels)),
    }
    write_json(folder / "photos.json", result)
    with working("writing the report"):
        _report(folder / "photos.html", accelerator, sides, tests, labels, told, checked)
    _show(result, folder)
    return result


def _about(accuracy: Accuracy) -> dict[str, Any]:
    return {"share": accuracy.share, "interval": list(accuracy.interval)}


def _of_pixels(sides: Sides, tests: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Ridge without an extractor: what its bits are worth."""
    everything = range(len(sides.train))
    head = RidgeHead()
    with working("training: ridge on pixels"):
        head.fit(
            sides.train.images(everything).reshape(len(sides.train), -1),
            sides.train.labels(everything),
        )
        right = head.predict(tests.reshape(len(tests), -1)) == labels
    return Accuracy(int(right.sum()), len(labels))


def _report(
    path: Path,
    accelerator: Any,
    sides: Sides,
    tests: np.ndarray,
    labels: np.ndarray,
    told: np.ndarray,
    checked: checking.Checked,
) -> None:
    names = sides.test.classes
    title = f"RidgeHead on {sides.test.name}, trained on {len(sides.train):,} others"
    report(
        accelerator,
        title=EXTRACTOR,
        images=tests,
        titles=[f"{place}: {names[label]}" for place, label in enumerate(labels.tolist())],
        images_name=sides.test.name,
        shown=np.unique(labels, return_index=True)[1][:SHOWN].tolist(),
        checked=checked,
        classes=Classes.of_predictions(title, names, labels, told),
    ).save(path)


def _show(result: dict[str, Any], folder: Path) -> None:
    def percent(name: str) -> str:
        low, high = result[name]["interval"]
        return f"{result[name]['share']:.1%} ({100 * low:.1f} to {100 * high:.1f})"

    rows: list[list[Any]] = [
        ["classes", len(result["classes"])],
        [
            "photographs to train on / to test on",
            f"{result['train_images']:,} / {result['test_images']:,}",
        ],
        ["of these through the RTL", result["in_rtl"]],
        ["bits compared", result["bits_compared"]],
        ["bits different", result["bits_different"]],
        ["cycles per image, predicted", result["cycles_predicted"]],
        ["cycles per image, measured", result["cycles_measured"]],
        ["images/s, RTL, bit-sliced", round(result["rtl_images_per_s"], 1)],
        ["accuracy, ridge head", percent("accuracy")],
        ["accuracy, ridge on raw pixels", percent("accuracy_of_pixels")],
    ]
    show_table(f"{result['photographs']}, {EXTRACTOR}", ["", "value"], rows)
    head = folder / "photos.head"
    console.print(f"figures in {folder / 'photos.json'}, the head in {head}")
    console.print(f"a page with all of it, for any browser: {folder / 'photos.html'}")
    console.print(f"what a photograph shows: bitlight predict {head} IMAGE")

"""The whole chain once, on real images: what `make demo` runs."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import data, extractors
from bitlight.cli.report import show_table, write_json
from bitlight.console.progress import console, progress, working
from bitlight.heads import RidgeHead
from bitlight_lab.plots import drawn
from bitlight_lab.report import Classes, checking, report
from bitlight_lab.report.checking import Checked

# Thousands of bits want a stronger penalty than scikit-learn's default. Chosen on a fifth of the
# training images; a search here would take longer than all the rest.
LOGISTIC_C = 0.1
VERILATED = 200  # images that Verilator gets, which takes them one by one


@dataclass(frozen=True)
class Images:
    """The animals, the test images first, so that all of these go through the RTL."""

    pixels: np.ndarray
    labels: np.ndarray
    tests: int

    @staticmethod
    def load() -> "Images":
        """8,000 training and 2,000 test images, split with seed 0."""
        train, train_labels, test, test_labels = data.animal_split(seed=0)
        return Images(
            np.concatenate([test, train]), np.concatenate([test_labels, train_labels]), len(test)
        )


def run(folder: Path, simulated: int, processes: int) -> dict[str, Any]:
    """Run the demonstration: its figures, for `holds`.

    Parameters
    ----------
    folder : Path
        For `result.json`, `accuracy.png` and `report.html`.
    simulated : int
        Images that go through the RTL, at least the 2,000 test images.
    processes : int, of the RTL simulation
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = Images.load()
    result, out, accelerator = _simulate(images.pixels[:simulated], processes)
    net, rtl_features = accelerator.net, out.features
    net.forward(images.pixels[:1])  # compiles at its first call
    started = time.perf_counter()
    golden = net.forward(images.pixels)
    golden_rate = len(golden) / (time.perf_counter() - started)
    result["bits_different"] = int((rtl_features != golden[:simulated]).sum())
    result["images_per_s"] = {"golden model": golden_rate, **result.pop("rtl_images_per_s")}
    features = np.concatenate([rtl_features, golden[simulated:]])
    result["features_from"] = _origins(simulated, images.tests, len(features))
    result["accuracy"], told = _train(features, images)
    write_json(folder / "result.json", result)
    _plot(folder / "accuracy.png", result["accuracy"])
    checked = checking.of_run(accelerator, out, golden[:simulated], "sliced")
    _report(folder / "report.html", accelerator, images, checked, told)
    _show(result, folder)
    return result


def holds(result: dict[str, Any]) -> bool:
    """Whether no bit and no cycle count differs, of this part or of that with photographs."""
    return (
        not result["bits_different"]
        and not result.get("engines_differ")
        and result["cycles_predicted"] == result["cycles_measured"]
        and result["latency_predicted"] == result["latency_measured"]
    )


def _simulate(pixels: np.ndarray, processes: int) -> tuple[dict[str, Any], Any, Any]:
    """All images in the bit-sliced simulator, and some in Verilator's model of the Verilog."""
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    accelerator = Accelerator(extractors.features())
    sliced = _run(Simulator(accelerator, processes, engine="sliced"), pixels)
    verilated = _run(Simulator(accelerator, processes, engine="verilator"), pixels[:VERILATED])
    return (
        {
            "network": accelerator.net.id,
            "folding": accelerator.folding,
            "images": len(pixels),
            "images_in_verilator": len(verilated.features),
            "bits_compared": sliced.features.size,
            "engines_differ": bool((verilated.features != sliced.features[:VERILATED]).any())
            or (verilated.cycles_per_image, verilated.latency)
            != (sliced.cycles_per_image, sliced.latency),
            "cycles_predicted": accelerator.cycles_per_image,
            "cycles_measured": sliced.cycles_per_image,
            "latency_predicted": accelerator.latency,
            "latency_measured": sliced.latency,
            "rtl_images_per_s": {
                "RTL, bit-sliced": sliced.images_per_s,
                "RTL, Verilator": verilated.images_per_s,
            },
        },
        sliced,
        accelerator,
    )


def _run(simulator: Any, pixels: np.ndarray) -> Any:
    with working(f"compiling the simulator, {simulator.engine}"):
        simulator.build()
    found = "found" if simulator.built_before else "built"
    console.print(f"{simulator.engine} simulator {found} in {simulator.build_seconds:.1f} s")
    with progress(f"RTL simulation, {simulator.engine}", len(pixels)) as done:
        return simulator.run(pixels, done)


def _origins(simulated: int, tests: int, total: int) -> dict[str, dict[str, int]]:
    return {
        "test": {"rtl": tests, "golden": 0},
        "train": {"rtl": simulated - tests, "golden": total - simulated},
    }


def _train(features: np.ndarray, images: Images) -> tuple[dict[str, float], np.ndarray]:
    """Accuracy of each head, and what the ridge head takes the test images for."""
    from sklearn.linear_model import LogisticRegression

    train, test = slice(images.tests, None), slice(0, images.tests)
    pixels = images.pixels.reshape(len(features), -1)
    heads = {
        "ridge": (RidgeHead(), features),
        "logistic": (LogisticRegression(C=LOGISTIC_C, max_iter=500), features),
        "pixels": (RidgeHead(), pixels),
    }
    accuracy, told = {}, {}
    for name, (head, inputs) in heads.items():
        with working(f"training: {name}"):
            head.fit(inputs[train], images.labels[train])
            told[name] = head.predict(inputs[test])
            accuracy[name] = float((told[name] == images.labels[test]).mean())
    return accuracy, told["ridge"]


def _report(
    path: Path, accelerator: Any, images: Images, checked: Checked, told: np.ndarray
) -> None:
    """The page of what was measured, with the ridge head's accuracy."""
    pixels, labels = images.pixels[: images.tests], images.labels[: images.tests]
    title = (
        f"RidgeHead on animals:test, trained on the {len(images.labels) - images.tests:,} others"
    )
    report(
        accelerator,
        title="fashion28",
        images=pixels.reshape(-1, *accelerator.net.input_shape),
        titles=[f"{place}: {data.ANIMALS[label]}" for place, label in enumerate(labels.tolist())],
        images_name="animals:test",
        shown=np.unique(labels, return_index=True)[1][:4].tolist(),
        checked=checked,
        classes=Classes.of_predictions(title, data.ANIMALS, labels, told),
    ).save(path)


def _plot(path: Path, accuracy: dict[str, float]) -> None:
    names = {
        "pixels": "ridge on raw pixels",
        "logistic": "logistic on RTL features",
        "ridge": "ridge on RTL features",
    }
    with drawn(path, (7, 2.4)) as ((axes,),):
        values = [100 * accuracy[name] for name in names]
        bars = axes.barh(list(names.values()), values, color=["0.7", "tab:blue", "tab:blue"])
        axes.bar_label(bars, fmt="%.1f %%", padding=3)
        axes.set_xlim(0, 100)
        axes.set_xlabel("accuracy on 2,000 test images, %")
        axes.set_title(
            "Animal silhouettes, 10 classes, 8,000 training images", loc="left", fontsize=10
        )
        axes.spines[["top", "right"]].set_visible(False)


def _show(result: dict[str, Any], folder: Path) -> None:
    origin, rate, accuracy = result["features_from"], result["images_per_s"], result["accuracy"]
    rows = [
        ["images through the RTL", result["images"]],
        ["of these in Verilator too", result["images_in_verilator"]],
        ["bits compared", result["bits_compared"]],
        ["bits different", result["bits_different"]],
        ["cycles per image, predicted", result["cycles_predicted"]],
        ["cycles per image, measured", result["cycles_measured"]],
        ["latency in cycles, predicted", result["latency_predicted"]],
        ["latency in cycles, measured", result["latency_measured"]],
        *([f"images/s, {engine}", round(value)] for engine, value in rate.items()),
        [
            "test features from RTL / golden",
            f"{origin['test']['rtl']:,} / {origin['test']['golden']:,}",
        ],
        [
            "training features from RTL / golden",
            f"{origin['train']['rtl']:,} / {origin['train']['golden']:,}",
        ],
        ["accuracy, ridge head", f"{accuracy['ridge']:.2%}"],
        ["accuracy, logistic head", f"{accuracy['logistic']:.2%}"],
        ["accuracy, ridge on raw pixels", f"{accuracy['pixels']:.2%}"],
    ]
    show_table("animal silhouettes, fashion28", ["", "value"], rows)
    console.print(f"figures in {folder / 'result.json'}, plot in {folder / 'accuracy.png'}")
    console.print(f"a page with all of it, for any browser: {folder / 'report.html'}")

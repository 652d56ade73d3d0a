"""Measure and draw what docs/optics.md shows: speckle, kernel, animals and camera, or those named.

Raw figures come into docs/raw/optics, pictures into docs/optics.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import convolve1d

from bitlight import Camera, OpticalFeatures, RidgeHead, bits, data, extractors
from bitlight.optics.kernel import optical_kernel
from bitlight.optics.media import MEDIA
from bitlight.optics.speckle import Speckle
from bitlight_lab.figures.record import DOCS
from bitlight_lab.plots import drawn

COMPONENTS = 1000  # of the comparison of camera effects


def write(name: str, figures: Any) -> None:
    """Raw figures to a JSON file."""
    folder = DOCS / "raw" / "optics"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")


def speckle() -> None:
    """A picture as the camera sees it, with grains in both directions, and its histogram."""
    side, weights = 160, Speckle(grain=4.0).weights()
    wide = side + len(weights) - 1
    frame = bits.pack_words((np.random.default_rng(0).random((1, 4096)) < 0.5).astype(np.uint8))
    fields = MEDIA["structured"](4096, 0).fields(frame, 0, wide * wide).reshape(2, wide, wide)
    for axis in (1, 2):
        fields = convolve1d(fields, weights, axis=axis)
    reach = len(weights) // 2
    light = (fields**2).sum(axis=0)[reach : reach + side, reach : reach + side]
    camera = Camera()
    counts = camera.capture(light, camera.exposed(light))
    plain = OpticalFeatures(100_000, "structured").fit_transform(bits.unpack_words(frame, 4096))
    steps = np.arange(256)
    with drawn(DOCS / "optics" / "speckle.png", (8, 3.4), columns=2) as ((left, right),):
        left.imshow(counts, cmap="gray", vmin=0, vmax=255)
        left.set(xticks=[], yticks=[], title="speckle, grains of 4 pixels")
        right.hist(plain[0], bins=64, range=(0, 256), density=True, color="0.6", label="counts")
        fall = np.exp(-steps / plain.mean()) / plain.mean()
        right.plot(steps, fall, marker="", label="exponential")
        title = "independent pixels"
        right.set(xlabel="count", ylabel="share of pixels", yscale="log", title=title)
        right.legend()


def kernel() -> None:
    """Error of kernel values from m components, 50 pairs, each with a medium of its own."""
    n, pairs, counts = 100, 50, [2**k for k in range(6, 14)]
    x = (np.random.default_rng(0).random((2 * pairs, n)) < 0.5).astype(np.uint8)
    words, exact = bits.pack_words(x), np.diag(optical_kernel(x[:pairs], x[pairs:]))
    figures: dict[str, Any] = {"n_features": n, "pairs": pairs, "components": counts}
    for kind, medium in MEDIA.items():
        errors = []
        for pair in range(pairs):
            y = medium(n, pair).intensities(words[[pair, pair + pairs]], 0, counts[-1])
            product = np.cumsum(y[0].astype(float) * y[1])
            errors.append(product[np.array(counts) - 1] / counts / exact[pair] - 1)
        found = np.array(errors)
        figures[kind] = {
            "rms": np.sqrt((found**2).mean(axis=0)).tolist(),
            "mean": found.mean(axis=0).tolist(),
        }
    write("kernel", figures)
    draw_kernel(figures)


def draw_kernel(figures: dict[str, Any]) -> None:
    """Those errors against the number of components."""
    counts = figures["components"]
    with drawn(DOCS / "optics" / "kernel.svg", (6, 3.4)) as ((axes,),):
        for kind in MEDIA:
            axes.loglog(counts, figures[kind]["rms"], label=kind)
        fall = figures["gaussian"]["rms"][0] * (np.array(counts) / counts[0]) ** -0.5
        axes.loglog(counts, fall, ":", marker="", color="0.4", label="∝ 1/√m")
        axes.set(xlabel="components m", ylabel="rms relative error of a kernel value")
        axes.legend()


class Animals:
    """Bits of the animal silhouettes, 8,000 to train and 2,000 to test."""

    def __init__(self, upto: int) -> None:
        train, self.labels, test, self.test_labels = data.animal_split(seed=0)
        net = extractors.load().upto(upto)
        self.train, self.test = net.forward(train), net.forward(test)

    def ridge(self, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
        """Accuracy of a ridge head that chooses its own penalty."""
        head = RidgeHead().fit(train, self.labels)
        return {"accuracy": head.score(test, self.test_labels), "alpha": head.alpha_}

    def optical(self, **parameters: Any) -> dict[str, float]:
        """The same on optical features; test frames come behind the training frames."""
        optics = OpticalFeatures(**{"medium": "structured", **parameters}).fit(self.train)
        train = optics.transform(self.train)
        test = optics.transform(self.test, first_frame=len(train))
        return self.ridge(train, test)

    def limit(self) -> dict[str, float]:
        """Ridge on the exact kernel: infinitely many components, no camera."""
        scale = np.mean(self.train.sum(axis=1, dtype=float) ** 2)
        product, across = (optical_kernel(x, self.train) / scale for x in (self.train, self.test))
        mean = product.mean(axis=0)
        across = across - across.mean(axis=1, keepdims=True) - mean + mean.mean()
        product = product - mean - mean[:, np.newaxis] + mean.mean()
        targets = 2.0 * np.eye(10)[self.labels] - 1
        targets -= targets.mean(axis=0)
        held = np.arange(len(targets)) % 5 == 1
        best: tuple[float, float] = (np.inf, 0.0)
        for alpha in 10.0 ** np.arange(-2, 3):
            dual = _solve(product[np.ix_(~held, ~held)], alpha, targets[~held])
            error = np.mean((product[np.ix_(held, ~held)] @ dual - targets[held]) ** 2)
            best = min(best, (float(error), float(alpha)))
        scores = across @ _solve(product, best[1], targets)
        accuracy = float(np.mean(scores.argmax(axis=1) == self.test_labels))
        return {"accuracy": accuracy, "alpha": best[1]}


def _solve(kernel: np.ndarray, alpha: float, targets: np.ndarray) -> np.ndarray:
    return cho_solve(cho_factor(kernel + alpha * np.eye(len(kernel)), overwrite_a=True), targets)


def animals() -> None:
    """Accuracy against components, for the bits as they are and with rare ones.

    Takes half an hour; figures that the raw file has of this extractor already stay.
    """
    path = DOCS / "raw" / "optics" / "animals.json"
    network = extractors.load().id
    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if figures.get("network") != network:
        figures = {"network": network}
    for upto in (7, 6):
        for name in ("bits", "rare"):
            kind = Animals(upto)
            if name == "rare":
                flipped = (kind.train.mean(axis=0) > 0.5).astype(np.uint8)
                kind.train, kind.test = kind.train ^ flipped, kind.test ^ flipped
            row = figures.setdefault(f"upto {upto}, {name}", {})
            row |= {"n_features": kind.train.shape[1], "ones": float(kind.train.mean())}
            for label, run in experiments(kind).items():
                if label not in row:
                    row[label] = run()
                    print(upto, name, label, row[label], flush=True)
                    write("animals", figures)


def experiments(kind: Animals) -> dict[str, Callable[[], dict[str, float]]]:
    """What is trained on the bits of one layer."""
    found: dict[str, Callable[[], dict[str, float]]] = {
        str(m): partial(kind.optical, n_components=m) for m in (16_000, 4000, 8000, 1000)
    }
    found["4000, exponent 2"] = partial(kind.optical, n_components=4000, exponent=2)
    found["bits alone"] = partial(kind.ridge, kind.train, kind.test)
    found["exact kernel"] = kind.limit
    return found


def effects(rule: float) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Names, values and parameters of the effects; `rule` is the automatic exposure."""
    yield "none", "float intensities", {"camera": None}
    yield "none", "8 bits, automatic exposure", {}
    for depth in (1, 2, 3, 4, 6, 12):
        yield "bits", str(depth), {"camera": Camera(depth)}
    for times in (0.05, 0.2, 5, 20):
        longer = Camera(exposure=times * rule)
        yield "exposure, times the rule's", str(times), {"camera": longer}
    for electrons in (30, 100, 1000, 10_000):
        yield "full well, electrons", str(electrons), {"camera": Camera(full_well=electrons)}
    for noise in (10, 50, 200):
        yield (
            "read noise, electrons of 1,000",
            str(noise),
            {"camera": Camera(full_well=1000, read_noise=noise)},
        )
    for dead in (0.01, 0.1, 0.5):
        yield "dead pixels", str(dead), {"camera": Camera(dead=dead)}
    for grain in (2, 4, 8):
        yield "grain, pixels", str(grain), {"speckle": Speckle(grain=grain)}
    yield "polarisation", "unpolarised", {"speckle": Speckle(polarised=False)}
    for frames in (1e4, 3e4, 1e5, 1e6):
        yield (
            "drift, frames to independence",
            f"{frames:g}",
            {"speckle": Speckle(drift_frames=frames)},
        )


def camera() -> None:
    """Accuracy with each effect alone."""
    animals = Animals(7)
    rule = OpticalFeatures(COMPONENTS, "structured").fit(animals.train).exposure_
    rows: list[dict[str, Any]] = []
    for effect, value, parameters in effects(rule):
        started = time.perf_counter()
        found = animals.optical(n_components=COMPONENTS, **parameters)
        rows.append({"effect": effect, "value": value, **found})
        print(effect, value, found, f"{time.perf_counter() - started:.1f} s", flush=True)
        write("camera", {"components": COMPONENTS, "rows": rows})
    draw_camera(rows)


def draw_camera(rows: list[dict[str, Any]]) -> None:
    """These accuracies as bars, beside that of the plain camera."""
    with drawn(DOCS / "optics" / "camera.svg", (7, 7)) as ((axes,),):
        names = [f"{row['effect']}: {row['value']}" for row in rows]
        values = [100 * row["accuracy"] for row in rows]
        bars = axes.barh(names, values, color="0.65")
        axes.bar_label(bars, fmt="%.1f", padding=8, backgroundcolor="white")
        axes.axvline(values[1], color="k", linewidth=0.8)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel="accuracy on 2,000 test images, %", xlim=(0, 100))


if __name__ == "__main__":
    for step in sys.argv[1:] or ("speckle", "kernel", "animals", "camera"):
        {"speckle": speckle, "kernel": kernel, "animals": animals, "camera": camera}[step]()

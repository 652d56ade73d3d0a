"""The runs of docs/training.md: each that is not finished is trained, then tables and figures.

python -m bitlight_lab.figures.training build/training [NAME …]
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from bitlight_lab.figures.record import DOCS
from bitlight_lab.plots import COLOURS, MARKERS, drawn

TASK = "fashion-mnist:train {folder} --test fashion-mnist:test --threads 1"
SMALL = f"fashion28 {TASK}"
SHORT = f"{SMALL} --epochs 4 -n 20000"

ZOO = {
    "small, seed 0": f"{SMALL} --curve",
    "small, seed 1": f"{SMALL} --seed 1",
    "small, seed 2": f"{SMALL} --seed 2",
    "small, float twin": f"{SMALL} --float-twin --curve",
    "LFC": f"lfc {TASK} --input-bits 8 --curve",
    "LFC, float twin": f"lfc {TASK} --input-bits 8 --float-twin --curve",
    "LFC, inputs of 1 bit": f"lfc {TASK}",
    "CNV": f"cnv {TASK} --curve",
    "CNV, float twin": f"cnv {TASK} --float-twin --curve",
}
ABLATION = {
    "the recipe, seed 0": SHORT,
    "seed 1": f"{SHORT} --seed 1",
    "seed 2": f"{SHORT} --seed 2",
    "estimator approx-sign": f"{SHORT} --estimator approx-sign",
    "estimator swish-sign": f"{SHORT} --estimator swish-sign",
    "padding with the bit 0": f"{SHORT} --pad-bit 0",
    "first layer sees 1 bit": f"{SHORT} --input-bits 1",
    "first layer sees 4 bits": f"{SHORT} --input-bits 4",
    "half as wide": f"{SHORT} --width 0.5",
    "twice as wide": f"{SHORT} --width 2",
    "not mirrored": f"{SHORT} --no-flip",
    "moved by up to 2 pixels": f"{SHORT} --shift 2",
    "label smoothing 0.1": f"{SHORT} --label-smoothing 0.1",
    "in float32": f"{SHORT} --precision float32",
}
RAW = {"zoo.json": ZOO, "ablation.json": ABLATION}


def main(root: Path, wanted: list[str]) -> None:
    """Train what is missing, in order; then write the raw results and the figure."""
    for runs in RAW.values():
        for name, command in runs.items():
            folder = folder_of(root, name)
            if (folder / "result.json").is_file() or (wanted and name not in wanted):
                continue
            arguments = shlex.split(command.format(folder=shlex.quote(str(folder))))
            print(f"{name}: bitlight train {shlex.join(arguments)}", flush=True)
            subprocess.run([sys.executable, "-m", "bitlight.cli", "train", *arguments], check=True)
    for file, runs in RAW.items():
        found = {name: collect(root, name, command) for name, command in runs.items()}
        text = json.dumps({k: v for k, v in found.items() if v}, indent=2)
        (DOCS / "raw" / "training").mkdir(exist_ok=True)
        (DOCS / "raw" / "training" / file).write_text(text + "\n")
        print(f"\n{file}: run, accuracy in %, loss, minutes")
        for name, run in found.items():
            if run:
                figures = f"{100 * run['accuracy']:.2f} | {run['loss']:.3f} | {run['minutes']:.1f}"
                print(f"| {name} | {figures} |")
    plot()


def folder_of(root: Path, name: str) -> Path:
    """A name without what shells dislike."""
    return root / name.replace(", ", "-").replace(" ", "_")


def collect(root: Path, name: str, command: str) -> dict[str, Any] | None:
    """What a finished run came to, and the command that gave it."""
    folder = folder_of(root, name)
    if not (folder / "result.json").is_file():
        return None
    result = json.loads((folder / "result.json").read_text())
    history = json.loads((folder / "history.json").read_text())["epochs"]
    curve = [{key: epoch[key] for key in ("loss", "accuracy")} for epoch in history]
    shown = "bitlight train " + command.format(folder=f"build/training/{folder.name}")
    return {"command": shown, **result, "curve": curve}


def plot() -> None:
    """Learning curves of the zoo, from its raw results: loss, and test accuracy."""
    runs = json.loads((DOCS / "raw" / "training" / "zoo.json").read_text())
    named = [name for name in runs if "--curve" in ZOO[name]]
    with drawn(DOCS / "training.svg", (9, 3.6), columns=2) as ((left, right),):
        for index, name in enumerate(named):
            curve = runs[name]["curve"]
            colour, marker = COLOURS[index // 2], MARKERS[index // 2]
            like = {"color": colour, "marker": marker, "linestyle": "-"}
            if "twin" in name:
                like |= {"linestyle": "--", "fillstyle": "none"}
            epochs = range(1, len(curve) + 1)
            left.plot(epochs, [epoch["loss"] for epoch in curve], label=name, **like)
            right.plot(epochs, [100 * epoch["accuracy"] for epoch in curve], **like)
        left.set(xlabel="epoch", ylabel="loss in training", yscale="log")
        right.set(xlabel="epoch", ylabel="Fashion-MNIST test accuracy, %", ylim=(80, None))
        left.legend()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""What a GPU gives beside the CPU: the same answers, and how much faster.

python -m bitlight_lab.benchmarks.gpu [--json FILE]

Every path of bitlight that can run on CUDA runs there and on the CPU of the same machine, in one
process and on the same data. Without CUDA it says so.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlight.freezing.freeze import freeze
from bitlight.freezing.verify import count_differences
from bitlight.heads import BinaryHead, LinearHead, RidgeHead
from bitlight.optics.module import OpticalProjection
from bitlight.training import Arrays, Recipe, train
from bitlight.training.distributed import team_of_torchrun
from bitlight.zoo.designs import Design
from bitlight_lab.benchmarks.heads import ALPHAS, draw_bits

SEED = 0
SAMPLES, FEATURES = 16_000, 4_096
DEVICES = ("cpu", "cuda")
# Relative differences that rounding explains: of sums in float32, and of steps of training.
ROUNDING = 1e-4
OF_TRAINING = 0.05

Row = dict[str, Any]


def main(file: str | None) -> int:
    """Run every check; 1 if one differs by more than rounding, else 0."""
    if not torch.cuda.is_available():
        print("no CUDA here: nothing was checked")
        return 0
    rows: list[Row] = []
    for check in (training, one_process, ridge, descent, projection):
        for row in check():
            rows.append(row)
            times = "".join(f"  {name} {row[name]:.3f} s" for name in DEVICES if name in row)
            print(f"{'ok ' if row['ok'] else 'BAD'}  {row['name']:42}{times}  {row['note']}")
    report = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "rows": rows}
    if file is not None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(report, indent=2) + "\n")
    return int(not all(row["ok"] for row in rows))


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    torch.cuda.synchronize()
    started = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return time.perf_counter() - started, result


def _row(name: str, seconds: dict[str, float], difference: float, most: float) -> Row:
    ratio = f", {seconds['cpu'] / seconds['cuda']:.1f} times" if "cpu" in seconds else ""
    note = f"difference {difference:.2g} of at most {most:.2g}{ratio}"
    return {
        "name": name,
        **seconds,
        "difference": difference,
        "note": note,
        "ok": difference <= most,
    }


def _samples(design: Design, images: int) -> Arrays:
    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, 10, images)
    pixels = rng.integers(0, 200, (images, *design.input_shape), dtype=np.uint8)
    pixels[np.arange(images), labels] += 50  # a bright row tells the class
    return Arrays(pixels, labels)


def _module(design: Design) -> nn.Module:
    torch.manual_seed(SEED)
    return design.build(10, estimator="approx-sign")


def training() -> Iterator[Row]:
    """Steps in float32 and bfloat16, on the integers' grid too; what is frozen is what was trained.

    The recorded steps of a GPU take part: there are more than come before recording.
    """
    for name, width, images in (("cnv", 1.0, 2560), ("resnet20", 0.25, 1280)):
        design = Design(name, width)
        samples = _samples(design, images)
        for precision in ("float32", "bfloat16"):
            recipe = Recipe(epochs=2, batch_size=128, precision=precision, learning_rate=1e-3)
            recipe = replace(recipe, fine_tune=int(name == "resnet20"))
            seconds, losses = {}, []
            for device in DEVICES:
                module = _module(design)
                work = lambda: train(module, samples, recipe, device=device)  # noqa: B023, E731
                seconds[device], history = _seconds(work)
                losses.append(history[0].loss)
            difference = abs(losses[1] / losses[0] - 1)
            yield _row(f"training {name}, {precision}", seconds, difference, OF_TRAINING)
        net = freeze(module.cpu(), design.input_shape, design.bits)
        different = sum(count_differences(module, net, samples.pixels[:64].numpy()))
        yield _row(f"frozen {name}, trained on CUDA, bits", {}, different, 0)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def one_process() -> Iterator[Row]:
    """DistributedDataParallel with a team of one takes the same steps as none."""
    design = Design("cnv")
    samples, recipe = _samples(design, 1280), Recipe(epochs=1, precision="float32")
    alone, together = _module(design), _module(design)
    train(alone, samples, recipe, device="cuda")
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
    team = _environment(WORLD_SIZE="1", RANK="0", LOCAL_RANK="0", **where)
    with team, team_of_torchrun("cuda") as device:
        history = train(together, samples, recipe, device=device)
    ours, theirs = (
        torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (alone, together)
    )
    difference = float((ours - theirs).norm() / ours.norm())
    yield _row("DDP of one process, NCCL", {"cuda": history[0].seconds}, difference, OF_TRAINING)


def ridge() -> Iterator[Row]:
    """Ridge heads on bits (int8 products), float32 and float16 features."""
    bits, labels = draw_bits(SAMPLES, FEATURES, SEED + 1)
    noise = np.random.default_rng(SEED).standard_normal(bits.shape, dtype=np.float32)
    floats = bits + 0.1 * noise
    kinds = {"bits, int8 products": bits, "float32": floats, "float16": floats.astype(np.float16)}
    for name, features in kinds.items():
        seconds, heads = {}, []
        for device in DEVICES:
            head = RidgeHead(ALPHAS, device=device)
            seconds[device], _ = _seconds(lambda: head.fit(features, labels))  # noqa: B023
            heads.append(head)
        difference = float(
            np.linalg.norm(heads[0].coef_ - heads[1].coef_) / np.linalg.norm(heads[0].coef_)
        )
        same = heads[0].alpha_ == heads[1].alpha_
        label = f"RidgeHead, {SAMPLES:,} × {FEATURES:,}, {name}"
        yield _row(label, seconds, difference if same else np.inf, ROUNDING)


def descent() -> Iterator[Row]:
    """Heads that are trained by descent: how many of the predictions are the same."""
    bits, labels = draw_bits(SAMPLES // 4, FEATURES // 8, SEED + 1)
    for kind in (LinearHead, BinaryHead):
        seconds, found = {}, []
        for device in DEVICES:
            head = kind(epochs=5, device=device, random_state=SEED)
            seconds[device], _ = _seconds(lambda: head.fit(bits, labels))  # noqa: B023
            found.append(head.score(bits, labels))
        yield _row(f"{kind.__name__}, accuracy", seconds, abs(found[0] - found[1]), 0.02)


def projection() -> Iterator[Row]:
    """The optical projection, and its gradient."""
    for medium in ("structured", "gaussian"):
        seconds, found = {}, []
        generator = torch.Generator().manual_seed(SEED)
        given = torch.randint(2, (1024, 2048), generator=generator).float()
        for device in DEVICES:
            project = OpticalProjection(2048, 8192, medium).to(device)
            x = given.clone().to(device).detach().requires_grad_()
            project(x).sum().backward()
            seconds[device], light = _seconds(lambda: project(x).detach())  # noqa: B023
            found.append((light.cpu(), x.grad.cpu()))  # type: ignore[union-attr]
        differences = [
            float((a - b).norm() / a.norm()) for a, b in zip(found[0], found[1], strict=True)
        ]
        yield _row(f"OpticalProjection, {medium}", seconds, max(differences), ROUNDING)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", metavar="FILE", help="write the figures here, too")
    raise SystemExit(main(parser.parse_args().json))

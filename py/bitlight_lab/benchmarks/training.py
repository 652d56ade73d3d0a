"""How fast a topology trains, beside the same network in Brevitas' layers, in one run."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlight.nn import Scale
from bitlight.training.loop import train
from bitlight.training.recipes import Recipe
from bitlight.training.samples import Arrays
from bitlight.zoo import modules as zoo
from bitlight.zoo.topologies import Conv, Pool, Scores, Topology
from bitlight_lab.benchmarks.harness import Say, take_turns

SEED = 0


def measure(
    topology: Topology,
    *,
    images: int = 1280,
    rounds: int = 3,
    say: Say | None = None,
) -> dict[str, Any]:
    """Images per second of training, in float32 and bfloat16.

    Both networks are trained by the same loop (Adam, cross-entropy, augmentation) on the same
    random images, in turn, round after round; the median counts.

    Parameters
    ----------
    topology : Topology
        With scores, and at least one layer before them.
    images : int
        Of a round, a multiple of 128.
    rounds : int
    say : callable, optional
        Called before each measurement.

    Returns
    -------
    dict with `threads`, `images`, and for each of `engines` and each precision `images_per_s`,
    `ratio` (bitlight against it) and the `seconds` of each round
    """
    rng = np.random.default_rng(SEED)
    shape = (images, *topology.input_shape)
    samples = Arrays(
        rng.integers(0, 1 << topology.input_bits, shape, dtype=np.uint8),
        rng.integers(0, topology.shapes[-1][0], images),
    )
    torch.manual_seed(SEED)
    runs: dict[str, Callable[[], float]] = {}
    for name, build in (("bitlight", zoo.build), ("brevitas", brevitas_module)):
        for precision in ("float32", "bfloat16"):
            if (module := build(topology)) is not None:
                runs[f"{name}, {precision}"] = partial(_train, module, samples, precision)
    seconds = take_turns(runs, rounds, say, warm=True)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    return {
        "threads": torch.get_num_threads(),
        "images": images,
        "engines": {
            name: {
                "images_per_s": images / median,
                "ratio": median / medians[f"bitlight, {name.split(', ')[1]}"],
                "seconds": seconds[name],
            }
            for name, median in medians.items()
        },
    }


def _train(module: nn.Module, samples: Arrays, precision: str) -> float:
    recipe = Recipe(epochs=1, precision=precision)  # type: ignore[arg-type]
    started = time.perf_counter()
    train(module, samples, recipe)
    return time.perf_counter() - started


def brevitas_module(topology: Topology) -> nn.Module | None:
    """The same network as Brevitas' `bnn_pynq` examples build theirs; None if it is not installed.

    Pads with zeros, as there is no other way there, and takes pixels scaled to [−1, 1].
    """
    try:
        from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
        from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
    except ImportError:
        return None
    weights = {"weight_quant": CommonWeightQuant, "weight_bit_width": 1, "bias": False}
    modules: list[nn.Module] = [_Centred((1 << topology.input_bits) - 1)]
    for step, shape in zip(topology.steps, topology.shapes, strict=False):
        if isinstance(step, Pool):
            modules.append(nn.MaxPool2d(step.kernel, step.stride))
            continue
        if isinstance(step, Conv):
            modules.append(
                QuantConv2d(
                    shape[-1], step.outputs, step.kernel, step.stride, step.padding, **weights
                )
            )
            norm: nn.Module = nn.BatchNorm2d(step.outputs)
        else:
            modules += [nn.Flatten()] if len(shape) == 3 else []
            fan_in = int(np.prod(shape))
            outputs = step.classes if isinstance(step, Scores) else step.outputs
            modules.append(QuantLinear(fan_in, outputs, **weights))
            if isinstance(step, Scores):
                modules.append(Scale(zoo.logit_scale(fan_in)))
                continue
            norm = nn.BatchNorm1d(step.outputs)
        modules += [norm, QuantIdentity(act_quant=CommonActQuant, bit_width=1)]
    return nn.Sequential(*modules)


class _Centred(nn.Module):
    def __init__(self, top: int) -> None:
        super().__init__()
        self.top = top

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (2 / self.top) - 1

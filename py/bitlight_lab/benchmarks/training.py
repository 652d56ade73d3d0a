"""How fast a topology trains, beside the same network in Brevitas' layers, in one run."""

import statistics
import time
from collections.abc import Callable
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

SEED = 0
REST = 0.3  # seconds between engines, so that none finds the other's threads still spinning


def measure(
    topology: Topology,
    *,
    images: int = 1280,
    rounds: int = 3,
    say: Callable[[str], None] | None = None,
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
        Called at the start of each round.

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
    precisions = ("float32", "bfloat16")
    torch.manual_seed(SEED)
    engines = {
        (name, precision): module
        for name, build in (("bitlight", zoo.build), ("brevitas", brevitas_module))
        for precision in precisions
        if (module := build(topology)) is not None
    }
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in engines}
    for turn in range(rounds + 1):  # the first prepares kernels and fills caches
        if say is not None:
            say(f"round {turn} of {rounds}" if turn else "warming up")
        for key, module in engines.items():
            time.sleep(REST)
            recipe = Recipe(epochs=1, precision=key[1])  # type: ignore[arg-type]
            started = time.perf_counter()
            train(module, samples, recipe)
            if turn:
                seconds[key].append(time.perf_counter() - started)
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    return {
        "threads": torch.get_num_threads(),
        "images": images,
        "engines": {
            f"{name}, {precision}": {
                "images_per_s": images / median,
                "ratio": median / medians["bitlight", precision],
                "seconds": seconds[name, precision],
            }
            for (name, precision), median in medians.items()
        },
    }


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

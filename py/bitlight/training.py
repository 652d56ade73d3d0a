"""Training of the torch modules in `bitlight.nn`: Adam on latent weights, light augmentation."""

import math

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.nn import functional as F

from bitlight.nn import clip_latent, pixels_to_floats


def train(
    module: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    label_smoothing: float = 0.1,
    shift: int = 2,
    flip: bool = True,
    bf16: bool = False,
    progress: bool = False,
) -> list[float]:
    """Train a classifier of pixels in place and leave it in eval mode.

    Adam with the rates of `learning_rate_factor`; latent weights are clipped to [−1, 1] after every
    step. The same seed, module, data and number of threads give the same weights on one machine.

    Parameters
    ----------
    module : torch.nn.Module
        (N, C, H, W) or (N, n) floats of pixel values to (N, classes) logits.
    images : uint8 array, shape (N, H, W, C) or (N, n)
    labels : int64 array, shape (N,)
    epochs : int
    seed : int
        Order, augmentation and dropout; the module's own initial weights are the caller's.
    batch_size : int
        A last smaller batch is left out.
    learning_rate : float
        Its peak, behind the warm-up.
    label_smoothing : float
    shift : int
        Images (N, H, W, C) move by up to that many pixels in each direction, zeros coming in.
    flip : bool
        Whether half of the images (N, H, W, C) are mirrored left to right.
    bf16 : bool
        Compute in bfloat16 while training. ±1 and 8-bit odd integers are exact in it, sums are
        rounded, which only adds noise.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If there are fewer images than a batch has, or not one label for each.
    """
    steps = len(images) // batch_size
    if steps == 0 or len(labels) != len(images):
        raise ValueError(
            f"needs {batch_size} images or more and a label for each, "
            f"not {len(images)} images and {len(labels)} labels"
        )
    pixels, targets = torch.tensor(images), torch.tensor(labels)
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, epochs * steps)
    )
    module.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    losses = []
    with torch.random.fork_rng(devices=[]), _bar(progress) as bar:
        torch.manual_seed(seed)
        task = bar.add_task("training", total=epochs * steps, loss=float("nan"))
        for _ in range(epochs):
            total = 0.0
            for chosen in torch.randperm(len(pixels))[: steps * batch_size].split(batch_size):
                x = pixels[chosen]
                if x.ndim == 4:
                    x = augment(x, shift, flip)
                with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                    logits = module(pixels_to_floats(x))
                loss = F.cross_entropy(
                    logits.float(), targets[chosen], label_smoothing=label_smoothing
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                clip_latent(module)
                total += loss.item()
                bar.advance(task)
            losses.append(total / steps)
            bar.update(task, loss=losses[-1])
    module.eval()
    return losses


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up over a twentieth of the steps, under a cosine from 1 to 0 over all of them."""
    return min(20 * (step + 1) / steps, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def augment(images: torch.Tensor, shift: int, flip: bool) -> torch.Tensor:
    """Move each image by up to `shift` pixels and mirror half of them, by torch's global generator.

    Parameters
    ----------
    images : Tensor, shape (N, H, W, C)
        Of any dtype; zeros come in from outside.

    Returns
    -------
    Tensor
        Of the same shape and dtype.
    """
    count, height, width, _ = images.shape
    padded = F.pad(images, (0, 0, shift, shift, shift, shift))
    rows = torch.randint(2 * shift + 1, (count, 1)) + torch.arange(height)
    columns = torch.randint(2 * shift + 1, (count, 1)) + torch.arange(width)
    if flip:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


@torch.no_grad()
def evaluate(
    module: nn.Module, images: np.ndarray, labels: np.ndarray, *, batch_size: int = 500
) -> float:
    """Share of images whose largest logit is that of their label; puts `module` in eval mode.

    Parameters
    ----------
    images : uint8 array, shape (N, H, W, C) or (N, n)
    labels : int64 array, shape (N,)
    """
    module.eval()
    right = 0
    for start in range(0, len(images), batch_size):
        logits = module(pixels_to_floats(torch.tensor(images[start : start + batch_size])))
        right += int((logits.argmax(1).numpy() == labels[start : start + batch_size]).sum())
    return right / len(images)


def _bar(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        console=Console(stderr=True),
        disable=not show,
    )

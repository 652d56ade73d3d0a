"""The recipe of the extractor that comes with bitlight: `python -m bitlight.pretrain`.

A small convolutional network learns Fashion-MNIST; its convolutions serve other 28×28 images.
"""

import os
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

from bitlight.comparison import count_differences
from bitlight.data import animal_split, fashion_mnist
from bitlight.errors import FreezingError
from bitlight.extractors.shipped import CUTS, FOLDER
from bitlight.freezing import freeze
from bitlight.heads import RidgeHead
from bitlight.network import Network
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.training import train

NAME = "fashion28"
SHIPPED = FOLDER / f"{NAME}.bnn"
INPUT_SHAPE = (28, 28, 1)
INPUT_BITS = 8
EPOCHS = 18
LEARNING_RATE = 3e-3
HIDDEN = 256
CLASSES = 10
# Sums of several threads round differently with their number; one gives the same network anywhere
# on a processor of the same kind.
THREADS = 1


def build() -> nn.Module:
    """The untrained network; its weights are drawn from torch's global generator."""
    return nn.Sequential(
        *_convolution(1, 32, input_bits=INPUT_BITS, pad_value=0),
        *_convolution(32, 32),
        nn.MaxPool2d(2),
        *_convolution(32, 64),
        *_convolution(64, 64),
        nn.MaxPool2d(2),
        *_convolution(64, 96, padding=0),
        nn.Flatten(),
        BinaryLinear(5 * 5 * 96, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        Sign(),
        BinaryLinear(HIDDEN, CLASSES),
        Scale(1 / 16),
    )


def _convolution(inputs: int, outputs: int, padding: int = 1, **parameters: Any) -> list[nn.Module]:
    convolution = BinaryConv2d(inputs, outputs, 3, padding=padding, **parameters)
    return [convolution, nn.BatchNorm2d(outputs), Sign()]


def pretrain(
    out: str | os.PathLike[str] = SHIPPED, *, seed: int = 0, epochs: int = EPOCHS
) -> Network:
    """Train on Fashion-MNIST, freeze, check every bit, report accuracies, write the .bnn file.

    Parameters
    ----------
    out : path
        The .bnn file to write.
    seed : int
        Initial weights, order and augmentation.
    epochs : int

    Raises
    ------
    FreezingError
        If one bit of one layer differs from torch's on the test images; nothing is written then.
    """
    images, labels = fashion_mnist("train")
    torch.set_num_threads(THREADS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build()
    start = time.monotonic()
    train(
        module,
        images,
        labels,
        epochs=epochs,
        seed=seed,
        learning_rate=LEARNING_RATE,
        label_smoothing=0.0,
        shift=0,
        bf16=True,
        progress=True,
    )
    minutes = (time.monotonic() - start) / 60
    net = freeze(module, INPUT_SHAPE, INPUT_BITS)
    images, labels = fashion_mnist("test")
    differences = count_differences(module, net, images)
    if any(differences):
        raise FreezingError(f"frozen and torch differ, values for each layer: {differences}")
    net.save(out)
    _report(net, minutes, own_accuracy(net, images, labels))
    return net


def own_accuracy(net: Network, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that the network's own integer scores put into the right class."""
    return float((net.forward(images).argmax(axis=1) == labels).mean())


def animals_accuracy(features: Network) -> float:
    """Share of right answers of a ridge head on the animal silhouettes, 8,000 / 2,000."""
    train_images, train_labels, test_images, test_labels = animal_split()
    head = RidgeHead().fit(features.forward(train_images), train_labels)
    return float(head.score(features.forward(test_images), test_labels))


def _report(net: Network, minutes: float, accuracy: float) -> None:
    features = net.upto(CUTS[NAME])
    click.echo(f"id                              {net.id}")
    click.echo(f"training                        {minutes:.1f} min")
    click.echo(f"Fashion-MNIST, own classifier   {accuracy:.2%}")
    click.echo(
        f"animals, ridge, {features.n_features:5d} features  {animals_accuracy(features):.2%}"
    )


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=SHIPPED, help="The .bnn file.")
@click.option("--seed", default=0, show_default=True)
@click.option("--epochs", default=EPOCHS, show_default=True)
def main(out: Path, seed: int, epochs: int) -> None:
    """Train the extractor that comes with bitlight and write its file."""
    pretrain(out, seed=seed, epochs=epochs)


if __name__ == "__main__":
    main()

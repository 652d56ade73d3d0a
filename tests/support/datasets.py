"""Data sets that a machine may lack, and folders of images that tests make."""

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError, data


def fashion_mnist_or_skip(split: str, folder=None) -> tuple[np.ndarray, np.ndarray]:
    try:
        return data.fashion_mnist(split, folder)
    except DataError as error:
        pytest.skip(str(error))


def photographs(root, count, classes=("cat",)):
    """A folder with a sub-folder for each class, of upright photographs and others."""
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (40, 30 + number, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")

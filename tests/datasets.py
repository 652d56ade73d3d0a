"""Data sets that a machine may lack: tests that need one are skipped, and say how to get it."""

import numpy as np
import pytest

from bitlight import DataError, data


def fashion_mnist_or_skip(split: str, folder=None) -> tuple[np.ndarray, np.ndarray]:
    try:
        return data.fashion_mnist(split, folder)
    except DataError as error:
        pytest.skip(str(error))

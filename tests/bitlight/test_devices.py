"""A device that is not there is one clear error before any work, wherever one can be named."""

import numpy as np
import pytest
import torch

from bitlight import BinaryHead, HeadError, LinearHead, RidgeHead, TrainingError
from bitlight.devices import check_device
from bitlight.nn import BinaryLinear
from bitlight.training import Arrays, Recipe, train

X, Y = np.eye(4, dtype=np.uint8), [0, 0, 1, 1]
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
WRONG = [
    pytest.param("cuda", "device 'cuda' is not there, torch .*: take cpu", marks=no_gpu),
    pytest.param("cuda:7", "device 'cuda:7' is not there", marks=no_gpu),
    ("gpu", "device must be cpu, cuda or cuda:N, not 'gpu'"),
    ("meta", "device 'meta' keeps shapes alone"),
    ("xla", "device 'xla' cannot be used by this torch here"),
]


@pytest.mark.parametrize(("device", "message"), WRONG)
@pytest.mark.parametrize("head", [RidgeHead, LinearHead, BinaryHead])
@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_heads(head, fit, device, message):
    with pytest.raises(HeadError, match=message):
        getattr(head(device=device), fit)(X, Y)


@pytest.mark.parametrize(("device", "message"), WRONG)
def test_training(device, message):
    samples = Arrays(X, np.array(Y))
    with pytest.raises(TrainingError, match=message):
        train(BinaryLinear(4, 2, 8), samples, Recipe(batch_size=4), device=device)


def test_the_processor_is_there():
    assert check_device("cpu", HeadError) == torch.device("cpu")

"""The golden model leaves torch's threads alone, whichever of the two starts first."""

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import torch
from bitlight import Linear, Network, OpticalFeatures
torch.set_num_threads(1)
assert torch.get_num_threads() == 1
x = np.ones((2000, 40), np.uint8)
{first}
assert torch.get_num_threads() == 1
"""


@pytest.mark.parametrize(
    "first",
    [
        "Network((40,), 1, [Linear(np.ones((64, 40), bool), np.zeros(64, int))]).forward(x)",
        "OpticalFeatures(50, 'structured', random_state=0).fit_transform(x)",
    ],
)
def test_threads_of_torch_stay_as_they_were(first):
    command = [sys.executable, "-c", PROGRAM.format(first=first)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

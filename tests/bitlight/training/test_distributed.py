"""Two processes under torchrun, on the CPU, through torch's own DistributedDataParallel."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import torch
from torch import nn
from bitlight.training import Arrays, Recipe, train
from bitlight.training.distributed import Team, team_of_torchrun

torch.set_num_threads(1)
rng = np.random.default_rng(0)
samples = Arrays(rng.integers(0, 256, (64, 4, 4, 1), dtype=np.uint8), rng.integers(0, 3, 64))
with team_of_torchrun("cpu") as device:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    recipe = Recipe(epochs=2, batch_size=16, accumulate=2, flip=False, precision="float32")
    train(module, samples, recipe, folder=Path(sys.argv[1]), device=device)
    torch.save(module[1].weight, f"{sys.argv[1]}/{Team().size}-{Team().rank}.pt")
threads = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of one process alone and of each of two that trained together."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "run.py").write_text(SCRIPT)
    for processes, options in (1, []), (2, ["--standalone", "--nproc-per-node", "2"]):
        (folder / str(processes)).mkdir()
        launcher = ["-m", "torch.distributed.run", *options] if options else []
        arguments = [*launcher, str(folder / "run.py"), str(folder / str(processes))]
        run = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False
        )
        assert run.returncode == 0, run.stderr
    return folder


def weights(folder, size, rank):
    return torch.load(folder / str(size) / f"{size}-{rank}.pt", weights_only=True)


def test_all_have_the_same_weights(trained):
    assert torch.equal(weights(trained, 2, 0), weights(trained, 2, 1))


def test_a_team_computes_what_one_does(trained):
    """Only the order of sums differs: the gradient is the mean over the same samples."""
    torch.testing.assert_close(weights(trained, 2, 0), weights(trained, 1, 0), atol=1e-4, rtol=0)
    losses = [
        [epoch["loss"] for epoch in json.loads(file.read_text())["epochs"]]
        for file in sorted(trained.glob("*/history.json"))
    ]
    assert np.allclose(*losses, rtol=1e-4)

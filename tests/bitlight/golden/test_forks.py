"""The golden model in forked processes and in threads: the same answers, and no process that dies.

Each program runs in a process of its own, because forks are taken from one whose threads run.
"""

import os
import subprocess
import sys

import pytest

SETTING = """
import multiprocessing, threading, warnings
import numpy as np
from bitlight import Conv2d, Linear, MaxPool2d, Network, OpticalFeatures
warnings.simplefilter("ignore", DeprecationWarning)  # of Python's own: forks beside threads

generator = np.random.default_rng(0)
weight = generator.integers(0, 2, (40, 3, 3, 1)).astype(bool)
scores = generator.integers(0, 2, (3, 40)).astype(bool)
net = Network(
    (4, 4, 1),
    8,
    [Conv2d(weight, np.zeros(40, int)), MaxPool2d((2, 2)), Linear(scores, None)],
)
images = generator.integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)

def features(shift=0):
    return net.forward(images + np.uint8(shift))
"""

POOL = """
expected = features(), features(1)
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.map_async(features, [0, 1]).get(60)
assert all(map(np.array_equal, expected, found))
"""

OPTICS = """
project = OpticalFeatures(70, "{medium}", random_state=0).fit(images.reshape(300, -1) // 128)
x = images.reshape(300, -1) // 128
expected = project.transform(x)

def projected(_):
    return project.transform(x)

with multiprocessing.get_context("fork").Pool(1) as pool:
    found, = pool.map_async(projected, [0]).get(60)
assert np.array_equal(expected, found)
"""

LOADER = """
import torch
from torch.utils.data import DataLoader, Dataset

torch.ones(500, 500) @ torch.ones(500, 500)  # starts the threads of torch

class Features(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return features(index)

expected = np.stack([features(), features(1)])
loader = DataLoader(
    Features(), batch_size=2, num_workers=2, multiprocessing_context="fork", timeout=60
)
found, = loader
assert np.array_equal(expected, found.numpy())
"""

JOBLIB = """
from joblib import Parallel, delayed

expected = [features(shift) for shift in range(4)]
found = Parallel(2, backend="multiprocessing", timeout=60)(delayed(features)(n) for n in range(4))
assert all(map(np.array_equal, expected, found))
"""

FORKED_FIRST = """
import os
child = os.fork()
if not child:
    found = features()
    from bitlight.kernels.threads import threads
    os._exit(0 if len(found) == 300 and threads() == 1 else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""

THREADS = """
import numba
expected, wrong = features(), []

def work():
    for _ in range(20):
        if not np.array_equal(features(), expected):
            wrong.append(1)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong
assert numba.threading_layer() == "{layer}", numba.threading_layer()
"""


def run(program, **environment):
    command = [sys.executable, "-c", SETTING + program]
    given = {**os.environ, "NUMBA_NUM_THREADS": "2", **environment}
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=given)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "program",
    [POOL, OPTICS.format(medium="binary"), OPTICS.format(medium="structured"), LOADER, JOBLIB],
    ids=["pool", "binary optics", "structured optics", "data loader", "joblib"],
)
def test_forked_children_give_the_answers_of_their_parent(program):
    run(program)


def test_a_child_forked_before_the_first_use_starts_no_threads():
    run(FORKED_FIRST)


def test_threads_share_a_layer_that_takes_one_at_a_time():
    run(THREADS.format(layer="workqueue"), NUMBA_THREADING_LAYER="workqueue")

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bitlight import TrainingError
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.training import Arrays, Recipe, evaluate, train

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)
RECIPE = Recipe(epochs=4, batch_size=32, learning_rate=1e-2, precision="float32")


def module_of(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        BinaryConv2d(1, 8, 3, input_bits=8),
        nn.BatchNorm2d(8),
        Sign(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        BinaryLinear(72, 3),
        Scale(0.1),
    )


def stripes(n, seed):
    """Three classes: the upper, the middle or the lower third is bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    images = generator.integers(0, 120, (n, 9, 8, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] += 100
    return Arrays(images[:, :8], labels)


def changed(**values):
    return Recipe(**(vars(RECIPE) | values))


def trained(recipe, **parameters):
    module = module_of(0)
    history = train(module, stripes(320, seed=0), recipe, **parameters)
    return module, history


def same(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_learns(precision, schedule):
    module, history = trained(changed(precision=precision, schedule=schedule))
    assert history[-1].loss < history[0].loss
    assert not module.training
    assert evaluate(module, stripes(100, seed=1)) > 0.9


def test_same_seed_same_weights():
    torch.rand(1)  # the global generator has no say
    first, second, other = (trained(changed(seed=seed, shift=2))[0] for seed in (3, 3, 4))
    assert same(first, second)
    assert not same(first, other)


def test_the_global_generator_is_left_alone():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    state = torch.random.get_rng_state()
    samples = Arrays(np.zeros((4, 2, 2, 1), np.uint8), np.zeros(4, np.int64))
    train(module, samples, changed(epochs=1, batch_size=2))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_latent_weights_stay_within_one():
    module, _ = trained(changed(learning_rate=1.0))
    assert max(module[index].weight.abs().max() for index in (0, 6)) == 1


def test_pieces_of_a_batch_give_its_gradient():
    """Without batch norm and dropout, which see the pieces, only rounding may differ."""
    results = []
    for accumulate in (1, 4):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double().float()
        recipe = changed(epochs=1, learning_rate=1e-4, flip=False, accumulate=accumulate)
        train(module, stripes(64, seed=0), recipe)
        results.append(module[1].weight.detach())
    assert torch.allclose(*results, atol=1e-6)
    assert not torch.equal(results[0], torch.zeros_like(results[0]))


def test_teacher_is_followed():
    """Labels are all of one class; only a teacher can tell the classes apart."""
    teacher, _ = trained(changed(epochs=6))
    pupil = module_of(1)
    blank = stripes(320, seed=0)
    blank.labels[:] = 0
    train(pupil, blank, changed(epochs=8, distill=1.0), teacher=teacher)
    assert evaluate(pupil, stripes(100, seed=1)) > 0.9


def test_a_run_leaves_its_curve(tmp_path):
    _, history = trained(RECIPE, folder=tmp_path, validation=stripes(50, seed=1))
    curve = json.loads((tmp_path / "history.json").read_text())
    assert [epoch["loss"] for epoch in curve["epochs"]] == [epoch.loss for epoch in history]
    assert history[-1].accuracy > 0.9
    assert curve["recipe"]["epochs"] == 4
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_finished_runs_are_not_done_again(tmp_path):
    first, history = trained(RECIPE, folder=tmp_path)
    again, same_history = trained(RECIPE, folder=tmp_path)
    assert same(first, again)
    assert history == same_history


class Stop(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 9, 10, 17, 39])
def test_interrupted_and_resumed(tmp_path, monkeypatch, stop):
    """Checkpoints behind every step; stopped before step `stop`, begun again."""
    recipe = changed(shift=1, accumulate=2)
    whole, history = trained(recipe)
    monkeypatch.setattr("bitlight.training.run.SAVE_EVERY_S", -1)

    def interrupted(module):
        calls = 0

        def hook(*_):
            nonlocal calls
            calls += 1
            if calls > 2 * stop:
                raise Stop

        return module.register_forward_pre_hook(hook)

    module = module_of(0)
    handle = interrupted(module)
    with pytest.raises(Stop):
        train(module, stripes(320, seed=0), recipe, folder=tmp_path)
    handle.remove()
    resumed, resumed_history = trained(recipe, folder=tmp_path)
    assert same(whole, resumed)
    assert [epoch.loss for epoch in resumed_history] == [epoch.loss for epoch in history]


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_loop
from bitlight.training import run
run.SAVE_EVERY_S = -1
test_loop.trained(test_loop.changed(epochs=30), folder=Path(sys.argv[2]))
"""


def test_killed_and_resumed(tmp_path):
    """SIGKILL at any moment leaves a checkpoint that is whole."""
    arguments = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path)]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "checkpoint.pt"
    end = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    step = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < step < 300
    assert same(trained(changed(epochs=30), folder=tmp_path)[0], trained(changed(epochs=30))[0])


def test_another_runs_folder_is_refused(tmp_path):
    trained(RECIPE, folder=tmp_path)
    with pytest.raises(TrainingError, match="another run \\(seed: 0, not 5\\)"):
        trained(changed(seed=5), folder=tmp_path)
    with pytest.raises(TrainingError, match="samples: 320, not 64"):
        train(module_of(0), stripes(64, seed=0), RECIPE, folder=tmp_path)
    samples = stripes(320, seed=0)
    samples.names = ("lower", "middle", "upper")
    with pytest.raises(TrainingError, match="classes: , not lower, middle, upper"):
        train(module_of(0), samples, RECIPE, folder=tmp_path)
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(TrainingError, match="a layer: "):
        train(other, stripes(320, seed=0), RECIPE, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and so on", b"\x80\x02cos\nsystem\n."])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingError, match="checkpoint.pt is no checkpoint"):
        trained(RECIPE, folder=tmp_path)


def test_flat_images():
    torch.manual_seed(0)
    module = nn.Sequential(BinaryLinear(6, 2, input_bits=8))
    images = np.random.default_rng(0).integers(0, 256, (64, 6), dtype=np.uint8)
    samples = Arrays(images, (images[:, 0] > 128).astype(np.int64))
    train(module, samples, changed(epochs=1, batch_size=16))
    assert 0 <= evaluate(module, samples, batch_size=10) <= 1


def test_refuses_what_it_cannot_train():
    with pytest.raises(TrainingError, match="needs 32 images or more for a batch, not 31"):
        train(module_of(0), stripes(31, seed=0), RECIPE)
    with pytest.raises(TrainingError, match="distill=0.5 needs a teacher"):
        train(module_of(0), stripes(320, seed=0), changed(distill=0.5))

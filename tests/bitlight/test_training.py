import itertools

import numpy as np
import pytest
import torch
from torch import nn

from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.training import augment, evaluate, learning_rate_factor, train

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


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
    return images[:, :8], labels


def trained(seed, **parameters):
    module = module_of(0)
    images, labels = stripes(320, seed=0)
    options = {"epochs": 4, "batch_size": 32, "shift": 0, "learning_rate": 1e-2} | parameters
    losses = train(module, images, labels, seed=seed, **options)
    return module, losses


@pytest.mark.parametrize("bf16", [False, True])
def test_learns(bf16):
    module, losses = trained(0, bf16=bf16)
    assert losses[-1] < losses[0]
    assert not module.training
    assert evaluate(module, *stripes(100, seed=1)) > 0.9


def test_same_seed_same_weights():
    torch.rand(1)  # the global generator has no say
    first, second, other = (trained(seed, shift=2)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_the_global_generator_is_left_alone():
    state = torch.random.get_rng_state()
    module, images = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.zeros((4, 2, 2, 1), np.uint8)
    after_construction = torch.random.get_rng_state()
    assert not torch.equal(state, after_construction)
    train(module, images, np.zeros(4, np.int64), epochs=1, seed=0, batch_size=2)
    assert torch.equal(torch.random.get_rng_state(), after_construction)


def test_latent_weights_stay_within_one():
    module, _ = trained(0, learning_rate=1.0)
    assert max(module[index].weight.abs().max() for index in (0, 6)) == 1


def test_images_in_read_only_memory():
    images, labels = stripes(32, seed=0)
    images.flags.writeable = labels.flags.writeable = False
    train(module_of(0), images, labels, epochs=1, seed=0, batch_size=32)


def test_augment_moves_and_mirrors():
    image = torch.zeros(1, 9, 9, 1, dtype=torch.uint8)
    image[0, 4, 3, 0] = 200
    torch.manual_seed(0)
    moved = augment(image.expand(4000, -1, -1, -1), shift=2, flip=True)
    assert moved.shape == (4000, 9, 9, 1)
    assert moved.dtype == torch.uint8
    _, rows, columns, _ = moved.nonzero(as_tuple=True)
    assert len(rows) == 4000
    assert rows.unique().tolist() == [2, 3, 4, 5, 6]
    assert columns.unique().tolist() == [1, 2, 3, 4, 5, 6, 7]  # 3 mirrored is 5, each ± 2


def test_augment_can_leave_images_as_they_are():
    images = torch.randint(0, 256, (5, 4, 6, 2))
    assert torch.equal(augment(images, shift=0, flip=False), images)


def test_augment_brings_zeros_in():
    torch.manual_seed(0)
    moved = augment(torch.ones(200, 4, 4, 1), shift=1, flip=False)
    assert sorted(moved.sum((1, 2, 3)).unique().tolist()) == [9, 12, 16]


def test_learning_rate_warms_up_and_ends_at_zero():
    factors = [learning_rate_factor(step, 100) for step in range(101)]
    assert factors[0] == pytest.approx(0.2)
    assert max(factors) == factors[4] > 0.99
    assert all(a > b for a, b in itertools.pairwise(factors[4:]))
    assert factors[100] == 0


def test_flat_images():
    torch.manual_seed(0)
    module = nn.Sequential(BinaryLinear(6, 2, input_bits=8))
    images = np.random.default_rng(0).integers(0, 256, (64, 6), dtype=np.uint8)
    train(module, images, (images[:, 0] > 128).astype(np.int64), epochs=1, seed=0, batch_size=16)
    assert 0 <= evaluate(module, images, np.zeros(64, np.int64), batch_size=10) <= 1


@pytest.mark.parametrize(("images", "labels"), [(31, 31), (64, 63)])
def test_refuses_too_few(images, labels):
    with pytest.raises(ValueError, match=f"not {images} images and {labels} labels"):
        train(
            module_of(0),
            np.zeros((images, 8, 8, 1), np.uint8),
            np.zeros(labels, np.int64),
            epochs=1,
            seed=0,
            batch_size=32,
        )

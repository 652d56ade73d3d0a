import numpy as np
import pytest
import torch
from PIL import Image

from bitlight.training.augmentation import crop, cut_out, move


def generator():
    return torch.Generator().manual_seed(0)


def test_moves_and_mirrors():
    image = torch.zeros(1, 9, 9, 1, dtype=torch.uint8)
    image[0, 4, 3, 0] = 200
    found = move(image.expand(4000, -1, -1, -1), 2, True, generator())
    assert found.shape == (4000, 9, 9, 1)
    assert found.dtype == torch.uint8
    _, rows, columns, _ = found.nonzero(as_tuple=True)
    assert len(rows) == 4000
    assert rows.unique().tolist() == [2, 3, 4, 5, 6]
    assert columns.unique().tolist() == [1, 2, 3, 4, 5, 6, 7]  # 3 mirrored is 5, each ± 2


def test_can_leave_images_as_they_are():
    images = torch.randint(0, 256, (5, 4, 6, 2))
    assert torch.equal(move(images, 0, False, generator()), images)


def test_brings_zeros_in():
    found = move(torch.ones(200, 4, 4, 1), 1, False, generator())
    assert sorted(found.sum((1, 2, 3)).unique().tolist()) == [9, 12, 16]


def gradient(width, height):
    """Red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8))


def test_the_middle_of_a_photograph():
    pixels = crop(gradient(400, 200), (50, 50, 3), None)
    assert pixels.shape == (50, 50, 3)
    # 7/8 of the height and as much of the width, in the middle.
    assert pixels[0, :, 1].mean() == pytest.approx(255 / 16, abs=4)
    assert pixels[:, 0, 0].mean() == pytest.approx(255 * (400 - 175) / 800, abs=4)


def test_parts_of_a_photograph():
    rng = np.random.default_rng(0)
    parts = np.stack([crop(gradient(90, 60), (24, 32, 3), rng) for _ in range(300)])
    parts = parts.astype(int)
    mirrored = parts[:, 0, 0, 0] > parts[:, 0, -1, 0]
    assert 0.4 < mirrored.mean() < 0.6
    spans = abs(parts[:, 0, -1, 0] - parts[:, 0, 0, 0]) * (parts[:, -1, 0, 1] - parts[:, 0, 0, 1])
    share = spans / 255**2
    assert 0.06 < share.min() < 0.2
    assert share.max() > 0.75  # centres of the outer pixels stand within the part


def test_grey_photographs_and_arrays():
    pixels = crop(np.full((8, 8, 1), 7, np.uint8), (5, 5, 1), np.random.default_rng(0))
    assert (pixels == 7).all()
    assert pixels.shape == (5, 5, 1)


def test_cuts_a_square_out():
    images = torch.full((3000, 6, 7, 2), 9, dtype=torch.uint8)
    found = cut_out(images, 3, generator())
    black = (found == 0).all(3)
    assert torch.equal(black, (found == 0).any(3))  # in every channel
    rows, columns = black.any(2).sum(1), black.any(1).sum(1)
    assert torch.equal(black.sum((1, 2)), rows * columns)
    assert (rows.unique().tolist(), columns.unique().tolist()) == ([2, 3], [2, 3])
    assert black.any(0).all()  # anywhere
    assert torch.equal(cut_out(images, 0, generator()), images)

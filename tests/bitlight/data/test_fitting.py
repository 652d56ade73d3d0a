import numpy as np
import pytest

from bitlight import DataError
from bitlight.data import Placing, fit


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)


def test_what_fits_stays():
    pixels = images(8, 8, 3)
    assert fit(pixels, (8, 8, 3)) is pixels


def test_a_frame_of_zeros_and_three_channels():
    pixels = images(28, 28, 1)
    found = fit(pixels, (32, 32, 3))
    assert found.shape == (3, 32, 32, 3)
    assert (found[:, 2:30, 2:30] == pixels).all()
    assert not found[:, :2].any()
    assert not found[..., 30:, :].any()


def test_others_are_stretched():
    found = fit(np.full((2, 8, 8, 1), 9, np.uint8), (28, 28, 1))
    assert found.shape == (2, 28, 28, 1)
    assert (found == 9).all()


def test_colours_become_grey():
    assert fit(np.full((2, 8, 8, 3), 9, np.uint8), (8, 8, 1)).tolist() == [[[[9]] * 8] * 8] * 2


def test_images_of_another_size_become_the_square_of_flat_networks():
    pixels = images(8, 8, 3)
    assert np.array_equal(fit(pixels, (196,)), fit(pixels, (14, 14, 1)).reshape(3, 196))


@pytest.mark.parametrize(("how", "ends"), [("crop", 100), ("pad", 0), ("stretch", 0)])
def test_aspects(how, ends):
    pixels = np.zeros((1, 8, 16, 1), np.uint8)
    pixels[:, :, 4:12] = 100
    found = fit(pixels, (8, 8, 1), placing=Placing(how, "black"))[0, :, :, 0]
    assert found[4, 0] == found[4, 7] == ends
    assert found[4, 4] == 100
    assert (found[0] == 0).all() == (how == "pad")


def test_flat_and_binary():
    found = fit(images(4, 4, 1), (16,), input_bits=1)
    assert found.tolist() == (images(4, 4, 1).reshape(3, 16) >= 128).astype(int).tolist()


@pytest.mark.parametrize(
    ("shape", "wanted", "message"),
    [
        ((4, 4), (15,), r"images of \(4, 4\) do not give 15 values"),
        ((4, 4, 1), (15,), "photographs cannot become 15 values"),
        ((4, 4, 2), (8, 8, 3), r"images of \(4, 4, 2\) cannot become \(8, 8, 3\)"),
    ],
)
def test_refuses(shape, wanted, message):
    with pytest.raises(DataError, match=message):
        fit(images(*shape), wanted)

"""Codes of pixels and the scale of scores: used wherever pixels come in and classes go out."""

import numpy as np
import pytest
from PIL import Image

from bitlight import BinaryFeatures, DataError, Linear, Network, NetworkError
from bitlight.data import fit
from bitlight.data.fitting import photograph_shape
from bitlight.data.foldersource import FolderSource
from bitlight.data.source import FileSource
from bitlight.network.surroundings import OutputScale


def network(codes=None, scale=None, bits=2, shape=(4, 4, 3)):
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    layers = [Linear(rng.random((8, size)) < 0.5, rng.integers(-20, 20, 8))]
    if scale is not None:
        layers.append(Linear(rng.random((2, 8)) < 0.5, None))
    return Network(shape, bits, layers, codes=codes, output_scale=scale)


CODES = np.stack([np.arange(256) // 64, 3 - np.arange(256) // 64, np.arange(256) % 4])
CODES = CODES.astype(np.uint8)


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (5, 4, 4, 3), np.uint8)
    (tmp_path / "photos/a").mkdir(parents=True)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"photos/a/{number}.png")
    np.save(tmp_path / "photos.npy", pixels)
    return pixels, tmp_path


def test_folders_arrays_and_estimators_use_the_table(photographs):
    pixels, folder = photographs
    net = network(CODES)
    expected = np.stack([CODES[c][pixels[..., c]] for c in range(3)], axis=-1)
    form = net.input_shape, net.input_bits, net.codes
    assert np.array_equal(net.encode(pixels), expected)
    assert np.array_equal(fit(pixels, *form), expected)
    assert np.array_equal(FolderSource(folder / "photos", *form).images(range(5)), expected)
    assert np.array_equal(FileSource(folder / "photos.npy", *form).images(range(5)), expected)
    features = BinaryFeatures(net).fit_transform(pixels)
    assert np.array_equal(features, net.forward(expected))
    assert not np.array_equal(
        features, Network(net.input_shape, 2, net.layers).forward(expected * 0)
    )


def test_photographs_for_networks_of_few_bits(photographs):
    pixels, folder = photographs
    net = network(bits=1)
    source = FolderSource(folder / "photos", net.input_shape, net.input_bits)
    assert np.array_equal(source.images(range(5)), pixels >> 7)
    codes = folder / "codes.npy"
    np.save(codes, pixels >> 7)
    found = FileSource(codes, net.input_shape, net.input_bits).images(range(5))
    assert np.array_equal(found, pixels >> 7)
    with pytest.raises(NetworkError, match="`encode` makes them of 8-bit pixels"):
        net.forward(FileSource(folder / "photos.npy", net.input_shape, 1).images(range(5)))


def test_photographs_are_flattened(photographs):
    pixels, folder = photographs
    source = FolderSource(folder / "photos", (48,), 8)
    assert np.array_equal(source.images(range(5)), pixels.reshape(5, 48))
    assert photograph_shape((49,)) == (7, 7, 1)
    with pytest.raises(DataError, match="50 values: that is no square image"):
        FolderSource(folder / "photos", (50,))


def test_the_scale_decides_on_the_class():
    scale = OutputScale(np.array([1.0, 0.01]), np.array([0.0, 100.0]))
    net, plain = network(scale=scale), network(scale=OutputScale(np.ones(2), np.zeros(2)))
    x = np.random.default_rng(0).integers(0, 4, (50, 4, 4, 3), np.uint8)
    scores = net.forward(x)
    assert np.array_equal(net.logits(scores), scores * [1.0, 0.01] + [0.0, 100.0])
    assert net.classify(x).tolist() == [1] * 50
    assert np.array_equal(plain.classify(x), scores.argmax(1))
    with pytest.raises(NetworkError, match="gives bits"):
        net.upto(1).classify(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.zeros(255, np.uint8)}, "codes must be uint8 of shape"),
        ({"codes": np.zeros((2, 256), np.uint8)}, r"\(3, 256\), not uint8 of shape \(2, 256\)"),
        ({"codes": np.zeros(256)}, "not float64"),
        ({"codes": np.full(256, 4, np.uint8)}, "codes must be 0 to 3, not 4"),
        ({"scale": OutputScale(np.ones(3), np.ones(3))}, "must have 2 classes, not 3"),
    ],
)
def test_what_does_not_fit(change, message):
    with pytest.raises(NetworkError, match=message):
        network(**change)
    with pytest.raises(NetworkError, match="last layer gives bits"):
        Network(
            (4,),
            1,
            [Linear(np.ones((2, 4), bool), np.zeros(2, int))],
            output_scale=OutputScale(np.ones(2), np.ones(2)),
        )
    for wrong in ([np.nan], [[1.0]], [1.0, 2.0]):
        with pytest.raises(NetworkError, match="finite numbers|as many"):
            OutputScale(np.array(wrong), np.ones(1))

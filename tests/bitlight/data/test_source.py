"""Images read a range at a time are those read at once."""

import pickle

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError, data
from bitlight.data import Placing
from bitlight.data.fitting import photograph_shape
from bitlight.data.foldersource import FolderSource
from bitlight.data.source import ArraySource, FileSource, FirstOf, RandomSource


def photos(root):
    """Two classes of three photographs."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (9, 11, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def sources(path):
    """One of each kind, and all its images and labels."""
    images = np.random.default_rng(1).integers(0, 256, (700, 5, 5, 1), np.uint8)
    labels = np.arange(700) % 3
    np.save(path / "x.npy", images)
    folder, folder_labels, _ = data.image_folder(photos(path / "photos"), (4, 4, 1))
    return [
        (ArraySource("x", images, labels, (7, 7, 1)), data.fit(images, (7, 7, 1)), labels),
        (ArraySource("x", images, None, (25,)), images.reshape(700, 25), np.full(700, -1)),
        (FileSource(path / "x.npy"), images, np.full(700, -1)),
        (FolderSource(path / "photos", (4, 4, 1)), folder, folder_labels),
    ]


def test_ranges_are_parts_of_the_whole(tmp_path):
    for source, images, labels in sources(tmp_path):
        for rows in (range(2, 5), range(len(images))):
            assert np.array_equal(source.images(rows), images[rows.start : rows.stop])
            assert np.array_equal(source.labels(rows), labels[rows.start : rows.stop])
            assert len(set(source.ids(rows))) == len(rows)
        again = pickle.loads(pickle.dumps(source))
        assert np.array_equal(again.images(range(3)), images[:3])


def test_noise_is_the_same_however_it_is_read():
    source = RandomSource(1000, (3, 2, 1), 8)
    whole = source.images(range(1000))
    assert whole.shape == (1000, 3, 2, 1)
    assert len(np.unique(whole)) == 256
    for rows in (range(255, 257), range(999, 1000), range(300, 900)):
        assert np.array_equal(source.images(rows), whole[rows.start : rows.stop])
    assert RandomSource(9, (5,), 1).images(range(9)).max() == 1


def test_paths_name_the_images_of_a_folder(tmp_path):
    source = FolderSource(photos(tmp_path), (4, 4, 3))
    assert source.ids(range(2, 4)) == ["cat/2.png", "dog/0.png"]
    assert source.classes == ("cat", "dog")
    first = FirstOf(source, 2)
    assert len(first) == 2
    assert first.name.endswith(", the first 2")


def test_what_no_source_is(tmp_path):
    np.save(tmp_path / "float.npy", np.zeros((2, 3)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "float.npy").read_bytes()[:-1])
    for name, message in (("float", "must be a uint8"), ("cut", "not a whole"), ("no", "No such")):
        with pytest.raises(DataError, match=message):
            FileSource(tmp_path / f"{name}.npy")


@pytest.mark.parametrize("shape", [(4, 4, 1), (11, 13, 3), (16,), (9, 11, 3)])
@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_file_of_pixels_is_fitted_as_a_folder_is(tmp_path, shape, bits, fit):
    root = photos(tmp_path / "photos")
    pixels = np.stack([np.asarray(Image.open(file)) for file in sorted(root.glob("*/*"))])
    np.save(tmp_path / "x.npy", pixels)
    form = shape, bits, None, Placing(fit)
    folder = FolderSource(root, *form)
    file = FileSource(tmp_path / "x.npy", *form)
    if bits == 1 and pixels.shape[1:] == shape:
        return  # these are codes
    assert np.array_equal(folder.images(range(6)), file.images(range(6)))
    assert folder.images(range(6)).max() < 1 << bits
    height, width, _ = photograph_shape(shape)
    assert (file.placing is None) == (9 * width == 11 * height)


def test_the_first_of_a_folder_say_how_they_were_read(tmp_path):
    (photos(tmp_path) / "cat/x.txt").touch()
    first = FirstOf(FolderSource(tmp_path, (4, 4, 3), skip_bad=True), 2)
    assert first.skipped == ("cat/x.txt",)
    assert first.placing == {"fit": "crop", "background": "white"}

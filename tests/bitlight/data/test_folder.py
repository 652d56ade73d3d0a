import contextlib
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError
from bitlight.data import image_folder


@pytest.fixture
def folder(tmp_path):
    """Two classes of 4×6 images whose red, green and blue are known."""
    for name, colours in {"cats": [(255, 0, 0), (0, 0, 0)], "ants": [(0, 0, 255)]}.items():
        (tmp_path / name).mkdir()
        for index, colour in enumerate(colours):
            Image.new("RGB", (6, 4), colour).save(tmp_path / name / f"{index}.png")
    return tmp_path


def test_sorted_classes_colours_and_shape(folder):
    images, labels, names = image_folder(folder, (2, 3, 3))
    assert names == ("ants", "cats")
    assert labels.tolist() == [0, 1, 1]
    assert labels.dtype == np.int64
    assert images.shape == (3, 2, 3, 3)
    assert images.dtype == np.uint8
    assert images[:, 1, 2].tolist() == [[0, 0, 255], [255, 0, 0], [0, 0, 0]]


def test_rows_and_columns_are_not_swapped(folder):
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(pixels).save(folder / "ants" / "0.png")
    images, _, _ = image_folder(folder, (4, 6, 1))
    assert np.array_equal(images[0, :, :, 0], pixels)


def test_grey(folder):
    images, _, _ = image_folder(folder, (1, 1, 1))
    assert images.ravel().tolist() == [29, 76, 0]  # ITU-R 601-2 luma


def test_hidden_files_are_passed_over(folder):
    (folder / "ants" / ".DS_Store").write_bytes(b"x")
    assert len(image_folder(folder, (1, 1, 1))[0]) == 3


def test_file_that_is_no_image_is_named(folder):
    (folder / "ants" / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"notes\.txt"):
        image_folder(folder, (1, 1, 1))


def test_truncated_image_is_named(folder):
    path = folder / "ants" / "0.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"0\.png"):
        image_folder(folder, (1, 1, 1))


def test_deep_image_is_not_clipped_in_silence(folder):
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(folder / "ants" / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png has more than 8 bits"):
        image_folder(folder, (1, 1, 1))


def test_image_that_would_fill_the_memory_is_refused(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(DataError, match=r"0\.png"):
        image_folder(folder, (1, 1, 1))


def test_class_without_images_is_named(folder):
    (folder / "dogs").mkdir()
    with pytest.raises(DataError, match="dogs holds no images"):
        image_folder(folder, (1, 1, 1))


@pytest.mark.parametrize("missing", ["nowhere", "ants"])
def test_no_folder_of_classes(folder, missing):
    with pytest.raises(DataError, match="one sub-folder of images for each class"):
        image_folder(folder / missing, (1, 1, 1))


@pytest.mark.parametrize("shape", [(1, 1, 2), (0, 1, 1), (1, -1, 3)])
def test_bad_shape(folder, shape):
    with pytest.raises(DataError, match="shape must be"):
        image_folder(folder, shape)


def test_a_file_that_claims_more_pixels_than_it_can_hold(folder):
    path = folder / "ants" / "0.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">2I", 9000, 9000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"0\.png claims \(9000, 9000\) pixels; "):
        image_folder(folder, (1, 1, 1))


def test_formats_that_start_programs_are_refused(folder):
    """Pillow hands PostScript to Ghostscript."""
    Image.new("RGB", (4, 4)).save(folder / "ants" / "a.eps")
    with pytest.raises(DataError, match=r"a\.eps is not an image"):
        image_folder(folder, (1, 1, 1))


def test_what_a_photograph_says_beside_its_pixels_does_not_matter(folder):
    """Many photographs of real data sets carry damaged EXIF, of which Pillow warns."""
    image = Image.new("RGB", (4, 4))
    image.save(folder / "ants" / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01")
    assert len(image_folder(folder, (1, 1, 1))[0]) == 4


def test_a_chunk_that_claims_gigabytes_costs_nothing(folder):
    path = folder / "ants" / "0.png"
    content = path.read_bytes()
    at = content.index(b"IDAT") - 4
    path.write_bytes(content[:at] + struct.pack(">I", 1 << 30) + content[at + 4 : -14])
    tracemalloc.start()
    with contextlib.suppress(DataError):  # Pillow has seen all pixels before it sees the damage
        image_folder(folder, (1, 1, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20

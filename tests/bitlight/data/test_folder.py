import contextlib
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError
from bitlight.data import Placing, image_folder


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


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_upright(tmp_path, orientation, kind):
    """What a viewer shows, whichever way the camera was held."""
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :8], upright[:8, 16:], upright[8:, :8] = 250, 170, 90
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    held = Image.fromarray(upright)
    held = held if back is None else held.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").mkdir()
    held.save(
        tmp_path / "a" / f"x.{kind}", exif=exif, **{"lossless": True} if kind == "webp" else {}
    )
    images, _, _ = image_folder(tmp_path, (16, 24, 1))
    assert np.abs(images[0, :, :, 0].astype(int) - upright).max() < 40


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "L", "RGB"])
def test_what_is_transparent_has_the_background(tmp_path, mode):
    """Two icons that differ in their transparency alone."""
    (tmp_path / "a").mkdir()
    for number in range(2):
        alpha = np.zeros((8, 8), np.uint8)
        alpha[2 * number : 2 * number + 4, 2:6] = 255
        path = tmp_path / "a" / f"{number}.png"
        if mode in ("L", "RGB", "P"):  # one value stands for what is transparent
            picture = Image.fromarray(np.where(alpha, 1, 9).astype(np.uint8))
            if mode == "P":
                picture.putpalette([0] * 768)
            picture.convert(mode).save(path, transparency=(9, 9, 9) if mode == "RGB" else 9)
        else:
            icon = Image.merge("RGBA", [*Image.new("RGB", (8, 8)).split(), Image.fromarray(alpha)])
            if mode == "PA":
                path = path.with_suffix(".webp")
                icon.save(path, lossless=True)
            else:
                icon.convert(mode).save(path)
    white, _, _ = image_folder(tmp_path, (8, 8, 1))
    assert (white[0] != white[1]).any()
    assert white[0, :, :, 0].tolist() == [
        [(0 if mode not in ("L", "RGB") else 1) if 2 <= x < 6 and y < 4 else 255 for x in range(8)]
        for y in range(8)
    ]
    black, _, _ = image_folder(tmp_path, (8, 8, 1), Placing(background="black"))
    assert black.max() <= 1


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    (tmp_path / "a").mkdir()
    frames = [Image.new("L", (6, 6), value) for value in (40, 200)]
    frames[0].save(tmp_path / "a/x.gif", save_all=True, append_images=frames[1:])
    assert image_folder(tmp_path, (6, 6, 1))[0].max() == 40


def test_the_aspect_is_kept(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.zeros((20, 60), np.uint8)
    pixels[:, 19:41] = 200
    Image.fromarray(pixels).save(tmp_path / "a/x.png")
    assert image_folder(tmp_path, (10, 10, 1))[0].min() == 200
    assert image_folder(tmp_path, (10, 10, 1), Placing("stretch"))[0][0, 5, 0] == 0


def test_all_bad_files_are_named_at_once(folder):
    for name in ("a.txt", "b.heic"):
        (folder / "ants" / name).write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2 of 5 files are bad: .*a\.txt.*b\.heic"):
        image_folder(folder, (1, 1, 1))

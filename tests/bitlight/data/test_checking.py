"""Files that are no images are found before the work, or left out."""

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError
from bitlight.data.checking import bad_images, usable
from bitlight.data.foldersource import FolderSource

KINDS = ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm")


@pytest.fixture
def photos(tmp_path):
    """Two classes, a good file of every format in each."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for kind in KINDS:
            pixels = rng.integers(0, 256, (30, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"x.{kind}")
    return tmp_path


def files_of(root):
    return sorted(path for path in root.glob("*/*"))


def test_good_files_are_good(photos):
    assert bad_images(files_of(photos)) == bad_images(files_of(photos), whole=True) == {}


def test_a_photograph_with_a_trailer_is_good(photos):
    """Cameras and telephones append what they like."""
    for kind in KINDS:
        with (photos / "cat" / f"x.{kind}").open("ab") as file:
            file.write(bytes(10_000))
    assert not bad_images(files_of(photos))


def spoiled(root):
    (root / "cat/Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 100)
    (root / "dog/a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (root / "dog/empty.jpg").write_bytes(b"")
    (root / "dog/folder").mkdir()
    for kind in ("jpg", "png", "webp", "gif"):
        whole = (root / f"cat/x.{kind}").read_bytes()
        (root / f"cat/cut.{kind}").write_bytes(whole[: len(whole) // 2])
    names = ["cat/Thumbs.db", *(f"cat/cut.{kind}" for kind in ("gif", "jpg", "png", "webp"))]
    return [*names, "dog/a.heic", "dog/empty.jpg", "dog/folder"]


def test_all_bad_ones_are_named_before_the_work(photos):
    bad = spoiled(photos)
    with pytest.raises(DataError) as error:
        FolderSource(photos, (8, 8, 3))
    message = str(error.value)
    assert message.startswith("8 of 22 files are bad: ")
    assert all(name in message for name in bad)
    assert message.endswith("--skip-bad leaves out what is bad")


def test_a_message_names_ten(photos):
    for number in range(30):
        (photos / f"cat/{number}.txt").touch()
    with pytest.raises(DataError, match="30 of 44 files are bad: .*; and 20 more; --skip-bad"):
        FolderSource(photos, (8, 8, 3))


def test_they_are_left_out(photos):
    clean = FolderSource(photos, (8, 8, 3))
    wanted = clean.images(range(len(clean))), clean.labels(range(len(clean))), clean.classes
    bad = spoiled(photos)
    # Damage in the middle, of a file that begins and ends as it should.
    Image.new("RGB", (300, 300), "red").save(photos / "dog/torn.png")
    content = bytearray((photos / "dog/torn.png").read_bytes())
    content[60:300] = bytes(240)
    (photos / "dog/torn.png").write_bytes(content)
    assert "dog/torn.png" not in map(str, bad_images(files_of(photos)))
    said = []
    source = FolderSource(photos, (8, 8, 3), skip_bad=True, progress=said.append)
    assert source.skipped == (*bad, "dog/torn.png")
    assert said == list(range(1, 24))
    rows = range(len(source))
    assert np.array_equal(source.images(rows), wanted[0])
    assert np.array_equal(source.labels(rows), wanted[1])
    assert source.classes == wanted[2]
    again = FolderSource(photos, (8, 8, 3), skip_bad=True, known_bad=source.skipped)
    assert (again.skipped, again.ids(rows)) == (source.skipped, source.ids(rows))


def test_what_cannot_be_left_out(photos):
    for file in (photos / "cat").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(DataError, match="the class 'cat' has bad files alone"):
        FolderSource(photos, (8, 8, 3), skip_bad=True)
    for file in (photos / "dog").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(DataError, match="too much of .* is bad"):
        usable(files_of(photos), photos, skip_bad=True)

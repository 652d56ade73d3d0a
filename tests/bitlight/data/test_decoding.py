"""Photographs are decoded once, and never given as another file's."""

import os

import numpy as np
import pytest
from datasets import photographs
from PIL import Image

from bitlight import DataError
from bitlight.data import Placing, decoding, folder
from bitlight.data.decoding import Decoder
from bitlight.data.foldersource import FolderSource, list_folder
from bitlight.files import kept
from bitlight.files.cache import PIXELS, cache_folder

SHAPE = (8, 8, 3)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Twenty photographs, a cache of their own, and blocks of eight."""
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "BLOCK_FILES", 8)
    monkeypatch.setattr(decoding, "SETTLED_S", -1.0)
    photographs(tmp_path / "photos", 10, ("cat", "dog"))
    return tmp_path / "photos"


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded."""
    names = []
    read = folder.read_images

    def noted(files, *how):
        names.extend(file.name for file in files)
        return read(files, *how)

    monkeypatch.setattr(decoding, "read_images", noted)
    return names


def read(root, rows=range(20), placing=None, shape=SHAPE):
    return FolderSource(root, shape, placing=placing).images(rows)


def entries():
    return sorted(path for path in (cache_folder() / PIXELS).iterdir() if path.is_dir())


def test_what_was_decoded_is_not_decoded_again(photos, decoded):
    first = read(photos)
    assert len(decoded) == 20
    assert len(entries()) == 3
    decoded.clear()
    assert np.array_equal(read(photos), first)
    for rows in (range(3, 4), range(5, 11), range(19, 20)):
        assert np.array_equal(read(photos, rows), first[rows.start : rows.stop])
    assert not decoded
    assert np.array_equal(first, folder.read_images(list_folder(photos).files, SHAPE))


def test_other_shapes_and_placings_are_other_pixels(photos, decoded):
    read(photos)
    for how in ({"shape": (8, 8, 1)}, {"shape": (9, 8, 3)}, {"placing": Placing("pad")}):
        decoded.clear()
        read(photos, **how)
        assert len(decoded) == 20
    found = read(photos, placing=Placing("stretch")), read(photos, placing=Placing("crop"))
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("how", ["in place", "replaced", "same size and time", "renamed"])
def test_a_changed_file_is_decoded_again(photos, decoded, how):
    before = read(photos)
    file, other = photos / "cat/3.png", photos / "cat/4.png"
    status = file.stat()
    red = Image.new("RGB", (30, 40), "red")
    if how == "renamed":
        file.rename(photos / "cat/x.png")
        other.rename(file)
        (photos / "cat/x.png").rename(other)
    elif how == "replaced":
        red.save(photos / "new.png")
        os.replace(photos / "new.png", file)
    else:
        red.save(file)
        if how == "same size and time":
            with open(file, "ab") as content:
                content.write(bytes(status.st_size - file.stat().st_size))
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
            assert file.stat().st_size == status.st_size
            assert file.stat().st_mtime_ns == status.st_mtime_ns
    decoded.clear()
    after = read(photos)
    assert "3.png" in decoded
    assert len(decoded) == 8  # the block that has it
    changed = np.flatnonzero((after != before).any(axis=(1, 2, 3)))
    assert changed.tolist() == ([3, 4] if how == "renamed" else [3])


@pytest.mark.parametrize("damage", ["a bit", "cut", "another shape", "gone"])
def test_a_damaged_cache_is_made_again(photos, decoded, damage):
    before = read(photos)
    file = entries()[0] / decoding.NAME
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "another shape":
        np.save(file, np.zeros((1, *SHAPE), np.uint8))
    else:
        content[-5] ^= 4
        file.write_bytes(content)
    decoded.clear()
    assert np.array_equal(read(photos), before)
    assert len(decoded) in (4, 8)
    decoded.clear()
    assert np.array_equal(read(photos), before)
    assert not decoded


def test_an_entry_of_other_pixels_is_not_believed(photos):
    read(photos)
    entry = next(path for path in entries() if len(np.load(path / decoding.NAME)) == 8)
    kept.remove(entry)
    with kept.work(PIXELS) as work:
        np.save(work / "a.npy", np.zeros((7, *SHAPE), np.uint8))
        kept.keep(PIXELS, entry.name, {decoding.NAME: work / "a.npy"}, work)
    assert np.array_equal(read(photos), folder.read_images(list_folder(photos).files, SHAPE))


def test_what_has_just_changed_is_not_kept(photos, monkeypatch):
    monkeypatch.setattr(decoding, "SETTLED_S", 3600.0)
    read(photos)
    assert not entries()


def test_nothing_is_kept_where_there_is_no_room(photos, monkeypatch, decoded):
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", "5K")
    first = read(photos)  # 20 × 192 bytes are more than half of that
    assert np.array_equal(read(photos), first)
    assert len(decoded) == 40


def test_old_pixels_go_first(photos, monkeypatch):
    read(photos)
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", "12K")
    for number in range(1, 6):
        read(photos, shape=(8, 8 + number, 3))
    kept.evict()
    assert sum(kept.size(path) for path in entries()) <= 12 << 10
    assert entries()


def test_a_few_images_are_read_alone(photos, decoded, monkeypatch):
    monkeypatch.setattr(decoding, "BLOCK_FILES", 1000)
    read(photos, range(2, 3))
    assert decoded == ["2.png"]
    assert not (cache_folder() / PIXELS).exists() or not entries()


def test_a_bad_file_is_found_though_others_are_known(photos, decoded):
    read(photos)
    (photos / "dog/9.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"9.png is not an image"):
        FolderSource(photos, SHAPE)
    (photos / "dog/9.png").unlink()
    decoded.clear()
    read(photos, range(19))
    assert len(decoded) == 3  # of the last block


def test_a_file_that_changes_while_it_is_decoded_is_not_kept(photos, monkeypatch):
    files = list_folder(photos).files
    whole = folder.read_images

    def changing(chosen, *how):
        found = whole(chosen, *how)
        os.utime(chosen[0], ns=(0, 0))
        return found

    monkeypatch.setattr(decoding, "read_images", changing)
    Decoder(files, SHAPE, Placing()).images(range(20))
    assert not entries()

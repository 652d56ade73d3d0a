import os
import socket

import numpy as np
import pytest

from bitlight import BitlightError, DataError, Network, RidgeHead, data
from bitlight.data.foldersource import FolderSource
from bitlight.data.source import FileSource
from bitlight.features.npz import FeatureFile
from bitlight.files.opening import open_regular, read_regular
from bitlight.qonnx import import_qonnx


def test_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    (tmp_path / "link").symlink_to(path)
    assert read_regular(path) == read_regular(tmp_path / "link") == b"abc"
    with pytest.raises(OSError, match="has 3 bytes; at most 2 are read"):
        read_regular(path, 2)


def make_fifo(path):
    os.mkfifo(path)


def make_endless(path):
    path.symlink_to("/dev/zero")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


SPECIAL = (make_fifo, make_endless, make_socket, os.mkdir)


@pytest.mark.parametrize("make", SPECIAL)
def test_nothing_but_files(tmp_path, make):
    path = tmp_path / "a"
    make(path)
    with pytest.raises(OSError, match="no regular file|No such device"):
        open_regular(path)


LOADERS = {
    "a.bnn": Network.load,
    "a.head": RidgeHead.load,
    "a.npz": FeatureFile.load,
    "a.npy": FileSource,
    "a.gz": data.read_idx,
    "a.onnx": import_qonnx,
}


@pytest.mark.parametrize("make", SPECIAL)
@pytest.mark.parametrize("name", LOADERS)
def test_every_loader_refuses_at_once(tmp_path, name, make):
    """None waits for a pipe, and none reads a device without end."""
    path = tmp_path / name
    make(path)
    with pytest.raises(BitlightError, match=name):
        LOADERS[name](path)


@pytest.mark.parametrize("make", SPECIAL[:3])
def test_a_folder_of_images_with_something_else_in_it(tmp_path, make):
    (tmp_path / "class").mkdir()
    make(tmp_path / "class" / "a.png")
    with pytest.raises(DataError, match=r"a\.png"):
        FolderSource(tmp_path, (8, 8, 1)).images(range(1))


@pytest.mark.parametrize("name", LOADERS)
def test_a_sparse_file_takes_no_memory(tmp_path, name):
    path = tmp_path / name
    path.touch()
    os.truncate(path, 20_000_000_000)
    with pytest.raises(BitlightError, match=name):
        LOADERS[name](path)


def test_a_sparse_image(tmp_path):
    (tmp_path / "class").mkdir()
    path = tmp_path / "class" / "a.png"
    path.touch()
    os.truncate(path, 20_000_000_000)
    with pytest.raises(DataError, match=r"a\.png.*are read"):
        FolderSource(tmp_path, (8, 8, 1)).images(range(1))


def test_a_pipe_for_a_chunk(tmp_path):
    from bitlight import FeatureStore, StoreError
    from bitlight.store.layout import file_of
    from bitlight.store.manifest import Manifest

    store = FeatureStore.create(tmp_path / "s", Manifest("a" * 64, 3, 2, "two"))
    store.write(0, np.zeros((2, 3), np.uint8), np.zeros(2, np.int64), ["a", "b"])
    for name in ("features", "labels", "ids"):
        file = file_of(store.path, name, 0)
        kept = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(StoreError, match="chunk 0 .* no regular file"):
            store.check_chunk(0)
        file.unlink()
        file.write_bytes(kept)
    store.check_chunk(0)

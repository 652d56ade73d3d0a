"""What fills a store: all chunks, once, audited, beside others, whatever stops it."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from stores import CHUNK, SAMPLES, chunk_files, empty_store, filled_store, small_network

from bitlight import DataError, FeatureStore, Linear, Network, SimulationError, StoreError
from bitlight.data.foldersource import FolderSource
from bitlight.data.source import ArraySource, FileSource, FirstOf
from bitlight.store import audit, chunk_for, completing, fill, filling, manifest_for

CHILD = """
import resource, signal, sys, time
from stores import small_network
from bitlight import FeatureStore
from bitlight.data.source import RandomSource
from bitlight.store import fill
net = small_network()
source = RandomSource(100, net.input_shape, net.input_bits)
images = source.images
source.images = lambda rows: (time.sleep({pause}), images(rows))[1]
print("ready", flush=True)
if {largest}:
    # Like a disk that takes no more: writing a larger file ends with EFBIG.
    resource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, resource.RLIM_INFINITY))
print(fill(FeatureStore(sys.argv[1]), net, source), flush=True)
"""


def child(path, pause=0.0, largest=0, **options):
    """Another process that fills the store, with no file larger than so many bytes."""
    command = [sys.executable, "-c", CHILD.format(pause=pause, largest=largest), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, **options
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_fills_what_is_missing(tmp_path):
    store, net, source = empty_store(tmp_path / "s")
    said = []
    assert fill(store, net, source, progress=said.append) == 7
    assert said == [16, 32, 48, 64, 80, 96, 100]
    before = chunk_files(store.path)
    assert fill(store, net, source) == 0
    store.drop(4)
    assert fill(store, net, source) == 1
    assert chunk_files(store.path) == before
    assert np.array_equal(store[:], net.forward(source.images(range(100))))


def test_one_chunk_is_written_while_the_next_is_computed(tmp_path, monkeypatch):
    store, net, source = empty_store(tmp_path / "s")
    computed, write = threading.Event(), FeatureStore.write_packed

    def images(rows):
        if rows.start == 2 * CHUNK:
            computed.set()
            raise DataError("a broken image")
        return type(source).images(source, rows)

    def late(store, chunk, *content):
        assert chunk == 0 or computed.wait(10)
        write(store, chunk, *content)

    monkeypatch.setattr(source, "images", images)
    monkeypatch.setattr(FeatureStore, "write_packed", late)
    with pytest.raises(DataError, match="a broken image"):
        fill(store, net, source)
    assert store.missing() == [2, 3, 4, 5, 6]


def test_chunks_keep_all_processes_of_a_simulator_busy():
    assert [chunk_for("rtl", n) for n in (1, 2, 8)] == [1024, 1024, 4096]
    assert chunk_for("golden", 8) == 4096


def test_images_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "PART", 7)
    store, net, source = empty_store(tmp_path / "s", audited=0.5)
    fill(store, net, source)
    assert store.audited().tolist() == [8] * 6 + [2]
    assert np.array_equal(store[:], net.forward(source.images(range(100))))


def test_another_network_is_refused(tmp_path):
    store, _, source = empty_store(tmp_path / "s")
    with pytest.raises(StoreError, match="is of network"):
        fill(store, small_network(1), source)


def test_without_images_or_with_scores(tmp_path):
    net = small_network()
    with pytest.raises(StoreError, match="no images in none"):
        manifest_for(net, ArraySource("none", np.zeros((0, 12), np.uint8), None, (12,)))


def test_rtl_is_audited_wholly_and_golden_by_sample(tmp_path):
    net = small_network()
    rtl, expected = filled_store(tmp_path / "rtl", name="rtl")
    assert rtl.audited().tolist() == [16] * 6 + [4]
    golden, _ = filled_store(tmp_path / "golden", audited=0.1)
    assert golden.audited().tolist() == [2] * 6 + [1]
    assert np.array_equal(rtl[:], expected)
    assert np.array_equal(golden[:], expected)
    assert rtl.manifest.network == golden.manifest.network == net.id


def test_a_different_bit_ends_the_run_and_names_its_sample(tmp_path, monkeypatch):
    store, net, source = empty_store(tmp_path / "s", audited=1.0)
    broken = net.forward(source.images(range(100)))
    broken[37, 69] ^= 1
    parts = iter(np.split(broken, range(CHUNK, 100, CHUNK)))
    monkeypatch.setattr(net.__class__, "forward", lambda self, images: next(parts))
    with pytest.raises(
        SimulationError, match="sample '37' of chunk 2, feature 69, output 69 of layer 0 "
    ):
        fill(store, net, source)
    assert store.missing() == [2, 3, 4, 5, 6]


def test_the_audited_sample_is_drawn_from_the_whole_chunk():
    drawn = [audit.chosen(1000, 0.01, chunk) for chunk in range(300)]
    assert all(len(np.unique(rows)) == 10 for rows in drawn)
    hits = np.bincount(np.concatenate(drawn) // 100, minlength=10)
    assert hits.min() > 200  # of 300 expected
    assert not np.array_equal(drawn[0], drawn[1])


def test_two_writers_share_the_work(tmp_path):
    expected = chunk_files(filled_store(tmp_path / "alone")[0].path)
    store, *_ = empty_store(tmp_path / "s")
    writers = [child(store.path, 0.05) for _ in range(2)]
    counts = [int(writer.communicate(timeout=60)[0]) for writer in writers]
    assert sum(counts) == 7
    assert min(counts) > 0
    assert chunk_files(store.path) == expected


def test_a_killed_writer_leaves_its_chunk_to_others(tmp_path, monkeypatch):
    monkeypatch.setattr(completing, "POLL_S", 0.01)
    expected = chunk_files(filled_store(tmp_path / "alone")[0].path)
    store, net, source = empty_store(tmp_path / "s")
    writer = child(store.path, 3600)  # at chunk 0 for an hour
    while True:
        with store.claims.on(0) as free:
            if not free:
                break
        time.sleep(0.01)
    for chunk in range(1, 7):
        with filling.Worker.ready(net, source, store.manifest) as worker:
            assert worker.fill(store, chunk)
            assert not worker.fill(store, 0)
    writer.kill()
    writer.communicate()
    assert fill(store, net, source) == 1
    assert chunk_files(store.path) == expected


def test_litter_of_a_killed_writer_is_swept(tmp_path):
    store, net, source = empty_store(tmp_path / "s")
    for name in ("features/c/1/0.abc.partial", "labels/c/1.abc.partial"):
        (store.path / name).parent.mkdir(parents=True, exist_ok=True)
        (store.path / name).write_bytes(b"half")
    fill(store, net, source)
    assert not list(store.path.rglob("*.partial"))


def test_killed_at_random_moments(tmp_path):
    expected = chunk_files(filled_store(tmp_path / "alone")[0].path)
    store, net, source = empty_store(tmp_path / "s")
    rng = np.random.default_rng(0)
    for _ in range(4):
        writer = child(store.path, 0.01)
        time.sleep(rng.uniform(0, 0.08))
        writer.kill()
        writer.communicate()
    fill(store, net, source)
    assert chunk_files(store.path) == expected
    assert not list(store.path.rglob("*.partial"))


def test_a_full_disk_ends_clearly_and_the_rest_is_kept(tmp_path):
    store, net, source = empty_store(tmp_path / "s")
    fill(store, net, source)
    expected = chunk_files(store.path)
    store.drop(3)
    writer = child(store.path, largest=50, stderr=subprocess.PIPE)
    err = writer.communicate(timeout=60)[1]
    assert writer.returncode == 1
    assert "StoreError: cannot write chunk 3" in err
    assert store.missing() == [3]
    assert not list(store.path.rglob("*.partial"))
    fill(store, net, source)
    assert chunk_files(store.path) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_disk_that_is_really_full(tmp_path):
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path / "disk")]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        store, net, source = empty_store(tmp_path / "disk/s")
        with pytest.raises(StoreError, match="No space left on device; the other chunks are kept"):
            fill(store, net, source)
        there = [chunk for chunk in range(7) if store.has(chunk)]
        for chunk in there:
            store.check_chunk(chunk)
        remount = ["mount", "-o", "remount,size=9M", str(tmp_path / "disk")]
        subprocess.run(remount, check=True)
        assert fill(store, net, source) == 7 - len(there)
        assert np.array_equal(store[:], net.forward(source.images(range(100))))
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)


def test_readers_see_whole_chunks_while_it_is_filled(tmp_path):
    store, net, source = empty_store(tmp_path / "s")
    expected = net.forward(source.images(range(100)))
    writer = child(store.path, 0.02)
    reader = FeatureStore(store.path)
    seen = set()
    while writer.poll() is None:
        for chunk in set(range(7)) - set(reader.missing()):
            span = reader.manifest.span(chunk)
            rows = slice(span.start, span.stop)
            assert np.array_equal(reader[rows], expected[rows])
            assert np.array_equal(reader.labels(rows), source.labels(span))
            seen.add(chunk)
    writer.communicate()
    assert seen


def test_images_that_change_are_other_images(tmp_path):
    """Under the same path, with the same number of images: never rows of both in one store."""
    net, rng = small_network(), np.random.default_rng(0)
    path = tmp_path / "images.npy"
    np.save(path, rng.integers(0, 256, (SAMPLES, 12), np.uint8))
    manifest = manifest_for(net, FileSource(path), chunk=CHUNK)
    store = FeatureStore.create(tmp_path / "s", manifest)
    fill(store, net, FileSource(path))
    store.drop(3)
    assert FeatureStore.create(tmp_path / "s", manifest_for(net, FileSource(path), chunk=CHUNK))
    np.save(path, rng.integers(0, 256, (SAMPLES, 12), np.uint8))
    with pytest.raises(StoreError, match="other images under the same name"):
        FeatureStore.create(tmp_path / "s", manifest_for(net, FileSource(path), chunk=CHUNK))
    with pytest.raises(StoreError, match="have changed since"):
        fill(store, net, FileSource(path))


def test_a_file_of_a_folder_that_changes(tmp_path):
    net = Network((4, 4, 1), 8, [Linear(np.ones((8, 16), bool), np.zeros(8, int))])
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4), np.uint8)).save(tmp_path / "photos" / name)

    def digest():
        source = FolderSource(tmp_path / "photos", net.input_shape)
        return manifest_for(net, source, chunk=CHUNK).content

    first = digest()
    assert digest() == first
    (tmp_path / "photos/a/1.png").rename(tmp_path / "photos/a/0.png")
    renamed = digest()
    Image.fromarray(rng.integers(0, 256, (4, 4), np.uint8)).save(tmp_path / "photos/b/1.png")
    assert len({first, renamed, digest()}) == 3


def test_arrays_in_memory_are_told_apart_by_content():
    images = np.zeros((5, 12), np.uint8)
    labels = np.arange(5)
    first = ArraySource("a", images, labels, (12,)).digest(range(5))
    assert ArraySource("a", images.copy(), labels, (12,)).digest(range(5)) == first
    changed = images.copy()
    changed[4, 11] = 1
    assert ArraySource("a", changed, labels, (12,)).digest(range(5)) != first
    assert ArraySource("a", images, labels[::-1], (12,)).digest(range(5)) != first
    assert FirstOf(ArraySource("a", images, labels, (12,)), 4).digest(range(4)) != first

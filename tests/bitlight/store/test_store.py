"""A store reads like an array, says what is missing or damaged, and refuses what it is not."""

import dataclasses
import json
import pickle
import re
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from stores import CHUNK, SAMPLES, chunk_files, empty_store, filled_store, small_network

from bitlight import FeatureStore, StoreError
from bitlight.data.source import RandomSource
from bitlight.store import Manifest, fill
from bitlight.store.layout import ARRAYS
from bitlight.store.manifest import _digest


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        np.int64(17),
        slice(None),
        slice(15, 33),
        slice(90, 200),
        slice(None, None, 7),
        slice(50, 10, -3),
        slice(5, 5),
        np.array([99, 3, 3, -100, 40]),
        [1, 2],
        np.arange(SAMPLES) % 3 == 0,
    ],
)
def test_reads_like_an_array(tmp_path, index):
    store, expected = filled_store(tmp_path / "s")
    found = store[index]
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected[index])
    assert np.array_equal(store.labels(index), (np.arange(SAMPLES) % 10)[index])
    assert np.array_equal(store.ids(index), np.arange(SAMPLES).astype(str)[index])


def test_says_what_it_is(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    assert len(store) == SAMPLES
    assert store.shape == expected.shape
    assert store.packed(slice(2)).shape == (2, 9)
    assert "100 × 70 bits, 7 of 7 chunks" in repr(store)
    assert store.audited().tolist() == [0] * 7
    again = pickle.loads(pickle.dumps(store))
    assert np.array_equal(again[:], expected)
    with pytest.raises(IndexError, match="sample 100 of a store of 100"):
        store[100]


def test_intensities_of_every_dtype(tmp_path):
    for dtype in ("uint8", "uint16", "float32"):
        values = np.random.default_rng(0).integers(0, 200, (5, 3)).astype(dtype)
        manifest = Manifest("a" * 64, 3, 5, "x", dtype=dtype, chunk=2, projection={"seed": 1})
        store = FeatureStore.create(tmp_path / dtype, manifest)
        for chunk in range(3):
            rows = slice(2 * chunk, 2 * chunk + 2)
            part = values[rows]
            store.write(chunk, part, np.arange(len(part)), ["é" * 9] * len(part))
        assert store[:].dtype == dtype
        assert np.array_equal(store[:], values)
        assert store.ids(0) == "é" * 9
        assert store.id != manifest.network


def test_a_missing_chunk_is_named(tmp_path):
    store, *_ = empty_store(tmp_path / "s")
    store.write(3, np.zeros((CHUNK, 70), np.uint8), np.arange(CHUNK), ["a"] * CHUNK)
    assert store.missing() == [0, 1, 2, 4, 5, 6]
    assert store.samples_present() == CHUNK
    assert not store[48:64].any()
    with pytest.raises(StoreError, match="chunk 2 of .* is missing"):
        store[47:49]


def test_chunks_are_of_their_size(tmp_path):
    store, *_ = empty_store(tmp_path / "s")
    for features, labels, ids in (((16, 69), 16, 16), ((15, 70), 15, 15), ((16, 70), 16, 9)):
        with pytest.raises(StoreError, match="chunk 0 takes 16 samples of 70 features"):
            store.write(0, np.zeros(features, np.uint8), np.zeros(labels, int), ["a"] * ids)
    assert len(store.missing()) == 7


def test_every_flipped_bit_is_found_and_its_chunk_named(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    rng = np.random.default_rng(0)
    for name, content in chunk_files(store.path).items():
        chunk = int(re.search(r"c/(\d+)", name)[1])
        for bit in rng.integers(0, 8 * len(content), 8):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            (store.path / name).write_bytes(changed)
            with pytest.raises(StoreError, match=f"chunk {chunk} of .* is damaged"):
                store.check_chunk(chunk)
        (store.path / name).write_bytes(content)
    assert np.array_equal(store[:], expected)


def test_a_truncated_chunk_is_found(tmp_path):
    store, _ = filled_store(tmp_path / "s")
    file = store.path / "features/c/2/0"
    whole = file.read_bytes()
    for size in (0, 1, 15, 16, 20, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(StoreError, match="chunk 2 of .* is damaged"):
            store[40]
    file.unlink()
    with pytest.raises(StoreError, match="chunk 2 of .* is damaged"):
        store[40]
    store.drop(2)
    assert store.missing() == [2]


def test_a_chunk_cannot_ask_for_memory(tmp_path):
    store, _ = filled_store(tmp_path / "s")
    file = store.path / "features/c/0/0"
    content = bytearray(file.read_bytes())
    content[4:8] = struct.pack("<I", 1 << 30)
    file.write_bytes(content)
    with pytest.raises(StoreError, match="unpack to 1073741824 bytes"):
        store[0]


def test_other_features_are_refused(tmp_path):
    store, *_ = empty_store(tmp_path / "s")
    other = dataclasses.replace(store.manifest, network="b" * 64, chunk=8)
    with pytest.raises(StoreError, match="chunk 16 instead of 8"):
        FeatureStore.create(tmp_path / "s", other)
    assert FeatureStore.create(tmp_path / "s", store.manifest).manifest == store.manifest
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="no feature store"):
        FeatureStore.create(tmp_path / "other", other)
    with pytest.raises(StoreError, match="cannot write .*/no/s: No such file"):
        FeatureStore.create(tmp_path / "no/s", other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "reads bitlight.store versions 1 and 2"),
        ({"format": "x"}, "this is x version 2"),
        ({"samples": 10**15}, "samples must be 1 to"),
        ({"samples": 99.5}, "samples must be 1 to"),
        ({"n_features": -1}, "n_features must be 1 to"),
        ({"n_features": 71}, None),
        ({"n_features": 300}, "the array features is not as"),
        ({"chunk": 1 << 26}, "of a row|a chunk of|the array"),
        ({"dtype": "object"}, "dtype must be one of"),
        ({"engine": ["rtl"]}, "engine must be one of"),
        ({"projection": 3}, "projection must be"),
        ({"folding": [[1]]}, "is damaged"),
        ({"audit": "all"}, "audit must be"),
        ({"network": 3}, "network must be 64 hexadecimal digits"),
        ({"network": "../" * 21 + "a"}, "network must be 64 hexadecimal digits"),
        ({"more": 1}, "is damaged"),
    ],
)
def test_a_changed_description_is_refused(tmp_path, change, message):
    store, _ = filled_store(tmp_path / "s")
    file = store.path / "zarr.json"
    content = json.loads(file.read_text())
    described = content["attributes"]["bitlight"] | change
    del described["sha256"]
    content["attributes"]["bitlight"] = described | {"sha256": _digest(described)}
    file.write_text(json.dumps(content))
    if message is None:  # as many bytes as before: nothing is wrong with the arrays
        assert FeatureStore(store.path).shape == (SAMPLES, 71)
        return
    with pytest.raises(StoreError, match=message):
        FeatureStore(store.path)


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.fuzz)])
def test_every_bit_of_a_description(step, tmp_path):
    """It is found, or what the store says of itself is the same; by `make fuzz` for every bit."""
    store, expected = filled_store(tmp_path / "s")
    for name in ("zarr.json", *(f"{array}/zarr.json" for array in ARRAYS)):
        file = store.path / name
        whole = file.read_bytes()
        for bit in range(0, 8 * len(whole), step):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)
            try:
                found = FeatureStore(store.path)
            except StoreError:
                continue
            assert found.manifest == store.manifest
            assert np.array_equal(found[40:60], expected[40:60])
        file.write_bytes(whole)


def test_a_store_of_version_1_is_read(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    file = store.path / "zarr.json"
    content = json.loads(file.read_text())
    described = content["attributes"]["bitlight"]
    described["version"] = 1
    del described["sha256"], described["content"]
    file.write_text(json.dumps(content))
    found = FeatureStore(store.path)
    assert np.array_equal(found[:], expected)
    assert found.manifest.content is None
    fill(found, small_network(), RandomSource(SAMPLES, (12,)))


def test_a_huge_store_of_nothing_takes_no_memory(tmp_path):
    manifest = Manifest("a" * 64, 70, 1 << 40, "much", chunk=1 << 20)
    store = FeatureStore.create(tmp_path / "s", manifest)
    tracemalloc.start()
    assert len(store.missing()) == 1 << 20
    assert next(iter(store.missing())) == 0
    assert store.samples_present() == store.samples_audited() == 0
    assert "0 of 1048576 chunks" in repr(store)
    for read in (store.labels, store.ids, store.packed, lambda: store[:]):
        with pytest.raises(StoreError, match="chunk 0 .* is missing"):
            read()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    with pytest.raises(StoreError, match="take more samples for a chunk"):
        dataclasses.replace(manifest, chunk=4096)


def test_an_impossible_audit_is_damage(tmp_path):
    store, _ = filled_store(tmp_path / "s")
    for count in (-1, 17, 1 << 30):
        store.write(2, store[32:48], store.labels(slice(32, 48)), ["x"] * 16, count)
        with pytest.raises(StoreError, match=r"chunk 2 .* \(audited\)"):
            store.check_chunk(2)


def test_damaged_descriptions_are_refused(tmp_path):
    store, _ = filled_store(tmp_path / "s")
    for name in ("zarr.json", "features/zarr.json", "audited/zarr.json"):
        file = store.path / name
        whole = file.read_bytes()
        for content in (b"", b"{}", b"\xff", whole[:-9], b"[" * 10**5, b" " * (1 << 21)):
            file.write_bytes(content)
            with pytest.raises(StoreError, match="no whole"):
                FeatureStore(store.path)
        file.write_bytes(whole)
    FeatureStore(store.path)


def test_torch_and_dask_read_it(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    loader = torch.utils.data.DataLoader(store.dataset(), batch_size=30)
    features, labels = zip(*loader, strict=True)
    assert np.array_equal(torch.cat(features).numpy(), expected)
    assert torch.cat(labels).tolist() == [k % 10 for k in range(SAMPLES)]
    assert store.dataset()[5][0].tolist() == expected[5].tolist()
    array = store.dask()
    assert array.shape == expected.shape
    assert array.numblocks == (7, 1)
    assert array.sum(axis=0).compute(scheduler="synchronous").tolist() == expected.sum(0).tolist()
    assert np.array_equal(array[30:50, 3].compute(scheduler="synchronous"), expected[30:50, 3])

"""A store in other forms holds the same."""

import json

import numpy as np
import pyarrow.parquet
import pytest
import safetensors.numpy
from stores import SAMPLES, empty_store, filled_store

from bitlight import StoreError, bits
from bitlight.features.npz import FeatureFile
from bitlight.store import export


def test_npz(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    export(store, tmp_path / "a.npz")
    file = FeatureFile.load(tmp_path / "a.npz")
    assert np.array_equal(file.features, expected)
    assert np.array_equal(file.labels, store.labels())
    assert file.id == store.id


def test_parquet(tmp_path):
    store, expected = filled_store(tmp_path / "s")
    said = []
    export(store, tmp_path / "a.parquet", said.append)
    assert said[-1] == SAMPLES
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 7
    table = file.read()
    packed = np.frombuffer(b"".join(table["features"].to_pylist()), np.uint8)
    assert np.array_equal(bits.unpack(packed.reshape(SAMPLES, -1), 70), expected)
    assert table["label"].to_pylist() == store.labels().tolist()
    assert table["id"].to_pylist() == store.ids().tolist()
    assert json.loads(table.schema.metadata[b"bitlight"])["network"] == store.manifest.network


def test_safetensors(tmp_path):
    store, _ = filled_store(tmp_path / "s")
    export(store, tmp_path / "a.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert np.array_equal(tensors["features"], store.packed())
    assert np.array_equal(tensors["labels"], store.labels())


def test_what_cannot_be_exported(tmp_path):
    store, *_ = empty_store(tmp_path / "s")
    with pytest.raises(StoreError, match="lacks 7 of 7 chunks"):
        export(store, tmp_path / "a.npz")
    with pytest.raises(StoreError, match=r"should end in .npz, .parquet, .safetensors"):
        export(store, tmp_path / "a.csv")

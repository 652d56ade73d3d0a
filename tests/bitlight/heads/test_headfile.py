import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from bitlight import BitlightError, HeadError, RidgeHead


@pytest.fixture
def head():
    generator = np.random.default_rng(0)
    X = generator.integers(0, 2, (60, 20), dtype=np.uint8)
    return RidgeHead([1.0, 10.0]).fit(X, np.arange(60) % 3)


@pytest.fixture
def file(head, tmp_path):
    path = tmp_path / "head.safetensors"
    head.save(path, extractor_id="ab" * 32, class_names=["ant", "bee", "cat"])
    return path


def header_of(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["bitlight"])


def rewrite(path, change, tensors=None):
    """Write the file again with another header."""
    header = header_of(path)
    header.update(change)
    tensors = tensors or safetensors.numpy.load_file(path)
    safetensors.numpy.save_file(tensors, path, {"bitlight": json.dumps(header)})


def test_loads_what_was_saved(head, file):
    loaded = RidgeHead.load(file)
    X = np.random.default_rng(1).integers(0, 2, (30, 20), dtype=np.uint8)
    assert np.array_equal(loaded.decision_function(X), head.decision_function(X))
    assert np.array_equal(loaded.predict(X), head.predict(X))
    assert loaded.alpha_ == head.alpha_
    assert loaded.get_params() == head.get_params()
    assert loaded.extractor_id_ == "ab" * 32
    assert loaded.class_names_ == ("ant", "bee", "cat")


def test_saving_again_gives_the_same_bytes(file, tmp_path):
    again = tmp_path / "again"
    RidgeHead.load(file).save(again)
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("labels", [["x", "y"], [False, True], [-5, 900]])
def test_classes_keep_their_kind(tmp_path, labels):
    head = RidgeHead([1.0]).fit(np.eye(4), np.repeat(labels, 2))
    head.save(tmp_path / "head")
    loaded = RidgeHead.load(tmp_path / "head")
    assert loaded.classes_.dtype == head.classes_.dtype
    assert np.array_equal(loaded.predict(np.eye(4)), np.repeat(labels, 2))


def test_loaded_head_trains_anew_but_not_on(head, file):
    X, y = np.eye(20, dtype=np.uint8), np.arange(20) % 2
    loaded = RidgeHead.load(file)
    with pytest.raises(HeadError, match="begin with partial_fit"):
        loaded.partial_fit(X, y)
    assert len(loaded.fit(X, y).classes_) == 2
    assert loaded.extractor_id_ is None


def test_every_truncation_is_refused(file):
    content = file.read_bytes()
    for length in range(0, len(content), 41):
        file.write_bytes(content[:length])
        with pytest.raises(HeadError, match="head file"):
            RidgeHead.load(file)


def test_every_flipped_coefficient_is_found(head, file):
    content = file.read_bytes()
    size = 8 * (head.coef_.size + head.intercept_.size)
    for place in range(len(content) - size, len(content), 13):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(HeadError, match="altered"):
            RidgeHead.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "bitlight.network"}, "it is bitlight.network version 1"),
        ({"version": 2}, "version 2, this bitlight reads"),
        ({"type": "LinearHead"}, "it holds a LinearHead, not a RidgeHead"),
        ({"classes": [0, 1]}, "2 classes do not fit 3 outputs"),
        ({"alpha": "many"}, "could not convert"),
    ],
)
def test_another_header_is_refused(file, change, message):
    rewrite(file, change)
    with pytest.raises(HeadError, match=message):
        RidgeHead.load(file)


def test_missing_header_key_is_refused(file):
    header = header_of(file)
    del header["classes"]
    tensors = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file(tensors, file, {"bitlight": json.dumps(header)})
    with pytest.raises(HeadError, match="classes"):
        RidgeHead.load(file)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(HeadError, match="no such file"):
        RidgeHead.load(tmp_path / "nothing")
    safetensors.numpy.save_file({"coef": np.zeros((1, 2))}, tmp_path / "other")
    with pytest.raises(HeadError, match="not a whole head file"):
        RidgeHead.load(tmp_path / "other")


def test_as_many_names_as_classes(head, tmp_path):
    with pytest.raises(HeadError, match="3 classes cannot have 2 names"):
        head.save(tmp_path / "head", class_names=["ant", "bee"])


def test_nothing_is_written_without_a_folder(head, tmp_path):
    with pytest.raises(BitlightError, match="cannot write"):
        head.save(tmp_path / "nowhere" / "head")

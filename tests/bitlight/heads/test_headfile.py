import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from bitlight import BinaryHead, BitlightError, HeadError, LinearHead, RidgeHead
from bitlight.heads import Head, headfile


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


def sign(path, header, tensors=None):
    """Write the file again with another header, whose digest is right."""
    tensors = tensors or safetensors.numpy.load_file(path)
    header["sha256"] = headfile._digest(header, tensors)
    safetensors.numpy.save_file(tensors, path, {"bitlight": json.dumps(header)})


def rewrite(path, change, tensors=None):
    sign(path, header_of(path) | change, tensors)


def test_loads_what_was_saved(head, file):
    loaded = RidgeHead.load(file)
    X = np.random.default_rng(1).integers(0, 2, (30, 20), dtype=np.uint8)
    assert np.allclose(loaded.decision_function(X), head.decision_function(X), atol=1e-6)
    assert np.array_equal(loaded.predict(X), head.predict(X))
    assert np.array_equal(loaded.coef_, head.shipped().coef_)
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


def every_bit(path, step, first=0):
    """Flip bits of a head file, one at a time: each is found, or says nothing else."""
    whole, before = path.read_bytes(), Head.load(path)
    X = np.random.default_rng(0).integers(0, 2, (5, before.n_features_in_), dtype=np.uint8)
    expected = before.predict_proba(X).tolist(), headfile.describe(before)
    for bit in range(first, 8 * len(whole), step):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            after = Head.load(path)
        except HeadError as error:
            assert str(error).isprintable()  # noqa: PT017
            continue
        assert (after.predict_proba(X).tolist(), headfile.describe(after)) == expected
    path.write_bytes(whole)


def test_every_bit_of_a_head(file):
    every_bit(file, 37)


@pytest.mark.fuzz
def test_every_single_bit_of_heads(file, tmp_path):
    every_bit(file, 1)
    X = np.eye(9, dtype=np.uint8)
    for head in (BinaryHead(epochs=1), LinearHead(epochs=1)):
        path = tmp_path / type(head).__name__
        head.fit(X, np.arange(9) % 2).save(path, "ab" * 32, ["ant", "bee"])
        every_bit(path, 1)


def test_every_flipped_coefficient_is_found(head, file):
    content = file.read_bytes()
    size = 4 * head.coef_.size + 8 * head.intercept_.size
    for place in range(len(content) - size, len(content), 13):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(HeadError, match="altered"):
            RidgeHead.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "bitlight.network"}, "it is bitlight.network version 3"),
        ({"version": 2}, "version 2, this bitlight reads"),
        ({"type": "LinearHead"}, "it holds a LinearHead, not a RidgeHead"),
        ({"classes": [0, 1], "class_names": None}, "2 classes do not fit 3 outputs"),
        ({"trained": {"alpha": "many"}}, "alphas must be positive"),
        ({"trained": {"alpha": "1e999"}}, "alphas must be positive"),
        ({"trained": {}}, "alpha"),
        ({"classes": [0, 2, 1]}, "its classes are not sorted"),
        ({"classes": [0, 1, "2"]}, "not all labels of one kind"),
        ({"classes": [0, 1, 2**70]}, "its classes are too large"),
        ({"classes": [f"{n:04}" for n in range(999)] + ["x" * 9999]}, "longest class is much"),
        ({"class_names": ["ant"]}, "its class names are not 3 texts"),
        ({"extractor_id": 1}, "its extractor's id must be 64 hexadecimal digits"),
        ({"extractor_id": "*/ int evil; /*" + 49 * "a"}, "must be 64 hexadecimal digits"),
        ({"extractor_id": 64 * "A"}, "must be 64 hexadecimal digits"),
        ({"classes": [0], "class_names": None}, "it has one class"),
        ({"class_names": ["ant", "bee", "\ud800"]}, "no text for a class"),
        ({"projection": []}, "its projection is no object"),
        ({"outputs": 1e999}, "Infinity"),
        ({"dtype": "float64"}, "its weights are 'float64', not float32"),
        ({"dtype": "int8"}, "of int8"),
        ({"features": 10**12}, "its tensors are"),
        ({"scale": -1}, "no scale -1"),
        ({"temperature": 0}, "temperature 0"),
        ({"temperature": 1e-320}, "temperature 1e-320"),
        ({"inputs": "pictures"}, "no inputs 'pictures'"),
        ({"parameters": {"colour": 1}}, "colour"),
    ],
)
def test_another_header_is_refused(file, change, message):
    rewrite(file, change)
    with pytest.raises(HeadError, match=message):
        RidgeHead.load(file)


def test_missing_header_key_is_refused(file):
    header = header_of(file)
    del header["classes"]
    sign(file, header)
    with pytest.raises(HeadError, match="classes"):
        RidgeHead.load(file)


def test_a_header_that_was_altered_is_found(file):
    """Another temperature would be a wrong answer of which nobody heard."""
    header = header_of(file) | {"temperature": 2.0}
    tensors = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file(tensors, file, {"bitlight": json.dumps(header)})
    with pytest.raises(HeadError, match="it was altered"):
        RidgeHead.load(file)


def test_weights_that_are_no_numbers_are_refused(file):
    tensors = safetensors.numpy.load_file(file)
    tensors["bias"][0] = np.nan
    rewrite(file, {}, tensors)
    with pytest.raises(HeadError, match="not all finite"):
        RidgeHead.load(file)


def test_a_threshold_of_bits_must_be_a_number(tmp_path):
    path = tmp_path / "head"
    BinaryHead(epochs=1).fit(np.eye(4, dtype=np.uint8), np.arange(4) % 2).save(path)
    rewrite(path, {"parameters": header_of(path)["parameters"] | {"binarize": "x"}})
    with pytest.raises(HeadError, match="binarize must be a number, not 'x'"):
        BinaryHead.load(path)


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


KINDS = [RidgeHead([1.0, 10.0]), LinearHead(epochs=2), BinaryHead(epochs=2)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "bits"])
def test_every_kind_in_every_type(tmp_path, kind, dtype):
    generator = np.random.default_rng(0)
    X, y = generator.integers(0, 2, (60, 21), dtype=np.uint8), np.arange(60) % 3
    head = kind.fit(X, y)
    if dtype == "bits" and not isinstance(head, BinaryHead):
        with pytest.raises(HeadError, match="take a BinaryHead"):
            head.save(tmp_path / "head", dtype=dtype)
        return
    head.save(tmp_path / "head", dtype=dtype)
    loaded = Head.load(tmp_path / "head")
    assert type(loaded) is type(head)
    assert loaded.readout_.dtype == dtype
    assert np.array_equal(loaded.predict(X), head.shipped(dtype).predict(X))
    assert loaded.temperature_ == head.temperature_
    assert loaded.get_params() == head.get_params()
    if not isinstance(head, RidgeHead):
        with pytest.raises(HeadError, match="a loaded head cannot go on"):
            loaded.partial_fit(X, y)
    assert loaded.fit(X, y).score(X, y) == head.score(X, y)


def test_bits_take_a_bit_each(tmp_path):
    X = np.eye(8000, dtype=np.uint8)[:20]
    BinaryHead(epochs=1).fit(X, np.arange(20) % 10).save(tmp_path / "head")
    assert (tmp_path / "head").stat().st_size < 10 * 1000 + 1500


def test_a_head_of_other_features_is_refused(head, tmp_path):
    optics = {"n_components": 20, "camera": {"bits": 8}, "medium": ("binary",)}
    head.save(tmp_path / "bits", "a" * 64)
    head.save(tmp_path / "light", "a" * 64, projection=optics)
    RidgeHead.load(tmp_path / "bits", "a" * 64)
    assert RidgeHead.load(tmp_path / "light", "a" * 64, optics).projection_["n_components"] == 20
    for name, source, message in (
        ("bits", ("b" * 64,), "trained for extractor aaaa.*, not for bbbb"),
        ("bits", ("a" * 64, optics), "trained for the projection None, not for {'n_comp"),
        ("light", ("a" * 64,), "not for None"),
        ("light", ("a" * 64, optics | {"n_components": 21}), "not for .*21"),
    ):
        with pytest.raises(HeadError, match=message):
            RidgeHead.load(tmp_path / name, *source)


def test_parameters_that_json_cannot_hold_become_defaults(tmp_path):
    head = LinearHead(epochs=1, class_weight={0: 2.0}, random_state=np.random.RandomState(3))
    head.fit(np.eye(4), [0, 1, 2, 2]).save(tmp_path / "head")
    loaded = LinearHead.load(tmp_path / "head")
    assert (loaded.epochs, loaded.class_weight, loaded.random_state) == (1, None, 0)


def test_unknown_type(head, tmp_path):
    with pytest.raises(HeadError, match="dtype must be one of float32"):
        head.save(tmp_path / "head", dtype="int4")


def test_an_id_that_is_none_is_not_written(head, tmp_path):
    with pytest.raises(HeadError, match="extractor_id must be 64 hexadecimal digits, not 'mine'"):
        head.save(tmp_path / "head", extractor_id="mine")
    assert not (tmp_path / "head").exists()


def test_placing_goes_along_and_older_files_have_none(head, file, tmp_path):
    assert Head.load(file).placing_ is None
    placing = {"fit": "pad", "background": "black"}
    head.save(tmp_path / "a", placing=placing)
    again = Head.load(tmp_path / "a")
    assert again.placing_ == placing
    again.save(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    older = header_of(file)
    del older["placing"]
    sign(file, older)
    assert Head.load(file).placing_ is None
    for wrong in ({"fit": "wide"}, {"fit": "pad", "more": 1}, ["pad"], "pad", {"fit": ["pad"]}):
        rewrite(file, {"placing": wrong})
        with pytest.raises(HeadError, match="is not a whole head file"):
            Head.load(file)

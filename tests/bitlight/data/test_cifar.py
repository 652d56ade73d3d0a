"""CIFAR's batches are read as they were written, in every form, and nothing in them is run."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from datafiles import (
    COARSE,
    NAMES,
    as_protocol,
    as_python2,
    cifar10_binary,
    cifar10_python,
    cifar100_binary,
    cifar100_python,
    packed,
    planes,
)
from hypothesis import given
from hypothesis import strategies as st

from bitlight import DataError, data
from bitlight.data.cifar import FORMS, read_batch
from bitlight.data.pickled import read_pickle

FORMS_WRITTEN = {
    "cifar-10-batches-py": (cifar10_python, 10),
    "cifar-10-batches-bin": (cifar10_binary, 10),
    "cifar-100-python": (cifar100_python, 100),
    "cifar-100-binary": (cifar100_binary, 100),
}
DUMPS = {"python 2": as_python2} | {f"protocol {n}": as_protocol(n) for n in (3, 4, 5)}


@pytest.mark.parametrize("name", FORMS_WRITTEN)
@pytest.mark.parametrize("how", ["folder", "renamed", "torchvision", "archive"])
def test_every_form_gives_what_was_written(tmp_path, name, how):
    write, classes = FORMS_WRITTEN[name]
    root = tmp_path / ("renamed" if how == "renamed" else name)
    halves = write(root)
    place = {"torchvision": tmp_path}.get(how, root)
    if how == "archive":
        place = packed(root, tmp_path / "data.tar.gz")
    for part, (images, labels) in zip(("train", "test"), halves, strict=True):
        found = data.cifar(place, part)
        assert np.array_equal(found.images, images)
        assert np.array_equal(found.labels, labels)
        assert found.names == tuple(NAMES[classes])
        if classes == 100:
            coarse = data.cifar(place, part, coarse=True)
            assert np.array_equal(coarse.labels, labels // 5)
            assert coarse.names == tuple(COARSE)


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS)
def test_pickles_of_every_python_are_the_same(tmp_path, dump):
    (images, labels), _ = cifar10_python(tmp_path / "c", dump=dump)
    content = (tmp_path / "c/data_batch_2").read_bytes()
    # What is tested on is what Python itself reads.
    assert pickle.loads(content, encoding="bytes")[b"labels"] == labels[4:8].tolist()
    found = data.cifar(tmp_path / "c", "train")
    assert np.array_equal(found.images, images)
    assert found.images.dtype == np.uint8


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=5), st.sampled_from([3, 4, 5]))
def test_plain_pickles_come_back(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol), "it") == value


@given(
    st.lists(st.integers(0, 7), max_size=4),
    st.sampled_from(["C", "F"]),
    st.sampled_from(sorted(DUMPS)),
)
def test_arrays_come_back(shape, order, how):
    array = np.asarray(
        np.random.default_rng(0).integers(0, 256, shape, np.uint8), order=order
    ).reshape(shape)
    found = read_pickle(DUMPS[how]({b"data": array}), "it")["data"]
    assert found.dtype == np.uint8
    assert np.array_equal(found, array)


class Calls:
    """What runs a command when Python unpickles it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_call_is_refused_and_not_made(tmp_path, protocol):
    marker = tmp_path / "made"
    evil = pickle.dumps({"data": Calls(marker)}, protocol)
    with pytest.raises(DataError, match="it names 'posix.mkdir', which is no array"):
        read_pickle(evil, tmp_path / "batch")
    assert not marker.exists()
    pickle.loads(evil)
    assert marker.is_dir()  # Python itself would have made it


REFUSED = {
    "objects": (pickle.dumps({"data": np.array([1, None], object)}), "an array of 'O8', not of"),
    "floats": (pickle.dumps({"data": np.zeros(3)}), "an array of 'f8', not of uint8"),
    "a set": (pickle.dumps({"data": {1}}, 4), "it has the step EMPTY_SET"),
    "a float": (pickle.dumps({"data": 1.5}), "it has the step BINFLOAT"),
    "a class": (pickle.dumps({"data": DataError}), "it names 'bitlight.errors.DataError'"),
    "an instance": (pickle.dumps({"data": Path("x")}), "it names 'pathlib"),
    "protocol 0": (pickle.dumps({"data": 1}, 0), "it has the step DICT"),
    "another encoding": (pickle.dumps({"data": b"\xff"}, 2), "_codecs.encode"),
    "no dict": (pickle.dumps([1]), "holds a list, not a dict"),
    "a name alone": (b"\x80\x02}U\x01xcnumpy\nndarray\ns.", "it holds what is no data"),
    "an array that is not filled": (
        b"\x80\x02}U\x01xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87Rs.",
        "never filled",
    ),
    "NumPy's own loader": (
        b"\x80\x02}U\x01xcnumpy\nload\nU\x01y\x85Rs.",
        "it names 'numpy.load', which is no array",
    ),
    "a tuple in place of a name": (
        b"\x80\x02}U\x01xX\x0b\0\0\0numpy.dtype\x85U\x02u1\x85Rs.",
        "it calls what makes no array",
    ),
    "many steps": (b"\x80\x04}" + b"]0" * 5000 + b".", "it has the step POP"),
    "many lists": (b"\x80\x04}(" + b"]" * 5000 + b"u.", "it takes more than"),
    "its end missing": (pickle.dumps({"data": [1, 2]}, 3)[:-3], "not a whole pickle"),
    "nothing": (b"", "not a whole pickle"),
    "another key": (b"\x80\x02}K\x01K\x02s.", "has a key that is int"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_batch_holds_is_refused(what):
    content, message = REFUSED[what]
    with pytest.raises(DataError, match=message):
        read_pickle(content, "batch")


def test_an_array_of_another_size_takes_no_memory():
    whole = as_python2({b"data": np.zeros((4, 3072), np.uint8), b"labels": [0] * 4})
    larger = whole.replace(b"K\x04M\x00\x0c\x86", b"K\xffM\x00\x0c\x86")
    assert larger != whole
    with pytest.raises(DataError, match=r"an array of \(255, 3072\) of 12288 bytes"):
        read_pickle(larger, "batch")


def batch(**changed):
    rows = planes(np.zeros((3, 32, 32, 3), np.uint8))
    return {"data": rows, "labels": [0, 1, 2]} | changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (batch(labels=[0, 1]), "3 images and 2 labels"),
        (batch(labels=[0, 1, 10]), "labels that are not 0 to 9"),
        (batch(labels=[0, 1, -1]), "labels that are not 0 to 9"),
        (batch(labels=[0, 1, 2**70]), "a list of numbers below 10"),
        (batch(labels=[0, 1, True]), "a list of numbers below 10"),
        (batch(labels=None), "a list of numbers below 10"),
        (batch(data=np.zeros((3, 3071), np.uint8)), r"should be \(N, 3072\) of uint8"),
        (batch(data=b"x"), r"should be \(N, 3072\) of uint8"),
        ({"labels": [1]}, r"should be \(N, 3072\) of uint8"),
    ],
)
def test_batches_that_are_none(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_batch(pickle.dumps(content), FORMS[0], tmp_path / "data_batch_1")


def test_a_binary_batch_that_is_cut(tmp_path):
    cifar10_binary(tmp_path / "c")
    file = tmp_path / "c/data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin should have 3073 bytes for each"):
        data.cifar(tmp_path / "c", "train")
    assert len(data.cifar(tmp_path / "c", "test").images) == 4


def test_what_is_missing_is_named(tmp_path):
    cifar10_python(tmp_path / "cifar-10-batches-py")
    (tmp_path / "cifar-10-batches-py/data_batch_4").unlink()
    with pytest.raises(DataError, match="data_batch_4: No such file"):
        data.cifar(tmp_path, "train")
    with pytest.raises(DataError, match="lacks data_batch_4"):
        data.cifar(packed(tmp_path / "cifar-10-batches-py", tmp_path / "x.tar.gz"), "train")
    cifar100_python(tmp_path / "cifar-100-python")
    with pytest.raises(DataError, match="name one of them"):
        data.cifar(tmp_path, "train")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no CIFAR in"):
        data.cifar(tmp_path / "empty", "train")
    with pytest.raises(DataError, match="CIFAR-10 has no coarse labels"):
        data.cifar(tmp_path / "cifar-10-batches-py", "train", coarse=True)
    with pytest.raises(DataError, match="'train' or 'test', not 'val'"):
        data.cifar(tmp_path, "val")


def test_an_archive_that_unpacks_to_too_much(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/data_batch_1").write_bytes(bytes(10 << 20))
    with pytest.raises(DataError, match="unpacks to more than is admitted: twice its size"):
        data.cifar(packed(tmp_path / "c", tmp_path / "x.tar.gz"), "train")

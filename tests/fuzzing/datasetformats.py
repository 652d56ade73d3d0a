"""Formats of data sets that are fuzzed, beside those of bitlight's own."""

import gzip
import io
import pickle
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import scipy.io

from bitlight.data import cifar
from bitlight.data.cifar import FORMS, read_batch
from bitlight.data.svhn import read_svhn
from bitlight.data.tinyimagenet import read_annotations
from fuzzing import datasetfiles
from fuzzing.mutations import mostly
from fuzzing.worker import Format


def pickled_batch():
    """CIFAR's batches for Python: images and labels are those that Python unpickles.

    That is done only after they were accepted, when all that they name is known.
    """
    from datafiles import as_protocol, as_python2, drawn, planes

    def batch(count):
        images, labels = drawn(count, 10)
        names = [b"x_%d.png" % number for number in range(count)]
        return {b"data": planes(images), b"labels": labels.tolist(), b"filenames": names}

    dumps = [as_python2, *map(as_protocol, (3, 4, 5))]
    seeds = [dump(batch(count)) for dump in dumps for count in (2, 30)]
    seeds += [as_python2(batch(120)), as_protocol(4)(batch(100))]

    def load(path):
        return read_batch(path.read_bytes(), FORMS[0], path)

    def check(path, loaded):
        images, labels = loaded
        whole = pickle.loads(path.read_bytes(), encoding="latin-1")
        whole = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in whole.items()}
        assert labels.tolist() == whole["labels"]
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        assert np.array_equal(rows, whole["data"])
        assert whole["data"].dtype == np.uint8

    return Format(load, seeds, mostly(datasetfiles.batch, 0.7), check)


def binary_batch():
    """CIFAR's binary batches: a label and three planes for each image."""
    from datafiles import drawn, planes

    seeds = []
    for count in (1, 30, 100):
        images, labels = drawn(count, 10)
        seeds.append(np.hstack([labels[:, None].astype(np.uint8), planes(images)]).tobytes())

    def load(path):
        return read_batch(path.read_bytes(), FORMS[1], path)

    def check(path, loaded):
        images, labels = loaded
        rows = np.fromfile(path, np.uint8).reshape(-1, 3073)
        assert np.array_equal(rows[:, 0], labels)
        assert labels.max() < 10
        assert np.array_equal(images[:, 0, 0], rows[:, [1, 1025, 2049]])
        assert np.array_equal(images[:, 31, 30, 2], rows[:, 3071])

    return Format(load, seeds, mostly(datasetfiles.rows, 0.4), check, ".bin")


def archived():
    """CIFAR in its .tar.gz: what Python's tarfile finds in it."""
    from datafiles import cifar10_binary, cifar10_python, packed

    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (write, each) in enumerate(
            ((cifar10_binary, 1), (cifar10_python, 2), (cifar10_binary, 15))
        ):
            write(Path(folder, str(number)), each)
            packed(Path(folder, str(number)), Path(folder, "x.tar.gz"))
            seeds.append(Path(folder, "x.tar.gz").read_bytes())

    def load(path):
        return cifar(path, "train")

    def check(path, loaded):
        try:
            with tarfile.open(path) as whole:
                found = {
                    Path(member.name).name: whole.extractfile(member).read()
                    for member in whole
                    if member.isreg()
                }
        except tarfile.TarError:
            # What stands in extended headers is passed over here, and read there.
            assert b"x" in gzip.decompress(path.read_bytes())[156::512]
            return
        if "data_batch_1.bin" in found:
            contents = [found[f"data_batch_{n}.bin"] for n in range(1, 6)]
            rows = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, 3073)
            assert np.array_equal(loaded.labels, rows[:, 0])
        else:
            batches = [found[f"data_batch_{n}"] for n in range(1, 6)]
            labels = [pickle.loads(one, encoding="latin-1")["labels"] for one in batches]
            assert loaded.labels.tolist() == [label for batch in labels for label in batch]

    return Format(load, seeds, mostly(datasetfiles.archive), check, ".tar.gz")


def annotations():
    """Tiny ImageNet's list of its validation images."""
    seeds = []
    for count in (3, 200, 8000):
        rows = [f"val_{n}.JPEG\tn0{n % 7}\t0\t{n}\t9\t9\n" for n in range(count)]
        seeds.append("".join(rows).encode())

    def check(path, loaded):
        text = path.read_bytes().decode("utf-8", "replace")
        rows = [line.strip().split("\t") for line in text.splitlines() if line.strip()]
        assert list(loaded.items()) == [(row[0], row[1]) for row in rows]
        assert not any(name in ("", ".", "..") or "/" in name for name in loaded)

    return Format(read_annotations, seeds, mostly(datasetfiles.annotations), check, ".txt")


def mat():
    """SVHN's MAT-files: images and labels are those that SciPy reads."""
    from datafiles import drawn

    seeds = []
    for count, compressed in ((2, False), (2, True), (100, True), (100, False)):
        images, labels = drawn(count, 10)
        y = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        held = io.BytesIO()
        arrays = {"X": images.transpose(1, 2, 3, 0), "y": y}
        scipy.io.savemat(held, arrays, do_compression=compressed)
        seeds.append(held.getvalue())

    def check(path, loaded):
        whole = scipy.io.loadmat(path)
        assert np.array_equal(loaded.images, whole["X"].transpose(3, 0, 1, 2))
        assert np.array_equal(loaded.labels, whole["y"].ravel() % 10)

    return Format(read_svhn, seeds, mostly(datasetfiles.mat), check, ".mat")


FORMATS = {
    "cifar": pickled_batch,
    "cifar-bin": binary_batch,
    "cifar-tar": archived,
    "tiny": annotations,
    "mat": mat,
}

"""Heads on the shipped extractor's features of the animals: learnt, stored and exported."""

import shutil
import subprocess

import numpy as np
import pytest

from bitlight import BinaryHead, LinearHead, RidgeHead, bits, data, extractors
from bitlight.heads import Head, cheader, onnxmodel
from bitlight.heads.size import sizes

MAIN = """
#include <stdio.h>
#include "head.h"
int main(void) {
    uint8_t x[(HEAD_FEATURES + 7) / 8];
    while (fread(x, sizeof x, 1, stdin) == 1) printf("%d\\n", head_predict(x));
    return 0;
}
"""


@pytest.fixture(scope="module")
def animals():
    train, y_train, test, y_test = data.animal_split(seed=0)
    net = extractors.features()
    return net.forward(train), y_train, net.forward(test), y_test


@pytest.mark.parametrize(
    ("head", "dtype", "least"),
    [
        (RidgeHead([1e3]), "float32", 0.87),
        (LinearHead(epochs=5), "float32", 0.87),
        (LinearHead(epochs=5), "int8", 0.87),
        (BinaryHead(epochs=5), "bits", 0.86),
    ],
)
def test_the_same_class_of_every_test_image(animals, tmp_path, head, dtype, least):
    train, y_train, test, y_test = animals
    head.fit(train, y_train).save(tmp_path / "head", extractors.features().id, dtype=dtype)
    loaded = Head.load(tmp_path / "head", extractors.features().id)
    predicted = loaded.predict(test)
    assert np.mean(predicted == y_test) > least
    if shutil.which("gcc"):
        assert np.array_equal(in_c(loaded, test, tmp_path), predicted)
    assert np.array_equal(in_onnx(loaded, test, tmp_path), predicted)


def in_c(head, X, folder):
    cheader.write(head, folder / "head.h")
    (folder / "main.c").write_text(MAIN)
    subprocess.run(["gcc", "-std=c99", "-O2", "main.c", "-o", "main"], cwd=folder, check=True)
    out = subprocess.run(
        [folder / "main"], input=bits.pack(X).tobytes(), capture_output=True, check=True
    ).stdout
    return np.array(out.split(), int)


def in_onnx(head, X, folder):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    onnxmodel.write(head, folder / "head.onnx")
    return runtime.InferenceSession(folder / "head.onnx").run(["label"], {"features": X})[0]


@pytest.mark.parametrize(("kind", "dtype"), [(LinearHead, "int8"), (BinaryHead, "bits")])
def test_a_hundredth_of_the_float_network(animals, tmp_path, kind, dtype):
    train, y_train, _, _ = animals
    kind(epochs=1).fit(train[:500], y_train[:500]).save(tmp_path / "head", dtype=dtype)
    *_, whole = sizes(extractors.load(), 7, 24010)
    assert whole["what"] == "whole network, float32"
    assert (tmp_path / "head").stat().st_size <= 0.01 * whole["bytes"]

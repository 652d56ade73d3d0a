"""The ONNX model in ONNX Runtime, on every test image: the class must be the head's."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bitlight import BinaryHead, HeadError, RidgeHead
from bitlight.heads import Head, onnxmodel


@pytest.fixture(scope="module")
def samples():
    """Digits as bits, counts and floats, and their labels."""
    X, y = load_digits(return_X_y=True)
    return {
        "bits": (X > 7).astype(np.uint8),
        "uint8": (15 * X).astype(np.uint8),
        "float": (X / 3).astype(np.float32),
    }, y


def run(head, X, folder):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    onnxmodel.write(head, folder / "head.onnx")
    return runtime.InferenceSession(folder / "head.onnx").run(None, {"features": X})


@pytest.mark.parametrize("inputs", ["bits", "uint8", "float"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_class_of_every_image(samples, tmp_path, inputs, dtype, classes):
    X, y = samples[0][inputs], samples[1] * classes // 10
    head = RidgeHead([10.0]).fit(X[:900], y[:900]).calibrate(X[900:], y[900:])
    head.save(tmp_path / "head", dtype=dtype)
    head = Head.load(tmp_path / "head")
    label, scores, probabilities = run(head, X, tmp_path)
    assert np.array_equal(label, head.predict(X))
    expected = head.decision_function(X)
    exact = inputs != "float"
    assert np.allclose(scores.reshape(expected.shape), expected, rtol=0, atol=0 if exact else 1e-9)
    assert np.allclose(probabilities, head.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_class_of_every_image_by_bits(samples, tmp_path, classes):
    X, y = samples[0]["bits"], samples[1] * classes // 10
    head = BinaryHead(epochs=2).fit(X, y)
    label, scores, probabilities = run(head, X, tmp_path)
    assert np.array_equal(label, head.predict(X))
    assert np.array_equal(scores, head.readout_.scores(X))
    assert np.allclose(probabilities, head.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("labels", [["cow", "hen"], [False, True], [-7, 9], [0.5, 1.0]])
def test_labels_of_any_kind(tmp_path, labels):
    X, y = np.eye(4, dtype=np.uint8), np.repeat(labels, 2)
    if isinstance(labels[0], float):
        y = y * 2 - 1  # scikit-learn takes whole floats alone
    head = RidgeHead([1.0]).fit(X, y)
    assert run(head, X, tmp_path)[0].tolist() == y.tolist()


def test_without_onnx(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    head = RidgeHead([1.0]).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(HeadError, match=r"pip install 'bitlight\[onnx\]'"):
        onnxmodel.write(head, tmp_path / "head.onnx")
    assert not list(tmp_path.iterdir())

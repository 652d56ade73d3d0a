"""The C header, compiled by gcc and run on every test image: the class must be the head's."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bitlight import BinaryHead, HeadError, LinearHead, RidgeHead, bits
from bitlight.heads import Head, cheader

MAIN = """
#include <stdio.h>
#include <string.h>
#include "model.h"
int main(void) {
    TYPE x[LENGTH];
    while (fread(x, sizeof x, 1, stdin) == 1) printf("%d %s\\n", net_predict(x),
        net_labels[net_predict(x)]);
    return NET_CLASSES == COUNT ? 0 : 1;
}
"""
TYPES = {"bits": "uint8_t", "uint8": "uint8_t", "float": "float"}

compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")


@pytest.fixture(scope="module")
def samples():
    """Digits as bits, counts and floats, and their labels."""
    X, y = load_digits(return_X_y=True)
    return {
        "bits": (X > 7).astype(np.uint8)[:, :61],
        "uint8": (15 * X).astype(np.uint8),
        "float": (X / 3).astype(np.float32),
    }, y


def predict_in_c(head, X, folder):
    """Indices and labels that the compiled header gives."""
    cheader.write(head, folder / "model.h", "net")
    length = {"bits": "(NET_FEATURES + 7) / 8"}.get(head.inputs_, "NET_FEATURES")
    text = MAIN.replace("TYPE", TYPES[head.inputs_]).replace("LENGTH", length)
    (folder / "main.c").write_text(text.replace("COUNT", str(len(head.classes_))))
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
    subprocess.run(["gcc", *flags, "main.c", "-o", "main"], cwd=folder, check=True)
    given = bits.pack(X) if head.inputs_ == "bits" else np.ascontiguousarray(X)
    out = subprocess.run(
        [folder / "main"], input=given.tobytes(), capture_output=True, check=True
    ).stdout
    lines = [line.split(b" ", 1) for line in out.splitlines()]
    return np.array([int(index) for index, _ in lines]), [label.decode() for _, label in lines]


@compiler
@pytest.mark.parametrize("inputs", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_class_of_every_image(samples, tmp_path, inputs, dtype, classes):
    X, y = samples[0][inputs], samples[1] * classes // 10
    RidgeHead([10.0]).fit(X[:900], y[:900]).save(tmp_path / "head", dtype=dtype)
    head = Head.load(tmp_path / "head")
    assert head.inputs_ == inputs
    found, labels = predict_in_c(head, X, tmp_path)
    assert np.array_equal(found, head.predict(X))
    assert labels == [str(label) for label in head.predict(X)]
    assert np.mean(found == y) > 0.8


@compiler
@pytest.mark.parametrize("classes", [2, 10])
def test_the_class_of_every_image_by_bits(samples, tmp_path, classes):
    X, y = samples[0]["bits"], samples[1] * classes // 10
    head = BinaryHead(epochs=2).fit(X, y)
    found, _ = predict_in_c(head, X, tmp_path)
    assert np.array_equal(found, head.predict(X))


@compiler
def test_a_changed_weight_is_seen(samples, tmp_path):
    X, y = samples[0]["bits"], samples[1]
    head = BinaryHead(epochs=2).fit(X, y)
    head.readout_.weight[3] ^= True
    found, _ = predict_in_c(head, X, tmp_path)
    head.readout_.weight[3] ^= True
    assert not np.array_equal(found, head.predict(X))


@compiler
def test_names_of_any_letters(tmp_path):
    names = ['a "b"\\', "Kühe??/", "line\nbreak 7"]
    X = np.eye(3, dtype=np.uint8)
    RidgeHead([1.0]).fit(X, [0, 1, 2]).save(tmp_path / "head", class_names=names)
    head = Head.load(tmp_path / "head")
    source = cheader.source(head, "net")
    cheader.write(head, tmp_path / "net.h", "net")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void) {\n'
        '    for (int i = 0; i < 3; i++) printf("%s|", net_labels[i]);\n'
        "    uint8_t x = 4; return net_predict(&x) - 2;\n}\n"
    )
    subprocess.run(["gcc", "-std=c99", "-Wall", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    assert out.decode() == "|".join(names) + "|"
    assert source.isascii()


def test_sums_that_need_64_bits():
    X = np.full((4, 70000), 255, np.uint8)
    X[::2] = 254
    head = RidgeHead([1.0]).fit(X, [0, 1, 0, 1])
    assert "int64_t head_scores" not in cheader.source(head.shipped("float32"), "head")
    assert "int64_t *scores" in cheader.source(head.shipped("int8"), "head")


@pytest.mark.parametrize("name", ["", "My head", "1st", "Head", "a-b"])
def test_bad_names(tmp_path, name):
    head = LinearHead(epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(HeadError, match="name must be small letters"):
        cheader.write(head, tmp_path / "a.h", name)


@compiler
def test_no_text_gets_out_of_its_comment_or_literal(samples, tmp_path):
    """Class names and ids from a file are code in nobody's firmware."""
    features, labels = samples
    names = ['"}; int evil = 1; /*', "*/ int evil; /*", "\\", "??/", "\n#define evil", "é", "%s"]
    names += ["\x1b[2J", "\0", "plain"]
    head = RidgeHead().fit(features["bits"], labels)
    head.save(tmp_path / "head", "ab" * 32, names)
    loaded = RidgeHead.load(tmp_path / "head")
    loaded.extractor_id_ = "*/ int evil = 1; /*"
    cheader.write(loaded, tmp_path / "model.h", "net")
    preprocessed = subprocess.run(
        ["gcc", "-E", "-P", "-std=c99", tmp_path / "model.h"], capture_output=True, check=True
    ).stdout.decode()
    outside = re.sub(r'"(\\.|[^"\\])*"', "", preprocessed)
    assert "evil" not in outside
    code = "int main(void) { return sizeof net_labels / sizeof *net_labels != NET_CLASSES; }"
    (tmp_path / "main.c").write_text(f'#include "model.h"\n{code}')
    subprocess.run(["gcc", "-std=c99", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True)

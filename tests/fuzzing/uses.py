"""What users do with what was loaded: it is computed, planned, exported and compiled, or refused.

An error of bitlight's own, in one line, is an answer; anything else is a fault of the loader, which
let through what nothing can be done with.
"""

import contextlib
import math
import subprocess

import numpy as np

from bitlight import BitlightError
from bitlight.heads import cheader, onnxmodel
from bitlight.network.inspection import inspect
from bitlight.qonnx import export_qonnx
from bitlight_hw import Accelerator
from bitlight_hw.layerplans import layers

# Products of one image that is computed twice, by both engines.
WORK = 1 << 28
# Bits of weights of networks whose Verilog is written: of others it takes longer than a second.
WEIGHTS = 1 << 13
# Of what loads, every so-many-th is compiled, which takes longest.
COMPILED = 25


@contextlib.contextmanager
def refused():
    """Lets a refusal pass that has one printable line."""
    said = ""
    try:
        yield
    except BitlightError as error:
        said = str(error)
    assert said == "" or said.isprintable(), repr(said)


def use_network(net, folder, number):
    """Compute one image in both engines; plan, export, and now and then write the Verilog."""
    if net.work < WORK:
        rng = np.random.default_rng(number)
        images = rng.integers(0, 1 << net.input_bits, (1, *net.input_shape), np.uint8)
        assert np.array_equal(net.forward(images), net.forward(images, engine="plain"))
        pixels = rng.integers(0, 256, (1, *net.input_shape), np.uint8)
        codes = net.encode(pixels)
        net.check_images(codes)
        if net.gives_scores:
            assert 0 <= net.classify(codes)[0] < net.n_features
    for bare in (False, True):
        with refused():
            export_qonnx(net, folder / "again.onnx", bare=bare)
    if max(map(math.prod, net.shapes)) > 1 << 16:
        return
    with refused():
        accelerator = Accelerator(net)
        assert sum(layer.cycles for layer in layers(accelerator, "xc7")) > 0
        if number % COMPILED == 0 and inspect(net).weight_bits < WEIGHTS:
            assert "module" in accelerator.verilog()


def use_head(head, folder, number):
    """Write it for a microcontroller and for ONNX runtimes; now and then compile the C."""
    with refused():
        onnxmodel.write(head, folder / "head.onnx")
    with refused():
        cheader.write(head, folder / "head.h", "head")
        if number % COMPILED == 0:
            compiler = ["gcc", "-std=c99", "-Wall", "-Werror", "-fsyntax-only", "-x", "c"]
            found = subprocess.run(
                [*compiler, folder / "head.h"], capture_output=True, text=True, check=False
            )
            assert not found.returncode, found.stderr[:300]

"""Brevitas' own networks, exported by Brevitas, imported, and compared with its PyTorch output."""

import copy
import dataclasses

import brevitas_networks as brevitas
import numpy as np
import pytest
import torch

from bitlight.network.values import Levels
from bitlight.qonnx import import_qonnx

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)

NAMES = ["TFC_1W1A", "SFC_1W1A", "LFC_1W1A", "CNV_1W1A"]
FEW_BITS = ["TFC_1W2A", "TFC_2W2A", "CNV_1W2A", "CNV_2W2A"]


def images(name, count=1000):
    """Pixels p/255, as torchvision gives them."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, *brevitas.image_shape(name)), dtype=np.uint8)
    pixels[:1], pixels[1:2] = 0, 255
    return pixels, pixels.astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Gives (module, path of its export) for a name; each is exported once."""
    folder = tmp_path_factory.mktemp("brevitas")
    found = {}

    def exported(name):
        if name not in found:
            found[name] = brevitas.topology(name, seed=1), folder / f"{name}.onnx"
            brevitas.export(*found[name], name)
        return found[name]

    return exported


@pytest.mark.parametrize("name", NAMES)
def test_every_score_of_1000_images_is_brevitas_own(name, exported):
    module, path = exported(name)
    imported = import_qonnx(path)
    pixels, x = images(name)
    scores, output, ties = brevitas.run(module, x)
    codes = imported.input.encode(x)
    assert ties > 500
    assert np.array_equal(imported.input.encode_pixels(pixels.transpose(0, 2, 3, 1)), codes)
    found = imported.network.forward(codes)
    assert np.count_nonzero(found != scores) == 0
    assert np.count_nonzero(imported.decode(found).argmax(1) != output.argmax(1)) == 0
    # A root that the exporter works out may be another float than torch's own.
    np.testing.assert_allclose(imported.decode(found), output, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "CNV_1W2A" else name
        for name in FEW_BITS
    ],
)
def test_every_score_of_activations_and_weights_of_two_bits(name, exported):
    """The scores are those of the graph, whatever a unit of the network's integers stands for."""
    module, path = exported(name)
    imported = import_qonnx(path)
    _, x = images(name)
    scores, output, ties = brevitas.run(module, x)
    codes = imported.input.encode(x)
    assert ties > 500
    found = imported.network.forward(codes)
    own = dataclasses.replace(imported.output, steps=()).floats(found)
    assert np.count_nonzero(own != scores) == 0
    np.testing.assert_allclose(imported.decode(found), output, rtol=1e-6, atol=1e-6)
    few = slice(0, 3 if name.startswith("CNV") else 100)
    assert np.array_equal(imported.network.forward(codes[few], engine="plain"), found[few])
    # −1, 0 and 1 throughout, so that one that is always a sign would not do.
    values = [node.value.kind for node in imported.network.nodes]
    assert values.count(Levels(2)) >= 3


@pytest.mark.parametrize("name", ["TFC_1W1A", "CNV_1W1A"])
def test_both_exporters_of_torch_give_the_same_network(name, exported, tmp_path):
    module, path = exported(name)
    brevitas.export(module, tmp_path / "b.onnx", name, dynamo=False)
    first, second = import_qonnx(path), import_qonnx(tmp_path / "b.onnx")
    assert first.network.id == second.network.id
    assert first.nodes != second.nodes


def test_what_qonnx_cleaned_up_is_the_same_network(exported, tmp_path):
    from qonnx.util.cleanup import cleanup

    _, path = exported("TFC_1W1A")
    cleanup(str(path), out_file=str(tmp_path / "b.onnx"))
    assert import_qonnx(path).network.id == import_qonnx(tmp_path / "b.onnx").network.id


def test_a_batch_of_any_size(exported, tmp_path):
    module, path = exported("TFC_1W1A")
    options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    brevitas.export(module, tmp_path / "b.onnx", "TFC_1W1A", **options)
    assert import_qonnx(path).network.id == import_qonnx(tmp_path / "b.onnx").network.id


def test_one_flipped_weight_is_found(exported):
    module, path = exported("TFC_1W1A")
    module = copy.deepcopy(module)
    last = [part for part in module.modules() if type(part).__name__ == "QuantLinear"][-1]
    last.weight.data[3, 7] *= -1
    _, x = images("TFC_1W1A", 20)
    scores, _, _ = brevitas.run(module, x)
    imported = import_qonnx(path)
    differ = imported.network.forward(imported.input.encode(x)) != scores
    assert differ[:, 3].all()
    assert np.count_nonzero(differ) == 20


def test_the_pixels_of_cnv_are_not_its_codes(exported):
    """Brevitas rounds 128·(2p/255 − 1): above 127 the code is p + 1, and 254 and 255 are one."""
    imported = import_qonnx(exported("CNV_1W1A")[1])
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    pixels.reshape(-1)[:256] = np.arange(256)
    codes = imported.input.encode_pixels(pixels).reshape(-1)[:256]
    p = np.arange(256)
    assert codes.tolist() == np.minimum(np.where(p < 128, p, p + 1), 255).tolist()

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bitlight import Network, TrainingError, extractors, freeze
from bitlight.network.layers import Add, Conv2d, Linear, MaxPool2d
from bitlight.nn import BinaryConv2d, Levels, Sign, pixels_to_floats
from bitlight.nn.layers import Binary
from bitlight.training import Arrays, Recipe, latent_size, thaw, thawing
from bitlight.training.run import Run
from bitlight.training.session import Session
from bitlight.zoo.designs import Design
from bitlight.zoo.topologies import Conv, Dense, Pool, Scores, Topology

torch.set_num_threads(1)
STEPS = (Conv(8, padding=1), Pool(), Conv(6, padding=1), Dense(16), Scores(7))
SMALL = Design(own=Topology((8, 8, 3), 8, STEPS))


def pixels(count=40, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def batches(images):
    return pixels_to_floats(torch.from_numpy(images)).split(16)


def built(design=SMALL, classes=7, seed=1, **parameters):
    torch.manual_seed(seed)
    return design.build(classes, **parameters)


@pytest.mark.parametrize(
    ("name", "design"),
    [
        ("cifar32", Design("cnv")),
        ("fashion32", Design("cnv")),
        ("fashion28", Design("fashion28")),
        ("natural32", Design("vgg32", software_head=True)),
    ],
)
def test_a_shipped_extractor_comes_back_as_it_was(name, design):
    """Frozen before the first step it is the same file: every weight and every threshold."""
    net = extractors.load(name)
    height, width, channels = net.input_shape
    images = np.random.default_rng(0).integers(
        0, 256, (24, height, width, channels), dtype=np.uint8
    )
    body = design.extractor(built(design, 10))
    assert thaw(net, body, batches(images)) == len(net.layers)
    again = freeze(body, net.input_shape, net.input_bits)
    assert again.id == net.id
    np.testing.assert_array_equal(again.forward(images), net.forward(images))


@pytest.mark.parametrize("seed", range(5))
def test_random_weights_and_thresholds_come_back(seed):
    """Thresholds that no sum reaches, and those that all do, among them."""
    net = SMALL.topology.random(seed)
    rng = np.random.default_rng(seed)
    layers = [_black(net.layers[0]), *net.layers[1:]]
    for k, layer in enumerate(layers):
        if getattr(layer, "threshold", None) is not None:
            threshold = layer.threshold.copy()
            some = rng.random(len(threshold)) < 0.3
            threshold[some] = rng.choice([-(2**31), 2**31 - 1, -1, 0, 1], some.sum())
            layers[k] = replace(layer, threshold=threshold)
    net = Network(net.input_shape, net.input_bits, layers)
    module = built()
    assert thaw(net, module, batches(pixels())) == len(layers)
    images = pixels(60, seed=seed + 1)
    again = freeze(module, net.input_shape, net.input_bits)
    for k in range(1, len(layers) + 1):
        np.testing.assert_array_equal(again.forward(images, k), net.forward(images, k))


def test_batch_norm_knows_the_images():
    """In training mode, on the images that it has seen, it gives about what it gives in eval."""
    net = SMALL.topology.random(0)
    net = Network(net.input_shape, net.input_bits, [_black(net.layers[0]), *net.layers[1:]])
    module = built()
    thaw(net, module, batches(pixels(400)))
    x = torch.cat(batches(pixels(400)))
    first = nn.Sequential(*list(module)[:2])
    with torch.no_grad():
        evaluated = first.eval()(x)
        trained = first.train()(x)
    assert (evaluated - trained).abs().max() < 0.01
    assert evaluated.std(dim=(0, 2, 3)).allclose(torch.ones(8), atol=0.01)


def _black(layer):
    return replace(layer, pad_value=0)


def test_weights_are_as_large_as_they_are_told():
    net = extractors.load("natural32")
    module = built(Design("vgg32"), 12)
    before = [layer.weight.clone() for layer in module.modules() if isinstance(layer, Binary)]
    assert thaw(net, module, batches(pixels(16, 32)), latent=0.25) == 8
    after = [layer.weight for layer in module.modules() if isinstance(layer, Binary)]
    assert all((weight.abs() == 0.25).all() for weight in after[:-1])
    assert torch.equal(after[-1], before[-1])  # the classifier is its own


def test_noise_turns_over_hardly_any_weight_and_a_direction_does():
    """Adam on weights ±c: gradients without direction, and such with a small one."""
    recipe, steps = Recipe(learning_rate=1e-3), 1500
    size = latent_size(recipe, steps)
    assert 0.05 < size < 0.1
    torch.manual_seed(0)
    weight = nn.Parameter(torch.full((2, 2000), size))
    optimizer = torch.optim.AdamW([weight], lr=1e-3, weight_decay=0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate_at(step, steps)
        weight.grad = torch.randn(2, 2000)
        weight.grad[1] += 0.5
        optimizer.step()
    turned = (weight < 0).float().mean(1)
    assert turned[0] < 0.01
    assert turned[1] > 0.99
    assert latent_size(Recipe(learning_rate=1), 1000) == 1


def _network(*layers):
    return Network((8, 8, 3), 8, layers)


def _conv(outputs=8, **form):
    weight = np.ones((outputs, 3, 3, 3), bool)
    form = {"padding": (1, 1), "pad_value": 0} | form
    return Conv2d(weight, np.zeros(outputs, np.int32), **form)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (_network(_conv(9)), "is a convolution of 3 to 8 channels.*layer 0 of the network.*to 9"),
        (_network(_conv(stride=(2, 2))), r"stride \(1, 1\).*network.*stride \(2, 2\)"),
        (_network(_conv(pad_value=7)), "has 0 outside of its images.*network 7.*pad_bit"),
        (_network(_conv(), MaxPool2d(4)), r"1 \(MaxPool2d\)|3 \(MaxPool2d\)"),
        (
            _network(
                Conv2d(_conv().weight, np.zeros((8, 3), np.int32), padding=(1, 1), pad_value=0)
            ),
            "gives bits, and layer 0 of the network levels 0 to 3",
        ),
        (
            _network(_conv(), MaxPool2d(2), Linear(np.ones((7, 128), bool), None)),
            "is a convolution.*layer 2 of the network a layer of 128 inputs",
        ),
        (
            Network((8, 8, 3), 8, [_conv()], codes=(np.arange(256) // 2).astype(np.uint8)),
            "makes codes of its pixels by a table",
        ),
    ],
)
def test_refuses_another_network_by_name(net, message):
    with pytest.raises(TrainingError, match=message):
        thaw(net, built(), batches(pixels()))


def test_refuses_branches_levels_and_no_images():
    graph = Network(
        (4,),
        8,
        {"a": (Linear(np.ones((1, 4), bool), None), "input")}
        | {"b": (Linear(np.zeros((1, 4), bool), None), "input")}
        | {"sum": (Add(), "a", "b")},
    )
    with pytest.raises(TrainingError, match="the network has branches"):
        thaw(graph, built(), batches(pixels()))
    net = _network(_conv())
    with pytest.raises(TrainingError, match="where layers are a chain"):
        thaw(net, built(Design("resnet20", 0.125)), batches(pixels(2, 32)))
    with pytest.raises(TrainingError, match="needs? some images"):
        thaw(net, built(), [])
    with pytest.raises(TrainingError, match="latent must be"):
        thaw(net, built(), batches(pixels()), latent=0.0)
    levels = nn.Sequential(
        BinaryConv2d(3, 8, 3, padding=1, pad_value=0, input_bits=8), nn.BatchNorm2d(8), Levels(3)
    )
    with pytest.raises(TrainingError, match="has no place beside a frozen layer"):
        thaw(net, levels, batches(pixels()))
    bare = nn.Sequential(
        BinaryConv2d(3, 8, 3, padding=1, pad_value=0, input_bits=8),
        nn.BatchNorm2d(8, affine=False),
        Sign(),
    )
    with pytest.raises(TrainingError, match="must have running statistics, weight and bias"):
        thaw(net, bare, batches(pixels()))


def test_refuses_thresholds_that_float32_cannot_say(monkeypatch):
    """The comparison at the end finds a batch norm that is wrong in one place."""
    net, module = _network(_conv()), built()
    right = thawing._turning

    def wrong(layer, module):
        turning = right(layer, module)
        turning[5] += 2
        return turning

    monkeypatch.setattr(thawing, "_turning", wrong)
    with pytest.raises(TrainingError, match="what 1 of its 8 outputs say.*output 5, threshold 0"):
        thaw(net, module, batches(pixels()))


def halves(n=96, seed=0, classes=2):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.integers(0, 150, (n, 8, 8, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * (label % 2) : 4 * (label % 2) + 4, :, label // 2] += 100
    return Arrays(images, labels)


RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=1e-2)


def test_a_session_goes_on_from_a_file_and_from_its_extractor(tmp_path):
    first = Session(SMALL, RECIPE, tmp_path / "first").train(halves())
    net = Network.load(tmp_path / "first" / "network.bnn")
    still = Recipe(epochs=1, batch_size=16, learning_rate=1e-9)
    again = Session(SMALL, still, tmp_path / "again", start=net).train(halves())
    assert again["start"] == net.id == first["id"]
    assert again["layers_taken"] == len(net.layers)
    fresh = Session(SMALL, still, tmp_path / "fresh").train(halves())
    assert again["loss"] < first["loss"] + 0.1 < fresh["loss"]
    # Four classes where there were two: the last layer is drawn anew, and learns.
    four = Session(SMALL, RECIPE, tmp_path / "four", start=net)
    result = four.train(halves(classes=4), halves(seed=1, classes=4))
    assert result["layers_taken"] == len(net.layers) - 1
    assert result["accuracy"] > 0.6
    extractor = Design(own=SMALL.own, software_head=True)
    result = Session(extractor, RECIPE, tmp_path / "soft", start=net).train(halves())
    assert result["layers_taken"] == len(net.layers) - 1
    for other in None, net.upto(3):
        with pytest.raises(TrainingError, match="began with network .*, not with n"):
            Session(extractor, RECIPE, tmp_path / "soft", start=other).train(halves())
    with pytest.raises(TrainingError, match="began with no frozen network, not with network"):
        Session(SMALL, RECIPE, tmp_path / "first", start=net).train(halves())
    with pytest.raises(TrainingError, match="no float twin can begin"):
        Session(SMALL, RECIPE, tmp_path / "twin", float_twin=True, start=net).train(halves())


def test_settled_statistics_are_those_of_the_images(tmp_path):
    settled = Recipe(epochs=1, batch_size=16, learning_rate=1e-2, settle=96)
    result = Session(SMALL, settled, tmp_path / "a").train(halves())
    plain = Session(SMALL, Recipe(epochs=1, batch_size=16, learning_rate=1e-2), tmp_path / "b")
    assert plain.train(halves())["id"] != result["id"]
    # A run that is done settles again to the same.
    assert Session(SMALL, settled, tmp_path / "a").train(halves())["id"] == result["id"]
    grid = Recipe(epochs=1, batch_size=16, settle=16)
    images = Arrays(pixels(16, 32), np.arange(16) % 2)
    with pytest.raises(TrainingError, match="settle takes statistics of floats"):
        Session(Design("resnet20", 0.125), grid, tmp_path / "c").train(images)


def test_a_run_that_was_cut_ends_with_the_same_network(tmp_path, monkeypatch):
    net = Network.load(_trained(tmp_path / "first"))
    whole = Session(SMALL, RECIPE, tmp_path / "whole", start=net).train(halves())
    cut = Session(SMALL, RECIPE, tmp_path / "cut", start=net)
    save, count = Run.save, []

    def stop(run, progress):
        save(run, progress)
        count.append(progress.step)
        if len(count) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            cut.train(halves())
    again = cut.train(halves())
    assert again["id"] == whole["id"] != net.id
    assert {name: again[name] for name in ("start", "layers_taken", "latent")} == {
        name: whole[name] for name in ("start", "layers_taken", "latent")
    }


def _trained(folder):
    Session(SMALL, RECIPE, folder).train(halves())
    return folder / "network.bnn"

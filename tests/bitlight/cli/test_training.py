"""`bitlight train` on digits that scikit-learn carries with it."""

import json
import shutil

import numpy as np
import pytest
import torch
from datafiles import NAMES, cifar10_python, tiny_imagenet
from datasets import photographs
from PIL import Image

from bitlight import DataError, Network, data, extractors
from bitlight.cli.reading import Reading
from bitlight.cli.training import _samples
from bitlight.data.folder import read_images
from bitlight.zoo.designs import Design

torch.set_num_threads(1)
QUICK = ["--epochs", "1", "--batch-size", "64", "--threads", "1"]


def test_trains_freezes_and_tells(run, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", "small28", "digits", str(folder), "--test", "digits", *QUICK]
    code, out, _ = run(*arguments, "--seed", "3", "--curve")
    assert code == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["recipe"]["seed"] == 3
    assert result["accuracy"] > 0.5
    assert Network.load(folder / "network.bnn").id == result["id"]
    assert result["id"][:20] in out
    assert json.loads((folder / "history.json").read_text())["epochs"][0]["accuracy"] > 0.5


def test_a_float_twin_and_its_pupil(run, tmp_path):
    twin, pupil = str(tmp_path / "twin"), str(tmp_path / "pupil")
    assert run("train", "small28", "digits", twin, "--float-twin", *QUICK)[0] == 0
    taught = ["train", "small28", "digits", pupil, "--teacher", twin, "--distill", "0.5", *QUICK]
    assert run(*taught)[0] == 0
    assert (tmp_path / "pupil" / "network.bnn").exists()


def test_flat_networks_of_one_bit_learn_photographs(run, tmp_path):
    photographs(tmp_path / "photos", 70)
    shutil.copytree(tmp_path / "photos/cat", tmp_path / "photos/dog")
    (tmp_path / "photos/dog/0.png").write_bytes(b"no image")
    folder = tmp_path / "run"
    arguments = ["train", "tfc", tmp_path / "photos", folder, *QUICK]
    assert "dog/0.png" in run(*arguments)[2]
    code, _, err = run(*arguments, "--skip-bad", "--test", tmp_path / "photos")
    assert code == 0
    assert "left out, being no images: 1 files\n  dog/0.png" in err
    net = Network.load(folder / "network.bnn")
    assert (net.input_shape, net.input_bits) == ((784,), 1)
    assert json.loads((folder / "result.json").read_text())["images"] == 139


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "digits", "o"], "'nothing' is not one of"),
        (["small28", "nothing", "o"], "no images 'nothing': give"),
        (["small28", "photos", "o"], "2 of 3 files are bad: "),
        (["small28", "fashion-mnist:dev", "o"], "split must be"),
        (["lfc", "digits", "o", "--width", "2"], "width must leave channels"),
        (["small28", "digits", "o", "--accumulate", "3"], "accumulate must divide the batch"),
        (["small28", "digits", "o", "--distill", "0.5"], "needs a teacher"),
        (["small28", "digits", "o", "--batch-size", "5000"], "needs 5000 images or more"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    photographs(tmp_path / "photos", 1)
    for name in ("Thumbs.db", "x.heic"):
        (tmp_path / "photos/cat" / name).write_bytes(b"no image")
    code, _, err = run("train", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_an_extractor_of_whole_photographs(run, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(32):
            pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    folder, photos = tmp_path / "run", tmp_path / "photos"
    arguments = ["train", "small28", photos, folder, *QUICK[:2], *QUICK[4:], "--batch-size", "16"]
    moved = run(*arguments, "--shift", "2")
    assert moved[0] == 2
    assert "--shift acts on whole images" in moved[2]
    assert "give --whole as well" in run(*arguments, "--leave-out", "3")[2]
    whole = [*arguments, "--software-head", "--whole", "--shift", "2", "--leave-out", "3"]
    assert run(*whole, "--test", photos)[0] == 0
    result = json.loads((folder / "result.json").read_text())
    assert (result["classes"], result["images"]) == (["ant", "bee"], 64)
    assert result["design"]["software_head"]
    assert not Network.load(folder / "network.bnn").gives_scores


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_said_before_images_are_read(run, tmp_path):
    out = tmp_path / "run"
    images = tmp_path / "images"
    images.mkdir()
    code, _, err = run("train", "fashion28", images, out, "--device", "cuda")
    assert code == 2
    assert "device 'cuda' is not there" in err
    assert not out.exists()


def test_data_sets_on_disk_are_taken_by_their_parts(tmp_path):
    (images, labels), _ = cifar10_python(tmp_path / "c")
    design = Design("cnv")
    found = _samples(f"{tmp_path / 'c'}:train", design, 0, Reading(), whole=False)
    assert np.array_equal(found.labels.numpy(), labels)
    assert np.array_equal(found.pixels.numpy(), images)
    assert found.names == tuple(NAMES[10])
    tiny = tiny_imagenet(tmp_path / "t")
    found = _samples(f"{tiny}:val", design, 0, Reading(), whole=False)
    listing = data.tiny_imagenet(tiny, "val")
    assert np.array_equal(found.labels.numpy(), listing.labels)
    assert np.array_equal(found.pixels.numpy(), read_images(listing.files, (32, 32, 3)))
    photographs(tmp_path / "p/train", 3, ("cat", "dog"))
    photographs(tmp_path / "p/val", 2, ("cat", "dog"))
    assert len(_samples(f"{tmp_path / 'p'}:val", design, 0, Reading(), whole=False)) == 4
    for name in (tmp_path / "c", tmp_path / "p", tiny):
        with pytest.raises(DataError, match="has the parts"):
            _samples(str(name), design, 0, Reading(), whole=False)


def test_goes_on_from_a_network_by_its_name_or_file(run, tmp_path):
    """A shipped extractor, fine-tuned on one's own photographs."""
    rng = np.random.default_rng(0)
    for label in "cat", "dog":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for k in range(16):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{k}.png")
    still = ["--whole", "--epochs", "1", "--batch-size", "16", "--learning-rate", "1e-9"]
    source = ["train", "vgg32", tmp_path / "photos"]
    assert run(*source, tmp_path / "a", "--start", "natural32", *still)[0] == 0
    ours, theirs = Network.load(tmp_path / "a/network.bnn"), extractors.load("natural32")
    kernels = [layer for layer in theirs.layers if hasattr(layer, "weight")]
    found = [layer for layer in ours.layers if hasattr(layer, "weight")]
    assert all((a.weight == b.weight).all() for a, b in zip(found, kernels, strict=False))
    result = json.loads((tmp_path / "a/result.json").read_text())
    assert (result["start"], result["layers_taken"]) == (theirs.id, 8)
    file = tmp_path / "a/network.bnn"
    assert run(*source, tmp_path / "b", "--start", file, *still)[0] == 0
    assert json.loads((tmp_path / "b/result.json").read_text())["layers_taken"] == 9
    other = run("train", "cnv", tmp_path / "photos", tmp_path / "c", "--start", file, *still)
    assert other[0] == 2
    assert "padding (0, 0), and layer 0 of the network a convolution" in other[2]
    padded = run(*source, tmp_path / "d", "--start", file, "--pad-bit", "0", *still)
    assert padded[0] == 2
    assert "the recipe's pad_bit says which" in padded[2]
    missing = run(*source, tmp_path / "e", "--start", tmp_path / "none.bnn", *still)
    assert missing[0] == 2
    assert "none.bnn" in missing[2]

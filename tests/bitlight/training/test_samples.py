import numpy as np
import pytest
import torch
from PIL import Image
from torchvisions import torchvision_or_skip

from bitlight import DataError, TrainingError
from bitlight.training import Arrays, Photographs, Recipe

torch.set_num_threads(1)
RECIPE = Recipe(epochs=1, batch_size=4)


@pytest.fixture
def folder(tmp_path):
    """Three classes with 5, 4 and 3 photographs of several sizes."""
    rng = np.random.default_rng(0)
    for name, count in ("ant", 5), ("bee", 4), ("cat", 3):
        (tmp_path / name).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    return tmp_path


def arrays(n=12):
    return Arrays(np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2, 1), np.arange(n) % 3)


def listed(batches):
    return [(pixels.tolist(), labels.tolist()) for pixels, labels in batches]


@pytest.mark.parametrize("kind", ["arrays", "photographs"])
def test_an_epoch_can_begin_in_its_middle(kind, folder):
    samples = arrays() if kind == "arrays" else Photographs.of_folder(folder, (8, 8, 3))
    whole = listed(samples.epoch(1, RECIPE))
    assert len(whole) == 3
    assert listed(samples.epoch(1, RECIPE, first=2)) == whole[2:]
    assert whole != listed(samples.epoch(2, RECIPE))


def test_every_sample_once():
    labels = torch.cat([pixels[:, 0, 0, 0] for pixels, _ in arrays().epoch(0, RECIPE)])
    assert len(labels) == len(set((labels // 4).tolist())) == 12


def test_processes_share_a_batch():
    whole = [
        set(labels.tolist())
        for _, labels in Arrays(np.zeros((12, 3), np.uint8), np.arange(12)).epoch(0, RECIPE)
    ]
    parts = [
        [
            labels.tolist()
            for _, labels in Arrays(np.zeros((12, 3), np.uint8), np.arange(12)).epoch(
                0, RECIPE, rank=rank, ranks=2
            )
        ]
        for rank in (0, 1)
    ]
    assert [set(a + b) for a, b in zip(*parts, strict=True)] == whole
    assert all(len(part) == 2 for part in parts[0])


def test_readers_make_no_difference(folder):
    alone, helped = (Photographs.of_folder(folder, (8, 8, 3), workers) for workers in (0, 2))
    assert listed(alone.epoch(0, RECIPE)) == listed(helped.epoch(0, RECIPE))


def test_photographs_for_tests_are_in_order(folder):
    samples = Photographs.of_folder(folder, (8, 8, 3))
    assert samples.classes == 3
    labels = torch.cat([labels for _, labels in samples.in_order(5)])
    assert labels.tolist() == [0] * 5 + [1] * 4 + [2] * 3
    assert listed(samples.in_order(5)) == listed(samples.in_order(5))


def test_a_data_set_of_torchvision():
    """torchvision's classes give (PIL image, label); any object that does will do."""
    torchvision = torchvision_or_skip()
    dataset = torchvision.datasets.FakeData(8, (3, 20, 30), 4)
    samples = Photographs(dataset, (8, 8, 3), classes=4)
    assert [pixels.shape for pixels, _ in samples.epoch(0, RECIPE)] == [(4, 8, 8, 3)] * 2


def test_refuses_bad_samples(folder):
    with pytest.raises(TrainingError, match="not 2 images and 1 labels"):
        Arrays(np.zeros((2, 3), np.uint8), np.zeros(1, np.int64))
    with pytest.raises(TrainingError, match="labels must be 0 or more, not -1"):
        Arrays(np.zeros((1, 3), np.uint8), np.full(1, -1))
    (folder / "ant" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="0.png is not an image"):
        listed(Photographs.of_folder(folder, (8, 8, 3)).in_order(12))


def test_labels_of_a_test_set_are_matched_by_name():
    images = np.zeros((4, 3), np.uint8)
    tests = Arrays(images, np.array([0, 1, 1, 0]), ["cat", "ant"])
    found = tests.renumber(["ant", "bee", "cat"])
    assert (found.classes, len(found)) == (3, 4)
    assert [labels.tolist() for _, labels in found.in_order(3)] == [[2, 0, 0], [2]]
    with pytest.raises(DataError, match="the test set has the class 'cat'"):
        tests.renumber(["ant", "bee"])
    nameless = Arrays(images, np.array([0, 1, 1, 0]))
    assert nameless.renumber(()) is nameless
    with pytest.raises(DataError, match="only be matched by name"):
        nameless.renumber(["ant", "bee"])


def test_every_so_many_th_class_is_left_out():
    images = np.arange(6, dtype=np.uint8)[:, None]
    samples = Arrays(images, np.array([0, 1, 2, 3, 1, 3]), ["ant", "bee", "cat", "dog"])
    found = samples.leave_out(2)
    assert (found.names, found.classes) == (("ant", "cat"), 2)
    assert [(p.ravel().tolist(), y.tolist()) for p, y in found.in_order(9)] == [([0, 2], [0, 1])]
    for every in (1, 5):
        with pytest.raises(TrainingError, match=f"not every {every}th"):
            samples.leave_out(every)

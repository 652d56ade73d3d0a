"""Data sets as users have them: small folders of the same layout."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from bitlight import DataError
from bitlight.data import birds200, class_folders, flowers102, indoor67


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (value, 0, 0)).save(path)


@pytest.fixture
def flowers(tmp_path):
    """Seven flowers of three kinds."""
    for number in range(1, 8):
        picture(tmp_path / "jpg" / f"image_{number:05}.jpg")
    savemat(tmp_path / "imagelabels.mat", {"labels": np.array([[1, 2, 3, 1, 2, 3, 1]], np.uint8)})
    ids = {"trnid": [[2]], "valid": [[3, 1]], "tstid": [[7, 6, 5, 4]]}
    savemat(tmp_path / "setid.mat", {name: np.array(row, np.uint16) for name, row in ids.items()})
    return tmp_path


@pytest.fixture
def birds(tmp_path):
    lists = {
        "images.txt": ["1 001.Auk/a b.jpg", "2 002.Owl/c.jpg", "3 001.Auk/d.jpg"],
        "train_test_split.txt": ["1 1", "2 0", "3 1"],
        "image_class_labels.txt": ["1 1", "2 2", "3 1"],
        "classes.txt": ["1 001.Auk", "2 002.Owl"],
    }
    for name, rows in lists.items():
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    for row in lists["images.txt"]:
        picture(tmp_path / "images" / row.split(maxsplit=1)[1])
    return tmp_path


@pytest.fixture
def indoor(tmp_path):
    lists = {"Train": ["bar/1.jpg", "attic/2.jpg"], "Test": ["bar/3.jpg"]}
    for side, rows in lists.items():
        (tmp_path / f"{side}Images.txt").write_text("\r\n".join(rows))
        for row in rows:
            picture(tmp_path / "Images" / row)
    return tmp_path


def names(files):
    return [file.name for file in files]


def test_flowers_as_the_paper_divides_them(flowers):
    split = flowers102(flowers)
    assert names(split.train) == [f"image_0000{number}.jpg" for number in (7, 6, 5, 4)]
    assert names(split.test) == ["image_00002.jpg"]
    assert split.train_labels.tolist() == [0, 2, 1, 0]
    assert split.test_labels.tolist() == [1]
    assert split.train_labels.dtype == np.int64
    assert len(split.names) == 3


def test_flowers_as_they_were_published(flowers):
    split = flowers102(flowers, "official")
    assert names(split.train) == ["image_00002.jpg", "image_00003.jpg", "image_00001.jpg"]
    assert split.train_labels.tolist() == [1, 2, 0]
    assert len(split.test) == 4


def test_flowers_that_are_not_whole(flowers):
    with pytest.raises(DataError, match="split must be 'reversed' or 'official', not 'mine'"):
        flowers102(flowers, "mine")
    savemat(flowers / "setid.mat", {"trnid": [[9]], "valid": [[1]], "tstid": [[2]]})
    with pytest.raises(DataError, match="images beyond the 7 labels"):
        flowers102(flowers)
    (flowers / "setid.mat").write_bytes(b"no matrices")
    with pytest.raises(DataError, match=r"setid\.mat holds no matrix 'trnid'"):
        flowers102(flowers)
    (flowers / "imagelabels.mat").unlink()
    with pytest.raises(DataError, match=r"no imagelabels\.mat in .*: it comes with Oxford"):
        flowers102(flowers)


def test_a_listed_image_that_is_missing_is_named(flowers):
    (flowers / "jpg" / "image_00006.jpg").unlink()
    with pytest.raises(DataError, match=r"no image .*image_00006\.jpg"):
        flowers102(flowers)


def test_birds(birds):
    split = birds200(birds)
    assert names(split.train) == ["a b.jpg", "d.jpg"]
    assert names(split.test) == ["c.jpg"]
    assert split.train_labels.tolist() == [0, 0]
    assert split.test_labels.tolist() == [1]
    assert split.names == ("001.Auk", "002.Owl")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("images.txt", "1\n", "a number and a value in each line, not '1'"),
        ("train_test_split.txt", "1 1\n", "should be of the same images"),
        ("image_class_labels.txt", "1 1\n2 9\n3 1\n", "class 9 is not in"),
    ],
)
def test_birds_whose_lists_do_not_fit(birds, name, text, message):
    (birds / name).write_text(text)
    with pytest.raises(DataError, match=message):
        birds200(birds)


def test_indoor_scenes(indoor):
    split = indoor67(indoor)
    assert split.names == ("attic", "bar")
    assert names(split.train) == ["1.jpg", "2.jpg"]
    assert split.train_labels.tolist() == [1, 0]
    assert split.test_labels.tolist() == [1]


def test_a_side_without_images(indoor):
    (indoor / "TestImages.txt").write_text("")
    with pytest.raises(DataError, match="no images to test on"):
        indoor67(indoor)


@pytest.mark.parametrize("inner", ["raw-img", "."])
def test_a_fifth_of_each_class_is_tested(tmp_path, inner):
    for kind, count in {"cane": 10, "gatto": 5, "ragno": 1}.items():
        for number in range(count):
            picture(tmp_path / inner / kind / f"{number}.png")
    split = class_folders(tmp_path)
    assert split.names == ("cane", "gatto", "ragno")
    assert np.bincount(split.train_labels).tolist() == [8, 4, 1]
    assert np.bincount(split.test_labels).tolist() == [2, 1]
    assert not set(split.train) & set(split.test)
    assert class_folders(tmp_path).test == split.test
    assert class_folders(tmp_path, seed=1).test != split.test

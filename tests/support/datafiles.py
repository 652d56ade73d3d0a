"""Data sets as users have them on disk, small, with images that are known: what tests read back."""

import io
import pickle
import struct
import tarfile

import numpy as np
import scipy.io
from PIL import Image

NAMES = {10: [f"kind{n}" for n in range(10)], 100: [f"sort{n}" for n in range(100)]}
COARSE = [f"group{n}" for n in range(20)]


class Python2Pickler(pickle._Pickler):
    """Writes bytes and texts as Python 2's protocol 2 does."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_string(self, text):
        content = text if isinstance(text, bytes) else text.encode("latin-1")
        if len(content) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(content)]) + content)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_string


def as_python2(value):
    """A pickle as Python 2 wrote CIFAR's."""
    held = io.BytesIO()
    Python2Pickler(held, 2).dump(value)
    return held.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def as_protocol(number):
    """A pickle of today's Python."""
    return lambda value: pickle.dumps(value, number)


def drawn(count, classes, seed=0, side=32):
    """Images (N, side, side, 3) and labels that have every class where there are enough."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    return images, rng.permutation(np.arange(count) % classes)


def planes(images):
    """Rows of three planes, as CIFAR has them."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def cifar10_python(root, each=4, dump=as_python2):
    """cifar-10-batches-py with so many images in each batch; all training and all test images."""
    root.mkdir(parents=True)
    images, labels = drawn(6 * each, 10)
    for number in range(6):
        rows = slice(number * each, (number + 1) * each)
        batch = {
            b"batch_label": b"training batch 1 of 5",
            b"labels": labels[rows].tolist(),
            b"data": planes(images[rows]),
            b"filenames": [b"leptodactylus_%d.png" % n for n in range(each)],
        }
        name = f"data_batch_{number + 1}" if number < 5 else "test_batch"
        (root / name).write_bytes(dump(batch))
    meta = {b"num_cases_per_batch": each, b"label_names": [n.encode() for n in NAMES[10]]}
    (root / "batches.meta").write_bytes(dump(meta))
    return _halves(images, labels, 5 * each)


def cifar100_python(root, count=(120, 40), dump=as_python2):
    """cifar-100-python."""
    root.mkdir(parents=True)
    images, labels = drawn(sum(count), 100)
    for name, rows in (("train", slice(0, count[0])), ("test", slice(count[0], None))):
        batch = {
            b"filenames": [b"x.png"] * len(labels[rows]),
            b"fine_labels": labels[rows].tolist(),
            b"coarse_labels": (labels[rows] // 5).tolist(),
            b"data": planes(images[rows]),
        }
        (root / name).write_bytes(dump(batch))
    names = {b"fine_label_names": NAMES[100], b"coarse_label_names": COARSE}
    (root / "meta").write_bytes(dump({k: [n.encode() for n in v] for k, v in names.items()}))
    return _halves(images, labels, count[0])


def cifar10_binary(root, each=4):
    """cifar-10-batches-bin."""
    root.mkdir(parents=True)
    images, labels = drawn(6 * each, 10)
    rows = np.hstack([labels[:, None].astype(np.uint8), planes(images)])
    for number in range(6):
        name = f"data_batch_{number + 1}.bin" if number < 5 else "test_batch.bin"
        (root / name).write_bytes(rows[number * each : (number + 1) * each].tobytes())
    (root / "batches.meta.txt").write_text("\n".join(NAMES[10]) + "\n\n")
    return _halves(images, labels, 5 * each)


def cifar100_binary(root, count=(120, 40)):
    """cifar-100-binary."""
    root.mkdir(parents=True)
    images, labels = drawn(sum(count), 100)
    both = np.stack([labels // 5, labels], axis=1).astype(np.uint8)
    rows = np.hstack([both, planes(images)])
    (root / "train.bin").write_bytes(rows[: count[0]].tobytes())
    (root / "test.bin").write_bytes(rows[count[0] :].tobytes())
    (root / "fine_label_names.txt").write_text("\n".join(NAMES[100]) + "\n")
    (root / "coarse_label_names.txt").write_text("\n".join(COARSE) + "\n")
    return _halves(images, labels, count[0])


def packed(folder, path):
    """A folder as a .tar.gz, as data sets are downloaded."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(folder, folder.name)
    return path


def stl10_binary(root, count=(20, 10)):
    """stl10_binary."""
    root.mkdir(parents=True)
    images, labels = drawn(sum(count), 10, side=96)
    columns = np.ascontiguousarray(images.transpose(0, 3, 2, 1)).reshape(len(images), -1)
    for part, rows in (("train", slice(0, count[0])), ("test", slice(count[0], None))):
        (root / f"{part}_X.bin").write_bytes(columns[rows].tobytes())
        (root / f"{part}_y.bin").write_bytes((labels[rows] + 1).astype(np.uint8).tobytes())
    (root / "class_names.txt").write_text("\n".join(NAMES[10]) + "\n")
    return _halves(images, labels, count[0])


def svhn_mat(path, count=12, compressed=True):
    """One file of SVHN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = drawn(count, 10)
    y = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
    arrays = {"X": images.transpose(1, 2, 3, 0), "y": y}
    scipy.io.savemat(path, arrays, do_compression=compressed)
    return images, labels


def tiny_imagenet(root, classes=("n02", "n01", "n03"), train=4, val=2):
    """tiny-imagenet-200; gives the colour of each image by its place."""
    rng = np.random.default_rng(0)
    rows = []
    for name in classes:
        (root / "train" / name / "images").mkdir(parents=True)
        (root / "train" / name / f"{name}_boxes.txt").write_text("boxes")
        for number in range(train):
            place = root / "train" / name / "images" / f"{name}_{number}.JPEG"
            _save(rng, place)
    (root / "val" / "images").mkdir(parents=True)
    for number in range(val * len(classes)):
        name = f"val_{number}.JPEG"
        _save(rng, root / "val" / "images" / name)
        rows.append(f"{name}\t{classes[number % len(classes)]}\t0\t0\t9\t9")
    (root / "val" / "val_annotations.txt").write_text("\n".join(rows) + "\n")
    (root / "wnids.txt").write_text("\n".join(classes) + "\n")
    (root / "words.txt").write_text("".join(f"{name}\tthing {name}\n" for name in classes))
    return root


def _save(rng, place):
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(place)


def _halves(images, labels, count):
    return (images[:count], labels[:count]), (images[count:], labels[count:])

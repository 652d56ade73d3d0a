"""The formats that are fuzzed: whole files to begin with, and what the right answer is.

Another format is a function that returns a `Format`, and its name in `FORMATS`.
"""

import functools
import gzip
import io
import json
import shutil
import tempfile
from pathlib import Path
from zlib import crc32

import numpy as np

from bitlight import Conv2d, FeatureStore, Linear, MaxPool2d, Network, OutputScale, data
from bitlight.data import read_idx
from bitlight.data.source import FileSource
from bitlight.features.npz import FeatureFile
from fuzzing import arrayfiles, datasetformats, imagefiles, modelfiles, structures
from fuzzing.mutations import mostly, open_safetensors
from fuzzing.uses import use_head, use_network
from fuzzing.worker import FLOOR, Format


def written(*writers):
    """What these functions write to the path that they are given."""
    contents = []
    with tempfile.TemporaryDirectory() as folder:
        for number, write in enumerate(writers):
            path = Path(folder, str(number))
            write(path)
            # numpy and torch may add the suffix that they like.
            contents.append(next(path.parent.glob(f"{number}*")).read_bytes())
    return contents


def networks():
    """Generated networks, and one of a million weights."""
    from networks import draw_network

    rng = np.random.default_rng(0)
    nets = [draw_network(rng) for _ in range(8)]
    weight = rng.integers(0, 2, (256, 3, 3, 64)).astype(bool)
    nets.append(
        Network(
            (6, 6, 64),
            1,
            [
                Conv2d(weight, np.zeros(256, np.int32), (1, 1), (1, 1)),
                MaxPool2d(),
                Conv2d(weight.repeat(4, axis=3), np.zeros(256, np.int32)),
            ],
        )
    )
    dense = rng.integers(0, 2, (300, 8000)).astype(bool)
    nets.append(Network((8000,), 1, [Linear(dense, np.zeros(300, np.int32))]))
    codes, scale = rng.integers(0, 4, (3, 256), np.uint8), OutputScale(np.ones(2), np.zeros(2))
    scores = Linear(rng.random((2, 12)) < 0.5, None)
    nets.append(Network((2, 2, 3), 2, [scores], codes=codes, output_scale=scale))
    return nets


def bnn():
    """Networks: the id is recomputed from the file's own bytes."""

    def check(path, net):
        header, tensors = open_safetensors(path.read_bytes())
        recorded = json.loads(header["__metadata__"]["bitlight"])
        assert structures.network_id(recorded["network"], header, tensors) == net.id
        assert recorded["id"] == net.id
        assert [list(n) for n in (net.input_shape,)] == [recorded["network"]["input_shape"]]
        use_network(net, path.parent, crc32(path.read_bytes()))

    seeds = written(*(net.save for net in networks()))
    return Format(Network.load, seeds, mostly(structures.network), check, ".bnn")


def head():
    """Heads of every kind and type of weight: saved again, they are the same."""
    from bitlight import BinaryHead, LinearHead, RidgeHead
    from bitlight.heads import Head

    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (60, 33), dtype=np.uint8), np.arange(60) % 3
    wide = rng.integers(0, 2, (80, 2000), dtype=np.uint8)
    ridge, linear = RidgeHead([1.0, 10.0]).fit(X, y), LinearHead(epochs=1).fit(X, y % 2)
    binary, large = BinaryHead(epochs=1).fit(X, y), RidgeHead([1.0]).fit(wide, np.arange(80) % 5)
    long = RidgeHead([1.0]).fit(wide, np.arange(80) % 40)
    bits = BinaryHead(epochs=1).fit(wide, np.arange(80) % 10)
    optics = {"n_components": 33, "camera": {"bits": 8}, "medium": "binary"}
    seeds = written(
        lambda path: ridge.save(path, "ab" * 32, ["ant", "bee", "cat"]),
        lambda path: ridge.save(path, "ab" * 32, dtype="int8", projection=optics),
        lambda path: linear.save(path, dtype="float16"),
        binary.save,
        large.save,
        bits.save,
        lambda path: long.save(path, class_names=[f"class {n}" for n in range(40)]),
    )

    def check(path, loaded):
        header, tensors = open_safetensors(path.read_bytes())
        recorded = json.loads(header["__metadata__"]["bitlight"])
        assert recorded["sha256"] == structures.head_digest(recorded, header, tensors)
        assert loaded.classes_.tolist() == recorded["classes"]
        zeros = np.zeros((2, loaded.n_features_in_), np.uint8)
        assert np.isin(loaded.predict(zeros), loaded.classes_).all()
        again = path.with_suffix(".again")
        loaded.save(again)
        assert Head.load(again).predict(zeros).tolist() == loaded.predict(zeros).tolist()
        use_head(loaded, path.parent, crc32(path.read_bytes()))

    return Format(Head.load, seeds, mostly(structures.head), check, ".head")


def features():
    """Feature files: the arrays are those that NumPy reads."""
    rng = np.random.default_rng(0)
    optics = {"n_components": 20, "medium": "binary"}
    seeds = written(
        lambda path: FeatureFile(
            rng.integers(0, 2, (5, 13), dtype=np.uint8), np.arange(5), "ab" * 32
        ).save(path),
        lambda path: FeatureFile(
            rng.integers(0, 2, (5, 13), dtype=np.uint8),
            np.arange(5),
            "ab" * 32,
            None,
            tuple("abcde"),
            {"name": "photos", "placing": {"fit": "pad"}, "skipped": ["a/b"]},
        ).save(path),
        lambda path: FeatureFile(
            rng.integers(0, 999, (7, 20)).astype(np.uint16), np.arange(7), "ab" * 32, optics
        ).save(path),
        lambda path: FeatureFile(
            rng.integers(0, 2, (300, 8000), dtype=np.uint8), np.arange(300), "ab" * 32
        ).save(path),
    )

    def check(path, loaded):
        with np.load(path, allow_pickle=False) as file:
            stored, count = file["features"], int(file["n_features"])
            assert np.array_equal(loaded.labels, file["labels"])
            assert loaded.network_id == str(file["id"])
        if loaded.optics is None:
            stored = np.unpackbits(stored, axis=1, count=count, bitorder="little")
        assert np.array_equal(loaded.features, stored, equal_nan=stored.dtype.kind == "f")
        assert loaded.features.shape == (len(loaded.labels), count)

    return Format(FeatureFile.load, seeds, mostly(arrayfiles.archive), check, ".npz")


def idx():
    """Gzipped IDX files: the elements are those that gzip gives."""
    rng = np.random.default_rng(0)
    shapes = [(5, 28, 28), (100,), (3, 4, 5, 6), (600, 28, 28)]
    seeds = [
        gzip.compress(
            bytes([0, 0, 8, len(shape)])
            + b"".join(n.to_bytes(4, "big") for n in shape)
            + (rng.integers(0, 256, shape) >> rng.integers(0, 8)).astype(np.uint8).tobytes(),
            1,
        )
        for shape in shapes
    ]

    def check(path, array):
        content = gzip.decompress(path.read_bytes())
        assert content[4 : 4 + 4 * array.ndim] == np.array(array.shape, ">u4").tobytes()
        assert content[4 + 4 * array.ndim :] == array.tobytes()

    return Format(read_idx, seeds, mostly(arrayfiles.idx), check, ".gz")


def npy():
    """Images in a .npy file, as the command line takes them."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (4, 8, 8, 1), dtype=np.uint8), np.zeros((2, 3), ">f4")]
    arrays += [np.asfortranarray(rng.integers(0, 9, (5, 7), dtype=np.uint8))]
    arrays += [np.zeros((400, 28, 28, 1), np.uint8)]
    seeds = [(buffer := io.BytesIO(), np.save(buffer, array))[0].getvalue() for array in arrays]

    def load(path):
        source = FileSource(path)
        return source.images(range(len(source)))

    def check(path, loaded):
        array = np.load(path, allow_pickle=False)
        assert np.array_equal(array, loaded)
        assert (array.shape, array.dtype) == (loaded.shape, loaded.dtype)

    return Format(load, seeds, mostly(arrayfiles.npy), check, ".npy")


def image():
    """Photographs: of the wanted shape, and as Pillow decodes them with nobody watching."""
    from PIL import Image

    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).resize((90, 60))
    kinds = [("PNG", "L"), ("PNG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "1")]
    kinds += [("JPEG", "RGB"), ("JPEG", "CMYK"), ("GIF", "P"), ("BMP", "RGB"), ("WEBP", "RGB")]
    kinds += [("PPM", "L"), ("TIFF", "RGB"), ("PNG", "I;16"), ("EPS", "RGB"), ("TGA", "RGB")]
    seeds = []
    for kind, mode in kinds:
        buffer = io.BytesIO()
        photo.convert("L" if mode == "I;16" else mode).convert(mode).save(buffer, kind)
        seeds.append(buffer.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        held = io.BytesIO()
        photo.save(held, kind, exif=exif)
        seeds.append(held.getvalue())
    compressed = io.BytesIO()
    photo.save(compressed, "TIFF", compression="tiff_lzw")
    large = io.BytesIO()
    photo.resize((900, 600)).save(large, "PNG")
    seeds += [compressed.getvalue(), large.getvalue()]

    def load(path):
        (path.parent / "photos" / "class").mkdir(parents=True, exist_ok=True)
        link = path.parent / "photos" / "class" / path.name
        if not link.exists():
            link.symlink_to(path)
        return data.image_folder(path.parent / "photos", (8, 9, 3))[0]

    def check(path, images):
        assert images.shape == (1, 8, 9, 3)
        assert images.dtype == np.uint8
        assert np.array_equal(images, load(path))

    return Format(load, seeds, mostly(imagefiles.image), check, "", room=image_room)


def image_room(content):
    """An image is as large as its pixels, whatever its file: decoded, turned and converted."""
    return FLOOR + 16 * data.folder.most_pixels(len(content))


def onnx():
    """QONNX graphs: the network computes, and its floats are finite where the graph's are."""
    from onnxgraphs import Graph

    from bitlight.qonnx import export_qonnx, import_qonnx

    rng = np.random.default_rng(0)

    def sign(*shape):
        return rng.choice(np.array([-1, 1], np.float32), shape)

    dense = Graph(1, 12).bipolar().node("MatMul", sign(12, 5))
    dense.node("BatchNormalization", *(rng.random(5).astype(np.float32) for _ in range(4)))
    dense.bipolar().node("MatMul", sign(5, 3))
    pixels = Graph(1, 2, 6, 6).quant(1 / 128, 0, 8).node("Conv", sign(4, 2, 3, 3))
    pixels.node("Add", rng.random((4, 1, 1)).astype(np.float32)).bipolar()
    pixels.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten")
    pixels.node("MatMul", sign(16, 3)).bipolar()
    wide = Graph(1, 1100).bipolar().node("MatMul", sign(1100, 64)).bipolar()
    writers = [functools.partial(export_qonnx, net) for net in networks()[:8]]
    seeds = written(dense.save, pixels.save, wide.save, *writers)

    def check(path, imported):
        net = imported.network
        assert len(imported.nodes) == len(net.layers)
        if max(np.prod(shape) for shape in net.shapes) < 1 << 14:
            codes = np.zeros((1, *net.input_shape), np.uint8)
            assert imported.decode(net.forward(codes, engine="plain")).shape == (1, net.n_features)
        use_network(net, path.parent, crc32(path.read_bytes()))

    return Format(import_qonnx, seeds, mostly(modelfiles.graph), check, ".onnx")


def store():
    """Feature stores of which one file is fuzzed: a description, or a chunk.

    A fuzzed file begins with the number of the one that it stands for.
    """
    from stores import chunk_files, filled_store

    folder = tempfile.TemporaryDirectory()
    whole, _ = filled_store(Path(folder.name) / "store", samples=20)
    expected = whole.packed(), whole.labels(), whole.raw_ids(), whole.audited()
    headers = sorted(whole.path.rglob("zarr.json"))
    names = [*(str(file.relative_to(whole.path)) for file in headers), *chunk_files(whole.path)]
    contents = [(whole.path / name).read_bytes() for name in names]

    def load(path, folder=folder):  # which lives as long as this function
        fuzzed = path.read_bytes()
        number = (fuzzed[0] if fuzzed else 0) % len(names)
        copy = path.with_name(f"{path.name}.store")
        if not copy.exists():
            shutil.copytree(whole.path, copy)
        (copy / names[number]).write_bytes(fuzzed[1:])
        try:
            found = FeatureStore(copy)
            return found.packed(), found.labels(), found.raw_ids(), found.audited()
        finally:
            (copy / names[number]).write_bytes(contents[number])

    def check(path, loaded):
        assert all(map(np.array_equal, loaded, expected))

    seeds = [bytes([number]) + content for number, content in enumerate(contents)]
    return Format(load, seeds, mostly(structures.described), check, room=lambda content: 2 * FLOOR)


FORMATS = {
    "store": store,
    "bnn": bnn,
    "head": head,
    "features": features,
    "idx": idx,
    "npy": npy,
    "image": image,
    "onnx": onnx,
    **datasetformats.FORMATS,
}

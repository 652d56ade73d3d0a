""".bnn files: what was written comes back, byte for byte the same; what is damaged is refused."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import draw_images, draw_network, seeds

from bitlight import Linear, Network, NetworkError
from bitlight.network.surroundings import OutputScale


@given(seeds())
@settings(max_examples=30, deadline=None)
def test_round_trip(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    path = tmp_path_factory.mktemp("bnn") / "a.bnn"
    net.save(path)
    again = Network.load(path)
    assert again.id == net.id
    assert again.shapes == net.shapes
    x = draw_images(rng, net, 3)
    assert np.array_equal(again.forward(x), net.forward(x))
    first = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == first


@pytest.fixture
def saved(tmp_path):
    net = draw_network(np.random.default_rng(7))
    path = tmp_path / "a.bnn"
    net.save(path)
    return path


def test_missing(tmp_path):
    with pytest.raises(NetworkError, match="no such file: .*none.bnn"):
        Network.load(tmp_path / "none.bnn")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(NetworkError, match="no such file"):
        Network.load(tmp_path)


def test_truncated_anywhere(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 7):
        saved.write_bytes(whole[:length])
        with pytest.raises(NetworkError, match="not a whole .bnn file"):
            Network.load(saved)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_is_found(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bnn") / "a.bnn"
    net = draw_network(np.random.default_rng(3))
    net.save(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    content[at // 8] ^= 1 << at % 8
    path.write_bytes(content)
    try:
        again = Network.load(path)
    except NetworkError:
        return
    assert again.id == net.id  # only where the bit means nothing, as in a space of the header


def rewrite(path, change):
    """Write the file again, its header changed by a function of safetensors' header and ours."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["bitlight"])
    change(header, inner)
    header["__metadata__"]["bitlight"] = json.dumps(inner)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def deep(header, inner):
    header["__metadata__"]["more"] = "[" * 90_000


REFUSED = {
    "version 4, this bitlight reads .* versions 1 to 3": (
        lambda header, inner: inner.update(version=4)
    ),
    "it says more or less than version 2 can": lambda header, inner: inner.update(version=2),
    "it says more or less than version 3 can": lambda header, inner: inner.update(version=3),
    "its header should have the fields": lambda header, inner: inner.update(hidden=1),
    "its codes of pixels are missing": (lambda header, inner: inner["network"].update(codes=[256])),
    "its header says more than a network has": (
        lambda header, inner: inner["network"]["layers"][0].update(more=1)
    ),
    "a layer's weight cannot have the shape": (
        lambda header, inner: inner["network"]["layers"][0].update(weight=[1, -1])
    ),
    "its header holds Infinity": lambda header, inner: inner.update(version=float("inf")),
    "or says it otherwise": lambda header, inner: inner["network"].update(input_bits=True),
    "float8_e5m2": lambda header, inner: header["0.weight"].update(dtype="F8_E5M2"),
    "its header would take .* bytes of memory, where .* are allowed": deep,
    "thresholds are missing": lambda header, inner: header.update(a=header.pop("0.threshold")),
    "tensor '8.x' belongs to no layer": lambda header, inner: (
        header.update({"8.x": header.pop("0.threshold")}),
        inner["network"]["layers"][0].update(scores=True),
    ),
    "a MaxPool2d has no weights": (
        lambda header, inner: inner["network"].update(
            input_shape=[1, 1, 4],
            layers=[{"type": "MaxPool2d", "kernel": [1, 1], "stride": [1, 1]}],
        )
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_another_header(tmp_path, message):
    path = tmp_path / "a.bnn"
    Network((4,), 1, [Linear(np.ones((2, 4), bool), np.zeros(2, np.int32))]).save(path)
    rewrite(path, REFUSED[message])
    with pytest.raises(NetworkError, match=message):
        Network.load(path)


def test_bits_behind_the_rows_are_refused(tmp_path):
    """They say nothing; two files of one network would differ."""
    path = tmp_path / "a.bnn"
    Network((4,), 1, [Linear(np.ones((2, 4), bool), None)]).save(path)
    content = path.read_bytes()
    assert content[-2:] == b"\x0f\x0f"
    path.write_bytes(content[:-1] + b"\x1f")
    with pytest.raises(NetworkError, match="has bits behind its rows"):
        Network.load(path)


def test_loading_takes_no_more_than_ten_times_the_file(tmp_path):
    """A bit in the file becomes a byte in memory, once."""
    path = tmp_path / "a.bnn"
    weight = np.random.default_rng(0).integers(0, 2, (500, 8000)).astype(bool)
    Network((8000,), 1, [Linear(weight, None)]).save(path)
    Network.load(path)
    tracemalloc.start()
    Network.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * path.stat().st_size


def test_a_header_that_asks_for_more_than_the_file_has(saved):
    content = saved.read_bytes()
    saved.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
    with pytest.raises(NetworkError, match="not a whole .bnn file"):
        Network.load(saved)


def surrounded(seed=0):
    """A network with a table of codes and a scale of its scores."""
    rng = np.random.default_rng(seed)
    layers = [Linear(rng.random((6, 12)) < 0.5, rng.integers(-20, 20, 6))]
    layers.append(Linear(rng.random((3, 6)) < 0.5, None))
    codes = np.sort(rng.integers(0, 8, (3, 256), np.uint8), axis=1)
    scale = OutputScale(rng.normal(size=3), rng.normal(size=3))
    return Network((2, 2, 3), 3, layers, codes=codes, output_scale=scale)


def test_codes_and_scale_are_kept_and_are_of_the_id(tmp_path):
    net, path = surrounded(), tmp_path / "a.bnn"
    net.save(path)
    again = Network.load(path)
    assert again.id == net.id
    assert np.array_equal(again.codes, net.codes)
    assert np.array_equal(again.output_scale.offset, net.output_scale.offset)
    assert np.array_equal(again.output_scale.multiplier, net.output_scale.multiplier)
    plain = Network(net.input_shape, 3, net.layers)
    halves = (
        Network(net.input_shape, 3, net.layers, codes=net.codes),
        Network(net.input_shape, 3, net.layers, output_scale=net.output_scale),
    )
    assert len({found.id for found in (net, plain, *halves)}) == 4
    body = net.upto(1)
    assert np.array_equal(body.codes, net.codes)
    assert body.output_scale is None
    again.save(tmp_path / "b.bnn")
    assert (tmp_path / "b.bnn").read_bytes() == path.read_bytes()


def test_every_bit_of_a_file_of_version_2(tmp_path):
    net, path = surrounded(), tmp_path / "a.bnn"
    net.save(path)
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 5):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(NetworkError, match=r"a\.bnn"):
            Network.load(path)


@pytest.mark.fuzz
def test_every_single_bit(tmp_path):
    """Of both versions: each is found."""
    for number, net in enumerate((surrounded(), surrounded().upto(1))):
        path = tmp_path / f"{number}.bnn"
        net.save(path)
        whole = path.read_bytes()
        for bit in range(8 * len(whole)):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            with pytest.raises(NetworkError, match=path.name):
                Network.load(path)

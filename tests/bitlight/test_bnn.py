""".bnn files: what was written comes back, byte for byte the same; what is damaged is refused."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import draw_images, draw_network, seeds

from bitlight import Network, NetworkError


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


def test_another_version(saved):
    content = saved.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["bitlight"])
    inner["version"] = 2
    header["__metadata__"]["bitlight"] = json.dumps(inner)
    text = json.dumps(header).encode()
    saved.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(NetworkError, match="version 2, this bitlight reads .* version 1"):
        Network.load(saved)


def test_a_header_that_asks_for_more_than_the_file_has(saved):
    content = saved.read_bytes()
    saved.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
    with pytest.raises(NetworkError, match="not a whole .bnn file"):
        Network.load(saved)

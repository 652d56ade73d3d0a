"""Small stores for tests: a network that computes quickly, and what a store of it should hold."""

import numpy as np

from bitlight import FeatureStore, Linear, Network
from bitlight.data.source import RandomSource
from bitlight.store import fill, manifest_for

SAMPLES, CHUNK = 100, 16


def small_network(seed=0):
    """70 bits of 12 values: neither fills its last byte."""
    rng = np.random.default_rng(seed)
    return Network((12,), 8, [Linear(rng.random((70, 12)) < 0.5, rng.integers(-500, 500, 70))])


def empty_store(path, net=None, samples=SAMPLES, **options):
    """A store without chunks, its network and its images."""
    net = net or small_network()
    source = RandomSource(samples, net.input_shape, net.input_bits)
    manifest = manifest_for(net, source, chunk=CHUNK, **options)
    return FeatureStore.create(path, manifest), net, source


def filled_store(path, **options):
    """A store with all its chunks, and the features that it should hold."""
    store, net, source = empty_store(path, **options)
    fill(store, net, source)
    return store, net.forward(source.images(range(len(source))))


def chunk_files(path):
    """Content of each file of an array's chunk, by its name within the store."""
    files = sorted(file for file in path.glob("*/c/**/*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}

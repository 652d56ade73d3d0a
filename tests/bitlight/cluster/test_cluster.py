"""Workers are processes behind addresses of this machine; nothing of them is pretended."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from awkward_sources import BrokenSource, DeadlySource, GreedySource
from distributed import LocalCluster

from bitlight import Linear, Network, OpticalFeatures, RidgeHead
from bitlight.cluster import connect
from bitlight.data.source import RandomSource
from bitlight.errors import DataError, StoreError
from bitlight.files.cache import section
from bitlight.store import FeatureStore
from bitlight.store.filling import fill, manifest_for
from bitlight.store.projecting import project_over
from bitlight.store.ridge import ridge_over
from bitlight.store.workers import fill_on

CHUNK = 16


@pytest.fixture(scope="module")
def net():
    generator = np.random.default_rng(0)
    weight = generator.random((24, 20)) < 0.5
    return Network((20,), 8, [Linear(weight, np.zeros(24, np.int32))])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Two workers that have no compiler, and a cache of their own."""
    cache = tmp_path_factory.mktemp("workers")
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit="700 MiB",
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 1},
        env={
            "BITLIGHT_CACHE": str(cache),
            "NUMBA_CACHE_DIR": str(section("numba")),  # loops are compiled
            "CXX": "no-compiler",
        },
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def client(address):
    with connect(address) as client:
        yield client


def new(path, net, source, **options):
    return FeatureStore.create(path, manifest_for(net, source, chunk=CHUNK, **options))


def same(store, other):
    return (
        (store[:] == other[:]).all()
        and (store.labels() == other.labels()).all()
        and (store.ids() == other.ids()).all()
        and (store.audited() == other.audited()).all()
    )


def test_workers_fill_a_store_with_rtl_that_they_cannot_compile(tmp_path, net, client):
    source = RandomSource(6 * CHUNK + 3, net.input_shape)
    alone, store = (
        new(tmp_path / name, net, source, name="rtl", audited=0.5) for name in ("a", "b")
    )
    fill(alone, net, source)
    seen = []
    assert fill_on(client, store, net, source, seen.append) == 7
    assert sorted(seen) == seen
    assert seen[-1] == len(store)
    assert same(store, alone)
    assert fill_on(client, store, net, source) == 0


def test_a_killed_worker_loses_its_chunk_alone(tmp_path, net, client):
    source = DeadlySource(12 * CHUNK, net.input_shape, tmp_path, image=5 * CHUNK)
    store = new(tmp_path / "store", net, source)
    fill_on(client, store, net, source)
    assert source.read() == sorted([*range(0, 12 * CHUNK, CHUNK), 5 * CHUNK])
    same_images = RandomSource(12 * CHUNK, net.input_shape).images(range(12 * CHUNK))
    assert (store[:] == net.forward(same_images)).all()


def test_a_chunk_that_kills_its_workers_is_named(tmp_path, net, client):
    source = GreedySource(4 * CHUNK, net.input_shape, image=2 * CHUNK)
    store = new(tmp_path / "store", net, source)
    with pytest.raises(StoreError, match=r"^chunk 2: every worker .* memory \(a worker has 700"):
        fill_on(client, store, net, source)
    assert store.missing() == [2]


def test_errors_of_workers_come_as_they_are(tmp_path, net, client):
    source = BrokenSource(4 * CHUNK, net.input_shape, DataError("no such image"))
    store = new(tmp_path / "store", net, source)
    with pytest.raises(DataError, match="^no such image$"):
        fill_on(client, store, net, source)


def test_what_a_worker_writes_must_be_seen_here(tmp_path, net, client, monkeypatch):
    source = RandomSource(CHUNK, net.input_shape)
    store = new(tmp_path / "store", net, source)
    monkeypatch.setattr(store, "path", tmp_path / "elsewhere")
    monkeypatch.setattr(store, "missing", lambda: [0])
    with pytest.raises(StoreError, match="sees no .*elsewhere.*all workers share"):
        fill_on(client, store, net, source)


def test_another_network_is_refused(tmp_path, net, client):
    source = RandomSource(CHUNK, net.input_shape)
    store = new(tmp_path / "store", net, source)
    other = Network((20,), 8, [Linear(np.ones((24, 20), bool), np.zeros(24, np.int32))])
    with pytest.raises(StoreError, match="is of network"):
        fill_on(client, store, other, source)


def test_ridge_is_the_same_wherever_it_is_summed(tmp_path, net, client):
    source = RandomSource(40 * CHUNK + 5, net.input_shape)
    store = new(tmp_path / "store", net, source)
    fill(store, net, source)
    head = RidgeHead(class_weight="balanced")
    here, seen = ridge_over(store, head), []
    there = ridge_over(store, head, client, seen.append)
    assert there.alpha_ == here.alpha_
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-9, atol=1e-12)
    assert seen[-1] == len(store)
    assert (here.predict(store[:]) == there.predict(store[:])).all()


@pytest.mark.parametrize("camera", ["auto", None])
def test_a_projection_is_the_same_wherever_it_is_made(tmp_path, net, client, camera):
    source = RandomSource(5 * CHUNK + 3, net.input_shape)
    store = new(tmp_path / "store", net, source)
    fill(store, net, source)
    optics = OpticalFeatures(60, camera=camera)
    whole = optics.fit(store[:]).transform(store[:])
    for path, where in (("here", None), ("there", client)):
        found = project_over(store, tmp_path / path, OpticalFeatures(60, camera=camera), where)
        assert (found[:] == whole).all()
        assert found.dtype == whole.dtype
        assert (found.labels() == store.labels()).all()
    assert found.id == FeatureStore(tmp_path / "here").id


def test_workers_of_this_machine(tmp_path, net):
    source = RandomSource(3 * CHUNK, net.input_shape)
    store = new(tmp_path / "store", net, source)
    with connect("local:2") as client:
        assert len(client.nthreads()) == 2
        assert fill_on(client, store, net, source) == 3
    assert not store.missing()


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StoreError, match="no Dask scheduler answers"), connect(address, 1):
            pass
    for address in ("nonsense://", "local:0", "local:x"):
        with (
            pytest.raises(StoreError, match=r"no Dask scheduler|written like local:4"),
            connect(address, 1),
        ):
            pass


SCHEDULER = """
import logging, os, time
from distributed import LocalCluster
if __name__ == "__main__":
    quiet = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, **quiet)
    print(cluster.scheduler_address, os.getpgid(0), flush=True)
    time.sleep(300)
"""


CLIENT = """
import sys, time
import dask
from bitlight.cluster import connect
with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), connect(sys.argv[1]) as client:
    slow = client.submit(time.sleep, 60)
    print("sent", flush=True)
    try:
        slow.result(30)
    except Exception:
        print("told", flush=True)
    time.sleep(0.5)
"""


def test_a_scheduler_that_dies_is_told_once(tmp_path):
    """Dask would tell of it by itself, with tracebacks."""
    for name, text in (("scheduler", SCHEDULER), ("client", CLIENT)):
        (tmp_path / f"{name}.py").write_text(text)
    python = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen([sys.executable, str(tmp_path / "scheduler.py")], **python) as scheduler:
        try:
            address, group = scheduler.stdout.readline().split()
            command = [sys.executable, str(tmp_path / "client.py"), address]
            with subprocess.Popen(command, stderr=subprocess.PIPE, **python) as client:
                assert client.stdout.readline() == "sent\n"
                time.sleep(0.5)
                os.killpg(int(group), signal.SIGKILL)
                said, errors = client.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(scheduler.pid, signal.SIGKILL)
    assert said == "told\n"
    assert errors == ""

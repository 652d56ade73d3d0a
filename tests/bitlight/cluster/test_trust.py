"""Nobody else reaches the workers of this machine, and none works that may give other bits."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import dask
import numpy as np
import psutil
import pytest
from distributed import LocalCluster
from distributed.security import Security

import bitlight
from bitlight import Linear, Network
from bitlight.cluster import connect
from bitlight.data.source import RandomSource
from bitlight.errors import StoreError
from bitlight.store import FeatureStore
from bitlight.store.filling import manifest_for
from bitlight.store.workers import fill_on

NET = Network((20,), 1, [Linear(np.ones((8, 20), bool), np.zeros(8, np.int32))])


def fill(client, path):
    source = RandomSource(40, (20,), 1)
    store = FeatureStore.create(path, manifest_for(NET, source, chunk=16))
    return fill_on(client, store, NET, source)


def listening(process):
    """Addresses on which a process and its children wait for others."""
    return [
        connection.laddr
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def test_only_those_with_the_keys_of_the_run_get_in(tmp_path):
    before = set(listening(psutil.Process()))
    with connect("local:1") as client:
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        found = set(listening(psutil.Process())) - before
        assert found
        for ip, port in found:
            assert ip == "127.0.0.1"
            assert not said_without_a_certificate(port)
            assert not pages(port)
        ports = [port for _, port in found]
        assert not let_in(
            [f"{kind}://127.0.0.1:{port}" for kind in ("tcp", "tls") for port in ports]
        )
        assert fill(client, tmp_path / "store") == 3


def pages(port):
    """Web pages with something on them."""
    found = []
    for page in ("", "status", "metrics", "info/main/workers.html", "json/identity.json"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
                found.append((page, answer.read()))
        except (OSError, http.client.HTTPException):
            continue
    return found


# Connects as Dask does, to each address that it is given, with keys of somebody else.
GREET = """
import asyncio, sys
from distributed.comm import connect
from distributed.security import Security

async def greet(address):
    keys = Security.temporary().get_connection_args("client")
    await asyncio.wait_for(connect(address, timeout=0.5, **keys), 5)

for address in sys.argv[1:]:
    try:
        asyncio.run(greet(address))
    except (OSError, TimeoutError, RuntimeError):
        continue
    print(address)
"""


def let_in(addresses):
    """Those of the addresses that another user of this machine may connect to."""
    done = subprocess.run(
        [sys.executable, "-c", GREET, *addresses], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def said_without_a_certificate(port):
    """What a listener says to one who accepts all of its keys and has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain) as found:
                return found.recv(100)
        except OSError:
            return b""


def test_a_cluster_with_keys_takes_those_of_the_configuration(tmp_path):
    security = Security.temporary()
    keys = {
        "distributed.comm.tls.ca-file": security.tls_ca_file,
        "distributed.comm.tls.client.cert": security.tls_client_cert,
        "distributed.comm.tls.client.key": security.tls_client_key,
    }
    options = {"protocol": "tls://", "security": security, "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster:
        with (
            dask.config.set(keys),
            connect(cluster.scheduler_address) as client,
        ):
            assert fill(client, tmp_path / "store") == 3
        command = ["head", "train", str(tmp_path / "store"), str(tmp_path / "head")]
        without = subprocess.run(
            [sys.executable, "-m", "bitlight.cli", *command, "--dask", cluster.scheduler_address],
            capture_output=True,
            text=True,
            check=False,
        )
        assert without.returncode == 2
        assert without.stderr.startswith("error: no Dask scheduler answers at tls://")
        assert len(without.stderr.splitlines()) == 1


@pytest.fixture
def other_bitlight(tmp_path):
    """A folder with a bitlight whose source differs in one comment."""
    shutil.copytree(Path(bitlight.__file__).parent, tmp_path / "other" / "bitlight")
    with (tmp_path / "other" / "bitlight" / "bits.py").open("a") as file:
        file.write("# changed\n")
    return tmp_path / "other"


def test_a_worker_with_another_source_is_refused(tmp_path, other_bitlight):
    options = {"dashboard_address": ":0", "scheduler_kwargs": {"allowed_failures": 1}}
    with LocalCluster(n_workers=0, **options) as cluster:
        address = cluster.scheduler_address
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard"]
        command += ["--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path), address]
        worker = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(other_bitlight)},
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(address, 60) as client:
                message = "has bitlight .*, source .* and the command bitlight .*: they may give"
                with pytest.raises(StoreError, match=message):
                    fill(client, tmp_path / "store")
                assert len(FeatureStore(tmp_path / "store").missing()) == 3
        finally:
            worker.terminate()
            worker.wait()

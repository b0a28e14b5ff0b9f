"""``samples/dask_hello.py`` with nc, on a cluster whose scheduler goes; and without dask."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys

import pytest

from samples.dask_hello import DaskHello
from tests.contract.executors import Cluster
from tests.integration.conversation import PATIENCE, ROOT, Child, receive_all

has_dask = importlib.util.find_spec("distributed") is not None


def test_what_a_worker_does() -> None:
    assert DaskHello.process(b"ann") == b"Hello ann"
    assert DaskHello.process(b"pid").startswith(b"worker ")


@pytest.mark.skipif(has_dask, reason="distributed is installed")
def test_without_dask_one_sentence_names_the_extra() -> None:
    command = [sys.executable, "-m", "samples.dask_hello", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "dask_hello needs distributed: pip install 'nio-reactor[dask]'\n"


@pytest.mark.needs("nc")
@pytest.mark.skipif(not has_dask, reason="distributed is not installed")
def test_on_a_cluster() -> None:
    with Cluster() as cluster:
        child = Child("-m", "samples.dask_hello", "0", cluster.address)
        try:
            asked = subprocess.run(
                ["nc", "-N", "127.0.0.1", str(child.address[1])],
                input=b"ann\npid\n",
                capture_output=True,
                timeout=PATIENCE,
                check=True,
            )
            hello, worker = asked.stdout.splitlines()
            assert hello == b"Hello ann"
            assert int(worker.removeprefix(b"worker ")) in {process.pid for process in cluster.workers}
            for process in cluster.workers:
                process.send_signal(signal.SIGSTOP)
            with socket.create_connection(child.address, PATIENCE) as client:
                client.sendall(b"bob\n")
                client.shutdown(socket.SHUT_WR)
                client.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    client.recv(1)
                client.settimeout(PATIENCE)
                cluster.scheduler.kill()
                assert receive_all(client) == b""
            assert child.process.stderr
            assert "the DaskExecutor is broken, another is made" in child.process.stderr.readline()
            assert child.process.stderr.readline() == "WARNING a name was lost with its worker\n"
        finally:
            code, _ = child.end(signal.SIGINT)
    assert code == 0

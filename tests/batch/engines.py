"""What runs pipelines in tests: this process, Beam's portable runner, and Dask, each as plants would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from threading import Thread
from typing import IO, Any

from tests.conftest import ROOT
from tests.edges import free_port

BIN = Path(sys.executable).parent
# Beam's pool of workers starts `python`, whatever that is; both must find the tests' modules.
AROUND = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@contextmanager
def embedded(folder: Path) -> Iterator[list[str]]:
    """FnApiRunner in this process, as `kensa aggregate` has it without options."""
    yield []


@contextmanager
def portable(folder: Path) -> Iterator[list[str]]:
    """A job server and a pool of workers, each a process of its own; jobs, data and state go over gRPC."""
    beam, port = "apache_beam.runners", free_port()
    server = [sys.executable, "-m", f"{beam}.portability.local_job_service_main", "--staging_dir", str(folder / "jobs")]
    pool = [sys.executable, "-m", f"{beam}.worker.worker_pool_main", f"--service_port={port}"]
    with ExitStack() as stack:
        jobs = stack.enter_context(started(server, folder / "server.log", "Listening for beam jobs on port "))
        stack.enter_context(started(pool, folder / "pool.log", "Started worker pool servicer at port: "))
        endpoint = f"--job_endpoint=localhost:{jobs.rstrip('.')}"
        where = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
        yield ["--runner=PortableRunner", endpoint, *where]


@contextmanager
def dask(folder: Path) -> Iterator[list[str]]:
    """A scheduler and two workers of one thread, each a process of its own, reached over TCP; nobody restarts them."""
    with ExitStack() as stack:
        told = [BIN / "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        said = stack.enter_context(started(told, folder / "scheduler.log", "Scheduler at:"))
        address = said.split()[-1]
        for name in ("one", "two"):
            worker = [BIN / "dask", "worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
            own = ["--name", name, "--local-directory", folder / f"worker-{name}"]
            stack.enter_context(started([*worker, *own], folder / f"{name}.log", "Registered to:"))
        yield ["--runner=DaskRunner", f"--dask_client_address={address}", "--dask_npartitions=4"]


ENGINES: dict[str, Callable[[Path], AbstractContextManager[list[str]]]] = {
    "FnApiRunner": embedded,
    "PortableRunner": portable,
    "DaskRunner": dask,
}


@contextmanager
def started(command: list[Any], log: Path, ready: str) -> Iterator[str]:
    """Start a process and wait until it says that it is ready; gives what stands behind that. At the end it is gone."""
    with subprocess.Popen(
        command, env=AROUND, cwd=ROOT, stdout=PIPE, stderr=STDOUT, process_group=0, text=True
    ) as process:
        assert process.stdout
        try:
            said = _waited(process.stdout, ready)
            Thread(target=_kept, args=(process.stdout, log), daemon=True).start()
            yield said
        finally:
            _ended(process)


def _waited(lines: IO[str], ready: str) -> str:
    before = ""
    for line in lines:
        before += line
        if ready in line:
            return line.partition(ready)[2].strip()
    raise AssertionError(f"expected it to say {ready!r}, found that it ended: {before[-2000:]}")


def _kept(lines: IO[str], log: Path) -> None:
    """Whoever says more than a pipe holds would wait for ever."""
    with log.open("w", encoding="utf-8") as kept, suppress(ValueError):  # closed once it is gone
        kept.writelines(lines)


def _ended(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)

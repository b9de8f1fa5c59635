"""That a secret key is nowhere but in its file: not in arguments, launches, plans, logs, answers or archives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from zmq.utils import z85

from pipeline.keys import read
from pipeline.plan import Process
from pipeline.runtime.control import Client, find
from pipeline.runtime.health import Launch
from pipeline.runtime.health import encode as encode_launch
from tests.conftest import ROOT
from tests.edges import eventually, free_port
from tests.keyring import one

LINE = """
line: {plant: test, line: secrets}
hosts:
  edge-1: {cameras: [cam-1], port: PORT1}
  edge-2: {port: PORT2}
nodes:
  camera: {use: synthetic, with: {rate: 30}}
  measure: {from: camera}
  archive: {from: measure, at: edge-2, with: {path: archive}}
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """One folder for two hosts of one machine."""
    return one(tmp_path / "keys", "edge-1", "edge-2")


def spellings(keys: Path) -> Iterator[bytes]:
    """Every way in which the secrets could be written down."""
    for host in ("edge-1", "edge-2"):
        found = read(keys, host).pair
        assert found
        raw = found.secret.raw
        yield from (raw, raw.hex().encode(), raw.hex().upper().encode(), z85.encode(raw))


def test_a_launch_names_the_folder_and_holds_no_key(keys: Path) -> None:
    """What a process is handed at its start says where keys are, not what they are."""
    process = Process(name="edge-1", host="edge-1", lanes=())
    launch = Launch(process=process, edges=(), control="ipc://x", incarnation="i", line="l", keys=str(keys))
    message = encode_launch(launch) + msgspec.json.encode(launch) + repr(launch).encode()
    assert not any(spelling in message for spelling in spellings(keys))


@pytest.mark.slow
def test_a_running_line_tells_nobody_its_secrets(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts speak by tcp; arguments, environments, logs, snapshots, plans, state and archive are searched."""
    ports = (str(min(free_port(), 64_000)) for _ in range(2))
    (tmp_path / "line.yaml").write_text(LINE.replace("PORT1", next(ports)).replace("PORT2", next(ports)))
    run = Path(f"/tmp/kensa-secrets-{os.getpid()}")
    monkeypatch.setenv("KENSA_RUN", str(run))
    monkeypatch.setenv("KENSA_KEYS", str(keys))
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    told = [_kensa(tmp_path, "plan", "line.yaml"), _kensa(tmp_path, "keys", "list")]
    with ExitStack() as stack:
        for host in ("edge-1", "edge-2"):
            stack.enter_context(_running(tmp_path, host))
        eventually(lambda: any((tmp_path / "archive").rglob("*.parquet")), "something is archived")
        for host in ("edge-1", "edge-2"):
            with Client(find(f"test-secrets@{host}")) as client:
                told.append(msgspec.msgpack.encode(client.watch()))
        told += _processes(run)
        assert len(told) > 7
        assert not [path for path in run.rglob("*") if path.is_socket() and path.stat().st_mode & 0o077]
        assert not [path for path in run.iterdir() if path.stat().st_mode & 0o077]
    told += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".secret"]
    assert not [message[:100] for message in told for spelling in spellings(keys) if spelling in message]
    run.rmdir()


def _kensa(folder: Path, *words: str) -> bytes:
    done = subprocess.run([sys.executable, "-m", "pipeline", *words], cwd=folder, capture_output=True, check=True)
    return done.stdout + done.stderr


def _running(folder: Path, host: str) -> ExitStack:
    command = [sys.executable, "-m", "pipeline", "run", "line.yaml", "--plain", "--host", host, "--drain-within", "4s"]
    stack = ExitStack()
    log = stack.enter_context((folder / f"said-{host}").open("wb"))
    process = subprocess.Popen([*command, "--log", f"log-{host}"], cwd=folder, stdout=log, stderr=log)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return stack


def _processes(run: Path) -> list[bytes]:
    """Arguments and environments of every process of the line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            if f"KENSA_RUN={run}".encode() in environment and int(process.name) != os.getpid():
                found += [environment, (process / "cmdline").read_bytes()]
        except OSError:  # it has ended, or is somebody else's
            continue
    return found

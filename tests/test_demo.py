"""The demo: it runs a line, finds what is wrong with its archive, and clears away nothing but its own."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.sinks.archive import archive
from pipeline.archive import read
from pipeline.check import load
from pipeline.cli import main
from pipeline.commands import demo
from pipeline.commands import run as line
from pipeline.errors import KensaError
from pipeline.records import Gap, Tracks
from pipeline.runtime.ledger import Account
from pipeline.runtime.outcome import Outcome
from pipeline.table import verdicts
from pipeline.transport.channel import Ledger
from tests.conftest import ROOT

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

LAPTOP = ROOT / "topologies" / "laptop.yaml"


@pytest.fixture
def run_root() -> Iterator[str]:
    """A folder for sockets whose name is short enough for them."""
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp") as folder:
        yield folder


@pytest.mark.slow
def test_a_newcomer_sees_a_line_inspect_parts(tmp_path: Path, run_root: str) -> None:
    """From a command to verdicts, a picture and a ledger that balances; nothing of the run is left behind."""
    code = "import sys; from pipeline.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--for", "8s", "--out", str(tmp_path / "out")],
        env={**os.environ, "KENSA_RUN": run_root, "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "What there was, and what the line said", "Defect by defect", "Camera by camera", "0 lost",
        "records are accounted for",
    ):  # fmt: skip
        assert said in done.stdout
    assert str(tmp_path / "out" / "preview.png") in done.stdout
    assert (tmp_path / "out" / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert [*Path(run_root).iterdir()] == []
    _events_are_verdicts(tmp_path / "out")
    assert {v.camera for v in verdicts(read(tmp_path / "out" / "archive", "verdicts"))} == {*load(LAPTOP).cameras}


def _events_are_verdicts(out: Path) -> None:
    """Every verdict in the archive that somebody must hear of is an event, and no other."""
    told = [json.loads(text) for text in (out / "alarms.jsonl").read_text().splitlines()]
    bad = [v for v in verdicts(read(out / "archive", "verdicts")) if v.outcome in ("FAIL", "NO_READ")]
    assert {(e["camera"], e["part"]) for e in told} == {(v.camera, v.part) for v in bad}
    assert bad


def test_another_run_replaces_its_own_files_only(tmp_path: Path) -> None:
    """What an earlier demo left goes; a folder with anybody's files is refused."""
    mine, yours = tmp_path / "mine", tmp_path / "yours"
    demo.clear(mine)
    (mine / "archive").mkdir()
    demo.clear(mine)
    assert [path.name for path in mine.iterdir()] == [demo.MARK]
    yours.mkdir()
    (yours / "thesis.txt").touch()
    with pytest.raises(KensaError, match=r"--out .*yours: expected a new or empty folder, .* found other files"):
        demo.clear(yours)
    assert (yours / "thesis.txt").exists()


def test_a_demo_needs_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A topology without one is refused before anything is started or cleared."""
    file = tmp_path / "bare.yaml"
    file.write_text(
        "hosts: {here: {cameras: [a]}}\nnodes:\n  synthetic: {}\n  preview: {from: synthetic, with: {path: x}}\n"
    )
    assert main(["demo", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "bare.yaml: expected a node that uses 'archive', found none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_line_is_told_where_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sink writes below `--out`, whatever the topology says, and the log goes there too."""
    asked = _run(tmp_path, monkeypatch, frames=[0, 1], delivered=2)[1]
    assert f"archive.path={tmp_path}/out/archive" in asked.set
    assert f"preview.path={tmp_path}/out/preview.png" in asked.set
    assert asked.log == tmp_path / "out" / "log.jsonl"
    assert asked.seconds == 30


def test_a_whole_archive_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame is there and as many records as were delivered: status 0."""
    assert _run(tmp_path, monkeypatch, frames=[0, 1, 2], delivered=3)[0] == 0


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([0, 1, 3], "frames that are neither in the archive nor told missing: 1"),
        ([0, 1], "records that were delivered to the archive and are not in it: 1"),
        ([], "the archive is empty"),
    ],
)
def test_an_archive_that_does_not_add_up_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    frames: list[int],
    said: str,
) -> None:
    """Whatever is missing is said in words, and the exit status is not 0."""
    assert _run(tmp_path, monkeypatch, frames=frames, delivered=3)[0] == 1
    assert said in capsys.readouterr().out


def test_the_ledger_is_told_without_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line whose archive could not even begin still says what became of its records."""
    monkeypatch.setattr(line, "conduct", lambda _: Outcome(accounts=(), failures=("process 'archive' was lost",)))
    assert main(["demo", str(LAPTOP), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert "process 'archive' was lost" in out
    assert "expected an archive with tables" in err


def test_gaps_that_a_queue_told_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive may hold more than was delivered: a queue tells gaps that nobody handed to it."""
    assert _run(tmp_path, monkeypatch, frames=[0, 3], delivered=2, gap=(1, 2))[0] == 0


def test_outside_a_checkout_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed Kensa has no topologies beside it."""
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "site" / "pipeline" / "commands" / "demo.py"))
    with pytest.raises(KensaError, match=r"expected .*laptop.yaml, found no such file: run the demo in a checkout, or"):
        demo.laptop()


def _run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    frames: list[int],
    delivered: int,
    gap: tuple[int, int] | None = None,
) -> tuple[int, argparse.Namespace]:
    """The demo over a line that is not run: its archive and its ledger are made up."""
    asked: list[argparse.Namespace] = []

    def conduct(args: argparse.Namespace) -> Outcome:
        asked.append(args)
        shown = [Tracks(camera="cam-1", session="s", seq=seq, t_ns=seq, size=(8, 8)) for seq in frames]
        told = (
            [Gap(camera="cam-1", session="s", seq=gap[0], last=gap[1], t_ns=1, reason="overflow", where="e")]
            if gap
            else []
        )
        archive(iter([[*shown, *told]] if shown else []), path=str(tmp_path / "out" / "archive"))
        ledger = Ledger(sent=delivered, delivered=delivered)
        return Outcome(
            accounts=(Account(edge="track@cam-1→archive", past=ledger), Account(edge="a→preview", past=ledger))
        )

    monkeypatch.setattr(line, "conduct", conduct)
    parser = argparse.ArgumentParser()
    demo.add(parser)
    status = demo.run(parser.parse_args([str(LAPTOP), "--out", str(tmp_path / "out")]))
    return status, asked[0]

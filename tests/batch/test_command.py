"""`kensa aggregate`: what people type, and what they are told."""

from __future__ import annotations

import sys
from pathlib import Path
from queue import Queue

import pytest

from pipeline.batch.aggregating import progress
from pipeline.batch.job import options
from pipeline.cli import main
from pipeline.errors import TableError
from pipeline.records import Regions
from tests.batch.plants import plant, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")


pytestmark = pytest.mark.slow


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive."""
    return shelve(tmp_path / "archive", plant(5, 40))


def test_it_says_what_became_of_every_row(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows by table, days that were read, and nothing to worry about; then nothing is new."""
    words = ["aggregate", str(archive), "--output", str(archive.parent / "out"), "--zone", "Europe/Berlin"]
    assert main(words) == 0
    told = capsys.readouterr().out
    records = plant(5, 40)
    regions = sum(len(record.regions) for record in records if isinstance(record, Regions))
    assert f"1 of 1 days are new: 1 slices, {len(records) + regions} rows to read" in told
    assert ["regions", str(regions), str(regions), "0", "0", "0"] in [line.split() for line in told.splitlines()]
    assert f"1 of 1 days read, every row accounted for: {archive.parent / 'out'}" in told
    assert main([*words, "--runner=FnApiRunner"]) == 0
    assert "0 of 1 days read, every row accounted for" in capsys.readouterr().out


def test_dead_letters_are_an_exit_status(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1, and where to look."""
    next(archive.glob("table=frames/*/*.parquet")).with_name("1-torn.parquet").write_bytes(b"PAR1")
    assert main(["aggregate", str(archive), "--output", str(archive.parent / "out"), "--no-pixels"]) == 1
    assert "0 rows are dead letters, and 1 files without a footer" in capsys.readouterr().out
    (pixels,) = (archive.parent / "out").glob("table=pixels/*/*.parquet")
    assert pq.read_metadata(pixels).num_rows == 0


def test_faults_are_told(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read: options that nobody knows, zones that nobody knows, batches without a file."""
    words = ["aggregate", str(archive), "--output", str(archive.parent / "out")]
    for more, said in (
        (["--speed=9"], "expected an option of this command or of Beam's, found '--speed=9'"),
        (["--direct_running_mode=multi_threading"], "loses rows"),
        (["--zone", "Berlin"], "expected the name of a time zone, as Europe/Berlin, found 'Berlin'"),
        (["--window", "batch"], "expected --window batch and --batches FILE together"),
        (["--runner=Nothing"], "the pipeline failed: "),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert not [*(archive.parent / "out").glob("table=*")]


def test_options_of_beam_are_taken() -> None:
    """As Beam spells them."""
    assert options(["--runner=FnApiRunner", "--direct_num_workers=2"]).get_all_options()["direct_num_workers"] == 2
    assert options(["--no_direct_runner_use_stacked_bundle"])
    with pytest.raises(TableError, match="found '--outptu'"):
        options(["--outptu", "x"])


def test_other_commands_take_no_more_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that a command did not declare is a fault, as ever."""
    with pytest.raises(SystemExit):
        main(["nodes", "--runner=x"])
    assert "unrecognized arguments: --runner=x" in capsys.readouterr().err


def test_without_beam_the_error_says_what_to_install(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime alone has none."""
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert main(["aggregate", str(archive), "--output", str(archive.parent / "out")]) == 2
    assert capsys.readouterr().err == "expected Apache Beam, found none: pip install 'kensa[batch]'\n"


def test_whoever_waits_is_told_how_far_it_is(tmp_path: Path) -> None:
    """How many slices were read, as often as asked."""
    told: Queue[str] = Queue()
    (tmp_path / "a").touch()
    with progress(tmp_path, 3, told.put, every=0.01):
        assert told.get(timeout=60) == "1 of 3 slices read"

"""Object stores: an archive by its URL, against a real S3 server."""

from __future__ import annotations

import json
import re
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from msgspec.structs import replace

from nodes.sinks.archive import archive
from nodes.sinks.store import Store
from nodes.upkeep.compaction import compact
from nodes.upkeep.copying import copy
from nodes.upkeep.keeping import ALONE, alone
from nodes.upkeep.rewriting import Left
from pipeline import leases
from pipeline.archive import ERASED, read
from pipeline.cli import main
from pipeline.errors import NodeError, TableError
from pipeline.leases import leased
from pipeline.notices import board
from pipeline.pieces import aside, pieces
from pipeline.places import Stored, Where, place
from tests.conftest import ROOT
from tests.nodes.test_archive import everything, seqs
from tests.upkeep.test_compaction import TABLES, told

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
ds = pytest.importorskip("pyarrow.dataset", reason="pip install 'kensa[archive]'")

pytestmark = pytest.mark.slow

SERVER = ROOT / ".venv-store" / "bin" / "moto_server"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of an S3 server."""
    if not SERVER.exists():
        pytest.skip("no S3 server: make .venv-store/.ready")
    command = [str(SERVER), "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as running:
        assert running.stderr is not None
        found = next(found for line in running.stderr if (found := re.search(r"http://([\d.]+:\d+)", line)))
        Thread(target=deque, args=(running.stderr, 0), daemon=True).start()  # a full pipe would stop it
        yield found[1]
        running.kill()


@pytest.fixture
def url(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An archive in a bucket of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket, where = f"b{uuid4().hex}", f"?scheme=http&region=us-east-1&endpoint_override={server.replace(':', '%3A')}"
    from pyarrow import fs

    files, _ = fs.FileSystem.from_uri(f"s3://{bucket}{where}&allow_bucket_creation=true")
    files.create_dir(bucket)
    return f"s3://{bucket}/plant=nagoya/line=a{where}"


def test_a_line_archives_into_a_store(url: str, tmp_path: Path) -> None:
    """Any reader of Parquet finds partitions there, also plant and line; a copy reads as what was archived."""
    archive(iter([everything(1), everything(2)]), path=url)
    store = Store(url)
    bucket = store.root.partition("/")[0]
    rows = ds.dataset(bucket, filesystem=store.files, format="parquet", partitioning="hive").to_table(
        filter=ds.field("table") == "parts", columns=["seq", "plant", "line", "date"]
    )
    assert rows.sort_by("seq").to_pylist() == [
        {"seq": seq, "plant": "nagoya", "line": "a", "date": "2026-11-22"} for seq in (1, 2)
    ]
    copy(url, str(tmp_path / "copy"), [])
    archive(iter([everything(1), everything(2)]), path=str(tmp_path / "disk"))
    assert told(tmp_path / "copy") == told(tmp_path / "disk")


def test_a_repetition_is_harmless_in_a_store(url: str, tmp_path: Path) -> None:
    """The same batch is the same object, whoever sends it."""
    for _ in range(2):
        archive(iter([everything(1)]), path=url)
    assert copy(url, str(tmp_path / "copy"), []).files == len(TABLES)
    assert seqs(tmp_path / "copy", "frames") == [1]


def test_an_archive_is_copied_once_and_mirrored(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second copy sends nothing; what was compacted here replaces its parts there."""
    folder, back = tmp_path / "here", tmp_path / "back"
    archive(iter([everything(1), everything(2), everything(3)]), path=str(folder))
    assert main(["archive", "copy", str(folder), url]) == 0
    assert capsys.readouterr().out.startswith("15 files copied, 0.")
    assert copy(str(folder), url, []).files == 0
    assert [*compact(folder, [])]
    done = copy(str(folder), url, [], mirror=True)
    assert (done.files, done.there, done.removed) == (5, 0, 15)
    copy(url, str(back), [])
    assert told(back) == told(folder)
    assert sorted(p.name for p in back.rglob("*.parquet")) == sorted(p.name for p in folder.rglob("*.parquet"))


@pytest.mark.parametrize("words", [["ls", "--days"], ["verify"], ["verify", "--quick"], ["show", "--table", "parts"]])
def test_an_archive_is_read_where_it_lies(
    words: list[str], url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tools say of a store what they say of a folder."""
    told = []
    for where in (url, str(tmp_path)):
        archive(iter([everything(1), everything(2)]), path=where)
        told.append((main(["archive", words[0], where, *words[1:]]), capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0][1]


def test_masks_are_exported_from_where_they_lie(url: str, tmp_path: Path) -> None:
    """The same file."""
    for name, where in (("one", url), ("two", str(tmp_path / "folder"))):
        archive(iter([everything(1), everything(2)]), path=where)
        main(["archive", "export", where, str(tmp_path / f"{name}.json")])
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_an_archive_is_aggregated_where_it_lies(url: str, tmp_path: Path) -> None:
    """From its bucket on, so that plant and line are told; the same bytes as from a folder."""
    pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
    for where in (url, str(tmp_path / "archive" / "plant=nagoya" / "line=a")):
        archive(iter([everything(1), everything(2)]), path=where)
    bucket, folder = url.replace("/plant=nagoya/line=a", ""), str(tmp_path / "archive")
    for name, where in (("one", bucket), ("two", folder)):
        assert main(["aggregate", where, "--output", str(tmp_path / name)]) == 0
    one, two = (
        {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*.parquet")}
        for name in ("one", "two")
    )
    assert one == two
    assert any("nagoya.a.parquet" in name for name in one)


def test_an_archive_is_compacted_where_it_lies(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is said of it, and the files that come of it, are those of a folder; a damaged object is set aside."""
    said, left = [], []
    for where in (url, str(tmp_path / "folder")):
        archive(iter([everything(1), [*everything(2), *everything(3)], everything(3)]), path=where)
        said.append((main(["archive", "compact", where]), capsys.readouterr().out))
        left.append(_ways(place(where)))
    assert said[0] == said[1]
    assert said[0][1].endswith("15 files are now 5; 5 rows stood there more than once\n")
    assert left[0] == left[1]
    torn = next(iter(pieces(place(url), "parts")))
    assert isinstance(torn, Stored)
    torn.write_bytes(torn.read_bytes()[:-1])
    archive(iter([everything(4)]), path=url)
    assert main(["archive", "compact", url, "--table", "parts"]) == 1
    assert f"quarantine/table=parts/date=2026-11-22/{torn.name}.damaged" in capsys.readouterr().out
    assert aside(place(url)) == 1


def _ways(folder: Where) -> list[str]:
    found: Iterator[Where] = folder.rglob("*.parquet")
    return sorted(path.name for path in found)


def test_an_archive_is_pruned_where_it_lies(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Masks go, then rows, noted before they go: the archive is still complete."""
    said = []
    old = [[replace(each, t_ns=10**18 + seq) for each in everything(seq)] for seq in (0, 1)]
    for where in (url, str(tmp_path / "folder")):
        archive(iter(old), path=where)
        out = list[str]()
        for words in (["--masks", "0"], ["--rows", "0", "--table", "regions"], ["--rows", "0", "--table", "frames"]):
            assert main(["archive", "prune", where, *words]) == 0
            out.append(capsys.readouterr().out)
        said.append((out, main(["archive", "verify", where, "--json"]), capsys.readouterr().out))
    assert said[0] == said[1]
    assert said[0][0][0].startswith("frames 2001-09-09: 2 rows without masks\n")
    noted = [json.loads(line)["table"] for line in (place(url) / ERASED).read_bytes().splitlines()]
    assert noted == ["regions", "regions", "frames", "frames"]


def test_in_a_store_too_only_one_rewrites(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told so; what a killed one left is in nobody's way for ever."""
    archive(iter([everything(1), everything(2)]), path=url)
    there, said = _stored(url), r"somebody else compacts or prunes it now, or was killed within the hour; wait until"
    with alone(there), pytest.raises(TableError, match=said):
        [*compact(there, [])]
    (there / ALONE / "killed").write_bytes(b"")
    with pytest.raises(TableError, match=said):
        [*compact(there, [])]
    monkeypatch.setattr(leases, "STALE", 0)
    assert len([*compact(there, [])]) == len(TABLES)
    assert [*(there / ALONE).glob("*")] == []


def test_whoever_works_long_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody takes it for dead: its word is written again."""
    monkeypatch.setattr(leases, "RENEW", -1)
    with leased(_stored(url), ALONE, "works") as renew:
        (mine,) = (_stored(url) / ALONE).glob("*")
        mine.unlink()
        renew()
        assert mine.exists()


def _stored(url: str) -> Stored:
    found = place(url)
    assert isinstance(found, Stored)
    return found


def test_results_go_where_they_are_wanted(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into a store as into a folder, to the byte; a second run reads what is new, and goes on from what is there."""
    pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
    lines, folder = tmp_path / "archive", tmp_path / "results"
    output = _stored(url.replace("/plant=nagoya/line=a", "/results"))
    for days in (1, 2):
        later = [replace(each, t_ns=each.t_ns + days * 10**14) for each in everything(1)]
        archive(iter([later]), path=str(lines))
        for where in (str(output), str(folder)):
            assert main(["aggregate", str(lines), "--output", where]) == 0
            assert f"1 of {days} days read" in capsys.readouterr().out
    local = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    there = {str(path.relative_to(output)): path for path in output.rglob("*") if path.exists()}
    assert {way: path.read_bytes() for way, path in there.items()} == {
        way: path.read_bytes() for way, path in local.items() if not way.startswith(".")
    }
    assert len([way for way in there if way.startswith("table=rates/")]) == 2
    assert main(["aggregate", str(lines), "--output", str(output)]) == 0
    assert "0 of 2 days read" in capsys.readouterr().out


def test_damaged_files_are_not_copied(url: str, tmp_path: Path) -> None:
    """They are told, and the rest is there."""
    folder, left = tmp_path / "here", list[Left]()
    archive(iter([everything(1), everything(2)]), path=str(folder))
    path = pieces(folder, "parts")[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert copy(str(folder), url, left).files == 2 * len(TABLES) - 1
    assert [each.path.name for each in left] == [path.name]
    copy(url, str(tmp_path / "back"), [])
    assert read(tmp_path / "back", "parts").num_rows == 1


def test_a_store_that_does_not_answer_is_told(url: str) -> None:
    """With a notice, until it does; the batch waits."""
    away = re.sub(r"s3://\w+/", "s3://nobody-made-this-one/", url)
    with pytest.raises(OSError, match=r"^(\[Errno .*\] )?archive cannot write s3://nobody-made-this-one/plant=nagoya/"):
        archive(iter([everything(1)]), path=away)
    assert any("what waits is written when that is possible again" in notice.text for notice in board.read())


def test_what_is_no_store_is_refused_in_words(tmp_path: Path) -> None:
    """With the URLs that are meant."""
    with pytest.raises(NodeError, match=r"^ftp://x/y: expected the URL of an object store, such as s3://bucket/folder"):
        archive(iter([]), path="ftp://x/y")
    with pytest.raises(TableError, match=r"^expected an archive, found no table in "):
        copy(str(tmp_path / "none"), str(tmp_path / "out"), [])

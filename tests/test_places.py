"""Places in object stores: what they have of a `Path` does what a `Path` does, and what is none is told."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pipeline.errors import TableError
from pipeline.places import Stored, place, remote, source

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

FILES = (
    "table=frames/date=2026-11-22/a.parquet",
    "table=frames/date=2026-11-22/b.parquet",
    "plant=n/line=a/table=frames/date=2026-11-23/c.parquet",
    "quarantine/table=regions/d.parquet.damaged",
    "erased.jsonl",
)
PATTERNS = (
    "*",
    "table=*",
    "*/table=*",
    "table=frames/date=*",
    "table=frames/date=*/*.parquet",
    "**/table=frames/**/*.parquet",
    "*/*/table=*",
    "**/*.damaged",
    "table=none/*",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files in it."""
    for number, name in enumerate(FILES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * number)
    return tmp_path


@pytest.fixture
def there(folder: Path) -> Stored:
    """The same by way of Arrow's file systems, of which the one of this host is one."""
    return Stored(PurePosixPath(folder), f"file://{folder}", PurePosixPath(folder))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_find_what_they_find_in_a_folder(folder: Path, there: Stored, pattern: str) -> None:
    """The same ways, in order."""
    found = [str(each.relative_to(there)) for each in there.glob(pattern)]
    assert found == sorted(str(each.relative_to(folder)) for each in folder.glob(pattern))
    assert [str(each.inside) for each in there.rglob("*.parquet")] == sorted(map(str, folder.rglob("*.parquet")))


def test_objects_are_files(folder: Path, there: Stored) -> None:
    """Their bytes, size and name."""
    for name in FILES:
        one, two = folder / name, there / name
        assert (two.name, two.exists(), two.read_bytes()) == (one.name, True, one.read_bytes())
        assert two.stat().st_size == one.stat().st_size
        assert two.parent.is_dir()
        with source(two) as file:
            assert file.read() == one.read_bytes()
    assert sorted(there / name for name in FILES) == [there / name for name in sorted(FILES)]
    assert len({there / name for name in (*FILES, *FILES)}) == len(FILES)


def test_what_is_not_there_is_told_as_a_path_tells_it(there: Stored) -> None:
    """So whoever reads an archive need not know where it lies."""
    gone = there / "none.parquet"
    assert not gone.exists()
    assert not gone.is_dir()
    for asked in (gone.read_bytes, gone.stat, gone.opened):
        with pytest.raises(FileNotFoundError):
            asked()


def test_a_place_is_said_as_its_url() -> None:
    """With how its store is spoken to, wherever below it."""
    url = "s3://bucket/line-a?scheme=http&endpoint_override=minio%3A9000"
    found = place(url)
    assert isinstance(found, Stored)
    assert str(found) == url
    assert str(found / "table=frames") == url.replace("line-a", "line-a/table=frames")
    assert str(found.inside) == "bucket/line-a"


def test_folders_stay_folders(tmp_path: Path) -> None:
    """Also by their URL."""
    assert place(str(tmp_path)) == place(f"file://{tmp_path}") == tmp_path
    assert source(tmp_path) == tmp_path
    assert [remote(text) for text in ("a/b", "file:///a", "s3://a/b")] == [False, False, True]


def test_a_store_that_nobody_knows() -> None:
    """The text says what was expected."""
    with pytest.raises(TableError, match=r"^ftp://host/a: expected the URL of an object store, such as s3://bucket/"):
        place("ftp://host/a")

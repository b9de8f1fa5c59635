"""Results in an object store: made in a folder of this host, and put there when they balance, the manifest last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.batch.publishing import MANIFEST, load
from pipeline.leases import leased
from pipeline.places import Stored, Where

READ = ("rates", "measures", "histograms", "heat")  # of older days, for what all days say together
BUSY = ".aggregate"
DOING = "aggregates into it"


@contextmanager
def worked(output: Where) -> Iterator[Path]:
    """A folder in which to work on results: their own; of a store one that is put there unless the work fails.

    Raises:
        TableError: If somebody else is at work there.
        OSError: If the store refuses.
    """
    if isinstance(output, Path):
        yield output
        return
    with leased(output, BUSY, DOING), TemporaryDirectory(prefix="kensa-") as name:
        folder = Path(name)
        fetched(output, folder)
        before = _files(folder)
        yield folder
        after = _files(folder)
        for way in sorted(after, key=lambda way: (way == MANIFEST, way)):
            if before.get(way) != after[way]:
                (output / way).write_bytes((folder / way).read_bytes())


def fetched(store: Stored, folder: Path) -> None:
    """Copy from a store what another run goes on from."""
    if not (store / MANIFEST).exists():
        return
    (folder / MANIFEST).write_bytes((store / MANIFEST).read_bytes())
    manifest = load(folder)
    ways = [day.results[table][0] for day in manifest.days for table in READ] if manifest else []
    for way in ways:
        (folder / way).parent.mkdir(parents=True, exist_ok=True)
        (folder / way).write_bytes((store / way).read_bytes())


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of results, and what tells whether it was written anew."""
    found = (path for path in folder.rglob("*") if path.is_file())
    ways = {str(path.relative_to(folder)): path.stat() for path in found}
    return {way: (told.st_ino, told.st_mtime_ns) for way, told in ways.items() if not way.startswith(".")}

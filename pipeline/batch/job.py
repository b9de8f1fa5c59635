"""The Beam job: slices of an archive → aggregates → one per line and day → files; only what every runner does right.

Files are named before the pipeline, each step works in `process` alone, there is one CombinePerKey and one leaf, what
went wrong travels as a value, and a sink that is called twice writes the same. On 27 small pipelines with known answers
that subset is right on FnApiRunner, on Beam's portable runner and on Dask.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from pipeline.batch.building import Scope
from pipeline.batch.observing import Asked, observe
from pipeline.batch.parcels import combine, pack, total
from pipeline.batch.publishing import stage
from pipeline.batch.reading import read
from pipeline.batch.surveying import Home, Slice
from pipeline.columns import arrow
from pipeline.errors import TableError
from pipeline.heap import keep
from pipeline.places import place

Key = tuple[str, str, str]  # plant, line, date
KEPT = 1 << 28  # bytes
_slice = msgspec.json.Decoder(Slice).decode


def aggregated(
    element: bytes, folder: str, done: str, span: str, asked: Asked, *, travels: bool = True
) -> Iterator[tuple[Key, bytes]]:
    """What is known of a slice, as (plant, line, date) and a parcel.

    Args:
        element: A `Slice`, JSON.
        folder: The archive, or its URL.
        done: Folder in which a file says that a slice was read, for people who wait.
        span: What windows are.
        asked: What is asked of the rows.
        travels: Whether parcels may go to another process.
    """
    frugal()
    cut = _slice(element)
    seen, account = read(place(folder), cut, asked)
    scope = Scope(cut.home.plant, cut.home.line, span, cut.windows)
    _tell(account.tables)
    known = observe(seen, scope, asked)
    yield (cut.home.plant, cut.home.line, cut.day), pack(known, total([account]), travels=travels)
    (Path(done) / blake2b(element, digest_size=16).hexdigest()).touch()


def written(element: tuple[Key, bytes], folder: str, sources: dict[Key, tuple[int, str]]) -> Iterator[str]:
    """Stage the results of a day; gives the file that tells of them."""
    frugal()
    (plant, line, date), parcel = element
    yield str(stage(Path(folder), Home(plant, line), date, sources[plant, line, date], parcel))


def pipeline(root: Any, cuts: Sequence[Slice], reads: partial[Any], writes: partial[Any]) -> Any:
    """The steps of the job.

    Args:
        root: A `beam.Pipeline`.
        cuts: What is to be read.
        reads: `aggregated` with its folder, span and what is asked.
        writes: `written` with its folder and sources.
    """
    beam = _beam()
    return (
        root
        | "slices" >> beam.Create([msgspec.json.encode(cut) for cut in cuts], reshuffle=False)
        | "spread" >> beam.Reshuffle()
        | "aggregate" >> beam.FlatMap(reads)
        | "merge" >> beam.CombinePerKey(combine)
        | "write" >> beam.FlatMap(writes)
    )


@cache
def frugal() -> None:
    """Let what one slice gave back be what the next one takes, without asking the kernel for each array anew.

    Arrow uses the system's allocator, as numpy does; where that is glibc's, it keeps up to `KEPT` free bytes.
    """
    pa = arrow()
    pa.set_memory_pool(pa.system_memory_pool())
    keep(KEPT)


def options(words: Sequence[str]) -> Any:
    """Beam's options of a command line.

    Raises:
        TableError: If Beam knows one of them not, or one loses data.
    """
    beam = _beam()
    if any("dask" in word.lower() for word in words):
        _dask()  # Beam knows its options once it is loaded
    found = beam.options.pipeline_options.PipelineOptions([*words])
    unknown = {*found.get_all_options(retain_unknown_options=True)} - {*found.get_all_options()}
    for word in words:
        if word.startswith("--") and word.removeprefix("--").split("=", 1)[0] in unknown:
            raise TableError(f"expected an option of this command or of Beam's, found {word!r}: kensa aggregate --help")
    if found.get_all_options()["direct_running_mode"] == "multi_threading":
        raise TableError("--direct_running_mode=multi_threading loses rows; leave it out, or say multi_processing")
    return found


def run(words: Sequence[str], build: Any) -> Any:
    """Run a pipeline to its end: on the runner that the options name, else on FnApiRunner in this process.

    Plain DirectRunner would first try to download another one.

    Args:
        words: Beam's options.
        build: Takes the pipeline and adds its steps.

    Raises:
        TableError: If Beam is not installed, an option is wrong, or the pipeline fails.
    """
    beam, asked = _beam(), options(words)
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    named = asked.get_all_options()["runner"] or ""
    runner = _dask()() if named.lower() in {"dask", "daskrunner"} else None if named else FnApiRunner()
    try:
        root = beam.Pipeline(runner=runner, options=asked)
        build(root)
        result = root.run()
        result.wait_until_finish()
        if client := getattr(result, "client", None):
            client.close()  # Dask's, which its runner leaves open
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise TableError(f"the pipeline failed: {said[-1]}") from error
    return result


def _beam() -> Any:
    """Apache Beam, imported when a job is first asked for.

    Raises:
        TableError: If it is not installed.
    """
    try:
        logging.getLogger().addFilter(_quiet)  # it misses Google's libraries aloud
        import apache_beam as beam
    except ImportError as error:
        raise TableError("expected Apache Beam, found none: pip install 'kensa[batch]'") from error
    finally:
        logging.getLogger().removeFilter(_quiet)
    return beam


def _dask() -> Any:
    """Beam's runner on Dask, which Beam finds by no short name.

    Raises:
        TableError: If Dask is not installed.
    """
    try:
        import distributed  # noqa: F401 - Beam's runner loads without it, and fails later
        from apache_beam.runners.dask.dask_runner import DaskRunner
    except ImportError as error:
        raise TableError("expected Dask, found none: pip install 'apache-beam[dask]'") from error
    return DaskRunner


def _quiet(record: logging.LogRecord) -> bool:
    return "apitools" not in record.getMessage()


def _tell(tables: dict[str, dict[str, int]]) -> None:
    """Count rows where Beam's own monitoring shows them."""
    from apache_beam.metrics import Metrics

    for table, entries in tables.items():
        for entry in ("counted", "repeated", "dead", "outside"):
            Metrics.counter("kensa", f"{table} {entry}").inc(entries[entry])

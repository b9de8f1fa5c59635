"""Files that are torn at every byte and rot at every byte: what is read of them is what was written, or said to be bad.

No line runs here. An archive of a few files loses the end of one of them, or has one of its bits turned: all other
files must be read whole, and no row may be another. A spool's segment must give every record that is whole in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from benchmarks.faults.oracle import Account
from nodes.sinks.archive import keep
from nodes.sinks.events import encode, event
from nodes.sinks.journal import Journal
from nodes.sinks.shelf import shelf
from pipeline import codec
from pipeline.archive import read
from pipeline.pieces import Damage
from pipeline.records import Gap, Verdict
from pipeline.table import gaps
from pipeline.transport.item import Item
from pipeline.transport.segment import scan
from pipeline.transport.spool import Spool

RECORDS = 24  # in a file
FEW = 97  # every so many bytes in the short form
Harm = Callable[[bytes, int, Random], bytes]
Counted = tuple[Account, int]


def parquet_torn(folder: Path, random: Random, short: bool) -> Counted:
    """An archive's file ends too early, at each of its bytes."""
    return _archive(folder, random, short, torn)


def parquet_rotten(folder: Path, random: Random, short: bool) -> Counted:
    """A bit of an archive's file turns, in each of its bytes."""
    return _archive(folder, random, short, turned)


def spool_torn(folder: Path, random: Random, short: bool) -> Counted:
    """A spool's segment ends too early, at each of its bytes."""
    return _spool(folder, random, short, torn)


def spool_rotten(folder: Path, random: Random, short: bool) -> Counted:
    """A bit of a spool's segment turns, in each of its bytes."""
    return _spool(folder, random, short, turned)


def journal_torn(folder: Path, random: Random, short: bool) -> Counted:
    """The file of events ends too early, at each of its bytes: its next line stands by itself, whole ones stay."""
    path, lines = folder / "events.jsonl", [encode(event(_verdict(seq))) for seq in range(RECORDS)]
    Journal(path).append(lines)
    data, lost, times = path.read_bytes(), 0, 0
    for at in _places(len(data), random, short):
        path.write_bytes(data[:at])
        Journal(path).append([b"{}"])
        whole = data[:at].count(b"\n")
        lost += path.read_bytes().split(b"\n")[:-1] != [*lines[:whole], b"{}"]
        times += 1
    return Account(given=times * RECORDS, lost=lost), times


def torn(data: bytes, at: int, _: Random) -> bytes:
    """The end is missing."""
    return data[:at]


def turned(data: bytes, at: int, random: Random) -> bytes:
    """One bit of a byte is another."""
    rotten = bytearray(data)
    rotten[at] ^= 1 << random.randrange(8)
    return bytes(rotten)


def _archive(folder: Path, random: Random, short: bool, harm: Harm) -> Counted:
    archive = folder / "archive"
    with shelf(archive) as kept:
        for first in range(0, 3 * RECORDS, RECORDS):
            keep(kept, [_gap(seq) for seq in range(first, first + RECORDS)], masks=True)
    path = sorted(archive.glob("table=*/date=*/*.parquet"))[1]
    data, times, lost, untold = path.read_bytes(), 0, 0, 0
    for at in _places(len(data), random, short):
        path.write_bytes(harm(data, at, random))
        bad: list[Damage] = []
        found = {gap.seq for gap in gaps(read(archive, "gaps", bad))}
        lost += len({*range(RECORDS), *range(2 * RECORDS, 3 * RECORDS)} - found) + bool(found - {*range(3 * RECORDS)})
        untold += len(found) < 3 * RECORDS and not bad
        times += 1
    return Account(given=times * 3 * RECORDS, lost=lost, unaccounted=untold), times


def _spool(folder: Path, random: Random, short: bool, harm: Harm) -> Counted:
    made = folder / "made"
    spool = Spool(made, "edge")
    spool.append([_item(seq) for seq in range(RECORDS)])
    spool.close()
    segment = next(made.glob("*.seg"))
    data, times, lost, untold = segment.read_bytes(), 0, 0, 0
    for at in _places(len(data), random, short):
        harmed = harm(data, at, random)
        made.mkdir(exist_ok=True)  # a spool that holds nothing goes
        segment.write_bytes(harmed)
        whole = {one.about.seq for one in scan(data) if harmed[one.begin : one.end] == data[one.begin : one.end]}
        spool = Spool(made, "edge", quarantine=folder / f"quarantine-{at}")
        rows = spool.read(0, 2 * RECORDS, 1 << 30)
        found = {one.item.seq for one in rows if isinstance(one.item.payload, bytes)}
        lost += len(whole ^ found)
        untold += len(harmed) == len(data) and len(rows) < RECORDS and not spool.damaged
        spool.close()
        times += 1
    return Account(given=times * RECORDS, lost=lost, unaccounted=untold), times


def _places(size: int, random: Random, short: bool) -> Iterable[int]:
    return range(random.randrange(FEW) if short else 0, size, FEW if short else 1)


def _gap(seq: int) -> Gap:
    return Gap(camera="cam-1", session="one", seq=seq, last=seq, t_ns=seq, reason="overflow", where="edge")


def _verdict(seq: int) -> Verdict:
    return Verdict(camera="cam-1", session="one", seq=seq, t_ns=seq, first_seq=seq, outcome="NO_READ", subject="gap")


def _item(seq: int) -> Item:
    message = codec.encode(_verdict(seq))
    return Item("cam-1", "one", seq, seq, message, len(message), 0.0)


CHECKS: dict[str, Callable[[Path, Random, bool], Counted]] = {
    "Parquet file torn at every byte": parquet_torn,
    "Parquet file: a bit turned in every byte": parquet_rotten,
    "spool torn at every byte": spool_torn,
    "spool: a bit turned in every byte": spool_rotten,
    "file of events torn at every byte": journal_torn,
}

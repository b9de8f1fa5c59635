"""What travels between the steps of a job: an aggregate with the account of its rows, as bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from pipeline.batch.reading import Account
from pipeline.batch.statistics import PARTS, Aggregate, empty, merge
from pipeline.batch.surveying import Dead
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa


class Parcel(Struct, frozen=True):
    """A packed aggregate.

    Attributes:
        groups: Arrow stream.
        parts: The same, by name.
        account: What became of the rows that were read for it.
        travels: Whether it goes from one process to another; then streams are LZ4.
    """

    groups: memoryview
    parts: dict[str, memoryview]
    account: Account
    travels: bool


_decode = msgspec.msgpack.Decoder(Parcel).decode


def pack(aggregate: Aggregate, account: Account, *, travels: bool = True) -> bytes:
    """An aggregate and its account as bytes, fewer of them if they travel."""
    parts = {name: _stream(aggregate.parts[name], travels) for name in PARTS}
    return msgspec.msgpack.encode(Parcel(_stream(aggregate.groups, travels), parts, account, travels))


def unpack(parcel: bytes) -> tuple[Aggregate, Account]:
    """What was packed."""
    aggregate, account, _ = _opened(parcel)
    return aggregate, account


def combine(parcels: Iterable[bytes]) -> bytes:
    """One parcel of several, in whatever order and however often: of none, an empty one."""
    parcels = [*parcels]
    if len(parcels) == 1:
        return parcels[0]
    aggregates, accounts, travel = zip(*map(_opened, parcels), strict=True) if parcels else ((), (), ())
    return pack(merge([empty(), *aggregates]), total(accounts), travels=any(travel))


def total(accounts: Iterable[Account]) -> Account:
    """Accounts added up; dead letters of one file and reason are one letter."""
    tables: dict[str, Counter[str]] = {}
    dead: Counter[tuple[str, str, str]] = Counter()
    for account in accounts:
        for table, entries in account.tables.items():
            tables.setdefault(table, Counter()).update(entries)
        for letter in account.dead:
            dead[letter.path, letter.table, letter.reason] += letter.rows
    letters = tuple(Dead(*key, rows=rows) for key, rows in sorted(dead.items()))
    return Account({table: dict(entries) for table, entries in sorted(tables.items())}, letters)


def _opened(parcel: bytes) -> tuple[Aggregate, Account, bool]:
    told = _decode(parcel)
    parts = {name: _table(part) for name, part in told.parts.items()}
    return Aggregate(_table(told.groups), parts), told.account, told.travels


def _stream(table: pa.Table, small: bool) -> memoryview:
    pa = arrow()
    sink, options = pa.BufferOutputStream(), pa.ipc.IpcWriteOptions(compression="lz4" if small else None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def _table(stream: memoryview) -> pa.Table:
    return arrow().ipc.open_stream(arrow().py_buffer(stream)).read_all()

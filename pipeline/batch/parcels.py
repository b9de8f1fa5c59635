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
        groups: Arrow stream, LZ4.
        parts: The same, by name.
        account: What became of the rows that were read for it.
    """

    groups: bytes
    parts: dict[str, bytes]
    account: Account


_decode = msgspec.msgpack.Decoder(Parcel).decode


def pack(aggregate: Aggregate, account: Account) -> bytes:
    """An aggregate and its account as bytes."""
    parts = {name: _stream(aggregate.parts[name]) for name in PARTS}
    return msgspec.msgpack.encode(Parcel(_stream(aggregate.groups), parts, account))


def unpack(parcel: bytes) -> tuple[Aggregate, Account]:
    """What was packed."""
    told = _decode(parcel)
    return Aggregate(_table(told.groups), {name: _table(part) for name, part in told.parts.items()}), told.account


def combine(parcels: Iterable[bytes]) -> bytes:
    """One parcel of several, in whatever order and however often: of none, an empty one."""
    parcels = [*parcels]
    if len(parcels) == 1:
        return parcels[0]
    opened = [unpack(parcel) for parcel in parcels]
    return pack(merge([empty(), *(aggregate for aggregate, _ in opened)]), total(account for _, account in opened))


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


def _stream(table: pa.Table) -> bytes:
    pa = arrow()
    sink, options = pa.BufferOutputStream(), pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _table(stream: bytes) -> pa.Table:
    return arrow().ipc.open_stream(stream).read_all()

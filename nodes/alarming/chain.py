"""The journal of alarms: everything that happened to them and everything operators did, each row chained to the last.

A row is one line, so a crash leaves it whole or not at all, and what came of one batch of records stands in one row.
Its last member is the BLAKE2b of the bytes before it, which hold that of the row before: who takes a row out, changes
one or puts one in breaks the chain at that row. See Haber and Stornetta, How to Time-Stamp a Digital Document, 1991.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from nodes.alarming.engine import NOTHING, Step
from nodes.alarming.life import Alarm
from nodes.sinks.events import RottenError, iso
from nodes.sinks.journal import Journal
from pipeline.digests import blake2b
from pipeline.orders import Order

BEGIN = "0" * 32  # what the first row is chained to


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened at one moment.

    Attributes:
        n: Its number, from 1.
        t_ns: When, by the time of the line, ns since the Unix epoch.
        time: The same in ISO 8601, UTC.
        book: Name and version of the alarm book that held.
        order: What an operator wanted, where it began with that.
        refused: Why it was not done.
        steps: What alarms went through, in order.
        heard: Short ids of the records of the batch that brought it about: they are not counted again.
        prev: Hash of the row before.
    """

    n: int
    t_ns: int
    time: str
    book: str = ""
    order: Order | None = None
    refused: str = ""
    steps: tuple[Step, ...] = ()
    heard: tuple[str, ...] = ()
    prev: str


_TAIL = b',"hash":"%s"}'
_LENGTH = len(_TAIL % BEGIN.encode())
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Row).decode


def encode(row: Row) -> tuple[bytes, str]:
    """A row as a line, and its hash."""
    body = _encode(row)[:-1]
    said = _hash(body)
    return body + _TAIL % said.encode(), said


def decode(line: bytes) -> tuple[Row, str]:
    """The row that a line tells, and its hash.

    Raises:
        RottenError: If it is not, bit for bit, a line that `encode` wrote.
    """
    body = line[:-_LENGTH]
    said = _hash(body)
    if line != body + _TAIL % said.encode():
        raise RottenError(f"expected a row and its hash, found {len(line):,} bytes that are not as they were written")
    try:
        return _decode(line), said
    except msgspec.MsgspecError as error:
        raise RottenError(f"expected a row, found {error}") from error


class Past(Struct):
    """What a journal tells.

    Attributes:
        alarms: How the alarms were left.
        rows: Rows that were read.
        last: The last of them.
        hash: Its hash.
        flaws: What is wrong with the journal, line by line.
    """

    alarms: dict[str, Alarm]
    rows: int = 0
    last: Row | None = None
    hash: str = BEGIN
    flaws: list[str] = []


def recall(path: Path, each: Callable[[Row], None] | None = None) -> Past:
    """Read a journal from its beginning; what is wrong with it is told, and what can be read is believed.

    Args:
        path: The journal.
        each: Is told every row.

    Raises:
        OSError: If it cannot be read.
    """
    past = Past({})
    for number, found in read(path):
        if isinstance(found, str):
            past.flaws.append(f"{path}:{number}: {found}")
            continue
        row, said = found
        if row.prev != past.hash:
            text = f"expected row {past.rows + 1} after {past.hash[:8]}…, found row {row.n} after {row.prev[:8]}…"
            past.flaws.append(f"{path}:{number}: {text}: a row was taken out, put in or changed here")
        past.alarms |= {step.alarm: step.after for step in row.steps}
        if each:
            each(row)
        past.rows, past.last, past.hash = row.n, row, said
    past.alarms = {key: alarm for key, alarm in past.alarms.items() if alarm != NOTHING}
    return past


def read(path: Path, offset: int = 0) -> Iterator[tuple[int, tuple[Row, str] | str]]:
    """The rows of a journal with their lines, from 1; in place of one that cannot be read, why."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # it is being written
            try:
                yield number, decode(line[:-1])
            except RottenError as error:
                yield number, str(error)


class Chain:
    """A journal of alarms that grows; what `add` has returned from is on the disk.

    Args:
        path: The file.
        each: Is told every row that is there.

    Attributes:
        path: The file.
        past: What it told when it was opened.

    Raises:
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: Path, each: Callable[[Row], None] | None = None) -> None:
        self.path, self.journal = path, Journal(path)
        self.past = recall(path, each)
        self._n, self._hash = self.past.rows, self.past.hash

    @property
    def seed(self) -> str:
        """What is so of no other state of this journal."""
        return f"{self._n} {self._hash}"

    def add(
        self,
        t_ns: int,
        book: str,
        *,
        steps: tuple[Step, ...] = (),
        heard: tuple[str, ...] = (),
        order: Order | None = None,
        refused: str = "",
    ) -> None:
        """Write a row.

        Raises:
            OSError: If the disk refuses; the journal is then as it was.
        """
        said = {"order": order, "refused": refused, "steps": steps, "heard": heard}
        row = Row(n=self._n + 1, t_ns=t_ns, time=iso(t_ns), book=book, prev=self._hash, **said)  # type: ignore[arg-type]
        line, found = encode(row)
        self.journal.append([line])
        self._n, self._hash = row.n, found


def _hash(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()

"""The journal of alarms: everything that happened to them and everything operators did, each row chained to the last.

A row is one line, so a crash leaves it whole or not at all, and what came of one batch of records stands in one row.
Its last member is the BLAKE2b of the bytes before it, which hold that of the row before: who takes a row out, changes
one or puts one in breaks the chain at that row. See Haber and Stornetta, How to Time-Stamp a Digital Document, 1991.

A file that is full is renamed, and the chain goes on in a new one whose first row tells how all alarms were: what is
kept can be read and checked without what is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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
        after: In the first row of a file that goes on from another: the name of that one;
        alarms: and how all alarms were.
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
    after: str = ""
    alarms: dict[str, Alarm] = {}
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
        first: Number of the first row that was read; those before it are in files that are no longer kept.
        rows: Number of the last one.
        last: That row.
        hash: Its hash.
        flaws: What is wrong with the journal, line by line.
    """

    alarms: dict[str, Alarm]
    first: int = 0
    rows: int = 0
    last: Row | None = None
    hash: str = BEGIN
    flaws: list[str] = []


def recall(path: Path, each: Callable[[Row], None] | None = None, since_ns: int = 0) -> Past:
    """Read a journal from its beginning; what is wrong with it is told, and what can be read is believed.

    Args:
        path: The journal.
        each: Is told every row.
        since_ns: Files whose rows are all older are left out.

    Raises:
        OSError: If it cannot be read.
    """
    past = Past({})
    for file in _newest(path, since_ns):
        for number, found in read(file):
            if isinstance(found, str):
                past.flaws.append(f"{file}:{number}: {found}")
                continue
            row, said = found
            if row.prev != past.hash and not (row.after and past.last is None):
                text = f"expected row {past.rows + 1} after {past.hash[:8]}…, found row {row.n} after {row.prev[:8]}…"
                past.flaws.append(f"{file}:{number}: {text}: a row was taken out, put in or changed here")
            past.alarms = row.alarms if row.after else past.alarms | {step.alarm: step.after for step in row.steps}
            if each:
                each(row)
            past.first, past.rows, past.last, past.hash = past.first or row.n, row.n, row, said
    past.alarms = {key: alarm for key, alarm in past.alarms.items() if alarm != NOTHING}
    return past


def files(path: Path) -> list[Path]:
    """The files of a journal, the oldest first."""
    sealed = [file for file in path.parent.glob(f"{path.name}.*") if _SEALED.fullmatch(file.name[len(path.name) :])]
    return [*sorted(sealed, key=_number), path]


def read(path: Path, offset: int = 0) -> Iterator[tuple[int, tuple[Row, str] | str]]:
    """The rows of one file with their lines, from 1; in place of one that cannot be read, why."""
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
        each: Is told every row that is there and not too old.
        since_ns: Files whose rows are all older are not read.
        most: As large a file may grow, bytes.
        kept: So many full ones are kept.

    Attributes:
        path: The file.
        past: What it told when it was opened.

    Raises:
        OSError: If it cannot be read or written.
    """

    def __init__(
        self,
        path: Path,
        each: Callable[[Row], None] | None = None,
        *,
        since_ns: int = 0,
        most: int = 1 << 23,
        kept: int = 100,
    ) -> None:
        self.path, self.journal, self._most, self._kept = path, Journal(path), most, kept
        self.past = recall(path, each, since_ns)
        self._n, self._hash = self.past.rows, self.past.hash
        self._head = _head(path)

    @property
    def seed(self) -> str:
        """What is so of no other state of this journal."""
        return f"{self._n} {self._hash}"

    @property
    def full(self) -> bool:
        """Whether it must go on in a new file; also where a crash came before the first row of that."""
        size = self.journal.size
        return size - self._head >= self._most or (size == 0 and self._n > 0)

    def turn(self, t_ns: int, book: str, alarms: Mapping[str, Alarm]) -> None:
        """Go on in a new file, and remove what is no longer kept.

        Raises:
            OSError: If the disk refuses; whoever opens the journal next goes on from there.
        """
        *sealed, _ = files(self.path)
        if self.journal.size:
            number = _number(sealed[-1]) + 1 if sealed else 1
            sealed.append(self.path.rename(f"{self.path}.{number:06}"))
            self.journal = Journal(self.path)
        self._write(Row(n=self._n + 1, t_ns=t_ns, time=iso(t_ns), book=book, prev=self._hash,
                        after=sealed[-1].name, alarms=dict(alarms)))  # fmt: skip
        self._head = self.journal.size
        for file in sealed[: -self._kept]:
            file.unlink(missing_ok=True)

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
        self._write(Row(n=self._n + 1, t_ns=t_ns, time=iso(t_ns), book=book, prev=self._hash, **said))  # type: ignore[arg-type]

    def _write(self, row: Row) -> None:
        line, found = encode(row)
        self.journal.append([line])
        self._n, self._hash = row.n, found


_SEALED = re.compile(r"\.(\d{6,})")


def _number(file: Path) -> int:
    return int(file.suffix[1:])


def _head(path: Path) -> int:
    """Length of the row that tells how all alarms were, bytes: where there are many it alone may fill a file."""
    first = next((found for _, found in read(path)), "")
    return 0 if isinstance(first, str) or not first[0].after else len(encode(first[0])[0]) + 1


def _newest(path: Path, since_ns: int) -> list[Path]:
    """The files that hold what has happened since then, and always the last two: a batch may come again."""
    found: list[Path] = []
    for file in reversed(files(path)):
        found.insert(0, file)
        first = next((row for _, row in read(file)), "")
        if len(found) > 1 and not isinstance(first, str) and first[0].t_ns < since_ns:
            break
    return found


def _hash(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()

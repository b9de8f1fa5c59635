"""Events: what alarms tells the world of a verdict or a gap, as one flat JSON object."""

from __future__ import annotations

from datetime import UTC, datetime
from zlib import crc32

import msgspec
from msgspec import Struct

from pipeline.digests import blake2b
from pipeline.records import Finding, Gap, Outcome, Verdict


class RottenError(Exception):
    """A line that is not what was written."""


class Event(Struct, frozen=True, kw_only=True):
    """Something that somebody must hear of.

    Attributes:
        id: The same for the same event, however often it is sent: 32 hex digits.
        time: Exposure time, ISO 8601, UTC, microseconds.
        t_ns: The same, nanoseconds since the Unix epoch.
        camera: Name of the camera.
        session: Run of the source.
        seq: Last frame it speaks of.
        first_seq: First frame it speaks of.
        subject: `frame`, `part` or `gap`.
        part: Id of the part, where it is about one.
        outcome: WARN, FAIL or NO_READ.
        findings: Every limit that was not kept.
        book: Name of the rule book that decided.
        version: Digest of that book.
        cause: Why frames are missing and where they were lost, for a gap that no rule has seen.
        text: The same in one line, for people.
    """

    id: str
    time: str
    t_ns: int
    camera: str
    session: str
    seq: int
    first_seq: int
    subject: str
    part: int | None
    outcome: Outcome
    findings: tuple[Finding, ...]
    book: str
    version: str
    cause: str
    text: str


_SUM = b',"crc32":"%08x"}'
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


def encode(event: Event) -> bytes:
    """An event as a line: a JSON object whose last member is the CRC-32 of the bytes before it, in hexadecimal."""
    body = _encode(event)[:-1]
    return body + _SUM % crc32(body)


def whole(line: bytes) -> bytes:
    """A line that is what was written.

    Raises:
        RottenError: If it is not, bit for bit, a line that `encode` wrote.
    """
    body = line[: -len(_SUM % 0)]
    if line != body + _SUM % crc32(body):
        raise RottenError(
            f"expected an event and its crc32, found {len(line):,} bytes that are not as they were written"
        )
    return line


def decode(line: bytes) -> Event:
    """The event that a line tells.

    Raises:
        RottenError: If it is not, bit for bit, a line that `encode` wrote.
    """
    try:
        return _decode(whole(line))
    except msgspec.MsgspecError as error:
        raise RottenError(f"expected an event, found {error}") from error


def event(record: Verdict | Gap) -> Event:
    """What to tell of a record; the same record always gives the same event, byte for byte."""
    verdict, cause = _judged(record)
    return Event(
        id=_identity(verdict, cause),
        time=iso(verdict.t_ns),
        t_ns=verdict.t_ns,
        camera=verdict.camera,
        session=verdict.session,
        seq=verdict.seq,
        first_seq=verdict.first_seq,
        subject=verdict.subject,
        part=verdict.part,
        outcome=verdict.outcome,
        findings=verdict.findings,
        book=verdict.book,
        version=verdict.version,
        cause=cause,
        text=_text(verdict, cause),
    )


def identity(record: Verdict | Gap) -> str:
    """The id of the event that tells of a record."""
    return _identity(*_judged(record))


def iso(t_ns: int) -> str:
    """ISO 8601 in UTC with microseconds.

    >>> iso(1_795_363_200_123_456_789)
    '2026-11-22T16:00:00.123456Z'
    """
    seconds, rest = divmod(t_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _judged(record: Verdict | Gap) -> tuple[Verdict, str]:
    if isinstance(record, Verdict):
        return record, ""
    unseen = Verdict(
        camera=record.camera,
        session=record.session,
        seq=record.last,
        t_ns=record.t_ns,
        outcome="NO_READ",
        subject="gap",
        first_seq=record.seq,
    )
    return unseen, f"{record.reason} at {record.where}"


def _identity(verdict: Verdict, cause: str) -> str:
    about = (verdict.camera, verdict.session, verdict.subject, verdict.first_seq, verdict.seq, verdict.part)
    return blake2b(msgspec.msgpack.encode((*about, verdict.book, cause)), digest_size=16).hexdigest()


def _text(verdict: Verdict, cause: str) -> str:
    about = f"part {verdict.part}" if verdict.subject == "part" else f"frames {verdict.first_seq}-{verdict.seq}"
    unseen = "not inspected" if verdict.outcome == "NO_READ" else ""
    why = ", ".join(map(_excess, verdict.findings)) or cause or unseen
    return f"{verdict.outcome} {verdict.camera} {about}{': ' if why else ''}{why}"


def _excess(finding: Finding) -> str:
    """What was measured against which limit, and what else a person should know."""
    unit = f" {finding.unit}" if finding.unit and finding.unit != "%" else finding.unit
    who = "".join(f"{each}: " for each in (finding.camera, finding.tool) if each)
    low = "" if finding.low is None else f", at least {finding.low:g}{unit}"
    high = "" if finding.high is None else f", at most {finding.high:g}{unit}"
    note = f"; {finding.note}" if finding.note else ""
    return f"{finding.reason} ({who}{finding.measure} {finding.value:g}{unit}{low}{high}{note})"

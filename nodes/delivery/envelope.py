"""What a consumer is sent: an event in the envelope of CloudEvents 1.0, numbered by the outbox that it comes from.

https://github.com/cloudevents/spec, JSON format, structured mode; `sequence` is the extension of that name, `stream`,
`first` and `historical` are ours.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

Kind = Literal["verdict", "alarm", "dropped"]
DIGITS = 16  # of a number, so that numbers sort as text does
STATE = "kensa.state."  # what the type of a state begins with; then comes its kind
TYPES: dict[Kind, str] = {"verdict": "kensa.verdict", "alarm": "kensa.alarm", "dropped": "kensa.dropped"}


class Entry(Struct, frozen=True):
    """Something to be told that has no number yet.

    Attributes:
        id: The same for the same event.
        kind: What it is about.
        subject: Whose state it is: the camera of a verdict, the name of an alarm.
        time: When, ISO 8601, UTC.
        body: The event as JSON.
    """

    id: str
    kind: Kind
    subject: str
    time: str
    body: bytes


class Message(Struct, frozen=True):
    """An event as it waits in an outbox.

    Attributes:
        stream: The outbox that numbered it; another outbox has another name.
        sequence: Its number there, from 1, without a hole.
        entry: What it tells.
        first: First number that it speaks of: where the outbox had to drop some, one message stands for all of them.
    """

    stream: str
    sequence: int
    entry: Entry
    first: int


class Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attributes of CloudEvents, and the event as `data`.

    Attributes:
        specversion: Of CloudEvents.
        id: Of the event; whoever gets it twice knows it by that.
        source: The line and the camera or alarm.
        type: `kensa.verdict`, `kensa.alarm`, or `kensa.dropped` for what the outbox had no room for; `kensa.state.…`
            where it only says how things are, ahead of its turn.
        subject: Camera or alarm.
        time: Of the event, ISO 8601, UTC.
        datacontenttype: Of `data`.
        stream: The outbox that numbered it.
        sequence: Its number, as 16 digits.
        first: The first number it speaks of, where that is another one.
        historical: It waited while the consumer could not be reached.
        data: The event.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    stream: str
    sequence: str
    first: str | None = None
    historical: bool = False
    data: Raw


def wrap(message: Message, source: str, *, historical: bool = False, state: bool = False) -> bytes:
    """A message as JSON.

    Args:
        message: The message.
        source: The line, as its consumers call it.
        historical: Whether it waited while they could not be reached.
        state: Whether it only says how things are: it comes again under its own number, in its turn.
    """
    entry = message.entry
    return msgspec.json.encode(
        Envelope(
            specversion="1.0",
            id=f"{entry.id}-state" if state else entry.id,
            source=quote(f"/{source.strip('/')}/{entry.subject}", safe="/@"),
            type=STATE + entry.kind if state else TYPES[entry.kind],
            subject=entry.subject,
            time=entry.time,
            datacontenttype="application/json",
            stream=message.stream,
            sequence=number(message.sequence),
            first=number(message.first) if message.first != message.sequence else None,
            historical=historical,
            data=Raw(entry.body),
        )
    )


def number(sequence: int) -> str:
    """A number as 16 digits.

    >>> number(17)
    '0000000000000017'
    """
    return f"{sequence:0{DIGITS}}"


def dropped(stream: str, first: int, last: int, reason: str, time: str) -> Message:
    """What stands in the place of messages that are no more; for the same ones its id is always the same."""
    body = msgspec.json.encode({"first": first, "last": last, "count": last - first + 1, "reason": reason})
    return Message(stream, last, Entry(f"{stream}-{first}-{last}", "dropped", "outbox", time, body), first)

"""What types cannot say of an alarm in an alarm book."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any

from pipeline.located import BROKEN, Document

FLOOD = "flood"
KINDS = ("row", "rate", "stalled", "gaps", "disk", "clock", "drift", "notice")
JUDGED, SHARED, CAMERAS = ("row", "rate"), ("disk", "clock", "notice"), ("stalled", "gaps", "drift")
PLACES = ("camera", "session", "seq", "part", "event", "alarm")


def check(document: Document, name: str, entry: dict[str, Any], alarms: dict[str, Any]) -> None:
    """Note every fault of one alarm in the document."""
    place = ("alarms", name)
    if name == FLOOD:
        document.complain(place, f"'{FLOOD}' is the alarm that a flood raises; give this one another name", key=True)
    if isinstance(when := entry.get("when"), dict):
        for path, text in _unclear(when):
            document.complain((*place, "when", *path), text)
        if entry.get("per") == "line" and (kind := next((k for k in CAMERAS if k in when), "")):
            document.complain((*place, "per"), f"per: expected 'camera', for {kind} is about one, got 'line'")
    for i, other in enumerate(entry.get("suppressed_by") or ()):
        if other is not BROKEN and (other not in alarms or other == name):
            document.complain((*place, "suppressed_by", i), f"expected another alarm of this book, got '{other}'")
    check_link(document, entry, place)


def check_link(document: Document, said: dict[str, Any], place: tuple[str, ...]) -> None:
    """Note what is wrong with the link of an alarm, or of the whole book."""
    if isinstance(link := said.get("link"), str) and (text := _mislinked(link)):
        document.complain((*place, "link"), f"link: {text}")


def _unclear(when: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    kinds = [kind for kind in KINDS if when.get(kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        yield (), f"when: expected one of {_either(KINDS, 'and')}, got {found}"
        return
    fields = {
        ("outcome", "reason", "rule"): JUDGED,
        ("of",): ("rate",),
        ("over",): ("gaps",),
        ("folder",): ("disk",),
        ("deadband",): ("rate", "gaps", "disk", "clock"),
    }
    for names, fitting in fields.items():
        for field in names:
            if field in when and kinds[0] not in fitting:
                yield (field,), f"{field}: belongs to {_either(fitting)}, and this alarm is about {kinds[0]}"
    limit, band = when[kinds[0]], when.get("deadband")
    if isinstance(limit, int | float) and isinstance(band, int | float) and band >= limit:
        yield ("deadband",), f"deadband: expected less than {kinds[0]}, {limit:g}: else it is never over; got {band:g}"


def _either(words: tuple[str, ...], last: str = "or") -> str:
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _mislinked(link: str) -> str:
    try:
        unknown = [name for _, name, _, _ in Formatter().parse(link) if name is not None and name not in PLACES]
    except ValueError as error:
        return f"expected names in braces, such as {{camera}}: {error}"
    return f"expected {', '.join(PLACES)} in braces, got '{unknown[0]}'" if unknown else ""

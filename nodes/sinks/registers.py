"""How a line is, as registers that a PLC polls: one definition, from which come words, addresses and the manual.

Counters begin anew at 2³²; what does not fit a word is 65535.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Literal

from msgspec import Struct

from nodes.sinks import calls, entries
from nodes.sinks.calls import Calls
from nodes.sinks.entries import Entries
from nodes.sinks.words import CODES, NOBODY, OUTCOMES, WORD, Field, Values, length, packed, table
from pipeline.records import Gap, Outcome, Verdict

VERSION = 2
HEAD_AT, RECENT_AT, CAMERAS_AT = 0, 100, 1000
RECENT, ROOM = 32, 40  # results that are kept; registers from one camera to the next
MOST = 100  # cameras
NS_PER_MS, BEAT_MS = 1_000_000, 250

HEAD = (
    Field("version", "number", "Version of this map; fields are only added."),
    Field("heartbeat", "number", "Goes up four times a second. Where it stands still nobody tells the truth here."),
    Field("state", "number", "Of the line: 1 all cameras tell, 2 some have been silent for too long, 3 none tells."),
    Field("cameras", "number", "How many cameras there are."),
    Field("uptime", "long", "How long this node has run, s; counters began at 0 then."),
    Field("results", "long", "Number of the newest result, from 1; the newest stand in the list of results."),
)
CAMERA = (
    Field("name", "text", "Name of the camera, its first 16 characters."),
    Field("outcome", "number", f"Of its last verdict: {OUTCOMES}."),
    Field("age", "number", "How long ago that came, in units of 10 ms."),
    Field(
        "results", "long", "Its verdicts so far: where it goes up there is a new one; by more than 1, some were missed."
    ),
    Field("part", "long", "Id of the part, the lower 32 bits; 4294967295 where it is about none."),
    Field("reason", "text", "The gravest reason of its last verdict, its first 16 characters."),
    Field("passed", "long", "Verdicts that were PASS."),
    Field("warned", "long", "Verdicts that were WARN."),
    Field("failed", "long", "Verdicts that were FAIL."),
    Field("not_read", "long", "Verdicts that were NO_READ."),
    Field("missing", "long", "Frames that were told missing."),
)
RESULT = (
    Field("number", "long", "Number of the result, from 1; 0 where there is none yet."),
    Field("camera", "number", "Place of its camera among `cameras`, from 0."),
    Field("outcome", "number", f"What was decided: {OUTCOMES}."),
    Field("part", "long", "Id of the part, as above."),
)
BITS = ("tells", "passed", "warned", "failed", "not_read")
BITS_SAID = (
    "The camera has told something lately.",
    "Its last verdict is PASS.",
    "Its last verdict is WARN.",
    "Its last verdict is FAIL.",
    "Its last verdict is NO_READ.",
)
BITS_ROOM = 8
LINE_BITS_AT = BITS_ROOM * MOST
LINE_BITS = {
    "called": "An alarm stands that nobody has acknowledged.",
    "grave": "One of these is of priority high or critical.",
    "stopped": "A gate wants the line to stop.",
    "waits": "There is something to acknowledge.",
}


class Seen(Struct):
    """What is known of a camera; one thread writes it."""

    outcome: Outcome | Literal[""] = ""
    at_ns: int = 0
    part: int = NOBODY
    reason: str = ""
    counts: Counter[str] = Counter()
    missing: int = 0


class Map:
    """The state of a line as registers; any thread may ask, and what it is told at once belongs together.

    Args:
        cameras: Names in the order of their registers; others are not shown.
        silent: After how long without a word a camera is taken not to tell, ns.
        begun_ns: When the node began, by the clock of all times here.
        calls: Alarms and the gate.
        entries: What a PLC is to acknowledge; None where that is not offered.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        silent: int,
        begun_ns: int,
        calls: Calls | None = None,
        entries: Entries | None = None,
    ) -> None:
        self._calls, self.entries = calls or Calls(), entries
        self._seen = {name: Seen(counts=Counter()) for name in cameras}
        self._places = {name: place for place, name in enumerate(cameras)}
        self._silent, self._begun = silent, begun_ns
        self._results, self._lock = 0, Lock()
        self._recent: deque[Values] = deque(maxlen=RECENT)

    def hear(self, record: Verdict | Gap, now_ns: int) -> None:
        """Take in a record of one of its cameras."""
        if (seen := self._seen.get(record.camera)) is not None:
            with self._lock:
                self._take(seen, record, now_ns)

    def _take(self, seen: Seen, record: Verdict | Gap, now_ns: int) -> None:
        seen.at_ns = now_ns
        if isinstance(record, Gap):
            seen.missing += record.last - record.seq + 1
            return
        if record.subject == "gap":
            seen.missing += record.seq - record.first_seq + 1
        seen.outcome, seen.part = record.outcome, NOBODY if record.part is None else record.part & NOBODY
        seen.reason = record.findings[0].reason if record.findings else ""
        seen.counts[record.outcome] += 1
        self._results += 1
        told = {"number": self._results, "camera": self._places[record.camera]}
        self._recent.append(told | {"outcome": CODES[record.outcome], "part": seen.part})

    def registers(self, now_ns: int) -> dict[int, list[int]]:
        """Every block of registers by the address at which it begins."""
        with self._lock:
            blocks = {HEAD_AT: packed(HEAD, self._head(now_ns))}
            blocks[RECENT_AT] = [word for result in self._latest() for word in packed(RESULT, result)]
            for name, place in self._places.items():
                blocks[CAMERAS_AT + ROOM * place] = packed(CAMERA, self._camera(name, now_ns))
        return blocks | self._calls.registers() | (self.entries.registers() if self.entries else {})

    def bits(self, now_ns: int) -> list[bool]:
        """Discrete inputs: eight for each camera that there can be, then eight of the line."""
        bits: list[bool] = []
        for seen in self._seen.values():
            last = CODES[seen.outcome]
            bits += [self._tells(seen, now_ns), *(last == code for code in (1, 2, 3, 4)), False, False, False]
        bits += [False] * (LINE_BITS_AT - len(bits))
        return [*bits, *self._calls.bits(), bool(self.entries and self.entries.waits)] + [False] * (
            BITS_ROOM - len(LINE_BITS)
        )

    def _latest(self) -> list[Values]:
        """The newest results, the newest first."""
        none = dict.fromkeys((field.name for field in RESULT), 0)
        return [*reversed(self._recent), *[none] * (RECENT - len(self._recent))]

    def _tells(self, seen: Seen, now_ns: int) -> bool:
        return bool(seen.at_ns) and now_ns - seen.at_ns <= self._silent

    def _head(self, now_ns: int) -> Values:
        tells = [self._tells(seen, now_ns) for seen in self._seen.values()]
        return {
            "version": VERSION,
            "heartbeat": now_ns // (BEAT_MS * NS_PER_MS) % WORD,
            "state": 1 if all(tells) else 2 if any(tells) else 3,
            "cameras": len(self._seen),
            "uptime": (now_ns - self._begun) // (1000 * NS_PER_MS),
            "results": self._results,
        }

    def _camera(self, name: str, now_ns: int) -> Values:
        seen = self._seen[name]
        counts = seen.counts
        return {
            "name": name,
            "outcome": CODES[seen.outcome],
            "age": (now_ns - seen.at_ns) // (10 * NS_PER_MS) if seen.at_ns else WORD,
            "results": counts.total(),
            "part": seen.part,
            "reason": seen.reason,
            "passed": counts["PASS"],
            "warned": counts["WARN"],
            "failed": counts["FAIL"],
            "not_read": counts["NO_READ"],
            "missing": seen.missing,
        }


def manual() -> Iterator[str]:
    """The map for people, in Markdown."""
    yield from table(f"The line, from register {HEAD_AT}", HEAD, HEAD_AT)
    title = f"The newest {RECENT} results, the newest first: registers {RECENT_AT} + {length(RESULT)} n, n from 0"
    yield from table(title, RESULT, RECENT_AT)
    yield from calls.manual()
    yield from entries.manual()
    yield from table(f"Each camera: registers {CAMERAS_AT} + {ROOM} n, n from 0 as in `cameras`", CAMERA, CAMERAS_AT)
    yield from (f"\n### Discrete inputs: {BITS_ROOM} n + …\n", "| input | name | it is on where |", "|---:|---|---|")
    yield from (f"| {at} | `{name}` | {said} |" for at, (name, said) in enumerate(zip(BITS, BITS_SAID, strict=True)))
    yield from (f"\n### Discrete inputs of the line, from {LINE_BITS_AT}\n", "| input | name | it is on where |")
    yield "|---:|---|---|"
    yield from (f"| {at} | `{name}` | {said} |" for at, (name, said) in enumerate(LINE_BITS.items(), LINE_BITS_AT))

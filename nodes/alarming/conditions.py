"""Conditions: what of verdicts, gaps and the machine an alarm book calls an alarm.

Each watch says `on` or `off` when it knows, and only where that changes. After a restart it knows nothing until it has
seen enough again: an alarm that is up stays up, and none is made up.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from nodes.alarming.book import SECOND, Book, Entry, When
from nodes.alarming.edge import Edge, measured, over
from nodes.alarming.life import Because, Event
from nodes.alarming.machine import DRIFT, Level, Machine, Noticed, of
from nodes.alarming.memory import Memory
from nodes.sinks.events import event
from pipeline.records import Gap, Verdict

Said = tuple[str, Event]
SLOTS = 60  # parts of the time over which a rate of gaps is counted


class Row(Edge):
    """So many matching verdicts in a row."""

    def __init__(self, when: When, row: int = 0) -> None:
        super().__init__()
        self._when, self.row = when, min(row, when.row or 1)

    def hear(self, verdict: Verdict) -> Event | None:
        """A verdict has come."""
        need = self._when.row or 1
        self.row = min(self.row + 1, need) if matches(self._when, verdict) else 0
        on = True if self.row == need else None if self.row else False
        return self.turn(on, lambda: _verdict(verdict, f"{need} in a row", need, need))


class Rate(Edge):
    """Such a share of the last verdicts matches.

    Attributes:
        last: Which of them matched: `1` and `0`, the oldest first.
    """

    def __init__(self, when: When, last: str = "") -> None:
        super().__init__()
        self._when, self.last = when, last[-when.of :]
        self._count = self.last.count("1")

    def hear(self, verdict: Verdict) -> Event | None:
        """A verdict has come."""
        when, limit = self._when, self._when.rate or 1.0
        if len(self.last) == when.of:
            self._count -= self.last[0] == "1"
        match = matches(when, verdict)
        self.last = self.last[len(self.last) == when.of :] + "01"[match]
        self._count += match
        if len(self.last) < when.of:
            return None
        share = self._count / when.of
        on = over(share, limit, when.deadband, self.on)
        return self.turn(on, lambda: _verdict(verdict, f"{share:.1%} of the last {when.of}", share, limit))


class Stalled(Edge):
    """A camera that says nothing."""

    def __init__(self, when: When, camera: str, t_ns: int) -> None:
        super().__init__()
        self._camera, self._limit, self._heard, self._said = camera, when.stalled or 1.0, t_ns, False

    def hear(self, t_ns: int) -> None:
        """It has said something."""
        self._heard, self._said = t_ns, True

    def look(self, t_ns: int) -> Event | None:
        """Time has passed."""
        silent = (t_ns - self._heard) / SECOND
        text = f"{self._camera} has given nothing for {silent:.1f} s, at most {self._limit:g} s"
        on = True if silent >= self._limit else False if self._said else None
        return self.turn(on, lambda: measured(text, silent, self._limit, "s", self._camera))


class Gaps(Edge):
    """The share of a camera's frames that were told missing; nobody knows before all of the time was watched."""

    def __init__(self, when: When, camera: str, t_ns: int) -> None:
        super().__init__()
        self._when, self._camera, self._due = when, camera, t_ns + round(when.over * SECOND)
        self._slot = round(when.over * SECOND / SLOTS)
        self._slots: deque[tuple[int, int, int]] = deque(maxlen=SLOTS + 1)  # its number, frames, missing ones
        self._reached: dict[str, int] = {}

    def hear(self, record: Verdict | Gap, t_ns: int) -> None:
        """Frames have come, or were told missing."""
        last = record.last if isinstance(record, Gap) else record.seq
        first = record.seq if isinstance(record, Gap) else record.first_seq
        lost = isinstance(record, Gap) or record.subject == "gap"
        reached = self._reached.get(record.session, first - 1)
        self._reached = {record.session: max(reached, last)}
        self._add(t_ns // self._slot, max(0, last - reached), last - first + 1 if lost else 0)

    def look(self, t_ns: int) -> Event | None:
        """Time has passed."""
        while self._slots and self._slots[0][0] < t_ns // self._slot - SLOTS:
            self._slots.popleft()
        frames, missing = (sum(slot[i] for slot in self._slots) for i in (1, 2))
        if not frames or t_ns < self._due:
            return None
        share, limit = min(1.0, missing / frames), self._when.gaps or 1.0
        text = f"{share:.1%} of {self._camera}'s frames are missing, at most {limit:.1%}"
        on = over(share, limit, self._when.deadband, self.on)
        return self.turn(on, lambda: measured(text, share, limit, "", self._camera))

    def _add(self, number: int, frames: int, missing: int) -> None:
        if self._slots and self._slots[-1][0] >= number:
            number, before, lost = self._slots.pop()
            frames, missing = frames + before, missing + lost
        self._slots.append((number, frames, missing))


class Conditions:
    """Every condition of a book, for every camera that was met.

    Args:
        book: The book.
        folder: Whose disk is looked at where the book names none.
        t_ns: When it begins.
        memory: What was counted before.
        up: Alarms that are up: what they wait for is looked at although nothing has come of it again.
    """

    def __init__(self, book: Book, folder: str, t_ns: int, memory: Memory, up: Iterable[str] = ()) -> None:
        self._book, self._memory = book, memory
        self._judged: dict[str, list[tuple[str, Row | Rate]]] = {}
        self._stalled: dict[str, Stalled] = {}
        self._gaps: dict[str, Gaps] = {}
        # the same by camera; so with the next
        self._listening: defaultdict[str, list[tuple[str, Stalled]]] = defaultdict(list)
        self._counting: defaultdict[str, list[Gaps]] = defaultdict(list)
        self._shared: dict[str, Row | Rate] = {}
        levels = {n: Level(e.when, folder) for n, e in book.alarms.items() if e.when.kind in ("disk", "clock")}
        self.folders = {level.folder for n, level in levels.items() if book.alarms[n].when.kind == "disk"}
        noticed = {n: Noticed(e.when.notice, 1) for n, e in book.alarms.items() if e.when.notice is not None}
        self._drifting = {name for name, entry in book.alarms.items() if entry.when.drift is not None}
        self._machine: dict[str, Level | Noticed] = {**levels, **noticed}
        for key in up:
            self._drifts(key)
        for camera in dict.fromkeys((*book.cameras, *memory.cameras)):
            self._meet(camera, t_ns)

    def greet(self, records: Iterable[Verdict | Gap], t_ns: int) -> Iterator[Said]:
        """What it changes that cameras have said something new."""
        for camera in dict.fromkeys(record.camera for record in records):
            if camera not in self._judged:
                self._meet(camera, t_ns)
            for key, watch in self._listening[camera]:
                watch.hear(t_ns)
                yield from _told(key, watch.look(t_ns))

    def hear(self, record: Verdict | Gap, t_ns: int) -> Iterator[Said]:
        """What a record of a camera that was greeted changes."""
        camera = record.camera
        for gaps in self._counting[camera]:
            gaps.hear(record, t_ns)
        if isinstance(record, Verdict):
            for key, judged in self._judged[camera]:
                yield from _told(key, judged.hear(record))

    def look(self, t_ns: int, machine: Machine) -> Iterator[Said]:
        """What time and the machine change."""
        watches: dict[str, Stalled | Gaps] = {**self._stalled, **self._gaps}
        for key, watch in watches.items():
            yield from _told(key, watch.look(t_ns))
        for name in self._drifting if machine.notices else ():
            for camera in {notice.camera for notice in of(machine.notices or (), DRIFT)}:
                self._drifts(f"{name}@{camera}")
        for key, level in self._machine.items():
            yield from _told(key, level.look(machine))

    @property
    def heeds(self) -> bool:
        """Whether it goes by what the host's processes give notice of."""
        return any(entry.when.kind in ("drift", "notice") for entry in self._book.alarms.values())

    @property
    def alarms(self) -> set[str]:
        """The alarms there can be, with the cameras that were met; people set aside what has not happened yet."""
        return {*self._machine, *self._stalled, *self._gaps, *self._shared}

    def counted(self, heard: tuple[str, ...]) -> Memory:
        """What was counted so far; what of cameras that have not come again is still known."""
        rows = {key: watch.row for key, watch in self._shared.items() if isinstance(watch, Row)}
        rates = {key: watch.last for key, watch in self._shared.items() if isinstance(watch, Rate)}
        return Memory(self._memory.rows | rows, self._memory.rates | rates, tuple(self._judged), heard)

    def _meet(self, camera: str, t_ns: int) -> None:
        judged = self._judged[camera] = []
        for name, entry in self._book.alarms.items():
            key = name if entry.single else f"{name}@{camera}"
            match entry.when.kind:
                case "stalled":
                    key = f"{name}@{camera}"
                    self._stalled[key] = Stalled(entry.when, camera, t_ns)
                    self._listening[camera].append((key, self._stalled[key]))
                case "gaps":
                    gaps = self._gaps[f"{name}@{camera}"] = Gaps(entry.when, camera, t_ns)
                    self._counting[camera].append(gaps)
                case "drift":
                    self._drifts(f"{name}@{camera}")
                case "row" | "rate":
                    judged.append((key, self._judge(key, entry)))

    def _drifts(self, key: str) -> None:
        """Look at what is said of a camera's network, where that is what the alarm is about."""
        name, _, camera = key.partition("@")
        if camera and key not in self._machine and name in self._drifting:
            self._machine[key] = Noticed(DRIFT, self._book.alarms[name].when.drift or 1, camera)

    def _judge(self, key: str, entry: Entry) -> Row | Rate:
        """What watches verdicts for an alarm; all cameras have the same one where the line has one."""
        if key not in self._shared:
            row, last = self._memory.rows.get(key, 0), self._memory.rates.get(key, "")
            made = Row(entry.when, row) if entry.when.kind == "row" else Rate(entry.when, last)
            self._shared[key] = made
        return self._shared[key]


def matches(when: When, verdict: Verdict) -> bool:
    """Whether a verdict is what a condition counts."""
    found = any(when.reason in (None, f.reason) and when.rule in (None, f.rule) for f in verdict.findings)
    return verdict.outcome == when.outcome and (found or when.reason is when.rule is None)


def _told(key: str, said: Event | None) -> Iterator[Said]:
    if said is not None:
        yield key, said


def _verdict(verdict: Verdict, text: str, value: float, limit: float) -> Because:
    told = event(verdict)
    return Because(
        text=f"{text}: {told.text}"[:1024],
        event=told.id,
        camera=verdict.camera,
        session=verdict.session,
        seq=verdict.seq,
        part=verdict.part,
        outcome=verdict.outcome,
        value=value,
        limit=limit,
    )

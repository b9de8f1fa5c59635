"""All alarms of a line: what happens to them, in order; floods, what was first, and what is suppressed by design."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nodes.alarming.book import PRIORITIES, SECOND, Book, Priority
from nodes.alarming.checks import FLOOD
from nodes.alarming.life import Alarm, Because, Event, Held, State, What
from nodes.alarming.step import refusal, step
from pipeline.digests import blake2b
from pipeline.orders import Order

NOTHING = Alarm()  # has happened to it


class Step(Struct, frozen=True):
    """One thing that an alarm went through.

    Attributes:
        id: Names it for ever: 32 hexadecimal digits.
        alarm: The alarm.
        what: What happened.
        was: Its state before.
        now: Its state afterwards.
        quiet: Nobody is told of it singly.
        after: The alarm afterwards, whole.
    """

    id: str
    alarm: str
    what: What
    was: State
    now: State
    quiet: bool
    after: Alarm


class Engine:
    """The alarms of a book, and everything that happens to them; no clock, no files.

    Args:
        book: The book.
        alarms: How the alarms were left.
        seed: What ids of steps begin with; ids of engines with other seeds differ.

    """

    def __init__(self, book: Book, alarms: Mapping[str, Alarm], seed: str = "") -> None:
        self._book, self._seed, self._number = book, seed, 0
        self._held = {key: Held(alarm) for key, alarm in alarms.items()}
        self._terms = {key: book.terms(key) for key in self._held}
        self._timed = {key for key, held in self._held.items() if held.timed(self._terms[key])}
        self._raised: deque[int] = deque(maxlen=book.flood.alarms)
        self._raised.extend(sorted(alarm.raised_ns for key, alarm in alarms.items() if alarm.count and key != FLOOD))
        self._dependents = _dependents(book)
        self._groups: defaultdict[str, set[str]] = defaultdict(set)  # the alarms of each that are up
        self._met: defaultdict[str, set[str]] = defaultdict(set)  # the keys that an alarm's name has
        for key, held in self._held.items():
            self._gather(key, held.alarm)

    @property
    def alarms(self) -> dict[str, Alarm]:
        """Every alarm that anything has happened to."""
        return {key: held.alarm for key, held in self._held.items() if held.alarm != NOTHING}

    @property
    def flooded(self) -> bool:
        """Whether more alarms come than people can follow."""
        return FLOOD in self._held and self._held[FLOOD].alarm.active

    def apply(self, said: Iterable[tuple[str, Event]], t_ns: int) -> list[Step]:
        """Let things happen at `t_ns`, in order; returns what came of it."""
        done: list[Step] = []
        for key, event in said:
            if event.kind == "on":
                done += self._design(key, t_ns)
            done += self._step(key, event, t_ns)
        return done

    def tick(self, t_ns: int) -> list[Step]:
        """Let time pass."""
        done = self.apply([(key, Event("tick")) for key in sorted(self._timed)], t_ns)
        return [*done, *(self._flood(t_ns) if self.flooded else ())]

    def order(self, order: Order, t_ns: int) -> tuple[list[Step], str]:
        """Do what an operator wants; returns what came of it, or why nothing did."""
        held = self._held.get(order.alarm) or Held()
        until_ns = t_ns + round(order.seconds * SECOND) if order.verb == "shelve" else 0
        event = Event(order.verb, order.by, order.reason, until_ns, order.once, order.occurrence)
        terms = self._book.terms(order.alarm)
        if why := refusal(held.alarm, event, t_ns, terms):
            return [], f"alarm '{order.alarm}' stays as it is: {why}"
        return [*self._step(order.alarm, event, t_ns)], ""

    def _step(self, key: str, event: Event, t_ns: int) -> Iterator[Step]:
        """One event, and all that follows from it."""
        before = self._held.get(key) or Held()
        terms = self._terms.get(key) or self._terms.setdefault(key, self._book.terms(key))
        after, done = step(before, event, t_ns, terms)
        if after == before:
            return
        for what in done:
            state = before.alarm.state if what == done[0] else after.alarm.state
            after, told = self._note(key, what, state, after, t_ns)
            yield told
        self._keep(key, after, timed=after.timed(terms))
        if late := self._late(key, after):
            yield late
        for what in done:
            yield from self._follow(key, what, t_ns)

    def _keep(self, key: str, held: Held, *, timed: bool) -> None:
        self._held[key] = held
        (self._timed.add if timed else self._timed.discard)(key)
        self._gather(key, held.alarm)

    def _note(self, key: str, what: What, was: State, held: Held, t_ns: int) -> tuple[Held, Step]:
        """Name a step, and mark the alarm by it."""
        self._number += 1
        about = (self._seed, self._number, key, what, t_ns)
        name = blake2b(msgspec.msgpack.encode(about), digest_size=16).hexdigest()
        alarm, quiet = held.alarm, self._quiet(key, what, held.alarm)
        if what == "raised":
            alarm = replace(alarm, occurrence=name, first=self._first(key), unsaid=quiet)
        elif what == "returned":
            quiet, alarm = alarm.unsaid, replace(alarm, unsaid=False)
        held = replace(held, alarm=alarm)
        return held, Step(name, key, what, was, alarm.state, quiet, alarm)

    def _quiet(self, key: str, what: What, alarm: Alarm) -> bool:
        """Whether people are left in peace: only with what calls them."""
        if what not in ("raised", "realarmed", "chattering"):
            return False
        grave = PRIORITIES.index(self._priority(key)) <= PRIORITIES.index(self._book.flood.told)
        return alarm.aside is not None or (self.flooded and key != FLOOD and not grave and what != "realarmed")

    def _priority(self, key: str) -> Priority:
        entry = self._book.entry(key)
        return entry.priority if entry else "low"

    def _late(self, key: str, held: Held) -> Step | None:
        """Tell of an alarm that was raised while nobody was to be troubled, as soon as they are."""
        alarm = held.alarm
        if not alarm.unsaid or alarm.life == "normal" or self._quiet(key, "raised", alarm):
            return None
        held = replace(held, alarm=replace(alarm, unsaid=False))
        held, told = self._note(key, "announced", alarm.state, held, alarm.raised_ns)
        self._keep(key, held, timed=key in self._timed)
        return told

    def _follow(self, key: str, what: What, t_ns: int) -> Iterator[Step]:
        """What an alarm does to others."""
        if what not in ("raised", "returned"):
            return
        for other in self._suppressed_by(key):
            yield from self._design(other, t_ns)
        if key == FLOOD:
            for other in sorted(self._held) if what == "returned" else ():
                if late := self._late(other, self._held[other]):
                    yield late
        elif what == "raised":
            self._raised.append(t_ns)
            yield from self._flood(t_ns)

    def _flood(self, t_ns: int) -> Iterator[Step]:
        """Whether it is a flood, or still one: it ends when fewer than half as many came."""
        flood = self._book.flood
        came = sum(0 <= t_ns - each <= flood.within * SECOND for each in self._raised)
        if came >= flood.alarms and not self.flooded:
            text = f"{came} alarms within {flood.within:g} s; those below {flood.told} are not told singly"
            because = Because(text=text, value=float(came), limit=float(flood.alarms))
            yield from self._step(FLOOD, Event("on", because=because), t_ns)
        elif 2 * came < flood.alarms and self.flooded:
            yield from self._step(FLOOD, Event("off"), t_ns)

    def _first(self, key: str) -> bool:
        entry = self._book.entry(key)
        up = self._groups[entry.group] if entry and entry.group else None
        return up is not None and len(up) == (key in up)

    def _gather(self, key: str, alarm: Alarm) -> None:
        self._met[key.partition("@")[0]].add(key)
        entry = self._book.entry(key)
        if entry and entry.group:
            (self._groups[entry.group].add if alarm.active else self._groups[entry.group].discard)(key)

    def _suppressed_by(self, key: str) -> list[str]:
        """The alarms that were met and that an alarm suppresses while it is up."""
        name, _, camera = key.partition("@")
        found: list[str] = []
        for other in self._dependents.get(name, ()):
            met = self._met[other]
            found += [one for one in (other, f"{other}@{camera}") if one in met] if camera else sorted(met)
        return found

    def _design(self, key: str, t_ns: int) -> Iterator[Step]:
        """Suppress an alarm while the book says so, and no longer; what an operator suppressed is left alone."""
        name, _, camera = key.partition("@")
        entry = self._book.alarms.get(name)
        above = [other for each in (entry.suppressed_by if entry else ()) for other in (f"{each}@{camera}", each)]
        up = next((other for other in above if other in self._held and self._held[other].alarm.active), "")
        held = self._held.get(key) or Held()
        suppressed = held.alarm.suppressed
        if up and suppressed is None:
            yield from self._step(key, Event("suppress", reason=f"'{up}' is up"), t_ns)
        elif not up and suppressed is not None and not suppressed.by:
            yield from self._step(key, Event("unsuppress"), t_ns)


def _dependents(book: Book) -> dict[str, set[str]]:
    """Alarm → those that it suppresses."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, entry in book.alarms.items():
        for other in entry.suppressed_by:
            found[other].add(name)
    return found

"""The receiver's side of an edge: what has arrived, what is done, and what a crashed producer left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from pipeline.records import Frame, Gap, Record, Regions, Tracks
from pipeline.transport.came import Came, Trails, of_part, several, watermark
from pipeline.transport.channel import Delivery
from pipeline.transport.flow import MAX_UNDONE

SESSIONS = 8  # of a camera that are remembered: what is sent again after a crash may be of an earlier one
Key = tuple[str, str]  # camera, session
UNSAID = "unsaid"  # why an end is refused
ONE_PER_SEQ = (Frame, Regions, Tracks)  # a second one with the same number is the same record again


class Arrivals:
    """One edge as its consumer sees it.

    Args:
        edge: Its name.
        kinds: Names of the record types that travel on it.

    Attributes:
        edge: Name of the edge.
        producer: Incarnation of the producer whose numbers these are; empty before the first.
        received: Highest number received from it.
        done: Every number up to this one is finished with.
        ended: The producer has said that no more will come.
    """

    def __init__(self, edge: str, kinds: Iterable[str] = ()) -> None:
        self.edge = edge
        self._several = several(kinds)
        self.producer = ""
        self.received = 0
        self.done = 0
        self.ended = False
        self._parted = False  # the producer that was remembered had ended well
        self._early: set[int] = set()
        self._elders = 0  # taken from earlier incarnations and not finished with
        self._again: list[int] = []  # what came again from this one meanwhile
        self._refused: dict[int, str] = {}
        self._last: dict[Key, int] = {}  # (camera, session), in order of their beginning → seq
        self._since: dict[Key, int] = {}  # the frame from which on what comes several times a frame may be missing
        self._judged: dict[Key, int] = {}  # the same, as those before the present producer have left it
        self._met: set[Key] = set()  # sessions that the present producer has sent something of
        self._open: dict[Key, int] = {}  # each camera's last session before it, and how far that had come
        self._closed: set[Key] = set()  # those of them that were ended by a gap
        self._passed: set[Key] = set()  # those before them: all of them was received
        self._unheard: set[Key] = set()  # sessions that were left open, and of which nothing new has come
        self._torn = False
        self._unsaid = False  # something was refused of which the producer may not have told yet
        self._end = 0  # number of the end that came last
        self._stone: tuple[int, Trails] = (0, {})
        self._kept = -1

    @property
    def torn(self) -> bool:
        """Whether something of earlier producers may be missing that is not told yet."""
        return self._torn

    def remember(self, producer: str, came: Trails, *, ended: bool = False) -> None:
        """A consumer before this one had come so far, with this producer, which may have ended well."""
        self.producer, self._parted = producer, ended
        known = {(camera, one.session): one for camera, trail in came.items() for one in trail}
        self._last = {key: one.seq for key, one in known.items()}
        self._since = {key: one.since for key, one in known.items() if one.since is not None}
        self._unheard = set() if ended else {*self._newest()}

    def milestone(self) -> Trails | None:
        """How far each camera had come at a moment of which everything is done by now; None where that is no news."""
        number, came = self._stone
        if self._elders:
            return None  # what is not finished with lies before all that follows
        if self.done == self.received:
            number, came = self.received, self.trails()
        elif self.done >= number:
            self._stone = (self.received, self.trails())
        if number <= self._kept or self.done < number:
            return None
        self._kept = number
        return came

    def meet(self, producer: str, base: int) -> None:
        """A producer says who it is and which number it will send first.

        Numbers of another incarnation are forgotten; how far each camera had come is not.
        """
        if producer == self.producer and base <= self.received + 1:
            return
        if self.producer and producer != self.producer:
            self._open, self._torn = self._newest(), not (self.ended or self._parted)
            self._passed = {key for key in self._last if key not in self._open}
            self._judged = {**self._since}
            self._unheard |= {*self._open} if self._torn else set()
            self._elders += self.received - self.done - len(self._early) - len(self._again)
            self._again.clear()
        elif not self.producer:
            self._torn = _succeeds(producer)
        self.producer = producer
        self.received = self.done = base - 1
        self.ended = self._parted = False
        self._early.clear()
        self._refused.clear()
        self._unsaid = False
        self._met.clear()
        self._closed.clear()
        self._stone, self._kept = (0, {}), -1

    def accept(self, number: int) -> bool:
        """Whether this is the next one; another was here before, or comes again after a rewind."""
        if number != self.received + 1:
            return False
        self.received = number
        return True

    def settle(self, number: int, refused: str) -> None:
        """Finish with a number, or refuse it where there is a reason."""
        if refused:
            self.refuse(number, refused)
        else:
            self.finish(number)

    def late(self) -> None:
        """Finish with what an earlier incarnation had sent; what came again was not finished with before that."""
        self._elders -= 1
        if not self._elders:
            for number in self._again:
                self.finish(number)
            self._again.clear()

    def refuse(self, number: int, reason: str) -> None:
        """Finish with a number that could not be read or kept; its producer counts it as dropped.

        An end that had come by then is taken back.
        """
        self._refused[number] = reason
        self._unsaid = not self.ended
        if self.ended:
            self.ended, self._refused[self._end] = False, UNSAID
        self.finish(number)
        while len(self._refused) > MAX_UNDONE:
            del self._refused[next(iter(self._refused))]

    def refused(self, since: int) -> dict[int, str]:
        """What was refused after a number, as far as its producer may not have heard of it."""
        return {number: reason for number, reason in self._refused.items() if number > since}

    def end(self, number: int, now_ns: int = 0) -> tuple[Delivery, ...]:
        """The stream ends with this number.

        It does not yet where something was refused: the end is refused as well, and comes again behind what the
        producer has to tell of that.

        Returns:
            A gap for each session of which nothing more came since somebody died: how far that had been taken here
            says to whoever comes next what it has not got.
        """
        if self._unsaid:
            self.refuse(number, UNSAID)
            self._unsaid = False
            return ()
        self.ended, self._end = True, number
        self.finish(number)
        silent, self._unheard = sorted(self._unheard), set()
        return tuple(Delivery(self.edge, self.producer, 0, self._broken(key, now_ns)) for key in silent)

    def _broken(self, key: Key, t_ns: int) -> Gap:
        """What ends a session that nobody else ends: the frame that would have come next, and what may be missing."""
        came = self._last[key]
        first = self._missing_since(key, came) if self._torn else came + 1
        return self._gap(key, first, came + 1, t_ns)

    def finish(self, number: int) -> None:
        """Finish with one number; `done` follows as soon as everything before it is finished too."""
        if number != self.done + 1:
            if number > self.done:
                self._early.add(number)
            return
        self.done = number
        while self._early and self.done + 1 in self._early:
            self.done += 1
            self._early.remove(self.done)

    def place(self, number: int, record: Record) -> tuple[Delivery, ...]:
        """What a record is delivered as, in its camera's order.

        Returns:
            The record alone; the gaps that an earlier incarnation left, or that end the session of one that died,
            and the record; or nothing, and the number is finished with, for a record that an earlier incarnation
            had sent already.
        """
        delivery = Delivery(self.edge, self.producer, number, record)
        key = record.camera, record.session
        if key not in self._met or self._several or isinstance(record, Gap):
            return self._compare(delivery, record, key)
        self._last[key] = record.seq
        return (delivery,)

    def _compare(self, delivery: Delivery, record: Record, key: Key) -> tuple[Delivery, ...]:
        earlier = key in self._passed or record.seq <= self._open.get(key, -1)
        if self._repeats(record, key, earlier=earlier):
            if self._elders:
                self._again.append(delivery.number)
            else:
                self.finish(delivery.number)
            return ()
        if earlier:
            return (delivery,)
        gaps = [*self._holes(record, key)]
        self._met.add(key)
        self._reach(record)
        return (*(replace(delivery, number=0, record=gap) for gap in gaps), delivery)

    def _repeats(self, record: Record, key: Key, *, earlier: bool) -> bool:
        """Whether an earlier incarnation had sent this: the same frame, or a part of which all was told by then."""
        if isinstance(record, ONE_PER_SEQ):
            return earlier
        return self._torn and of_part(record) and record.seq < self._judged.get(key, 0)

    def _holes(self, record: Record, key: Key) -> Iterator[Gap]:
        """What earlier incarnations left out before a record: of its session, of the ones before it, or its beginning.

        A session before it may still be heard of: its own gap is told again by whoever ends it. Of one that is first
        heard of by that gap, nothing ever came here.
        """
        if (last := self._open.pop(key, None)) is not None:
            first = self._missing_since(key, last) if self._torn else last + 1
            until = record.seq - (not (self._torn and of_part(record)))
            if first <= until:
                yield self._left_out(record, key[1], first, until)
        elif key not in self._met:
            if self._torn:
                yield from self._ends_of(record)
            if record.seq and key not in self._last and (self._torn or _ends(record)):
                yield self._left_out(record, record.session, 0, record.seq - 1)

    def _ends_of(self, record: Record) -> Iterator[Gap]:
        """What ends the sessions of a camera that an earlier incarnation left open."""
        for camera, session in [each for each in self._open if each[0] == record.camera and each not in self._closed]:
            key = (camera, session)
            first = self._missing_since(key, self._open[key])
            self._open[key] += 1
            self._since[key] = self._open[key] + 1
            self._closed.add(key)
            self._unheard.discard(key)
            yield self._left_out(record, session, first, self._open[key])

    def _missing_since(self, key: Key, came: int) -> int:
        """From which frame on something of a session may be missing, where its sender died."""
        return self._since.get(key, came if self._several else came + 1)

    def _reach(self, record: Record) -> None:
        """Note how far a session has come; a gap may be told late."""
        key = record.camera, record.session
        self._unheard.discard(key)
        reached = record.last if isinstance(record, Gap) else record.seq
        self._last[key] = max(self._last.get(key, reached), reached)
        if self._several and (mark := watermark(record)) is not None:
            self._since[key] = mark

    def _newest(self) -> dict[Key, int]:
        """How far each camera has come in its last session."""
        return {(camera, trail[-1].session): trail[-1].seq for camera, trail in self.trails().items()}

    def trails(self) -> Trails:
        """How far each camera has come in its last sessions; those before are forgotten."""
        trails: Trails = {}
        for (camera, session), seq in self._last.items():
            trails.setdefault(camera, []).append(Came(session, seq, self._since.get((camera, session))))
        for camera, trail in trails.items():
            for gone in trail[:-SESSIONS]:
                del self._last[camera, gone.session]
                self._since.pop((camera, gone.session), None)
        return {camera: trail[-SESSIONS:] for camera, trail in trails.items()}

    def _left_out(self, record: Record, session: str, first: int, last: int) -> Gap:
        return self._gap((record.camera, session), first, last, record.t_ns)

    def _gap(self, key: Key, first: int, last: int, t_ns: int) -> Gap:
        camera, session = key
        return Gap(camera=camera, session=session, seq=first, last=last, t_ns=t_ns, reason="restart", where=self.edge)


def _succeeds(producer: str) -> bool:
    """Whether a producer had predecessors, `process.2.…`: they may have died before this consumer heard of them."""
    words = producer.rsplit(".", 2)
    return len(words) == 3 and words[1].isdecimal() and int(words[1]) > 1


def _ends(record: Record) -> bool:
    """Whether a record tells of the end of a session that broke off."""
    return isinstance(record, Gap) and record.reason == "restart"

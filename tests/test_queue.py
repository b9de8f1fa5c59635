from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from pipeline.plan import Policy
from pipeline.plan import Queue as Limits
from pipeline.records import Gap, Stats
from pipeline.transport.item import Item
from pipeline.transport.queue import MAX_GAPS, Queue

CAMERAS = ("cam-1", "cam-2", "cam-3")


def record(camera: str, seq: int, session: str = "s", size: int = 10, since: float = 0.0) -> Item:
    """A record that waits."""
    payload = Stats(camera=camera, session=session, seq=seq, t_ns=seq, since_ns=0, frames=1, missing=0)
    return Item(camera, session, seq, seq, payload, size, since)


def gap(camera: str, seq: int, last: int, session: str = "s", reason: str = "sensor") -> Item:
    """A gap that the lane hands over."""
    payload = Gap(camera=camera, session=session, seq=seq, last=last, t_ns=seq, reason=reason, where="camera")
    return Item(camera, session, seq, seq, payload, 0, 0.0)


def last_seq(item: Item) -> int:
    """The last number it speaks of."""
    return item.payload.last if isinstance(item.payload, Gap) else item.seq


def drain(queue: Queue, now: float = 0.0) -> list[tuple[str, int, int]]:
    """Everything that waits, in order: (`record` or the gap's reason, first, last)."""
    found = []
    while (item := queue.take(now)) is not None:
        payload = item.payload
        found.append((payload.reason, item.seq, payload.last) if isinstance(payload, Gap) else ("record", item.seq, 0))
    return found


class Life(RuleBasedStateMachine):
    """A queue under any policy and any bounds, offered and taken from in any order."""

    @initialize(
        policy=st.sampled_from(["block", "drop_oldest", "latest"]),
        messages=st.integers(1, 6),
        held=st.integers(1, 60),
        age=st.sampled_from([0.0, 3.0]),
    )
    def begin(self, policy: Policy, messages: int, held: int, age: float) -> None:
        """Any policy, any bounds."""
        self.limits = Limits(policy=policy, messages=messages, bytes=held, age=age)
        self.queue = Queue("edge", self.limits)
        self.now = 0.0
        self.seqs: dict[str, int] = defaultdict(int)
        self.sessions: dict[str, int] = defaultdict(int)
        self.offered: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.given_gaps: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.newest: dict[str, Item] = {}
        self.taken: list[Item] = []

    @rule(camera=st.sampled_from(CAMERAS), size=st.integers(0, 30), hole=st.integers(0, 2))
    def offer(self, camera: str, size: int, hole: int) -> None:
        """A record comes; its number may leave out some that were never there."""
        self.seqs[camera] += 1 + hole
        seq, session = self.seqs[camera], self.sessions[camera]
        item = record(camera, seq, str(session), size, self.now)
        if self.queue.offer(item, self.now):
            self.offered[camera, session].add(seq)
            self.newest[camera] = item
        else:
            assert self.limits.policy == "block"

    @rule(camera=st.sampled_from(CAMERAS), length=st.integers(1, 3))
    def tell(self, camera: str, length: int) -> None:
        """A gap comes from further up."""
        first = self.seqs[camera] + 1
        last = first + length - 1
        self.seqs[camera] = last
        session = self.sessions[camera]
        item = gap(camera, first, last, str(session))
        if self.queue.offer(replace(item, since=self.now), self.now):
            self.given_gaps[camera, session].update(range(first, last + 1))
            self.newest[camera] = item

    @rule(camera=st.sampled_from(CAMERAS))
    def restart(self, camera: str) -> None:
        """The camera's source begins a new session."""
        self.sessions[camera] += 1
        self.seqs[camera] = -1

    @rule(seconds=st.sampled_from([1.0, 2.5, 4.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds
        self.queue.expire(self.now)

    @rule(count=st.integers(1, 4))
    def take(self, count: int) -> None:
        """The consumer takes some."""
        for _ in range(count):
            if (item := self.queue.take(self.now)) is not None:
                self.taken.append(item)

    @invariant()
    def balances(self) -> None:
        """Everything handed over was taken, dropped with a reason, or waits."""
        taken = sum(item.weight for item in self.taken)
        assert self.queue.sent == taken + sum(self.queue.dropped.values()) + self.queue.waiting

    @invariant()
    def bounded(self) -> None:
        """Never more than the bounds; one record may be larger than all the bytes."""
        assert len(self.queue) <= self.limits.messages
        assert self.queue.bytes <= self.limits.bytes or len(self.queue) == 1

    def teardown(self) -> None:
        """Order was kept, every record lost to a bound is in exactly one gap, `latest` kept the newest."""
        if not hasattr(self, "queue"):
            return
        waiting = []
        while (item := self.queue.take(self.now)) is not None:
            waiting.append(item)
        self.taken += waiting
        self._newest_kept(waiting)
        for camera, session in {*self.offered, *self.given_gaps}:
            self._told(camera, session, self.offered[camera, session])
        assert self.queue.empty
        assert self.queue.bytes == 0

    def _told(self, camera: str, session: int, offered: set[int]) -> None:
        mine = [item for item in self.taken if (item.camera, item.session) == (camera, str(session))]
        assert [item.seq for item in mine] == sorted(item.seq for item in mine)
        gaps = [item.payload for item in mine if isinstance(item.payload, Gap)]
        arrived = {item.seq for item in mine if not isinstance(item.payload, Gap)}
        covered = [seq for one in gaps for seq in range(one.seq, one.last + 1)]
        assert len(covered) == len(set(covered))
        assert not arrived & set(covered)
        assert set(covered) >= self.given_gaps[camera, session]
        if self.limits.policy != "latest":
            assert set(covered) == (offered - arrived) | self.given_gaps[camera, session]

    def _newest_kept(self, waiting: list[Item]) -> None:
        if self.limits.policy == "latest" and not self.limits.age and "overflow" not in self.queue.dropped:
            last = {item.camera: item for item in self.taken}
            for camera, item in self.newest.items():
                assert last_seq(last[camera]) == last_seq(item)
            cameras = [item.camera for item in waiting if not isinstance(item.payload, Gap)]
            assert len(cameras) == len(set(cameras))


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLife = pytest.mark.slow(Life.TestCase)


def test_oldest_goes_and_a_gap_covers_it() -> None:
    """drop_oldest: four records into two places lose the first two, told as one gap before the third."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=2))
    for seq in range(4):
        assert queue.offer(record("cam", seq), 0.0)
    assert drain(queue) == [("overflow", 0, 1), ("record", 2, 0), ("record", 3, 0)]
    assert queue.dropped == {"overflow": 2}


def test_block_refuses_and_changes_nothing() -> None:
    """Block: what does not fit is not taken in, counted, or lost."""
    queue = Queue("edge", Limits(policy="block", messages=1))
    assert queue.offer(record("cam", 0), 0.0)
    assert not queue.offer(record("cam", 1), 0.0)
    assert (queue.sent, queue.dropped, len(queue)) == (1, {}, 1)


def test_latest_keeps_one_slot_per_camera() -> None:
    """Latest: each camera's newest record waits in the place its first one had; no gap is told."""
    queue = Queue("edge", Limits(policy="latest", messages=8))
    for seq in range(3):
        for camera in ("a", "b"):
            queue.offer(record(camera, seq), 0.0)
    first, second = queue.take(0.0), queue.take(0.0)
    assert first is not None
    assert second is not None
    assert [(first.camera, first.seq), (second.camera, second.seq)] == [("a", 2), ("b", 2)]
    assert queue.take(0.0) is None
    assert queue.dropped == {"superseded": 4}


def test_records_on_their_way_count() -> None:
    """What the consumer has not taken counts against the bound, so that a policy means the same on every transport."""
    queue = Queue("edge", Limits(policy="block", messages=4))
    assert not queue.offer(record("cam", 0), 0.0, ahead=4)
    assert queue.offer(record("cam", 0), 0.0, ahead=3)
    assert not queue.offer(record("cam", 1), 0.0, ahead=3)


def test_bytes_bound_drops_as_many_as_it_takes() -> None:
    """One large record pushes several small ones out."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=9, bytes=100))
    for seq in range(4):
        queue.offer(record("cam", seq, size=25), 0.0)
    queue.offer(record("cam", 4, size=60), 0.0)
    assert drain(queue) == [("overflow", 0, 2), ("record", 3, 0), ("record", 4, 0)]


def test_too_old_expires_and_is_told() -> None:
    """What waited longer than the age goes as `expired`; what is younger stays."""
    queue = Queue("edge", Limits(policy="drop_oldest", age=1.0))
    queue.offer(record("cam", 0, since=0.0), 0.0)
    queue.offer(record("cam", 1, since=0.9), 0.9)
    assert drain(queue, now=1.5) == [("expired", 0, 0), ("record", 1, 0)]


def test_a_gap_is_never_dropped() -> None:
    """A gap handed over outlives overflow, apart from the queue's own, and counts as the record it is."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=1))
    for item in (gap("cam", 0, 4), gap("cam", 5, 6), record("cam", 7), record("cam", 8)):
        queue.offer(item, 0.0)
    assert queue.waiting == 3
    assert drain(queue) == [("sensor", 0, 6), ("overflow", 7, 7), ("record", 8, 0)]
    assert queue.dropped == {"overflow": 1}


def test_a_gap_waits_for_its_camera() -> None:
    """A gap does not hold up other cameras, and comes by itself when nothing else waits."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=2))
    for item in (record("a", 0), record("b", 0), record("b", 1)):
        queue.offer(item, 0.0)
    assert drain(queue) == [("record", 0, 0), ("record", 1, 0), ("overflow", 0, 0)]


def test_crowded_gaps_merge() -> None:
    """However sparse the numbers that are lost, the gaps told apart are bounded and cover them all."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=1))
    lost = [3 * i for i in range(10 * MAX_GAPS)]
    for seq in [*lost, 10_000]:
        queue.offer(record("cam", seq), 0.0)
    told = drain(queue)[:-1]
    assert len(told) == MAX_GAPS
    assert all(sum(first <= seq <= last for _, first, last in told) == 1 for seq in lost)


def test_a_number_told_twice_is_told_once() -> None:
    """Several records of one frame that are lost at different times make one gap."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=1))
    for _ in range(2):
        queue.offer(record("cam", 5), 0.0)
    assert queue.take(0.0) is not None
    queue.offer(record("cam", 5), 0.0)
    assert drain(queue) == [("record", 5, 0)]
    assert queue.dropped == {"overflow": 2}


def test_refused_is_told_once_it_is_known() -> None:
    """A record that its consumer could not read becomes a gap; a gap that it could not read does not."""
    queue = Queue("edge", Limits())
    queue.offer(record("cam", 1), 0.0)
    item = queue.take(0.0)
    assert item is not None
    queue.refuse(item, "malformed")
    told = queue.take(0.0)
    assert told is not None
    queue.refuse(told, "version")
    assert queue.empty
    assert queue.dropped == {"malformed": 1}


def test_abandon_counts_everything() -> None:
    """At shutdown what waits is dropped, gaps that were handed over too."""
    queue = Queue("edge", Limits(policy="drop_oldest", messages=2))
    for item in (gap("cam", 0, 4), record("cam", 5), record("cam", 6)):
        queue.offer(item, 0.0)
    queue.abandon("shutdown")
    assert queue.dropped == {"shutdown": 3}
    assert queue.empty

"""Tests of `pipeline.runtime.peer`: what is made of what another host says, and of its silence."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.plan import Edge, Plan, Post, Queue
from pipeline.runtime.peer import MISSES, Answer, Peer, Summary, decode_answer, encode, seams, summary
from pipeline.runtime.watch import Limits
from tests.lines import process, snapshot

SECOND = 1_000_000_000
POST = Post(host="edge-2", bound="tcp://10.0.7.12:7400", address="tcp://10.0.7.12:7400")
LIMITS = Limits(clock=0.1, start=30.0)


class Talk:
    """A peer that is asked once a second; it answers when a test lets it."""

    def __init__(self) -> None:
        self.peer, self.now, self.nonce = Peer("nagoya-a", POST, 0), 0, 0

    def ask(self, seconds: int = 1) -> None:
        """Time passes, and it is asked every second."""
        for _ in range(seconds):
            self.now, self.nonce = self.now + SECOND, self.nonce + 1
            self.peer.ask(self.nonce, self.now)

    def answer(self, ahead: int = 0, **said: object) -> None:
        """It answers the last question at once, by a clock that is so far ahead."""
        known = {
            "line": "nagoya-a",
            "host": "edge-2",
            "run": "r1",
            "seams": "same",
            "nonce": self.nonce,
            "received_ns": self.now + ahead,
            "answered_ns": self.now + ahead,
            "summary": Summary(phase="running", running=3, processes=3, rate=120.0),
        }
        self.peer.hear(Answer(**{**known, **said}), self.now)  # type: ignore[arg-type]  # what a test says, it says

    @property
    def notices(self) -> dict[str, str]:
        """What people are told."""
        return {key: text for key, text in self.peer.notices(self.now, "same", LIMITS) if text}


def test_a_host_may_begin_at_any_time() -> None:
    """Until it does it is awaited; only after a while is that worth a notice, which says what to look at."""
    talk = Talk()
    talk.ask(30)
    assert (talk.peer.state(talk.now).reach, talk.notices) == ("awaited", {})
    talk.ask()
    assert talk.notices == {
        "host edge-2 away": "host 'edge-2' at tcp://10.0.7.12:7400 has not answered since the line began: "
        "it is off, the line does not run there, or the network between is cut"
    }
    talk.answer()
    state = talk.peer.state(talk.now)
    assert (state.reach, state.since_ns, state.phase, state.rate) == ("reachable", talk.now, "running", 120.0)
    assert talk.notices == {}


def test_silence_is_told_with_the_time_of_the_last_word() -> None:
    """Some questions may get lost; then it is unreachable since it was last heard, until it answers again."""
    talk = Talk()
    talk.ask()
    talk.answer()
    heard = talk.now
    talk.ask(MISSES)
    assert talk.peer.state(talk.now).reach == "reachable"
    talk.ask()
    state = talk.peer.state(talk.now)
    assert (state.reach, state.since_ns) == ("unreachable", heard)
    assert talk.notices["host edge-2 away"].startswith("host 'edge-2' at tcp://10.0.7.12:7400 does not answer any more")
    talk.ask()
    talk.answer()
    assert (talk.peer.state(talk.now).reach, talk.notices) == ("reachable", {})


def test_a_supervisor_that_stood_still_blames_nobody() -> None:
    """Silence is counted in questions, not in time: who asks nothing for a minute cannot expect answers."""
    talk = Talk()
    talk.ask()
    talk.answer()
    talk.now += 60 * SECOND
    talk.ask()
    assert talk.peer.state(talk.now).reach == "reachable"


def test_a_host_that_says_goodbye_is_missed_by_nobody() -> None:
    """It was stopped; answers that are still under way do not bring it back."""
    talk = Talk()
    talk.ask()
    talk.peer.leave(talk.now)
    talk.answer()
    talk.ask(60)
    assert (talk.peer.state(talk.now).reach, talk.notices) == ("left", {})
    talk.answer(run="r2")
    assert talk.peer.state(talk.now).reach == "reachable"


def test_an_answer_to_no_question_is_passed_over() -> None:
    """Neither a repeated one nor a made-up one can set a clock or bring a host back."""
    talk = Talk()
    talk.ask()
    talk.answer(nonce=99)
    assert talk.peer.state(talk.now).reach == "awaited"
    talk.answer()
    talk.answer(ahead=SECOND)
    assert talk.peer.state(talk.now).offset_ns == 0


@pytest.mark.parametrize(("ahead", "words"), [(SECOND, "1,000.0 ms (± 0.0 ms) ahead of"), (-SECOND, "behind")])
def test_a_clock_beyond_the_limit_is_told(ahead: int, words: str) -> None:
    """It says how much, which way and what to do; it must come well within the limit to be right again."""
    talk = Talk()
    talk.ask()
    talk.answer(ahead=ahead)
    text = talk.notices["host edge-2 clock"]
    assert text.startswith("the time of host 'edge-2' is 1,000.0 ms")
    assert f"{words} this host's; expected at most 100 ms: see that both hosts' clocks are synchronised" in text
    for off, told in ((99_000_000, True), (70_000_000, False), (99_000_000, False)):
        talk.ask()
        talk.answer(ahead=off, run=f"run {talk.nonce}")
        assert bool(talk.notices) is told


def test_a_clock_that_may_be_right_is_not_told() -> None:
    """Over a slow way an offset beyond the limit can be the way's."""
    talk = Talk()
    talk.ask()
    asked, talk.now = talk.now, talk.now + 200_000_000
    talk.answer(received_ns=asked + 200_000_000, answered_ns=asked + 200_000_000)
    state = talk.peer.state(talk.now)
    assert (state.offset_ns, state.doubt_ns, talk.notices) == (100_000_000, 100_000_000, {})


def test_another_run_has_another_time() -> None:
    """What was measured of the run before says nothing about it."""
    talk = Talk()
    for run, ahead in (("r1", 0), ("r2", 50_000_000)):
        talk.ask()
        talk.answer(ahead=ahead, run=run)
    assert talk.peer.state(talk.now).offset_ns == 50_000_000


def test_somebody_else_at_the_address_is_named() -> None:
    """Two lines that share a port are told from a host that is away."""
    talk = Talk()
    talk.ask()
    talk.answer(line="nagoya-b")
    assert talk.peer.state(talk.now).reach == "awaited"
    assert talk.notices["host edge-2 stranger"] == (
        "at tcp://10.0.7.12:7400 answers line 'nagoya-b' on host 'edge-2', expected line 'nagoya-a' on host 'edge-2': "
        "give each a `port` of its own"
    )


def test_hosts_with_different_files_are_told() -> None:
    """Records that nobody takes are no riddle."""
    talk = Talk()
    talk.ask()
    talk.answer(seams="other")
    assert talk.notices["host edge-2 file"].startswith("host 'edge-2' runs another version of line 'nagoya-a'")


def test_only_what_travels_between_hosts_must_agree() -> None:
    """A queue, a parameter or a process more on one host is its own affair."""

    def plan(address: str, **more: object) -> Plan:
        ends = {"source": ("track", "cam-1"), "target": ("archive", "archive"), "kinds": ("gap", "part"), "why": ""}
        edge = {"name": "track→archive", "transport": "tcp", "queue": Queue(), "address": address, **ends, **more}
        return Plan(line="nagoya-a", processes=(), edges=(msgspec.convert(edge, Edge),))

    same = seams(plan("tcp://10.0.7.12:7401"))
    assert seams(plan("tcp://10.0.7.12:7401", queue=Queue(messages=1))) == same
    assert seams(plan("tcp://10.0.7.12:7402")) != same


def test_a_host_tells_how_it_is() -> None:
    """Its phase, what fails, how many processes run; never more than a message may hold."""
    ill = [process(f"p{i}", condition="stuck") for i in range(20)]
    found = summary(snapshot(processes=[process(), *ill], t_ns=SECOND), 30.0, 2 * SECOND)
    assert (found.phase, found.running, found.processes, found.rate) == ("running", 1, 21, 30.0)
    assert found.faults[0] == "process p0 is stuck"
    assert len(found.faults) == 8
    halted = summary(snapshot(t_ns=SECOND), 0.0, 61 * SECOND)
    assert halted.faults == ("its supervisor stands still for 60 s",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"summary": {"phase": "asleep"}},
        {"summary": {"phase": "running", "faults": ["x"] * 9}},
        {"summary": {"phase": "running", "faults": ["x" * 201]}},
        {"summary": {"phase": "running", "rate": float("nan")}},
        {"received_ns": 2**63},
        {"line": ""},
        {"host": "h" * 201},
    ],
)
def test_what_is_no_answer_is_refused(wrong: dict[str, object]) -> None:
    """Whatever a peer sends, what is kept of it is small and means something."""
    talk = Talk()
    good = msgspec.to_builtins(
        Answer(
            line="nagoya-a",
            host="edge-2",
            run="r",
            seams="",
            nonce=1,
            received_ns=talk.now,
            answered_ns=talk.now,
            summary=Summary(phase="running"),
        )
    )
    assert decode_answer(encode(good)).host == "edge-2"
    with pytest.raises(msgspec.DecodeError):
        decode_answer(encode({**good, **wrong}))

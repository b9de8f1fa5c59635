"""The life of an alarm: every state and every event against the table of ISA-18.2, and laws that always hold."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.alarming.life import ACTIVE, Alarm, Aside, Event, Held, Kind, Life, Pending, State, Terms, What
from nodes.alarming.step import refusal, step

S = 1_000_000_000
NOW = 1_000 * S
TERMS = Terms(on_delay_ns=5 * S, off_delay_ns=3 * S, chatter=3, chatter_ns=60 * S, shelf_ns=3600 * S)
LATCHED = replace(TERMS, latched=True)
STAYS = ""

# ISA-18.2-2016, figure 3, with the latch of clause 3.1.56. A row per state, a column per event; a condition counts
# here once it has held for its delay. What is empty leaves the state; `-` is refused, with a reason.
COLUMNS: tuple[Kind, ...] = (
    "on", "off", "tick", "acknowledge", "comment", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove",
    "restore",
)  # fmt: skip
TABLE: dict[str, tuple[str, ...]] = {
    "normal": (
        "unacknowledged", STAYS, STAYS, "-", STAYS, "-", "shelved", "-", "suppressed", "-", "out_of_service", "-",
    ),
    "unacknowledged": (
        STAYS, "returned_unacknowledged", STAYS, "acknowledged", STAYS, "-", "shelved", "-", "suppressed", "-",
        "out_of_service", "-",
    ),
    "acknowledged": (
        STAYS, "normal", STAYS, "-", STAYS, "-", "shelved", "-", "suppressed", "-", "out_of_service", "-",
    ),
    "returned_unacknowledged": (
        "unacknowledged", STAYS, STAYS, "normal", STAYS, "-", "shelved", "-", "suppressed", "-", "out_of_service", "-",
    ),
    "latched_unacknowledged": (
        "unacknowledged", STAYS, STAYS, "latched", STAYS, "-", "shelved", "-", "suppressed", "-", "out_of_service",
        "-",
    ),
    "latched": (
        "unacknowledged", STAYS, STAYS, "-", STAYS, "normal", "shelved", "-", "suppressed", "-", "out_of_service", "-",
    ),
    "shelved": (STAYS, STAYS, STAYS, "-", STAYS, "-", STAYS, "normal", "suppressed", "-", "out_of_service", "-"),
    "suppressed": (STAYS, STAYS, STAYS, "-", STAYS, "-", STAYS, "-", STAYS, "normal", "out_of_service", "-"),
    "out_of_service": (STAYS, STAYS, STAYS, "-", STAYS, "-", STAYS, "-", STAYS, "-", STAYS, "normal"),
}  # fmt: skip
ASIDE = Aside(NOW - S, "anna", "trial", NOW + 600 * S)


def event(kind: Kind) -> Event:
    """One of each kind, as somebody would do it."""
    return Event(kind, by="anna", reason="trial", until_ns=NOW + 60 * S)


def held(state: str) -> Held:
    """An alarm in that state."""
    match state:
        case "shelved":
            alarm = Alarm(shelved=ASIDE)
        case "suppressed":
            alarm = Alarm(suppressed=ASIDE)
        case "out_of_service":
            alarm = Alarm(removed=ASIDE)
        case _:
            alarm = Alarm(life=state, count=1, raised_ns=NOW - 900 * S)  # type: ignore[arg-type]
    return Held(alarm, Pending(alarm.active, NOW - 900 * S))


def happen(before: Held, event: Event, terms: Terms) -> tuple[Held, tuple[What, ...]]:
    """The event, and then its delay."""
    after, done = step(before, event, NOW, terms)
    later, came = step(after, Event("tick"), NOW + 5 * S, terms)
    return later, (*done, *came)


@pytest.mark.parametrize(("state", "kind"), [*product(TABLE, COLUMNS)])
def test_every_event_in_every_state_does_what_the_table_says(state: str, kind: Kind) -> None:
    """108 cells; the table names every state and every kind of event there is."""
    wanted = TABLE[state][COLUMNS.index(kind)]
    before = held(state)
    after, done = happen(before, event(kind), TERMS)
    assert bool(refusal(before.alarm, event(kind), NOW, TERMS)) is (wanted == "-")
    assert after.alarm.state == (state if wanted in ("-", STAYS) else wanted)
    if wanted == "-":
        assert (after, done) == (before, ())
    elif wanted != STAYS:
        assert len(done) == 1


def test_the_table_is_whole() -> None:
    """A state or an event that is added needs its cells."""
    assert set(TABLE) == {*get_args(State)}
    assert set(COLUMNS) == {*get_args(Kind)}


@pytest.mark.parametrize("aside", ["shelved", "suppressed", "removed"])
@pytest.mark.parametrize("life", get_args(Life))
def test_what_is_set_aside_lives_on_unseen(life: Life, aside: str) -> None:
    """OPC UA Part 9, 5.8.2: its condition and its acknowledgement go on; when it is back it shows what it is."""
    plain = held(life)
    unseen = replace(plain, alarm=replace(plain.alarm, **{aside: ASIDE}))
    for kind in ("on", "off", "acknowledge", "comment", "reset"):
        seen, heard = happen(plain, event(kind), TERMS), happen(unseen, event(kind), TERMS)
        assert seen[1] == heard[1]
        assert replace(heard[0].alarm, **{aside: None}) == seen[0].alarm


@pytest.mark.parametrize(
    ("life", "latched"), [("unacknowledged", "latched_unacknowledged"), ("acknowledged", "latched")]
)
def test_a_latched_alarm_stays_until_it_is_reset(life: Life, latched: Life) -> None:
    """Its condition being over is not enough; unacknowledged it cannot be reset."""
    after, _ = happen(held(life), Event("off"), LATCHED)
    assert after.alarm.life == latched
    why = refusal(after.alarm, event("reset"), NOW, LATCHED)
    assert why == ("acknowledge it first" if latched == "latched_unacknowledged" else "")


@pytest.mark.parametrize(
    ("alarm", "event", "why"),
    [
        (Alarm(), Event("acknowledge", by="b"), "nothing to acknowledge"),
        (Alarm("acknowledged", acknowledged_by="anna"), Event("acknowledge", by="b"), "already acknowledged by anna"),
        (
            Alarm("unacknowledged", occurrence="ab"), Event("acknowledge", by="b", occurrence="cd"),
            "occurrence cd is over or never was; the last one is ab",
        ),
        (Alarm(), Event("reset", by="b"), "it is not latched"),
        (Alarm(), Event("shelve", by="b", until_ns=NOW + S), "expected a reason, got none"),
        (Alarm(), Event("shelve", by="b", reason="r", until_ns=NOW), "expected an end that is yet to come"),
        (
            Alarm(), Event("shelve", by="b", reason="r", until_ns=NOW + 7200 * S),
            "expected at most 60 min, got 120 min",
        ),
        (Alarm(), Event("suppress", by="b"), "expected a reason, got none"),
        (Alarm(), Event("remove", by="b"), "expected a reason, got none"),
        (Alarm(), Event("unshelve", by="b"), "it is not shelved"),
        (Alarm(), Event("unsuppress", by="b"), "it is not suppressed"),
        (Alarm(), Event("restore", by="b"), "it is not out of service"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(alarm: Alarm, event: Event, why: str) -> None:
    """In words that an operator can act on."""
    assert refusal(alarm, event, NOW, TERMS) == why


def run(terms: Terms, *said: tuple[float, Kind]) -> tuple[Held, list[tuple[float, What]]]:
    """Let things happen at these seconds."""
    now, came = Held(), list[tuple[float, What]]()
    for at, kind in said:
        now, done = step(now, event(kind), round(at * S), terms)
        came += [(at, what) for what in done]
    return now, came


def test_a_blip_shorter_than_the_on_delay_raises_nothing() -> None:
    """The delay counts from when the condition began to hold, and begins anew with it."""
    _, came = run(TERMS, (0, "on"), (4.9, "off"), (5, "tick"), (6, "on"), (10.9, "tick"), (11, "tick"))
    assert came == [(11, "raised")]


def test_an_alarm_returns_once_its_condition_was_over_for_the_off_delay() -> None:
    """One that comes back before that is the same occurrence."""
    now, came = run(TERMS, (0, "on"), (5, "tick"), (6, "off"), (8.9, "on"), (20, "off"), (22.9, "tick"), (23, "tick"))
    assert came == [(5, "raised"), (23, "returned")]
    assert now.alarm.count == 1


def test_a_comment_is_noted_beside_an_alarm_until_it_is_raised_again() -> None:
    """By whom, and whoever acknowledged it is still who did; without a word it is refused."""
    anna = replace(event("acknowledge"), reason="on my way")
    ben = replace(event("comment"), by="ben", reason="bearing ordered")
    after, _ = step(step(held("unacknowledged"), anna, NOW, TERMS)[0], ben, NOW, TERMS)
    said = after.alarm
    assert (said.acknowledged_by, said.comment, said.remarked_by, said.remark) == (
        "anna", "on my way", "ben", "bearing ordered",
    )  # fmt: skip
    assert refusal(said, replace(ben, reason=""), NOW, TERMS) == "expected a comment, got none"
    back, _ = happen(happen(after, Event("off"), TERMS)[0], Event("on"), TERMS)
    assert (back.alarm.state, back.alarm.remark, back.alarm.remarked_by) == ("unacknowledged", "", "")


def test_an_acknowledged_alarm_that_stays_calls_again() -> None:
    """After `re_alarm` it must be acknowledged anew, as the same occurrence."""
    terms = replace(TERMS, re_alarm_ns=60 * S)
    now, came = run(terms, (0, "on"), (5, "tick"), (7, "acknowledge"), (66, "tick"), (67, "tick"), (70, "acknowledge"))
    assert came == [(5, "raised"), (7, "acknowledged"), (67, "realarmed"), (70, "acknowledged")]
    assert now.alarm.count == 1


def test_a_chattering_alarm_is_held_until_it_is_calm() -> None:
    """At 2 Hz for ten minutes people are called three times; then it stands until it was calm for a minute."""
    terms = replace(TERMS, on_delay_ns=0, off_delay_ns=0)
    said: list[tuple[float, Kind]] = [(i / 2, "on" if i % 2 else "off") for i in range(1, 1200)]
    now, came = run(terms, *said)
    assert [what for _, what in came] == ["raised", "returned", "raised", "returned", "raised", "chattering"]
    assert now.alarm.chattering
    _, came = run(terms, *said, (600, "off"), (659.9, "tick"), (660, "tick"))
    assert came[-1] == (660, "returned")


def test_a_shelf_ends_by_time_by_hand_and_by_the_next_return() -> None:
    """And by a clock that was set back while nobody looked: rather told too early than hidden too long."""
    shelved, _ = step(held("unacknowledged"), event("shelve"), NOW, TERMS)
    assert step(shelved, Event("tick"), NOW + 59 * S, TERMS)[1] == ()
    assert step(shelved, Event("tick"), NOW + 60 * S, TERMS)[1] == ("shelf_ended",)
    assert step(shelved, Event("tick"), NOW - S, TERMS)[1] == ("shelf_ended",)
    assert step(shelved, Event("unshelve"), NOW, TERMS)[1] == ("unshelved",)
    once, _ = step(held("unacknowledged"), replace(event("shelve"), once=True), NOW, TERMS)
    assert happen(once, Event("off"), TERMS)[1] == ("returned", "shelf_ended")


kinds = st.sampled_from(COLUMNS)
anything = st.lists(st.tuples(st.integers(0, 30 * S), kinds), max_size=60)
patience = st.builds(
    Terms,
    on_delay_ns=st.sampled_from((0, 5 * S)),
    off_delay_ns=st.sampled_from((0, 3 * S)),
    re_alarm_ns=st.sampled_from((0, 20 * S)),
    latched=st.booleans(),
    chatter=st.sampled_from((0, 3)),
)


@given(anything, patience)
def test_laws_of_every_history(history: list[tuple[int, Kind]], terms: Terms) -> None:
    """Whatever happens in whatever order: nothing is raised that does not hold, nothing that holds is normal."""
    now, t_ns, raised = Held(), 0, 0
    for pause, kind in history:
        t_ns += pause
        before = now
        now, done = step(now, replace(event(kind), until_ns=t_ns + 10 * S), t_ns, terms)
        assert step(before, replace(event(kind), until_ns=t_ns + 10 * S), t_ns, terms) == (now, done)
        raised += done.count("raised")
        assert now.alarm.count == raised
        assert done.count("raised") <= 1
        assert now.pending.on or "raised" not in done
        assert now.alarm.active or not (now.pending.on and t_ns - now.pending.since_ns >= terms.on_delay_ns)
        assert now.alarm.life not in ("latched", "latched_unacknowledged") or terms.latched
        assert len(now.alarm.recent) <= terms.chatter
        assert (now.alarm.life in ACTIVE) is now.alarm.active
        assert now.alarm.shelved is None or now.alarm.shelved.until_ns > t_ns
        assert step(now, Event("tick"), t_ns, terms) == (now, ())
        assert now.timed(terms) or step(now, Event("tick"), t_ns + 3600 * S, terms) == (now, ())

"""Tests of `pipeline.runtime.ledger`."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.ledger import Account, Books, followed, plus, settle, table
from pipeline.transport.channel import Ledger

counts = st.integers(0, 1000)
drops = st.dictionaries(st.sampled_from(["overflow", "expired", "crash"]), counts, max_size=3)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """A ledger that balances."""
    delivered, spilled, in_flight, dropped = draw(counts), draw(counts), draw(counts), draw(drops)
    sent = delivered + spilled + in_flight + sum(dropped.values())
    return Ledger(sent=sent, delivered=delivered, dropped=dropped, spilled=spilled, in_flight=in_flight)


@given(ledgers(), ledgers(), ledgers())
def test_plus_is_associative_and_commutative(a: Ledger, b: Ledger, c: Ledger) -> None:
    """Incarnations and edges may be added up in any order."""
    assert plus(a, b) == plus(b, a)
    assert plus(plus(a, b), c) == plus(a, plus(b, c))


@given(ledgers(), st.integers(0, 5000))
def test_a_settled_ledger_always_balances(last: Ledger, received: int) -> None:
    """After a death nothing is in flight and nothing is missing, whatever the consumer says it received."""
    settled = settle(last, received, "crash")
    assert settled.unaccounted == 0
    assert settled.in_flight == 0
    assert settled.sent == max(last.sent, received)


@given(ledgers(), ledgers(), counts)
def test_a_ledger_that_follows_another_balances(past: Ledger, now: Ledger, found: int) -> None:
    """Whatever an incarnation finds on disk: the two together balance, and what is spilled is what is there now."""
    now = msgspec.structs.replace(now, sent=now.sent + found, delivered=now.delivered + found, recovered=found)
    total = followed(past, now)
    assert total.unaccounted == 0
    assert total.spilled == now.spilled or now == Ledger()
    assert total.delivered == past.delivered + now.delivered
    assert all(count >= 0 for count in total.dropped.values())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (30, Ledger(sent=110, delivered=105, dropped={"crash": 5})),
        (33, Ledger(sent=110, delivered=108, dropped={"crash": 2})),
        (29, Ledger(sent=110, delivered=104, dropped={"crash": 6})),
        (40, Ledger(sent=115, delivered=115, recovered=5)),
    ],
    ids=["all", "more than was told", "fewer than were told", "from before the run"],
)
def test_what_one_incarnation_leaves_on_disk_the_next_sends(found: int, expected: Ledger) -> None:
    """It counts once: what it finds of 30 spilled and 5 thought lost is sent, and nothing is counted as sent twice."""
    past = Ledger(sent=100, delivered=65, dropped={"crash": 5}, spilled=30)
    now = Ledger(sent=10 + found, delivered=10 + found, recovered=found)
    assert followed(past, now) == expected


def test_what_nobody_vouches_for_was_dropped_by_the_crash() -> None:
    """The producer last said 10 sent, the consumer received 14: what is not known to be delivered is lost."""
    last = Ledger(sent=10, delivered=8, dropped={"overflow": 1}, in_flight=1)
    assert settle(last, 14, "crash") == Ledger(sent=14, delivered=8, dropped={"overflow": 1, "crash": 5})


def test_an_account_adds_up_all_incarnations() -> None:
    """Each incarnation counts from 0; the account never goes backwards."""
    account = Account(edge="a→b").reported(Ledger(sent=5, delivered=5)).ended()
    account = account.reported(Ledger(sent=3, delivered=1, in_flight=2))
    assert account.total == Ledger(sent=8, delivered=6, in_flight=2)
    assert account.died(0, "shutdown").total == Ledger(sent=8, delivered=6, dropped={"shutdown": 2})


def test_an_account_with_records_in_flight_is_not_balanced_at_the_end() -> None:
    """In flight is a place while a line runs, and no answer when it has ended."""
    assert not Account(edge="a→b", now=Ledger(sent=1, in_flight=1)).balanced
    assert Account(edge="a→b", now=Ledger(sent=1, delivered=1)).balanced


def test_a_number_from_the_incarnation_before_says_nothing_about_the_next() -> None:
    """A consumer that still tells the old producer's number does not make the new one's ledger grow."""
    books = Books(["a→b"])
    books.began(["a→b"])
    books.given({"a→b": Ledger(sent=50, delivered=40, in_flight=10)})
    books.received({"a→b": 55})
    books.died(["a→b"], "crash")
    books.began(["a→b"])
    books.received({"a→b": 55})
    books.died(["a→b"], "crash")
    assert books.accounts["a→b"].total == Ledger(sent=55, delivered=40, dropped={"crash": 15})


def test_the_table_is_aligned_and_ends_with_a_sum() -> None:
    """People read it from top to bottom and look at the last line first."""
    accounts = [
        Account(
            edge="track@cam-1→archive", now=Ledger(sent=1200, delivered=1188, dropped={"overflow": 2, "crash": 10})
        ),
        Account(edge="rules→alarms", now=Ledger(sent=7, delivered=6)),
    ]
    assert table(accounts) == (
        "edge                  sent  delivered               dropped  spilled  in flight  unaccounted\n"
        "track@cam-1→archive  1,200      1,188  crash 10, overflow 2        0          0            0\n"
        "rules→alarms             7          6                     0        0          0            1\n"
        "────────────────────────────────────────────────────────────────────────────────────────────\n"
        "all edges            1,207      1,194  crash 10, overflow 2        0          0            1"
    )

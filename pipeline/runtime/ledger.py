"""What became of every record on an edge, over all incarnations of its producer: pure arithmetic.

A producer reports the ledger of its edges while it lives. When it ends well its last report is
final. When it dies, what it had sent and nobody vouches for is dropped under the reason of its death.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from pipeline.transport.channel import Ledger

COLUMNS = ("edge", "sent", "delivered", "dropped", "spilled", "in flight", "unaccounted")


class Account(Struct, frozen=True, kw_only=True):
    """One edge over all incarnations of its producer.

    Attributes:
        edge: Its name.
        past: The sum of the incarnations that have ended.
        now: The last report of the incarnation that runs.
    """

    edge: str
    past: Ledger = Ledger()
    now: Ledger = Ledger()

    @property
    def total(self) -> Ledger:
        """Everything so far."""
        return followed(self.past, self.now)

    @property
    def balanced(self) -> bool:
        """Whether, at the end of a run, it is known of every record what became of it."""
        return not self.total.unaccounted and not self.total.in_flight

    def reported(self, ledger: Ledger) -> Account:
        """The account after the running incarnation's newest report."""
        return replace(self, now=ledger)

    def ended(self) -> Account:
        """The account after the running incarnation ended well: its last report is final."""
        return replace(self, past=self.total, now=Ledger())

    def died(self, received: int, reason: str) -> Account:
        """The account after the running incarnation died; see `settle`."""
        return replace(self, past=followed(self.past, settle(self.now, received, reason)), now=Ledger())


def plus(a: Ledger, b: Ledger) -> Ledger:
    """Two ledgers as one; associative and commutative."""
    dropped = {
        reason: a.dropped.get(reason, 0) + b.dropped.get(reason, 0) for reason in sorted({*a.dropped, *b.dropped})
    }
    return Ledger(
        sent=a.sent + b.sent,
        delivered=a.delivered + b.delivered,
        dropped=dropped,
        spilled=a.spilled + b.spilled,
        in_flight=a.in_flight + b.in_flight,
        resent=a.resent + b.resent,
        recovered=a.recovered + b.recovered,
    )


def followed(past: Ledger, now: Ledger) -> Ledger:
    """The ledger of one edge over an incarnation and those before it: what one left on disk the next finds there.

    What was found and not reported before had been given up as lost in a crash: it was not. What was reported and is
    not found was delivered after the last report, or is gone with the disk: it counts as lost, for nobody vouches for
    it. So a loss can be overstated by one report, and never understated.
    """
    if now == Ledger() or not (past.spilled or now.recovered):
        return plus(past, now)
    found = min(now.recovered, past.spilled)
    gone, extra, dropped = past.spilled - found, now.recovered - found, dict(past.dropped)
    for reason in ("crash", "shutdown"):
        back = min(extra, dropped.get(reason, 0))
        extra -= back
        dropped[reason] = dropped.get(reason, 0) - back
    dropped["crash"] += gone
    kept = {reason: count for reason, count in dropped.items() if count}
    again = now.recovered - extra
    before = replace(past, sent=past.sent - again, dropped=kept, spilled=0)
    return replace(plus(before, now), recovered=past.recovered + extra)


def settle(last: Ledger, received: int, reason: str) -> Ledger:
    """The final ledger of a producer that died: whatever nobody vouches for was dropped.

    Args:
        last: Its last report.
        received: The highest number that the consumer received from it; it may be news.
        reason: Why it died: `crash` or `shutdown`.
    """
    sent = max(last.sent, received)
    lost = sent - last.delivered - sum(last.dropped.values()) - last.spilled
    dropped = {**last.dropped, reason: last.dropped.get(reason, 0) + lost} if lost else last.dropped
    return replace(last, sent=sent, dropped=dropped, in_flight=0)


def table(accounts: Iterable[Account]) -> str:
    """The accounts as aligned text, one edge a line, their sum last."""
    rows = [(account.edge, account.total) for account in accounts]
    total = Ledger()
    for _, ledger in rows:
        total = plus(total, ledger)
    cells = [COLUMNS, *(_cells(name, ledger) for name, ledger in [*rows, ("all edges", total)])]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    lines = [
        "  ".join(_pad(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in [*lines[:1], *lines[1:-1], "─" * len(lines[0]), lines[-1]])


def _cells(name: str, ledger: Ledger) -> tuple[str, ...]:
    numbers = (ledger.sent, ledger.delivered, ledger.spilled, ledger.in_flight, ledger.unaccounted)
    sent, delivered, spilled, in_flight, unaccounted = (f"{number:,}" for number in numbers)
    return name, sent, delivered, reasons(ledger.dropped), spilled, in_flight, unaccounted


def reasons(dropped: dict[str, int]) -> str:
    """`overflow 12, crash 3`, the largest first; `0` where nothing was dropped."""
    found = sorted(
        ((count, reason) for reason, count in dropped.items() if count), key=lambda pair: (-pair[0], pair[1])
    )
    return ", ".join(f"{reason} {count:,}" for count, reason in found) or "0"


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


class Books:
    """The accounts of every edge that begins on this host."""

    def __init__(self, edges: Iterable[str]) -> None:
        self.accounts = {edge: Account(edge=edge) for edge in edges}
        self._received: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def open(self, edges: Iterable[str]) -> None:
        """More edges begin on this host."""
        for edge in edges:
            self.accounts.setdefault(edge, Account(edge=edge))

    def given(self, ledgers: Mapping[str, Ledger]) -> None:
        """A producer reports what became of its records so far."""
        for edge, ledger in ledgers.items():
            if edge in self.accounts:
                self.accounts[edge] = self.accounts[edge].reported(ledger)

    def received(self, numbers: Mapping[str, int]) -> None:
        """A consumer reports the highest number it received, per edge, from the edge's current producer."""
        self._received.update(numbers)

    def began(self, edges: Iterable[str]) -> None:
        """A producer was started: a number its consumer still has from the one before says nothing about it."""
        for edge in edges:
            self._before[edge] = self._received.get(edge, 0)

    def ended(self, edges: Iterable[str]) -> None:
        """A producer ended well: its last report is final."""
        for edge in edges:
            self.accounts[edge] = self.accounts[edge].ended()

    def died(self, edges: Iterable[str], reason: str) -> None:
        """A producer died."""
        for edge in edges:
            number = self._received.get(edge, 0)
            news = 0 if number == self._before.get(edge, 0) else number
            self.accounts[edge] = self.accounts[edge].died(news, reason)

    def given_up(self, edges: Iterable[str]) -> int:
        """Records of these edges whose producer ended before its consumer had taken them."""
        return sum(self.accounts[edge].total.dropped.get("shutdown", 0) for edge in edges)

    @property
    def balanced(self) -> bool:
        """Whether it is known of every record what became of it."""
        return all(account.balanced for account in self.accounts.values())

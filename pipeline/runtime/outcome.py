"""How a run ended, and the exit status that says so."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from pipeline.runtime.children import Child
from pipeline.runtime.ledger import Account, Books, table
from pipeline.runtime.state import NodeState

BALANCED, UNBALANCED, DEGRADED = 0, 1, 4


class Outcome(Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        accounts: What became of every record, per edge that begins on this host.
        failures: What did not end well, in words.
    """

    accounts: tuple[Account, ...]
    failures: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """0: every record is accounted for and nothing failed. 1: some are not. 4: something had failed at the end."""
        if not all(account.balanced for account in self.accounts):
            return UNBALANCED
        return DEGRADED if self.failures else BALANCED

    def __str__(self) -> str:
        """The ledger, then what is wrong, one sentence a line."""
        return "\n".join([table(self.accounts), *self._verdict()])

    def _verdict(self) -> list[str]:
        missing = [account for account in self.accounts if not account.balanced]
        if not missing:
            sent = sum(account.total.sent for account in self.accounts)
            return [f"all {sent:,} records are accounted for", *self.failures]
        return [*map(_missing, missing), *self.failures]


def outcome(books: Books, children: Iterable[Child], nodes: Iterable[NodeState], before: Iterable[str] = ()) -> Outcome:
    """How a run ended, by its accounts, its processes and its nodes, after what had failed before."""
    lost = [f"process '{child.name}' {child.why}" for child in children if child.life == "lost"]
    degraded = [f"node '{n.health.node}' ({n.health.lane}) is degraded" for n in nodes if n.health.degraded]
    return Outcome(accounts=tuple(books.accounts.values()), failures=tuple(dict.fromkeys((*before, *lost, *degraded))))


def _missing(account: Account) -> str:
    total = account.total
    return f"{account.edge}: {total.unaccounted:,} records unaccounted for, {total.in_flight:,} still in flight"

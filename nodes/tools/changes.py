"""Which verdicts another rule book changes: counted, named, and some of them kept to look at."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterator
from io import TextIOBase
from typing import Any

from nodes.drawing.contact import Section
from nodes.drawing.portrait import Shown
from nodes.drawing.words import allowed, measured
from nodes.tools.rejoin import Again
from pipeline.records import Finding, Outcome, Part, Verdict

Change = tuple[Outcome | None, Outcome | None]
ORDER: tuple[Outcome | None, ...] = ("FAIL", "NO_READ", "WARN", "PASS", None)
COLUMNS = ("book", "camera", "session", "subject", "number", "first_seq", "seq", "t_ns", "was", "now", "why")


class Changes:
    """What one book changes.

    Args:
        book: Its file.
        keep: How many of each kind of change are kept to look at.
        sheet: Where every change is written as a row, if anywhere.

    Attributes:
        counts: How often each (was, now) was met, the same ones too.
        reasons: Why, per change: what the new book says; where it says nothing, what the old one said.
        other: Verdicts that are the same for another reason.
        outcomes: Verdicts per outcome.
    """

    def __init__(self, book: str, keep: int, sheet: TextIOBase | None = None) -> None:
        self.book = book
        self.counts: Counter[Change] = Counter()
        self.reasons: dict[Change, Counter[str]] = {}
        self.other = 0
        self._keep, self._kept = keep, dict[Change, list[Shown]]()
        self._writer: Any = csv.writer(sheet) if sheet else None
        # A choice that is the same whenever the archive is: those met later have the same chance as the first ones.
        self._dice = random.Random(0)  # noqa: S311 - nobody gains by guessing it

    @property
    def outcomes(self) -> Counter[Outcome | None]:
        """Verdicts per outcome."""
        found: Counter[Outcome | None] = Counter()
        for (_, now), count in self.counts.items():
            found[now] += count
        return found

    @property
    def changed(self) -> int:
        """Verdicts that are other ones."""
        return sum(count for (was, now), count in self.counts.items() if was != now)

    def add(self, again: Again, now: Verdict | None) -> None:
        """Note what was decided anew."""
        was = again.was
        change = (was.outcome if was else None, now.outcome if now else None)
        self.counts[change] += 1
        if change[0] == change[1]:
            self.other += _reasons(was) != _reasons(now)
            return
        self.reasons.setdefault(change, Counter()).update(_why(was, now))
        self._look(change, again, now)
        if self._writer:
            self._writer.writerow(_row(self.book, again, now, change))

    def rows(self) -> Iterator[tuple[Change, int, Counter[str]]]:
        """Every kind of change: how often, and why; the gravest first."""
        for change in sorted(self.reasons, key=lambda c: (ORDER.index(c[1]), ORDER.index(c[0]))):
            yield change, self.counts[change], self.reasons[change]

    def sections(self) -> list[Section]:
        """What was kept to look at."""
        return [Section(*change, count, self._kept[change]) for change, count, _ in self.rows()]

    def _look(self, change: Change, again: Again, now: Verdict | None) -> None:
        """Keep it, or let it take the place of another one, so that all have the same chance: Vitter's algorithm R."""
        kept = self._kept.setdefault(change, [])
        gone = again.was.findings if again.was and not (now and now.findings) else ()
        shown = again.shown(now, was=change[0], gone=gone)
        if len(kept) < self._keep:
            kept.append(shown)
        elif (place := self._dice.randrange(self.counts[change])) < self._keep:
            kept[place] = shown


def _reasons(verdict: Verdict | None) -> list[str]:
    return [finding.reason for finding in verdict.findings] if verdict else []


def _why(was: Verdict | None, now: Verdict | None) -> set[str]:
    return {*_reasons(now)} or {f"no longer {reason}" for reason in _reasons(was)}


def _row(book: str, again: Again, now: Verdict | None, change: Change) -> list[Any]:
    record = again.record
    about, number, first = (
        ("part", record.id, record.first_seq) if isinstance(record, Part) else ("frame", record.seq, record.seq)
    )
    findings = (now.findings if now else ()) or (again.was.findings if again.was else ())
    why = "; ".join(map(_said, findings))
    who = [again.camera, record.session, about, number, first, record.seq, record.t_ns]
    return [book, *who, *(said or "" for said in change), why]


def _said(finding: Finding) -> str:
    """One reason; of several views, with whose it is."""
    who = f"{finding.camera}: " if finding.camera else ""
    return f"{who}{finding.reason} {finding.measure} {measured(finding)} (allowed {allowed(finding)})"

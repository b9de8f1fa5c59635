"""Count what was decided, for monitoring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.numbers import numbers
from pipeline.records import Gap, Verdict


def count(records: Iterable[Verdict | Gap]) -> None:
    """Outcomes by camera, reasons by camera, and frames that are missing; a record that comes again counts again."""
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for record in records:
        if isinstance(record, Gap):
            found["kensa_gap_frames", (record.camera,)] += record.last - record.seq + 1
        else:
            found["kensa_verdicts", (record.camera, record.outcome)] += 1
            for reason in {finding.reason for finding in record.findings}:
                found["kensa_findings", (record.camera, reason)] += 1
    for (name, labels), number in found.items():
        numbers.add(name, labels, number)

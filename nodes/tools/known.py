"""Parts that are known to be good or bad, and what inspectors said of them: CSV files that people write."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from pipeline.agreement import BAD, GOOD
from pipeline.errors import KensaError
from pipeline.faults import listed
from pipeline.score import NO_READ

SAID = {
    **dict.fromkeys(("good", "pass", "warn", "ok", "1"), GOOD),
    **dict.fromkeys(("bad", "fail", "ng", "0"), BAD),
    **dict.fromkeys(("no read", "no_read"), NO_READ),
}
PARTS, INSPECTED = ("name", "expected", "camera", "session", "part"), ("appraiser", "name", "run", "said")


class Showing(Struct, frozen=True):
    """Where a known part is in an archive.

    Attributes:
        name: What people call it.
        camera: The camera that saw it.
        session: The run of that camera; empty where every one showed it.
        part: Its id in that run.
    """

    name: str
    camera: str
    session: str
    part: int


class Known(Struct, frozen=True):
    """What parts are, and where each was shown.

    Attributes:
        truth: Name → `good` or `bad`.
        showings: Where they are to be found; none where nobody looks into an archive.
    """

    truth: Mapping[str, str]
    showings: Sequence[Showing] = ()


def parts(path: Path) -> Known:
    """Read what parts are: columns `name` and `expected`; `camera`, `part` (an id) and perhaps `session` say where.

    The same name in several rows is the same part, shown several times.

    Raises:
        KensaError: If it cannot be read; the text holds every fault with its line.
    """
    faults: list[str] = []
    truth: dict[str, str] = {}
    showings = []
    for line, row in _rows(path, PARTS[:2]):
        name, expected = row["name"], _word(row["expected"])
        if not name or expected not in (GOOD, BAD):
            faults.append(f"{path}:{line}: expected a name, and good or bad, got '{name}' and '{row['expected']}'")
        elif truth.setdefault(name, expected) != expected:
            faults.append(f"{path}:{line}: '{name}' is {expected} here and {truth[name]} above")
        elif row.get("camera"):
            if not row.get("part", "").isdecimal():
                faults.append(f"{path}:{line}: part: expected a whole number, got '{row.get('part', '')}'")
            else:
                showings.append(Showing(name, row["camera"], row.get("session", ""), int(row["part"])))
    _no(faults)
    if not truth:
        raise KensaError(f"{path}: expected parts that are known, found none")
    return Known(truth, showings)


def inspected(path: Path, truth: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """Read what inspectors said: columns `appraiser`, `name`, `run` and `said`.

    Returns:
        Appraiser → part → what was said, in the order of runs.

    Raises:
        KensaError: If it cannot be read, or speaks of a part that nobody knows; the text holds every fault.
    """
    faults: list[str] = []
    found: dict[str, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    for line, row in _rows(path, INSPECTED):
        who, name, run, said = (row[column] for column in INSPECTED)
        if name not in truth:
            faults.append(f"{path}:{line}: expected a part that is known, got '{name}'")
        elif not who or _word(said) is None or not run.isdecimal():
            faults.append(f"{path}:{line}: expected appraiser, run (a number) and good or bad, got {row}")
        elif int(run) in found[who][name]:
            faults.append(f"{path}:{line}: '{who}' spoke of '{name}' in run {run} before")
        else:
            found[who][name][int(run)] = _word(said) or ""
    _no(faults)
    return {
        who: {name: [said for _, said in sorted(runs.items())] for name, runs in calls.items()}
        for who, calls in found.items()
    }


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with their line; `utf-8-sig`, because that is what spreadsheets write."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="", restkey="")
            missing = [column for column in wanted if column not in (reader.fieldnames or ())]
            if missing:
                raise KensaError(
                    f"{path}:1: expected columns {listed(wanted, 'and')}, found no {listed(missing, 'and')}"
                )
            for row in reader:
                yield reader.line_num, {key: str(value).strip() for key, value in row.items() if key}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KensaError(f"{path}: expected a CSV file in UTF-8: {error}") from error


def _word(said: str) -> str | None:
    return SAID.get(said.lower())


def _no(faults: Sequence[str]) -> None:
    if faults:
        raise KensaError("\n".join(faults))

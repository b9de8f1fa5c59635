"""The part of a report about its data: what became of every row, dead letters, gaps, and days without a frame."""

from __future__ import annotations

from collections import Counter, defaultdict

from pipeline.report.charts import coverage
from pipeline.report.counting import Counts, total
from pipeline.report.findings import Camera
from pipeline.report.fleet import WORST, Seen
from pipeline.report.page import Section, note, shown, table
from pipeline.report.reading import Results
from pipeline.report.wording import day, percent, text

ROWS = 20
ENTRIES = ("rows", "counted", "repeated", "dead", "outside")


def quality(results: Results, seen: Seen) -> Section:
    """Whether the data can be trusted."""
    body = _accounts(results) + _letters(results) + _gaps(seen) + _coverage(results, seen)
    return Section("quality", "Data quality", body, own=True)


def _accounts(results: Results) -> str:
    entries: dict[str, Counter[str]] = defaultdict(Counter)
    for each in results.manifest.days:
        for name, account in each.account.tables.items():
            entries[name].update({**account, "rows": account["rows"] - account["elsewhere"]})
    rows = [[text(name), *(f"{counts[entry]:,}" for entry in ENTRIES)] for name, counts in entries.items()]
    heads = ("table", "rows", "counted", "repeated", "dead letters", "outside of windows")
    told = note("Rows, as the footers of the files tell = counted + repeated + dead letters + outside of all windows.")
    return "<h3>What became of every row</h3>" + table(heads, rows, range(1, 6)) + told


def _letters(results: Results) -> str:
    letters = [letter for each in results.manifest.days for letter in each.account.dead] + [*results.manifest.dead]
    if not letters:
        return '<h3>Dead letters</h3><p class="quiet">There are none: every file could be read, every row believed.</p>'
    ordered = sorted(letters, key=lambda letter: (-letter.rows, letter.path))[:ROWS]
    rows = [
        [text(each.path), text(each.table), text(each.reason), f"{each.rows:,}" if each.rows else "unknown"]
        for each in ordered
    ]
    more = note(f"{len(letters) - ROWS:,} more are in dead_letters.parquet.") if len(letters) > ROWS else ""
    return "<h3>Dead letters</h3>" + table(("file", "table", "why", "rows"), rows, (3,)) + more


def _gaps(seen: Seen) -> str:
    lost: dict[Camera, list[Counts]] = defaultdict(list)
    for (camera, _), counts in seen.items():
        lost[camera].append(counts)
    whole = {camera: total(counts) for camera, counts in lost.items()}
    some = sorted((camera for camera, counts in whole.items() if counts.missing), key=lambda c: (-whole[c].missing, c))
    if not some:
        return '<h3>Gaps</h3><p class="quiet">No frame is missing.</p>'
    rows = [[text(camera[2]), text(camera[1]), *_missing(whole[camera])] for camera in some[:WORST]]
    lead = f"<p>{len(some)} of {len(whole)} cameras miss frames; those that miss the most:</p>"
    return "<h3>Gaps</h3>" + lead + table(("camera", "line", "frames missing", "share"), rows, (2, 3))


def _missing(counts: Counts) -> tuple[str, str]:
    return f"{counts.missing:,}", percent(counts.missing / (counts.frames + counts.missing))


def _coverage(results: Results, seen: Seen) -> str:
    cells = {}
    for (camera, date), counts in seen.items():
        of = counts.frames + counts.missing
        told = f"{camera[2]}, {day(date)}: {counts.frames:,} of {of:,} frames"
        cells[camera, date] = (counts.frames / of if of else 0.0, told)
    svg = coverage("Frames that were seen, day by day", sorted({camera for camera, _ in seen}), results.dates, cells)
    return shown(
        svg, "Green: more than 99.9 % of the frames; pale: more than 99 %; orange: fewer; red: none on that day."
    )

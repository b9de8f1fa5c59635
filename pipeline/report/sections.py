"""The parts of a report about processes: control charts, drift, capability; and how everything was computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.batch.splitting import Row
from pipeline.report.charts import legend, trend
from pipeline.report.controlling import Drawn, by_chance, most_flagged
from pipeline.report.findings import LEVEL, Camera
from pipeline.report.page import Section, note, shown, table
from pipeline.report.reading import Results
from pipeline.report.wording import called, measured, number, text, whose

ROWS = 20
Daily = Mapping[tuple[Camera, str, str], Sequence[float | None]]

DRIFT = note(
    "Shift: how far values have to be moved on average (Wasserstein). Distance: the largest difference of the shares "
    "below any value (Kolmogorov). p: the share of other choices of as many days that lie as far apart; p of all: the "
    "same with every measure of the fleet minded, red at 0.05 or less."
)
CAPABILITY = note(
    "Least capable first. In brackets: 95 % intervals. Cp and Cpk speak of the spread within windows, and only of what "
    "is stable; Pp and Ppk of all the spread. The last column has quantiles instead of sigmas, for measures that are "
    "not normal, where the histogram is fine enough."
)
METHOD = (
    "Intervals of shares are Wilson's. Charts of shares and counts have Laney's limits, as wide as the rate wanders. "
    "Trends are Mann's and Kendall's; levels change where Pettitt's test says so. Peers are compared by a funnel with "
    "room for what cameras differ by. "
    "Many tests are minded after Holm, of drift after Westfall and Young. Definitions: docs/statistics.md."
)


def controls(results: Results, drawn: Sequence[Drawn]) -> Section:
    """Control charts with what their flags say."""
    rules, series = results.manifest.study.rules, most_flagged(results.charts)
    points, flags = (sum(row[name] for row in series) for name in ("up_count", "up_sum"))
    chance, named = by_chance(rules) * points, text(", ".join(rules))
    lead = (
        f"<p>{flags:,} of {points:,} points of {len(series):,} charts are flagged by the rules {named}; about "
        f"{chance:,.0f} would be by chance if nothing ever changed. Shown are the charts of what stands out, else of "
        "what is flagged most.</p>"
    )
    parts = [lead, legend()] if drawn else [lead]
    for each in drawn:
        items = "".join(f"<li>{text(flag)}</li>" for flag in each.flags)
        parts.append(shown(each.svg, f"<ul>{items}</ul>" if items else "No point is flagged."))
    return Section("charts", "Control charts", "".join(parts), own=True)


def drifting(results: Results, daily: Daily) -> Section:
    """Measures of the last days against those before, least likely first."""
    rows = sorted(results.told["drift"], key=lambda row: (row["p_all"], row["p"], -row["distance"]))[:ROWS]
    if not rows:
        said = f"Before and in the last {results.manifest.study.recent} days, five days with values each are needed."
        return Section("drift", "Drift", f'<p class="lead">{said}</p>')
    first, every = rows[0], len(results.told["drift"])
    lead = f"<p>The last {first['days_since']} days against the {first['days_before']} before: {every:,} measures "
    lead += f"were compared, the {len(rows)} least likely are shown.</p>" if every > len(rows) else "were compared.</p>"
    heads = ("camera", "measure", "before", "since", "shift", "distance", "p", "p of all", "daily mean")
    sure = [place for place, row in enumerate(rows) if row["p_all"] <= LEVEL]
    cells = [_drifted(row, daily) for row in rows]
    return Section("drift", "Drift", lead + table(heads, cells, range(2, 8), sure) + DRIFT, own=True)


def capability(results: Results) -> Section | None:
    """How much room there is between limits; nothing where no tolerance was given."""
    rows = sorted(results.told["capability"], key=lambda row: (row["ppk"] is None, row["ppk"]))
    if not rows:
        return None
    heads = ("camera", "measure", "tolerance", "n", "Cp", "Cpk", "Pp", "Ppk", "Ppk by quantiles")
    body = table(heads, [_capable(row) for row in rows[:ROWS]], range(3, 9))
    return Section("capability", "Capability", body + CAPABILITY)


def method(results: Results) -> Section:
    """How everything was computed, in short."""
    study, calendar = results.manifest.study, results.manifest.asked["calendar"]
    assert isinstance(calendar, dict)
    shifts = f", shifts from {', '.join(t[:5] for t in calendar['shifts'])}" if results.span == "shift" else ""
    made = f"the first {study.baseline} windows of each phase" if study.baseline else "all windows of a phase"
    said = (
        f"Windows: {results.span}{shifts}; time zone: {results.zone}.",
        f"Charts: {', '.join(study.charts)}; rules: {', '.join(study.rules)}; limits of {made}.",
        METHOD,
        f"Results of version {results.manifest.version}; the same archive gives the same report to the byte.",
    )
    return Section("method", "How this was computed", "".join(map(note, said)))


def _drifted(row: Row, daily: Daily) -> list[str]:
    line = trend(daily.get((whose(row), row["label"], row["measure"]), ()), number, zero=False)
    values = [measured(row[name], row["measure"]) for name in ("mean_before", "mean_since", "shift")]
    names = [text(row["camera"]), text(called(row["measure"], row["label"]))]
    return [*names, *values, number(row["distance"]), f"{row['p']:.3f}", f"{row['p_all']:.3f}", line]


def _capable(row: Row) -> list[str]:
    names = [text(row["camera"]), text(called(row["measure"], row["label"]))]
    allowed = [f"{number(row['least'])} … {number(row['greatest'])}", f"{row['n']:,}"]
    indices = [_index(row, name) for name in ("cp", "cpk", "pp", "ppk")]
    return [*names, *allowed, *indices, number(row["ppk_quantiles"])]


def _index(row: Row, name: str) -> str:
    if row[name] is None:
        return "not stable" if name in {"cp", "cpk"} and row["stable"] is False else "–"
    return f"{row[name]:.2f} ({row[f'{name}_low']:.2f} … {row[f'{name}_high']:.2f})"

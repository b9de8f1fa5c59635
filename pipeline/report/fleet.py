"""The parts of a report about the fleet: what stands out, how it does, which cameras fail the most, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pipeline.batch.charting import JUDGED
from pipeline.batch.splitting import Row
from pipeline.report.charts import Square, pareto, ranking, squares, trend
from pipeline.report.counting import Counts, interval, total
from pipeline.report.findings import LEVEL, Camera, Story
from pipeline.report.page import Section, note, shown, table, tile
from pipeline.report.reading import Results
from pipeline.report.wording import percent, text, whose

WORST = 12
TOLD = 6  # sentences of a camera
Seen = Mapping[tuple[Camera, str], Counts]

PROMISE = note(
    "Searched were: shares and means against those of peers with the same prompt, the last days against those before, "
    "trends, changes of level, and places of the view. Each of these five searches accuses any camera wrongly in at "
    "most about one of twenty fleets. Recipes and networks that changed are told because they did."
)


def standing_out(stories: Sequence[Story]) -> Section:
    """Every camera that stands out, and why."""
    parts = "".join(map(_story, stories))
    body = f'<div class="stories">{parts}</div>' if stories else '<p class="quiet">Nothing stands out.</p>'
    return Section("findings", "What stands out", body + PROMISE)


def overview(results: Results, seen: Seen, stories: Sequence[Story]) -> Section:
    """The fleet in figures, line by line, and camera by camera."""
    lines = sorted({camera[:2] for camera, _ in seen})
    heads = ("line", "cameras", "frames", "FAIL", "95 % interval", "NO_READ", "FAIL, day by day")
    rows = [_line(line, results, seen) for line in lines]
    out = {story.camera for story in stories}
    cameras: dict[Camera, list[Counts]] = defaultdict(list)
    for (camera, _), counts in seen.items():
        cameras[camera].append(counts)
    fleet = [
        (
            _named(line),
            [Square(c[2], total(cameras[c]).share("FAIL"), c in out) for c in sorted(cameras) if c[:2] == line],
        )
        for line in lines
    ]
    whole = shown(
        squares("Share of FAIL, camera by camera", fleet, percent),
        "Darker: a larger share of FAIL. Red frame: stands out, for whatever reason.",
    )
    return Section("overview", "The fleet", f"{_tiles(results, seen)}{table(heads, rows, range(1, 6))}{whole}")


def worst(results: Results) -> Section:
    """Cameras with the most failures, beside their peers."""
    compared = [r for r in results.told["comparison"] if r["what"] in JUDGED and r["name"] == "FAIL"]
    if not compared:
        said = (
            '<p class="lead">Fewer than three cameras have the same prompt: there are no peers to hold one against.</p>'
        )
        return Section("worst", "Cameras that fail the most", said)
    several = Counter(whose(row) for row in compared)
    rows = sorted((_ranked(row, several) for row in compared), key=lambda row: (-row["rate"], row["camera"]))
    title = f"The {min(WORST, len(rows))} largest shares of FAIL, of {len(rows)}"
    told = (
        "Dot: the camera's share; band: 95 % interval; grey tick: its peers with the same prompt. Red where a camera "
        "differs from its peers by more than chance and the spread among them explain, with all comparisons minded."
    )
    return Section("worst", "Cameras that fail the most", shown(ranking(title, rows[:WORST], percent), told))


def reasons(results: Results) -> Section:
    """Reasons by frequency: of the whole fleet, then line by line."""
    rows = results.told["pareto"]
    if not rows:
        return Section("reasons", "Why", '<p class="lead">No verdict told a reason.</p>')
    lines = [
        [_named((row["plant"], row["line"])), text(row["name"]), f"{row['n']:,}", *map(percent, _shares(row))]
        for row in rows
        if row["cumulative"] - row["share"] < 0.95
    ]
    split = table(("line", "reason", "verdicts", "share", "up to here"), lines, (2, 3, 4))
    chart = pareto("Reasons of all verdicts, most frequent first", _whole(rows))
    return Section("reasons", "Why", shown(chart) + split)


def _story(story: Story) -> str:
    items = "".join(f"<li>{text(finding.words)}</li>" for finding in story.findings[:TOLD])
    more = len(story.findings) - TOLD
    items += f"<li>… and {more} more.</li>" if more > 0 else ""
    head = f'<h3>{text(story.camera[2])} {text(story.head)}<span class="lead"> · {_named(story.camera[:2])}</span></h3>'
    return f'<div class="story {story.kind}">{head}<ul>{items}</ul></div>'


def _tiles(results: Results, seen: Seen) -> str:
    whole, cameras = total([*seen.values()]), {camera for camera, _ in seen}
    of = whole.frames + whole.missing
    tiles = [
        tile(f"{whole.frames:,}", "frames inspected"),
        tile(percent(whole.share("FAIL")), "of the verdicts are FAIL"),
        tile(percent(whole.share("NO_READ")), "are NO_READ: nobody saw"),
        tile(percent(whole.missing / of if of else None), "of the frames are missing"),
        tile(f"{len(cameras)}", f"cameras at {len({camera[:2] for camera in cameras})} lines"),
        tile(f"{len(results.dates)}", "days"),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _line(line: tuple[str, str], results: Results, seen: Seen) -> list[str]:
    mine = {at: counts for at, counts in seen.items() if at[0][:2] == line}
    own, daily = total([*mine.values()]), defaultdict[str, list[Counts]](list)
    for (_, date), counts in mine.items():
        daily[date].append(counts)
    low, high = interval(own, "FAIL")
    shares = [total(daily[date]).share("FAIL") for date in results.dates]
    cells = [_named(line), str(len({at[0] for at in mine})), f"{own.frames:,}", percent(own.share("FAIL"))]
    return [*cells, f"{percent(low)} … {percent(high)}", percent(own.share("NO_READ")), trend(shares, percent)]


def _ranked(row: Row, several: Counter[Camera]) -> Row:
    low, high = interval(Counts(0, 0, Counter({"FAIL": row["n"], "other": row["of"] - row["n"]})), "FAIL")
    name = f"{row['camera']} ({row['prompt']})" if several[whose(row)] > 1 else row["camera"]
    said = {"camera": name, "rate": row["rate"], "peers": row["peers"]}
    return {**said, "low": low, "high": high, "sure": row["p_all"] <= LEVEL}


def _whole(rows: Sequence[Row]) -> list[Row]:
    """Reasons of all lines together."""
    whole: Counter[str] = Counter()
    for row in rows:
        whole[row["name"]] += row["n"]
    found, upto = list[Row](), 0
    for name, n in sorted(whole.items(), key=lambda each: (-each[1], each[0]))[:WORST]:
        upto += n
        found.append({"name": name, "n": n, "share": n / whole.total(), "cumulative": upto / whole.total()})
    return found


def _shares(row: Row) -> tuple[float, float]:
    return row["share"], row["cumulative"]


def _named(line: tuple[str, ...]) -> str:
    return text(" ".join(word for word in line if word) or "the line")

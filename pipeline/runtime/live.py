"""What people see of a line in a terminal: a table of its nodes and processes, drawn again and again in place."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.runtime.rows import Rates, Row
from pipeline.runtime.state import PeerState, Snapshot
from pipeline.runtime.views import pictured, still, told

REFRESH = 0.5  # seconds between two pictures of the table
ALARMS = 3  # lines below the table about what is so, and then about what has happened
PROCESSES = 8  # processes that are listed when all are well
COLOURS = {
    "running": "green",
    "idle": "bright_black",
    "ended": "bright_black",
    "left": "bright_black",
    "awaited": "yellow",
    "unreachable": "bold red",
    "starting": "yellow",
    "draining": "yellow",
    "waiting": "yellow",
    "stalled": "bold red",
    "stuck": "bold red",
    "degraded": "bold red",
    "lost": "bold red",
}


class LiveTable:
    """The table, drawn again and again in place.

    Args:
        per_camera: A row for every lane instead of one for every node.
        footer: Lines below it: where logs and metrics are.
        hint: What Ctrl-C does, while it does it.
    """

    def __init__(
        self, *, per_camera: bool = False, footer: Sequence[str] = (), hint: str = "", console: Console | None = None
    ) -> None:
        self._rates = Rates(per_lane=per_camera)
        self._footer, self._hint = tuple(footer), hint
        console = console or Console()
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        """Draw it."""
        hint = (self._hint,) if self._hint and snapshot.phase != "ended" else ()
        self._live.update(picture(snapshot, self._rates.rows(snapshot), (*self._footer, *hint)), refresh=True)

    def close(self) -> None:
        """Leave the last picture standing."""
        self._live.stop()


def picture(snapshot: Snapshot, rows: Sequence[Row], footer: Sequence[str] = ()) -> RenderableType:
    """The whole table: nodes, processes, other hosts, how old records are at the sinks, alarms; fits 80 columns."""
    parts: list[RenderableType] = [_title(snapshot), _nodes(rows), _processes(snapshot)]
    parts += [Text(said, style="bold yellow") for said in pictured(snapshot)]
    parts += [_peers(snapshot)] if snapshot.peers else []
    if ages := [f"{row.name} {_both(row.age50_ns, row.age99_ns)}" for row in rows if row.age99_ns]:
        parts.append(Text("exposure to sink  " + " · ".join(ages), style="dim", overflow="ellipsis", no_wrap=True))
    parts += [Text(text, style="red") for text in _worries(snapshot)]
    parts += [Text(line, style="dim") for line in footer]
    return Group(*parts)


def duration(ns: float) -> str:
    """A duration in at most six characters: `850 ns`, `12 µs`, `1.2 ms`, `3.4 s`; a dash for none.

    >>> [duration(ns) for ns in (0, 850, 12_345, 1_234_567, 3.4e9, 75e9)]
    ['–', '850 ns', '12 µs', '1.2 ms', '3.4 s', '75 s']
    """
    if ns <= 0:
        return "–"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.1f} {unit}" if ns < 9.95 * size else f"{ns / size:.0f} {unit}"
    return f"{ns:.0f} ns"


def count(number: float) -> str:
    """A number in at most six characters: `999`, `12.3k`, `4.5M`.

    >>> [count(n) for n in (0, 999, 9999, 12_345, 4_500_000)]
    ['0', '999', '9,999', '12.3k', '4.5M']
    """
    if number < 10_000:
        return f"{number:,.0f}"
    return f"{number / 1e3:.1f}k" if number < 1e6 else f"{number / 1e6:.1f}M"


def _title(snapshot: Snapshot) -> Text:
    seconds = (snapshot.t_ns - snapshot.since_ns) // 1_000_000_000
    memory = sum(process.rss_bytes for process in snapshot.processes) / 2**20
    clock = _clock(seconds)
    title = Text(snapshot.line, style="bold")
    title.append(f" on {snapshot.host} ", style="not bold dim")
    title.append(snapshot.phase, style=COLOURS.get(snapshot.phase, ""))
    title.append(f" {clock} · {len(snapshot.processes)} processes · {memory:.0f} MB", style="not bold dim")
    return title


def _worries(snapshot: Snapshot) -> list[str]:
    """What is so, the newest last; and where there is room, what has happened."""
    now = [still(notice) for notice in snapshot.notices]
    if len(now) > ALARMS:
        return [f"{len(now) - ALARMS + 1} older notices: /healthz and the log have them", *now[1 - ALARMS :]]
    known = {notice.text for notice in snapshot.notices}
    past = [told(alarm) for alarm in snapshot.alarms if alarm.text not in known]
    return [*past[len(past) - min(len(past), ALARMS - len(now)) :], *now]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True, min_width=14, max_width=20, overflow="ellipsis")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True, min_width=6)
    table.add_column("state", no_wrap=True)
    return table


def _nodes(rows: Sequence[Row]) -> Table:
    table = _table("node", "rec/s", "p50", "p99", "queue", "drops", "errors", "restarts")
    for row in rows:
        name = Text(row.name)
        name.append(f" ×{row.lanes}" if row.lanes > 1 else "", style="dim")
        rate = f"{row.rate:.1f}" if row.rate < 1000 else count(row.rate)
        numbers = (_bad(row.drops, "yellow"), _bad(row.errors, "red"), _bad(row.restarts, "yellow"))
        table.add_row(
            name, rate, duration(row.p50_ns), duration(row.p99_ns), count(row.queue), *numbers, _state(row.condition)
        )
    return table


def _processes(snapshot: Snapshot) -> Table:
    table = _table("process", "pid", "memory", "restarts")
    ordered = snapshot.processes[::-1]
    ill = [process for process in ordered if process.condition != "running" or process.restarts]
    shown = ordered if len(ordered) <= PROCESSES else ill[:PROCESSES]
    for process in shown:
        memory = f"{process.rss_bytes / 2**20:.0f} MB" if process.rss_bytes else "–"
        state = _state(process.condition)
        table.add_row(process.name, str(process.pid or "–"), memory, _bad(process.restarts, "yellow"), state)
    if len(shown) < len(ordered):
        table.add_row(f"… {len(ordered) - len(shown)} more", "", "", "", "")
    return table


def _peers(snapshot: Snapshot) -> Table:
    table = _table("host", "rec/s", "running", "time")
    for peer in snapshot.peers:
        here = peer.reach == "reachable"
        numbers = (f"{peer.rate:.1f}", f"{peer.running}/{peer.processes}") if here else ("–", "–")
        state = _state(peer.phase if here else peer.reach)
        if peer.reach == "unreachable":
            state.append(f" for {_clock((snapshot.t_ns - peer.since_ns) // 1_000_000_000)}")
        if here and peer.faults:
            state.append(f", {len(peer.faults)} fault{'s' * (len(peer.faults) > 1)}", style="bold red")
        table.add_row(peer.host, *numbers, parted(peer), state)
    return table


def parted(peer: PeerState) -> str:
    """How far a host's time is ahead of ours, and by how much that may be wrong: `+0.3 ±0.1 ms`."""
    if peer.offset_ns is None or peer.doubt_ns is None:
        return "–"
    return f"{peer.offset_ns / 1e6:+,.1f} ±{peer.doubt_ns / 1e6:,.1f} ms"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _state(condition: str) -> Text:
    return Text(condition, style=COLOURS[condition])


def _bad(number: int, colour: str) -> Text:
    return Text(count(number), style=colour if number else "dim")


def _both(p50_ns: float, p99_ns: float) -> str:
    return f"{duration(p50_ns)} / {duration(p99_ns)}"

"""What a screen knows: (record → state → JSON). It forgets what is old, and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from nodes.screen import sections
from nodes.screen.rejects import Rejects
from nodes.screen.sections import Alarms, Decided, Eye, Head, Trend
from nodes.screen.tally import CAMERAS, Tally
from nodes.screen.trend import chart
from nodes.sinks.events import identity
from nodes.sinks.gallery import Gallery, Row
from pipeline.line import Standing
from pipeline.records import Frame, Gap, Image, Part, Record, Regions, Tracks, Verdict

SHOWN = 48  # rejects that a page is told of
CHARTED = 16  # cameras that have a chart of their own

encode = msgspec.json.Encoder().encode


class Screen:
    """All that a page shows; for one thread at a time.

    Args:
        tally: What was counted.
        rejects: What was rejected.
        about: What does not change: title, zone, language, whether actions are taken, whether pictures are shown.
        every: Length of a window of the trend, s.

    Attributes:
        pictures: The newest picture of each camera, where pictures are shown.
        changed: Sections that are other ones than when they were told last.
        unkept: Something came that must outlive the process.
    """

    def __init__(self, tally: Tally, rejects: Rejects, about: Head, every: float) -> None:
        self.tally, self.rejects = tally, rejects
        self._about, self._every = about, every
        self._gallery = Gallery(0)
        self._cameras: set[str] = set()
        self._last: dict[str, Decided] = {}
        self._missing: dict[str, int] = {}
        self._models: dict[str, str] = {}
        self._rules: dict[str, str] = {}
        self._alarms = Alarms(known=False, silent=False)
        self._standing: Standing | None = None
        self._moved_ns = 0
        self.pictures: dict[str, Image] = {}
        self.changed = {"live", "counts", "rejects", "trend", "alarms"}
        self.unkept = False

    def add(self, record: Record) -> None:
        """Something was seen, decided or missed."""
        if record.camera not in self._cameras:
            if len(self._cameras) == CAMERAS:
                return
            self._cameras.add(record.camera)
        self._moved_ns = max(self._moved_ns, record.t_ns)
        match record:
            case Verdict():
                self._judge(record)
            case Gap():
                self._missing[record.camera] = self._missing.get(record.camera, 0) + record.last - record.seq + 1
            case _:
                self._see(record)
        self.changed.add("live")

    def hear(self, standing: Standing | None, alarms: Alarms) -> None:
        """How the line stands, and what it calls for."""
        self._standing = standing
        if alarms != self._alarms:
            self._alarms = alarms
            self.changed.add("alarms")
            answered = alarms.known and not alarms.silent  # who does not answer has not let anything go
            if answered and self.rejects.pin(one.verdict for one in alarms.alarms if one.verdict):
                self.changed.add("rejects")

    def turn(self, t_ns: int) -> None:
        """Time has passed."""
        if self.tally.turn(t_ns):
            self.changed.add("counts")

    def begin(self, name: str, by: str, t_ns: int) -> None:
        """A batch begins."""
        self.tally.begin(name, by, t_ns)
        self.changed.add("counts")
        self.unkept = True

    def told(self, now_ns: int, viewers: int, skipped: int) -> bytes:
        """What stands above everything, as JSON."""
        stands = self._standing
        return encode(
            msgspec.structs.replace(
                self._about,
                line=stands.line if stands else "",
                phase=stands.phase if stands else "",
                faults=stands.faults[:8] if stands else (),
                notices=stands.notices[:16] if stands else (),
                pictured=stands.pictured if stands else (),
                rules=sections.newest(self._rules),
                models=sections.newest(self._models),
                moving=self._moved_ns / 1e6 if self._moved_ns else None,
                now=now_ns / 1e6,
                viewers=viewers,
                skipped=skipped,
            )
        )

    def fresh(self, *, slow: bool = False) -> Iterator[tuple[str, bytes]]:
        """Every section that has changed, as JSON; from now on it has not. The trend, which is long, only if `slow`."""
        makers = {"live": self._live, "counts": self._counts, "rejects": self._rejected, "trend": self._trend}
        due = self.changed if slow else self.changed - {"trend"}
        for name in sorted(due):
            yield name, encode(makers[name]() if name in makers else self._alarms)
        self.changed -= due

    def _judge(self, verdict: Verdict) -> None:
        if not self.tally.add(verdict):
            return
        self.changed |= {"counts", "trend"}
        self.unkept = True
        self._rules[verdict.camera] = f"{verdict.book} {verdict.version}".strip()
        if self.rejects.judge(verdict):
            self.changed.add("rejects")
        known = self.rejects.find(name := identity(verdict)) is not None
        self._last[verdict.camera] = sections.decided(verdict, name if known else "")

    def _see(self, record: Record) -> None:
        self._gallery.add(record)
        if isinstance(record, Frame | Regions | Tracks) and record.model:
            self._models[record.camera] = record.model
        if isinstance(record, Image) and self._about.images:
            self.pictures[record.camera] = record
        self.unkept |= isinstance(record, Part)
        if self.rejects.see(record):
            self.changed.add("rejects")
            self.unkept = True

    def _live(self) -> dict[str, Eye]:
        rows = self._gallery.rows
        return {camera: self._eye(camera, rows.get(camera)) for camera in sorted(self._cameras)}

    def _eye(self, camera: str, row: Row | None) -> Eye:
        picture = self.pictures.get(camera)
        view = row.view if row else None
        return Eye(
            sections.look(view) if view else None,
            self._last.get(camera),
            row.pictured if row else False,
            picture.seq if picture else None,
            self._missing.get(camera, 0),
            self._models.get(camera, ""),
        )

    def _counts(self) -> dict[str, sections.Count]:
        kept = self.tally.kept
        periods = {"shift": kept.shift, "before": kept.before, "batch": kept.batch}
        return {name: sections.counted(period) for name, period in periods.items()}

    def _rejected(self) -> list[sections.Reject]:
        return sections.rejects(self.rejects, SHOWN, self.rejects.pinned)

    def _trend(self) -> Trend:
        windows = self.tally.kept.windows
        cameras = sorted({camera for window in windows for camera in window.counts})[:CHARTED]
        return Trend(self._every, chart(windows), {camera: chart(windows, camera) for camera in cameras})

"""Count what happened, stretch by stretch of event time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field

from pipeline.node import node
from pipeline.records import Gap, Regions, Stats, Verdict
from pipeline.units import Seconds

if TYPE_CHECKING:
    from pipeline.batch.sampling import Samples

Window = Annotated[float, Meta(gt=0, description="s")]

Happening = Regions | Verdict | Gap


@node(per="camera")
def stats(
    records: Iterator[Regions | Verdict | Gap],
    *,
    window: Window = 60.0,
    lateness: Seconds = 5.0,
    measures: bool = False,
) -> Iterator[Stats]:
    """Count frames, gaps, outcomes and reasons per stretch of exposure time, camera by camera.

    `kensa aggregate` gives the same numbers for the same frames.

    Stretches lie side by side and begin at whole multiples of `window` since the Unix epoch, so those of
    all cameras coincide. A frame counts once, whether it is seen as regions, as a verdict or both; a missing one too.

    Args:
        window: Length of a stretch.
        lateness: How long a stretch waits for what is decided late; what comes later still counts in the oldest
            stretch that is open.
        measures: Summarise areas, scores and lengths of regions as well, label by label, and what cameras read off
            themselves; loads numpy.
    """
    tally = Tally(round(window * 1e9), round(lateness * 1e9), samples() if measures else None)
    for record in records:
        if record.session != tally.session:
            yield from tally.close()
        yield from tally.take(record)
    yield from tally.close()


def samples() -> type[Samples]:
    """What gathers measures, as the batch does; with it comes numpy."""
    from pipeline.batch.sampling import Samples

    return Samples


class Stretch(Struct):
    """What happened in one stretch so far; frames by number, so that none counts twice."""

    since_ns: int
    last: int = 0
    seen: set[int] = field(default_factory=set)
    gaps: set[tuple[int, int]] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    samples: Any = None
    measured: set[int] = field(default_factory=set)

    def count(self, record: Happening) -> None:
        """Add a record."""
        if isinstance(record, Gap):
            self.gaps.add((record.seq, record.last))
        elif isinstance(record, Regions):
            self.seen.add(record.seq)
            self._measured(record)
        else:
            self._decided(record)
        self.last = max(self.last, record.last if isinstance(record, Gap) else record.seq)

    def _measured(self, frame: Regions) -> None:
        if self.samples is not None and frame.seq not in self.measured:
            self.measured.add(frame.seq)
            self.samples.add(frame)

    def _decided(self, verdict: Verdict) -> None:
        self.outcomes[verdict.outcome] += 1
        self.reasons.update(finding.reason for finding in verdict.findings)
        if verdict.subject == "frame":
            self.seen.add(verdict.seq)
        elif verdict.subject == "gap":
            self.gaps.add((verdict.first_seq, verdict.seq))


class Tally:
    """The open stretches of one session of one camera.

    Args:
        window_ns: Length of a stretch, ns.
        lateness_ns: How long one waits after its end, ns of event time.
        samples: Makes what gathers the measures of a stretch; None where nobody asks for them.
    """

    def __init__(self, window_ns: int, lateness_ns: int, samples: type[Samples] | None = None) -> None:
        self._window, self._lateness, self._samples = window_ns, lateness_ns, samples
        self._open: dict[int, Stretch] = {}
        self.camera, self.session = "", ""

    def take(self, record: Happening) -> Iterator[Stats]:
        """Count a record; gives the stretches that it shows to be over.

        One that is older than the oldest by a whole stretch and its wait is not late: the camera's clock was set back.
        """
        if record.t_ns + self._window + self._lateness < min(self._open, default=record.t_ns):
            yield from self.close()
        self.camera, self.session = record.camera, record.session
        since = record.t_ns // self._window * self._window
        since = max(since, min(self._open, default=since))
        if since not in self._open:
            self._open[since] = Stretch(since, samples=self._samples() if self._samples else None)
        self._open[since].count(record)
        over = [begin for begin in self._open if begin + self._window + self._lateness <= record.t_ns]
        yield from map(self._told, sorted(over))

    def close(self) -> Iterator[Stats]:
        """Give all that is open."""
        yield from map(self._told, sorted(self._open))

    def _told(self, since: int) -> Stats:
        stretch = self._open.pop(since)
        return Stats(
            camera=self.camera,
            session=self.session,
            seq=stretch.last,
            t_ns=since + self._window,
            since_ns=since,
            frames=len(stretch.seen),
            missing=sum(last - first + 1 for first, last in stretch.gaps),
            outcomes=dict(sorted(stretch.outcomes.items())),
            reasons=dict(sorted(stretch.reasons.items())),
            measures=tuple(stretch.samples.finish()) if stretch.samples else (),
        )

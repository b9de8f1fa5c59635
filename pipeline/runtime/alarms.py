"""The alarms of a host: what its supervisor sees happen, and what its processes give notice of."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from pipeline.clock import line_time
from pipeline.notices import Notice
from pipeline.runtime.journal import Journal
from pipeline.runtime.state import Alarm

KEPT = 20  # alarms shown; the log has all


class Alarms:
    """The newest alarms; each is logged when it begins, and notices also when they are over."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._newest: deque[Alarm] = deque(maxlen=KEPT)
        self._held: dict[tuple[str, str], Notice] = {}

    def sound(self, text: str, **fields: object) -> None:
        """Something has happened that a person should know."""
        self._newest.append(Alarm(line_time.now_ns(), text))
        self._journal.error(text, **fields)

    def hear(self, process: str, notices: Sequence[Notice]) -> None:
        """What a process gives notice of now: what is new sounds, what is gone is over."""
        now = {(process, notice.key): notice for notice in notices}
        for place in [place for place in self._held if place[0] == process and place not in now]:
            self._journal.info("over", process=process, notice=self._held.pop(place).text)
        for place in now.keys() - self._held.keys():
            self.sound(now[place].text, process=process)
        self._held.update(now)

    def forget(self, process: str) -> None:
        """A process has ended: what it gave notice of is no longer known."""
        self.hear(process, ())

    @property
    def newest(self) -> tuple[Alarm, ...]:
        """The newest ones, oldest first."""
        return tuple(self._newest)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is so now, in all processes."""
        return tuple(self._held.values())

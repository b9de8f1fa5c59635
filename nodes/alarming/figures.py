"""How well alarms serve people: the figures of ISA-18.2-2016, clause 16, over the last day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from nodes.alarming.engine import Step
from nodes.alarming.life import AWAITING, Alarm
from pipeline.orders import Figures

HOUR_NS = 3600 * 1_000_000_000
HOURS = 24
STALE_NS = HOURS * HOUR_NS
TOP = 10


class Tally:
    """Counts what is raised, hour by hour, for the last day."""

    def __init__(self) -> None:
        self._hours: dict[int, Counter[str]] = {}
        self._begun: int | None = None

    def add(self, steps: Iterable[Step], t_ns: int) -> None:
        """Count what was raised at `t_ns`."""
        self._begun = t_ns if self._begun is None else min(self._begun, t_ns)
        raised = [step.alarm for step in steps if step.what == "raised"]
        if raised:
            self._hours.setdefault(t_ns // HOUR_NS, Counter()).update(raised)
            self._forget(t_ns)

    def figures(self, alarms: Mapping[str, Alarm], t_ns: int, flood: str) -> Figures:
        """What alarms were like until `t_ns`; `flood` is the alarm that counts floods."""
        self._forget(t_ns)
        total: Counter[str] = Counter()
        for counted in self._hours.values():
            total.update(counted)
        floods = total.pop(flood, 0)
        hours = min(float(HOURS), max(1.0, (t_ns - (t_ns if self._begun is None else self._begun)) / HOUR_NS))
        return Figures(
            hours=hours,
            raised=total.total(),
            per_hour=total.total() / hours,
            busiest=max((counted.total() - counted[flood] for counted in self._hours.values()), default=0),
            standing=_named(alarms, lambda alarm: alarm.active and alarm.aside is None),
            waiting=sum(alarm.life in AWAITING for alarm in alarms.values()),
            aside=_named(alarms, lambda alarm: alarm.aside is not None),
            stale=_named(alarms, lambda alarm: alarm.active and t_ns - alarm.raised_ns > STALE_NS),
            chattering=_named(alarms, lambda alarm: alarm.chattering),
            floods=floods,
            top=tuple(sorted(total.items(), key=lambda each: (-each[1], each[0]))[:TOP]),
        )

    def _forget(self, t_ns: int) -> None:
        """What was more than a day ago; so there are never more hours than that, whatever the clock did."""
        now = t_ns // HOUR_NS
        self._hours = {hour: counted for hour, counted in self._hours.items() if now - HOURS < hour <= now}


def _named(alarms: Mapping[str, Alarm], which: Callable[[Alarm], bool]) -> tuple[str, ...]:
    return tuple(sorted(key for key, alarm in alarms.items() if which(alarm)))

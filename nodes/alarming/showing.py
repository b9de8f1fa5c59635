"""Alarms as an operator is shown them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from nodes.alarming.book import FLOOD_ENTRY, PRIORITIES, Book
from nodes.alarming.checks import FLOOD
from nodes.alarming.life import Alarm
from nodes.alarming.telling import linked
from pipeline.orders import Shown

MOST = 200  # alarms in an answer: with every word as long as it may be, that is less than a message may be


class Listed(TypedDict):
    """Part of an answer: the first alarms, and how many more there are."""

    alarms: tuple[Shown, ...]
    more: int


def listed(alarms: Mapping[str, Alarm], book: Book) -> Listed:
    """All that are not normal: a flood, then those that people are called for, by priority, the newest first."""
    shown = [show(key, alarm, book) for key, alarm in alarms.items() if alarm.state != "normal"]
    places: dict[str, int] = {name: place for place, name in enumerate(PRIORITIES)}
    shown.sort(
        key=lambda one: (one.alarm != FLOOD, one.state != one.life, places[one.priority], -one.since_ns, one.alarm)
    )
    return {"alarms": tuple(shown[:MOST]), "more": max(0, len(shown) - MOST)}


def show(key: str, alarm: Alarm, book: Book) -> Shown:
    """One alarm."""
    entry, aside = book.entry(key) or FLOOD_ENTRY, alarm.aside
    return Shown(
        alarm=key, state=alarm.state, life=alarm.life, priority=entry.priority, since_ns=alarm.raised_ns,
        count=alarm.count, occurrence=alarm.occurrence, text=alarm.because.text,
        by=aside.by if aside else alarm.acknowledged_by, reason=aside.reason if aside else alarm.comment,
        until_ns=alarm.shelved.until_ns if alarm.shelved else 0, first=alarm.first, chattering=alarm.chattering,
        cause=entry.cause, consequence=entry.consequence, action=entry.action,
        link=linked(entry.link or "", key, alarm.because), verdict=alarm.because.event,
        remark=alarm.remark, remarked_by=alarm.remarked_by,
    )  # fmt: skip

"""The meeting place of the memory edges into one lane."""

from __future__ import annotations

import threading

from pipeline.transport.flow import Flow


class Hub:
    """Where the memory edges of one lane meet: one lock, one flow per edge."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        self.room = threading.Condition(self.lock)
        self.flows: dict[str, tuple[str, Flow]] = {}

"""The parts between a camera and the gate: what is known of each, and what is done with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from pipeline.records import Outcome

Action = Literal["pass", "divert", "reject"]
Why = Literal["verdict", "missing"]
GRAVE: dict[Action, int] = {"pass": 0, "divert": 1, "reject": 2}

Key = tuple[str, str, str, int]  # camera, session, `part` or `frame`, its number


class Item(Struct, frozen=True):
    """A part on its way to the gate, or a frame where frames are judged.

    Attributes:
        key: Names it; two parts never share one.
        at: Its middle, on the gate's axis.
        sure: Whether that was measured on a whole view, or told with the verdict.
        outcome: What the line decided; None until then.
        action: What that asks of the gate; None until then.
    """

    key: Key
    at: float
    sure: bool = False
    outcome: Outcome | None = None
    action: Action | None = None


class Decision(Struct, frozen=True):
    """What the gate does with a part, decided once, when the first of it is at the actuator.

    Attributes:
        camera: Who saw it.
        session: The camera's session.
        subject: `part` or `frame`.
        number: Id of the part, or number of the frame.
        at: Its middle, on the gate's axis.
        action: What is done with it.
        outcome: What the line had decided by then; None where nothing.
        why: `verdict`, or `missing` where none was there in time.
        skipped: Whether it was past the actuator before the gate knew: the position jumped, so it got no pulse.
        position: The gate's position then.
        t_ns: When that was, by the line's time.
    """

    camera: str
    session: str
    subject: str
    number: int
    at: float
    action: Action
    outcome: Outcome | None
    why: Why
    skipped: bool
    position: float
    t_ns: int


def gravest(actions: Iterable[Action | None]) -> Action:
    """The one of some actions that is on the safe side; those that nobody knows are left out."""
    known: Iterable[Action] = (action for action in actions if action is not None)
    return max(known, key=GRAVE.__getitem__, default="pass")

"""What people do at a screen: orders for alarms, which go where those of `kensa alarm` go, and batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from nodes.screen.people import Person
from pipeline.errors import KensaError
from pipeline.line import Opened
from pipeline.orders import Name, Order, Text

Said = tuple[int, bytes]  # status and JSON
Word = Annotated[str, Meta(min_length=1, max_length=64)]
LONGEST_S = 7 * 24 * 3600  # the alarm book allows less


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """An order for an alarm; as `pipeline.orders.Order` has it.

    Attributes:
        by: Who gives it, where the token does not say.
    """

    verb: Literal["acknowledge", "reset", "shelve", "unshelve"]
    alarm: Name
    by: Annotated[str, Meta(max_length=64)] = ""
    reason: Text = ""
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_S)] = 0.0
    occurrence: Name = ""


class NewBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch begins."""

    name: Word
    by: Annotated[str, Meta(max_length=64)] = ""


_act = msgspec.json.Decoder(Act).decode
_batch = msgspec.json.Decoder(NewBatch).decode


def order(body: bytes, person: Person, came_from: str, ask: Callable[[], Opened | None]) -> Said:
    """Have an order carried out; status and what came of it.

    Args:
        body: The order, JSON.
        person: Who may act.
        came_from: The address of the page; it is journalled beside the name.
        ask: Begins a conversation with the line.
    """
    try:
        act = _act(body)
    except msgspec.MsgspecError as error:
        return said(400, f"expected an order, got {error}")
    by = (person.name or act.by).strip()
    if not by:
        return said(400, "expected the name of who acts")
    login = f"screen {came_from}"
    wanted = Order(
        verb=act.verb, alarm=act.alarm, by=by, reason=act.reason, seconds=act.seconds, occurrence=act.occurrence,
        login=login,
    )  # fmt: skip
    try:
        return _given(wanted, ask)
    except KensaError as error:
        return said(503, str(error))


def batch(body: bytes, person: Person, begin: Callable[[str, str], None]) -> Said:
    """Begin a batch; status and what came of it."""
    try:
        wanted = _batch(body)
    except msgspec.MsgspecError as error:
        return said(400, f"expected a batch, got {error}")
    by = (person.name or wanted.by).strip()
    if not by or not wanted.name.strip():
        return said(400, "expected the name of the batch and of who acts")
    begin(wanted.name.strip(), by)
    return said(200, "")


def said(status: int, refused: str) -> Said:
    """An answer: why nothing was done, or that it was."""
    return status, msgspec.json.encode({"refused": refused})


def _given(wanted: Order, ask: Callable[[], Opened | None]) -> Said:
    opened = ask()
    if opened is None:
        return said(503, "this screen is part of no running line")
    with opened as asking:
        knowing = [answer for answer in asking.give(wanted) if answer.knows]
    if not knowing:
        return said(404, f"no alarm called '{wanted.alarm}' here")
    refused = next((answer.refused for answer in knowing if answer.refused), "")
    return said(409, refused) if refused else said(200, "")

"""Tell when what a camera's network says is unlike all that the network was judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from nodes.sinks.light import Light
from pipeline.conversion import convert
from pipeline.errors import NodeError
from pipeline.located import Document, read
from pipeline.node import node
from pipeline.notices import board
from pipeline.records import Frame, Image, Stats, Summary
from pipeline.units import Count

LOW, HIGH = 5, 95  # %
SHARE = HIGH - LOW


class Card(Struct, frozen=True):
    """What a network's card says of what it was judged by; the card holds more.

    Attributes:
        name: Of the network.
        reference: Percentiles of each measure.
        percents: Which percentiles.
    """

    name: str
    reference: dict[str, tuple[float, ...]]
    percents: tuple[int, ...]

    def usual(self, measure: str) -> tuple[float, float] | None:
        """Between which values 90 % of a measure lay; None where the card does not say."""
        if measure not in self.reference or not {LOW, HIGH} <= {*self.percents}:
            return None
        known = dict(zip(self.percents, self.reference[measure], strict=True))
        return known[LOW], known[HIGH]


def read_card(path: str) -> Document:
    """Read a card as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    if not document.faults:
        try:
            card = convert(document.data, Card)
        except msgspec.ValidationError as error:
            document.complain((), f"expected the card of a network, as `kensa-model export` writes it: {error}")
        else:
            _count(document, card)
    return document


def _count(document: Document, card: Card) -> None:
    """Each measure has as many percentiles as there are percents."""
    for measure, values in card.reference.items():
        if len(values) != len(card.percents):
            fault = f"expected {len(card.percents)} percentiles, one for each of `percents`, found {len(values)}"
            document.complain(("reference", measure), fault)


CardFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_card})]


@node()
def drift(records: Iterator[Stats | Frame | Image], *, card: CardFile, least: Count = 100) -> None:
    """Raise a notice while half of a camera's values lie where of those that its network was judged by few did: 5 %.

    It takes what `stats` with `measures` tells: how many regions were found in a frame, their areas, their scores. A
    network that is shown what it was never judged by gives no error: its masks are another size, are many or none, or
    are less sure. Where pictures may leave a camera (`images: true`), `from: [stats, camera]` compares how bright its
    crops are, too, `least` pictures at a time. Which network a camera runs is not asked; the card must be that of its
    network. For slow changes of one camera against its own past there is `kensa aggregate`.

    Args:
        card: What `kensa-model export` wrote beside the network. A relative path starts at the folder of the topology.
        least: A stretch with fewer values of a measure says nothing about it.
    """
    known, light = _opened(card), Light(least)
    for told in records:
        for each in _measures(told, light):
            usual = known.usual(each.measure)
            if usual is not None and each.n >= least:
                _judge(told.camera, each, usual, known.name)


def _measures(told: Stats | Frame | Image, light: Light) -> Sequence[Summary]:
    """What a record says that can be compared."""
    match told:
        case Stats():
            return told.measures
        case Image() if found := light.take(told):
            return [found]
        case Frame() if found := light.look(told):
            return [found]
    return []


def _judge(camera: str, told: Summary, usual: tuple[float, float], network: str) -> None:
    key = f"drift {camera} {told.label} {told.measure}"
    low, high = usual
    if low <= told.p50 <= high:
        board.settle(key)
        return
    bound, side, limit = ("at most", "below", low) if told.p50 < low else ("at least", "above", high)
    what = " ".join(filter(None, (told.label, told.measure)))
    board.raise_(
        key,
        f"{camera}: {what}: half of {told.n} values are {bound} {told.p50:g}; {SHARE} % of what {network} was judged "
        f"by lay between {low:g} and {high:g}, and only {LOW} % {side} {limit:g}; "
        "look at what the camera shows it: light, focus, crop, product",
        camera,
    )


def _opened(path: str) -> Card:
    document = read_card(path)
    if document.faults:
        raise NodeError(document.show())
    return convert(document.data, Card)

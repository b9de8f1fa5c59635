"""Nodes: a function's signature says everything, and one that is not a node's is refused in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.clock import Clock
from pipeline.errors import NodeError
from pipeline.node import Batch, node, read
from pipeline.records import Frame, Gap, Verdict
from pipeline.units import Area


def lens(camera: str, clock: Clock, *, rate: float = 30.0) -> Iterator[Frame]:
    """Give nothing."""
    yield from ()


def sieve(frame: Frame, *, min_area: Area = 25) -> Frame | None:
    """Remove specks.

    Args:
        min_area: Blobs with fewer pixels
            are noise.
    """
    return frame if min_area else None


def shelve(batches: Iterator[list[Verdict | Gap]], *, path: str) -> None:
    """Keep everything."""
    for _ in batches:
        pass


def test_the_signature_is_the_manifest() -> None:
    """Kind, shape, records, seat and batches are read off the function."""
    source, transform, sink = read(lens, live=True), read(sieve), read(shelve)
    assert [spec.kind for spec in (source, transform, sink)] == ["source", "transform", "sink"]
    assert [spec.shape for spec in (source, transform, sink)] == ["source", "map", "stream"]
    assert (source.seat, source.live, source.gives) == (("camera", "clock"), True, frozenset({Frame}))
    assert (transform.takes, transform.gives) == (frozenset({Frame}), frozenset({Frame}))
    assert (sink.takes, sink.gives, sink.batch) == (frozenset({Verdict, Gap}), frozenset(), Batch())


def test_the_docstring_is_the_manual() -> None:
    """The text stands under the empty name; each parameter has its sentence, on one line."""
    assert read(sieve).doc == {"": "Remove specks.", "min_area": "Blobs with fewer pixels are noise."}


def test_a_node_stays_a_function() -> None:
    """The decorator returns what it was given: a test is a call."""
    assert node()(sieve) is sieve


def two(a: Frame, b: Frame) -> Frame:
    """Two inboxes."""
    return b


def bare(frame) -> Frame:  # type: ignore[no-untyped-def]  # noqa: ANN001 - that is what is refused
    """No annotation."""
    return frame  # type: ignore[no-any-return]


def silent(frame: Frame):  # type: ignore[no-untyped-def]  # noqa: ANN201 - that is what is refused
    """No return annotation."""


def stranger(frame: Frame) -> int:
    """Gives no record."""
    return frame.seq


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (two, "two: expected one inbox before the star, found 2; put parameters after `*`"),
        (bare, "bare: parameter 'frame' has no annotation; a node's signature is its manifest"),
        (silent, "silent: no return annotation; a sink returns None"),
        (stranger, "stranger: expected a record type in inbox and outbox, found <class 'int'>"),
    ],
)
def test_what_is_no_node_is_refused(function: Callable[..., Any], text: str) -> None:
    """Which function, what was expected, what was found."""
    with pytest.raises(NodeError) as caught:
        read(function)
    assert str(caught.value) == text

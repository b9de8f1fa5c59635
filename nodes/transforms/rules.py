"""Decide what is good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from nodes.transforms.book import first_tool, mentions, read_book
from nodes.transforms.judge import Judge
from nodes.transforms.watch import Watch
from pipeline.node import Mention, Need, node
from pipeline.records import Gap, Part, Regions, Verdict
from pipeline.units import Seconds

BookFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_book, "watched": True})]


def _mentions(params: Any) -> Iterator[Mention]:
    """The prompts that its book speaks of."""
    yield from mentions(params.book)


def _needs(params: Any) -> Iterator[Need]:
    """The tools that its book speaks of."""
    if (mark := first_tool(params.book)) is not None:
        text = "tool: expected `gauge` among the nodes before the rules, found none: nobody would measure it"
        yield Need("gauges", ("book",), text, mark)


@node(per="camera", mentions=_mentions, needs=_needs)
def rules(records: Iterator[Regions | Part | Gap], *, book: BookFile, look: Seconds = 0.5) -> Iterator[Verdict]:
    """Judge frames or parts by a rule book; what was not seen is NO_READ, never good.

    A part is judged by its best view. One that no frame showed whole is NO_READ; one of which frames were hidden is
    FAIL if what was seen is bad, else NO_READ. A gap becomes a verdict of its own, so it does not go on as a gap. A
    frame in which nothing was found breaks no rule on single regions.

    The book may be edited while the line runs: it is taken up between two records once the file has been left alone
    for `look`, and every verdict names the version it was decided by. A file with a fault is refused, a notice tells
    why, and the book stays as it was. See docs/rules.md.

    Args:
        book: The rule book; a relative path starts at the folder of the topology.
        look: Time between two looks at the book; 0: before each record, and a change counts at once.
    """
    watch = Watch(book, look)
    judge = Judge(watch.book)
    for record in records:
        if watch.look():
            judge = Judge(watch.book)
        yield judge.judge(record)

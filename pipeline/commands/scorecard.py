"""A score as tables for people: what was there against what the line said, defect by defect, camera by camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pipeline.score import GOOD, MISSED, NO_READ, OTHER, PASS, PHANTOM, Ratio, Score


def scorecard(score: Score, kinds: Sequence[str]) -> Group:
    """Both tables."""
    return Group(confusion(score, kinds), defects(score, kinds))


def confusion(score: Score, kinds: Sequence[str]) -> Table:
    """A row for what a part was, a column for what the line said; columns that nobody needs are left out."""
    said = [PASS, *kinds, *(word for word in (OTHER, NO_READ, MISSED) if _said(score, word))]
    table = Table(title="What there was, and what the line said", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for word in said:
        table.add_column(word, justify="right")
    for was in (GOOD, *kinds, *([PHANTOM] if score.phantoms else [])):
        table.add_row(Text(was, "bold"), *(_cell(score, was, word) for word in said))
    return table


def defects(score: Score, kinds: Sequence[str]) -> Table:
    """A row per kind of defect: how many there were, precision and recall."""
    table = Table(title="Defect by defect", box=box.SIMPLE_HEAD, title_justify="left")
    for name, justify in (("defect", "left"), ("parts", "right"), ("precision", "right"), ("recall", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for kind in kinds:
        recall = score.recall(kind)
        table.add_row(Text(kind, "bold"), str(recall.of), percent(score.precision(kind)), percent(recall))
    return table


def cameras(scores: Mapping[str, Score]) -> Table:
    """A row per camera: how many parts it showed, and what every plant asks of each."""
    table = Table(title="Camera by camera", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("camera")
    for name in ("parts", "found", "defects", "not passed", "good", "failed"):
        table.add_column(name, justify="right")
    for camera, score in scores.items():
        caught, accused = score.caught(), score.accused()
        counts = score.parts, score.found, caught.of, caught.hits, accused.of, accused.hits
        table.add_row(Text(camera, "bold"), *map(str, counts))
    return table


def summary(score: Score) -> Table:
    """What every part came to, and the two figures that a plant asks for first."""
    caught, accused = score.caught(), score.accused()
    lines = Table.grid(padding=(0, 2))
    lines.add_row(Text("Parts", "bold"), f"{score.found} of {score.parts} found, {score.phantoms} that were not there")
    lines.add_row(Text("Defects", "bold"), f"{caught.hits} of {caught.of} not passed ({percent(caught)})")
    lines.add_row(
        Text("False alarms", "bold"), f"{accused.hits} of {accused.of} good parts failed ({percent(accused)})"
    )
    return lines


def percent(ratio: Ratio) -> str:
    """A share for people; a dash where there was nothing to count.

    >>> percent(Ratio(1, 3)), percent(Ratio(0, 0))
    ('33.3 %', '–')
    """
    return "–" if ratio.value is None else f"{100 * ratio.value:.1f} %"


def _cell(score: Score, was: str, said: str) -> Text:
    """A count: green where the line was right, red where it was wrong, a dot for none."""
    count, right = score.confusion.get((was, said), 0), said == (PASS if was == GOOD else was)
    if not count:
        return Text("·", "dim")
    return Text(str(count), "green" if right else "yellow" if said == NO_READ else "red")


def _said(score: Score, word: str) -> int:
    return sum(count for (_, said), count in score.confusion.items() if said == word)

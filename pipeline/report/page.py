"""A report as one page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from pipeline.report.style import PAGE
from pipeline.report.wording import text

# The empty icon: a browser would ask for one otherwise.
META = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,">'
)


class Section(Struct, frozen=True):
    """A part of the page.

    Attributes:
        name: Of its anchor.
        title: Its head.
        body: HTML.
        own: Whether it begins a sheet of paper.
    """

    name: str
    title: str
    body: str
    own: bool = False


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    links = "".join(f'<a href="#{each.name}">{text(each.title)}</a>' for each in sections)
    parts = "".join(
        f'<section id="{each.name}"{" class=own" if each.own else ""}><h2>{text(each.title)}</h2>{each.body}</section>'
        for each in sections
    )
    head = f"<title>{text(title)}</title>{META}<style>{PAGE}</style>"
    top = f'<header><h1>{text(title)}</h1><p class="lead">{lead}</p><nav>{links}</nav></header>'
    body = f"<body><main>{top}{parts}</main></body>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>{body}</html>\n'


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = (), sure: Iterable[int] = ()
) -> str:
    """A table of cells that are HTML already.

    Args:
        heads: Of its columns.
        rows: Cell by cell.
        numbers: Columns that hold numbers.
        sure: Rows that stand out.
    """
    right, red = {*numbers}, {*sure}
    kind = [' class="n"' if column in right else "" for column in range(len(heads))]
    top = "".join(f"<th{each}>{text(head)}</th>" for each, head in zip(kind, heads, strict=True))
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{each}>{cell}</td>" for each, cell in zip(kind, row, strict=True))
        lines.append(f"<tr{' class=sure' if number in red else ''}>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def note(said: str) -> str:
    """What has to be said, and is read by few."""
    return f'<p class="note">{text(said)}</p>'


def tile(value: str, said: str) -> str:
    """A figure that people look for first."""
    return f'<div class="tile"><b>{value}</b><span>{text(said)}</span></div>'


def shown(svg: str, caption: str = "") -> str:
    """A chart with what is said of it, HTML."""
    told = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{svg}{told}</figure>"

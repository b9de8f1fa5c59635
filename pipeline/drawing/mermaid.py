"""Draw a plan in Mermaid, for pages that render it: hosts hold processes, processes lanes, lanes nodes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.outline import Strand, outline
from pipeline.plan import Plan

ARROWS = {"memory": "-.->", "ipc": "-->", "tcp": "==>"}


def mermaid(plan: Plan) -> str:
    """The plan as a Mermaid flow chart."""
    whole = outline(plan)
    names = {(s.key, node): f"n{i}_{j}" for i, s in enumerate(whole.strands) for j, node in enumerate(s.nodes)}
    lines = ["flowchart LR"]
    for h, (host, processes) in enumerate(whole.hosts().items()):
        lines.append(f'  subgraph h{h}["host {host}"]')
        for p, (process, strands) in enumerate(processes.items()):
            lines.append(f'    subgraph h{h}p{p}["process {process}"]')
            for s, strand in enumerate(strands):
                lines += _lane(f"h{h}p{p}s{s}", strand, names)
            lines.append("    end")
        lines.append("  end")
    for cable in whole.cables:
        begin, end = names[cable.begin.key, cable.source], names[cable.end.key, cable.target]
        lines.append(f'  {begin} {ARROWS[cable.edges[0].transport]}|"{cable.label}"| {end}')
    return "\n".join(lines) + "\n"


def _lane(key: str, strand: Strand, names: dict[tuple[str, str], str]) -> Iterator[str]:
    yield f'      subgraph {key}["{strand.name}"]'
    for node in strand.nodes:
        yield f'        {names[strand.key, node]}["{node}"]'
    for begin, end in strand.links:
        yield f"        {names[strand.key, begin]} --> {names[strand.key, end]}"
    yield "      end"

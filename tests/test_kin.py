"""Tests of `pipeline.runtime.kin`."""

from __future__ import annotations

import pytest

from pipeline.errors import KensaError
from pipeline.plan import Edge, Lane, NodeRun, Plan, Process, Queue
from pipeline.runtime.kin import kin, node_order


def process(name: str, *, host: str = "h", source: bool = False) -> Process:
    """A process of one lane of one node, all of one name."""
    addresses = () if source else (f"ipc://{name}",)
    return Process(
        name=name,
        host=host,
        lanes=(Lane(name=name, cameras=(), runs=(NodeRun(node=name, use="x"),), addresses=addresses),),
    )


def edge(source: str, target: str) -> Edge:
    """An edge between two such processes."""
    return Edge(
        name=f"{source}→{target}",
        source=(source, source),
        target=(target, target),
        kinds=("frame",),
        transport="ipc",
        address=f"ipc://{target}",
        queue=Queue(),
        why="test",
    )


def test_consumers_start_before_their_producers() -> None:
    """Whoever sends finds somebody who listens."""
    plan = Plan(
        line="l",
        processes=(process("a", source=True), process("b"), process("c")),
        edges=(edge("a", "b"), edge("b", "c")),
    )
    share = kin(plan, "h")
    assert [p.name for p in share.processes] == ["c", "b", "a"]
    assert share.producers == {"a": frozenset(), "b": {"a"}, "c": {"b"}}
    assert share.sources == {"a"}


def test_a_circle_of_processes_still_has_an_order() -> None:
    """An isolated node in the middle of a line feeds the process that feeds it; every process starts once."""
    plan = Plan(line="l", processes=(process("a", source=True), process("x")), edges=(edge("a", "x"), edge("x", "a")))
    assert sorted(p.name for p in kin(plan, "h").processes) == ["a", "x"]


def test_a_host_keeps_the_books_of_what_begins_on_it() -> None:
    """An edge between hosts is accounted for by its producer's host, and its consumer knows that it is remote."""
    plan = Plan(line="l", processes=(process("a", source=True), process("b", host="k")), edges=(edge("a", "b"),))
    assert [e.name for e in kin(plan, "h").given] == ["a→b"]
    assert kin(plan, "k").given == ()
    assert kin(plan, "k").remote == {"b"}
    assert kin(plan, "k").producers == {"b": frozenset()}
    assert kin(plan).remote == frozenset()


def test_a_host_without_a_share_is_refused() -> None:
    """The error names the hosts there are."""
    with pytest.raises(KensaError, match=r"nothing of line 'l' runs on host 'z'; its hosts: h"):
        kin(Plan(line="l", processes=(process("a"),), edges=()), "z")


def test_nodes_are_listed_as_records_flow() -> None:
    """Tables read from the camera to the archive, in whatever order processes are planned."""
    plan = Plan(line="l", processes=(process("c"), process("b"), process("a")), edges=(edge("a", "b"), edge("b", "c")))
    assert node_order(plan) == ("a", "b", "c")

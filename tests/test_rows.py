"""Tests of `pipeline.runtime.rows`."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import bucket
from pipeline.runtime.rows import Rates, Row
from pipeline.runtime.state import Condition
from pipeline.transport.channel import Ledger
from tests.lines import edge, health, node, snapshot

SECOND = 1_000_000_000


def rows(
    *healths: NodeHealth, later: tuple[NodeHealth, ...], per_lane: bool = False, seconds: float = 2.0
) -> list[Row]:
    """The rows of a second snapshot, so long after a first."""
    rates = Rates(per_lane=per_lane)
    rates.rows(snapshot(nodes=[node(h, t_ns=SECOND) for h in healths], t_ns=SECOND))
    after = SECOND + int(seconds * SECOND)
    return rates.rows(snapshot(nodes=[node(h, t_ns=after) for h in later], t_ns=after + SECOND // 2))


def test_a_rate_is_what_came_between_two_snapshots() -> None:
    """Totals since the start say little about now; the time is that of the reports, not that of the look."""
    found = rows(health("clean", taken=100, given=90), later=(health("clean", taken=160, given=140),))
    assert [(row.name, row.rate, row.condition) for row in found] == [("clean", 30.0, "running")]


def test_a_source_is_rated_by_what_it_gives() -> None:
    """It takes nothing."""
    assert rows(health("camera", given=10), later=(health("camera", given=70),))[0].rate == 30.0


def test_lanes_of_a_node_are_one_row() -> None:
    """Eight cameras still fit a screen; rates add up."""
    one, two = health("clean", "cam-1", taken=10), health("clean", "cam-2", taken=10)
    found = rows(one, two, later=(replace(one, taken=30), replace(two, taken=50)))
    assert [(row.name, row.lanes, row.rate) for row in found] == [("clean", 2, 30.0)]


def test_every_lane_has_a_row_where_that_is_asked_for() -> None:
    """One slow camera must be findable."""
    one, two = health("clean", "cam-1", taken=10), health("clean", "cam-2", taken=10)
    found = rows(one, two, later=(replace(one, taken=30), replace(two, taken=50)), per_lane=True)
    assert [(row.name, row.rate) for row in found] == [("clean@cam-1", 10.0), ("clean@cam-2", 20.0)]


def test_quantiles_are_those_of_the_last_seconds() -> None:
    """A slow start does not colour the picture for ever."""
    slow, fast = bucket(SECOND), bucket(1000)
    found = rows(
        health("clean", taken=9, latency={slow: 9}), later=(health("clean", taken=29, latency={slow: 9, fast: 20}),)
    )
    assert 900 < found[0].p50_ns < 1100
    assert 900 < found[0].p99_ns < 1100


def test_a_node_that_takes_nothing_is_idle() -> None:
    """Idle is not running, and not ill."""
    assert rows(health("clean", taken=5), later=(health("clean", taken=5),))[0].condition == "idle"


def test_the_worst_lane_is_shown() -> None:
    """One stuck camera among eight must be seen."""
    conditions: list[Condition] = ["running", "stuck", "starting"]
    nodes = [node(health("clean", f"cam-{i}"), condition=condition) for i, condition in enumerate(conditions)]
    assert Rates().rows(snapshot(nodes=nodes))[0].condition == "stuck"


def test_queue_and_drops_are_those_of_the_edges_into_a_node() -> None:
    """The queue stands in front of the node that is slow."""
    edges = [
        edge("clean", "archive", Ledger(sent=9, delivered=4, dropped={"overflow": 2}, in_flight=3)),
        edge("rules", "archive", Ledger(sent=3, delivered=1, dropped={"expired": 1}, in_flight=1)),
    ]
    row = Rates().rows(snapshot(nodes=[node(health("archive"))], edges=edges))[0]
    assert (row.queue, row.drops) == (4, 3)

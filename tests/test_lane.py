from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from pipeline.plan import Queue
from pipeline.records import Frame, Gap, Record, Stats
from pipeline.runtime.lane import Exit, serve
from tests import toys
from tests.toys import Bench, Inlet, Outlet, edge, frame, gap, run


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    toys.seen.clear()
    toys.batches.clear()
    yield
    toys.disk["full"] = False


def _told(records: list[Record]) -> list[tuple[str, int]]:
    return [(type(record).__name__, record.seq) for record in records]


def test_records_go_depth_first_in_plan_order() -> None:
    """Each record is worked on to the end, branch by branch, before the next one is."""
    order: list[tuple[str, int]] = []
    bench = Bench(run("twice"), run("shift", "twice"), run("odd", "twice"), run("shift", "odd", node="last", by=1))
    for name in bench.lane.cells:
        bench.lane.tap(name, lambda node, record: order.append((node, record.seq)))
    bench.push("twice", frame(1))
    assert order == [("twice", 1), ("shift", 101), ("odd", 1), ("last", 2)] * 2


def test_gaps_go_past_nodes_that_do_not_take_them() -> None:
    """A gap reaches whoever names it, over any number of nodes that do not, once even where two ways lead there."""
    bench = Bench(run("twice"), run("shift", "twice"), run("odd", "twice"), run("tally", "shift", "odd"))
    stats = bench.gave("tally")
    bench.push("twice", gap(4))
    assert _told(stats) == [("Stats", 4)]
    assert isinstance(stats[0], Stats)
    assert stats[0].missing == 1
    assert bench.lane.cells["shift"].taken == 0


def test_edges_carry_only_their_kinds() -> None:
    """What leaves the lane is what the edge was planned for, after everything in the lane."""
    tracks, gaps = Outlet(), Outlet()
    exits = [Exit(edge("count@lane", "x", "tracks"), tracks), Exit(edge("count@lane", "y", "gap"), gaps)]
    bench = Bench(run("count"), exits=exits)
    bench.push("count", frame(0), gap(1), frame(2))
    assert (_told(tracks.records), _told(gaps.records)) == ([("Tracks", 0), ("Tracks", 1)], [("Gap", 1)])


def test_a_node_that_raises_costs_one_record() -> None:
    """The record becomes a gap downstream, is counted and told; the next one is worked on."""
    bench = Bench(run("fragile", bad=[1]), run("tally", "fragile"), run("shift", "fragile"))
    stats = bench.gave("tally")
    bench.push("fragile", frame(0), frame(1), frame(2))
    assert [(s.seq, s.frames, s.missing) for s in stats if isinstance(s, Stats)] == [(0, 1, 0), (1, 1, 1), (2, 2, 1)]
    assert [(name, seq, str(error)) for name, seq, error in bench.failures] == [("fragile", 1, "no 1")]
    health = bench.lane.health()[0]
    assert (health.taken, health.given, health.failed, health.degraded) == (3, 2, 1, False)


def test_the_gap_says_what_and_where() -> None:
    """The gap stands for exactly the record that was lost, and names the node that lost it."""
    out = Outlet()
    bench = Bench(run("fragile", bad=[1]), exits=[Exit(edge("fragile@lane", "x", "frame", "gap"), out)])
    bench.push("fragile", frame(1, "cam-2", t_ns=7))
    assert out.records == [Gap(camera="cam-2", session="s", seq=1, t_ns=7, last=1, reason="error", where="fragile")]


def test_failures_in_a_row_rest_one_camera() -> None:
    """From the second failure in a row on a camera's records become gaps until its rest is over; others go on."""
    bench = Bench(run("fragile", bad=[1, 2]))
    given = bench.gave("fragile")
    bench.push("fragile", frame(1), frame(2), frame(3), frame(3, "cam-2"))
    assert _told(given) == [("Gap", 1), ("Gap", 2), ("Gap", 3), ("Frame", 3)]
    given.clear()
    bench.now = 200_000_000
    bench.push("fragile", frame(4), frame(1), frame(5))
    assert _told(given) == [("Frame", 4), ("Gap", 1), ("Frame", 5)]
    assert (len(bench.failures), bench.lane.health()[0].failed) == (3, 4)


def test_a_node_that_never_works_is_degraded_and_recovers() -> None:
    """Five failures in a row show as degraded; one good record of a map ends that."""
    bench = Bench(run("fragile", bad=[1]))
    for _ in range(5):
        bench.push("fragile", frame(1))
        bench.now += 10_000_000_000
    assert bench.lane.health()[0].degraded
    bench.push("fragile", frame(2))
    assert not bench.lane.health()[0].degraded


def test_a_kind_that_the_signature_does_not_name_is_refused() -> None:
    """A node that gives what it never declared is told once and counted always; the lane goes on."""
    bench = Bench(run("liar"), run("keep", "liar"))
    bench.push("liar", frame(1), frame(2))
    assert [str(error) for _, _, error in bench.failures] == ["node 'liar' gave Tracks, expected Frame"]
    assert bench.lane.health()[0].failed == 2


def test_closing_flushes_in_order() -> None:
    """What a node gives at its end still goes through those behind it, and only then are they ended."""
    bench = Bench(run("count"), run("keep", "count"))
    bench.lane.open()
    bench.push("count", frame(0), frame(0, "cam-2"))
    bench.lane.close()
    assert [record.seq for record in toys.seen] == [0, 0, 1, 1]


def test_serving_an_inbox() -> None:
    """A lane works until its inbox ends, acknowledges each record after it was worked on, and closes both ends."""
    inlet, out = Inlet("in→shift", [frame(1), None, gap(2), frame(3)]), Outlet()
    bench = Bench(
        run("shift"), entries=[edge("in", "shift", "frame", "gap")], exits=[Exit(edge("shift@lane", "x", "frame"), out)]
    )
    serve(bench.lane, inlet, timeout=1)
    assert _told(out.records) == [("Frame", 101), ("Frame", 103)]
    assert (inlet.done_numbers, inlet.closed, out.closed) == ([1, 2, 3], True, True)


def test_acknowledged_only_after_the_batch() -> None:
    """Records in an open batch are not done with until the batch was handed over."""
    bench = Bench(run("store"), entries=[edge("in", "store", "frame")])
    inlet = Inlet("in→store", map(frame, range(4)))
    for _ in range(4):
        bench.lane.accept(inlet.receive(0))  # type: ignore[arg-type]
    assert [done.number for done, _ in bench.lane.settled()] == [1, 2, 3]
    bench.now = 999_999_999
    bench.lane.poll()
    assert not [*bench.lane.settled()]
    assert bench.lane.patience() == pytest.approx(1e-9)
    bench.now += 1
    bench.lane.poll()
    assert [done.number for done, _ in bench.lane.settled()] == [4]
    assert toys.batches == [[0, 1, 2], [3]]


def test_open_batches_of_other_cameras_hold_back_only_what_came_later() -> None:
    """With a batch per camera, acknowledging follows the oldest record that still waits."""
    bench = Bench(run("store_each"), entries=[edge("in", "store_each", "frame")])
    inlet = Inlet("in→store_each", [frame(0, "a"), frame(0, "b"), frame(1, "a"), frame(2, "a"), frame(1, "b")])
    acknowledged = []
    for _ in range(5):
        bench.lane.accept(inlet.receive(0))  # type: ignore[arg-type]
        acknowledged.append([done.number for done, _ in bench.lane.settled()])
    assert acknowledged == [[], [], [1], [], [2, 3]]


def test_a_record_that_a_sink_cannot_keep_is_refused() -> None:
    """Its producer is told, so that the ledger of the edge says dropped, not delivered; the others are done with."""
    inlet = Inlet("in→store", map(frame, range(6)))
    bench = Bench(run("store", bad=[1]), entries=[edge("in", "store", "frame")])
    serve(bench.lane, inlet, timeout=1)
    assert inlet.done_numbers == [1, 2, 3, 4, 5, 6]
    assert inlet.refused == {2: "error"}
    assert bench.lane.health()[0].failed == 1


def test_a_sink_without_batches_refuses_too() -> None:
    """What it raises on, and what comes while it rests, is not delivered."""
    inlet = Inlet("in→picky", map(frame, range(4)))
    bench = Bench(run("picky", bad=[1, 2]), entries=[edge("in", "picky", "frame")])
    serve(bench.lane, inlet, timeout=1)
    assert inlet.refused == {2: "error", 3: "error", 4: "error"}


def test_while_the_world_is_in_the_way_nothing_is_done_with() -> None:
    """A batch that a full disk sends back is held, tried again with growing rests, and done with when it went."""
    bench = Bench(run("store"), entries=[edge("in", "store", "frame")])
    inlet = Inlet("in→store", map(frame, range(3)))
    toys.disk["full"] = True
    for _ in range(3):
        bench.lane.accept(inlet.receive(0))  # type: ignore[arg-type]
    bench.lane.poll()  # the first failure asks for no rest, the second for 0.2 s
    assert not [*bench.lane.settled()]
    assert bench.lane.patience() == pytest.approx(0.2)
    toys.disk["full"] = False
    bench.now += 200_000_000
    bench.lane.poll()
    assert [(done.number, refused) for done, refused in bench.lane.settled()] == [(1, ""), (2, ""), (3, "")]
    assert toys.batches == [[0, 1, 2]]
    assert bench.lane.health()[0].failed == 0


def test_a_sink_is_well_as_soon_as_the_world_is_out_of_its_way() -> None:
    """Degraded while the disk was full, and no longer when it took a batch; the next time begins a new row."""
    bench = Bench(run("store"))
    for _ in range(2):
        toys.disk["full"] = True
        bench.push("store", frame(0))
        for _ in range(6):
            bench.now += 20_000_000_000
            bench.lane.poll()
        assert bench.lane.health()[0].degraded
        toys.disk["full"] = False
        bench.now += 20_000_000_000
        bench.lane.poll()
        assert not bench.lane.health()[0].degraded


def test_what_the_world_is_in_the_way_of_at_the_end_is_refused() -> None:
    """A line that stops while the disk is full says what it could not keep."""
    toys.disk["full"] = True
    inlet = Inlet("in→store", map(frame, range(2)))
    bench = Bench(run("store"), entries=[edge("in", "store", "frame")])
    serve(bench.lane, inlet, timeout=1)
    assert inlet.refused == {1: "error", 2: "error"}


def test_what_the_world_is_in_the_way_of_at_the_end_stays_with_a_producer_that_keeps_it() -> None:
    """By an edge with a spool it is neither done nor refused: the next run is given it."""
    toys.disk["full"] = True
    inlet = Inlet("in→store", map(frame, range(2)))
    durable = replace(edge("in", "store", "frame"), queue=Queue(policy="spool"))
    serve(Bench(run("store"), entries=[durable]).lane, inlet, timeout=1)
    assert inlet.refused == {}
    assert inlet.done_numbers == []


def test_counters_tell_latency_and_age() -> None:
    """Every record is in the work histogram; a sink also counts how old its records have become."""
    bench = Bench(run("shift"), run("keep", "shift"))
    bench.lane.open()
    for seq in range(5):
        bench.push("shift", frame(seq, t_ns=time.time_ns()))
    shift, keep = bench.lane.health()
    assert sum(shift.latency.values()) == sum(keep.latency.values()) == 5 + 1  # to begin is work too
    assert (sum(shift.age.values()), sum(keep.age.values())) == (0, 5)


def test_taps_show_what_a_node_gives_and_end() -> None:
    """A tap sees each record once, and costs nothing when it is gone; unknown nodes are another lane's."""
    bench = Bench(run("shift"))
    shown: list[int] = []
    bench.lane.tap("shift", lambda _, record: shown.append(record.seq))
    bench.lane.tap("elsewhere", lambda _, record: shown.append(-1))
    bench.push("shift", frame(0))
    bench.lane.tap("shift", None)
    bench.push("shift", frame(1))
    assert shown == [100]


def test_frames_are_passed_by_reference() -> None:
    """Inside a lane nothing is copied."""
    bench = Bench(run("odd"))
    given, one = bench.gave("odd"), frame(1)
    bench.push("odd", one)
    assert isinstance(given[0], Frame)
    assert given[0] is one

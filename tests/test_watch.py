"""Tests of `pipeline.runtime.watch`."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.plan import Lane, NodeRun, Process
from pipeline.runtime.health import NodeHealth, Report
from pipeline.runtime.health import State as Said
from pipeline.runtime.watch import Limits, Opinion, judge

LIMITS = Limits()
PROCESS = Process(
    name="p",
    host="h",
    lanes=(
        Lane(
            name="cam-1",
            cameras=("cam-1",),
            runs=(NodeRun(node="camera", use="c"), NodeRun(node="clean", use="d", inputs=("camera",))),
        ),
        Lane(name="archive", cameras=("cam-1",), runs=(NodeRun(node="archive", use="a"),), addresses=("ipc://x",)),
    ),
)


def report(*nodes: NodeHealth, state: Said = "running") -> Report:
    """What the process says."""
    return Report(process="p", incarnation="p.1", pid=1, state=state, t_ns=0, nodes=nodes)


def busy(node: str, lane: str, seconds: float, waiting: int = 0) -> NodeHealth:
    """A node that has worked on one record for so long."""
    return NodeHealth(node=node, lane=lane, busy_ns=int(seconds * 1e9), waiting=waiting)


def test_a_process_that_has_not_reported_is_starting_until_it_is_late() -> None:
    """Starting up has a limit of its own: imports may take longer than a heartbeat."""
    assert judge(PROCESS, None, 29, LIMITS) == Opinion("starting")
    assert judge(PROCESS, None, 31, LIMITS) == Opinion("starting", "did not start within 30 s", True)


def test_a_silent_process_is_stalled_and_later_killed() -> None:
    """Two seconds without a word are shown; ten are too many."""
    assert judge(PROCESS, report(), 1.9, LIMITS) == Opinion("running")
    assert judge(PROCESS, report(), 2.5, LIMITS) == Opinion("stalled", "has said nothing for 2 s")
    assert judge(PROCESS, report(), 10.5, LIMITS) == Opinion("stalled", "has said nothing for 10 s", True)


def test_a_node_that_does_not_come_back_while_others_wait_is_stuck() -> None:
    """The sentence names the node, its lane and how long."""
    found = judge(PROCESS, report(busy("archive", "archive", 12, waiting=3)), 0, LIMITS)
    assert found == Opinion("stuck", "node 'archive' (archive) is busy on one record for 12 s", True)


@pytest.mark.parametrize(
    "health",
    [
        busy("archive", "archive", 0, waiting=3),
        busy("archive", "archive", 9, waiting=3),
        busy("archive", "archive", 60),
        busy("camera", "cam-1", 60),
        busy("gone", "nowhere", 60, waiting=1),
    ],
    ids=["idle", "not-long", "nothing-waits", "source-without-parts", "unknown-lane"],
)
def test_an_idle_node_is_not_stuck(health: NodeHealth) -> None:
    """A long commit with nothing behind it and a camera without parts are no reason to kill anything."""
    assert judge(PROCESS, report(health), 0, LIMITS) == Opinion("running")


def test_a_node_in_a_sources_own_lane_is_stuck_although_nothing_can_queue_there() -> None:
    """It holds the camera's thread: the next exposure waits by definition."""
    assert judge(PROCESS, report(busy("clean", "cam-1", 12)), 0, LIMITS).condition == "stuck"


def test_a_process_that_holds_too_much_memory_is_started_anew_before_the_kernel_kills_another() -> None:
    """The sentence says how much it holds and how much it may; without a limit there is none."""
    limited = replace(PROCESS, memory=512 << 20)
    fat = replace(report(), rss_bytes=600 << 20)
    why = "holds 600 MiB of memory, its host allows 512 MiB"
    assert judge(limited, fat, 0, LIMITS) == Opinion("running", why, True)
    assert judge(limited, replace(fat, rss_bytes=512 << 20), 0, LIMITS) == Opinion("running")
    assert judge(PROCESS, fat, 0, LIMITS) == Opinion("running")


def test_a_draining_process_is_shown_as_such() -> None:
    """What a process says of itself is shown where nothing is wrong."""
    assert judge(PROCESS, report(state="draining"), 0, LIMITS) == Opinion("draining")

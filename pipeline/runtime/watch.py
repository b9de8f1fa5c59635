"""Judge a process by what it reports and by how long it has said nothing: pure, so that every case is testable."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from pipeline.plan import Lane, Process
from pipeline.runtime.health import NodeHealth, Report
from pipeline.runtime.state import Condition

MIB = 1 << 20


class Limits(Struct, frozen=True, kw_only=True):
    """How patient a supervisor is, in seconds.

    Attributes:
        tick: Between two looks at every process while all is well; an exit is noticed at once.
        silence: Without a report before a process is shown as stalled.
        stuck: Stalled, or busy on one record while others wait, before it is killed.
        start: Before a process that has not yet reported is killed.
        drain: From Ctrl-C until what still runs is killed.
        remote: From Ctrl-C until producers on other hosts are no longer waited for.
        settle: After a death, for its consumers to say what they had received.
        clock: By which a clock may be off before that is an alarm.
    """

    tick: float = 0.5
    silence: float = 2.0
    stuck: float = 10.0
    start: float = 30.0
    drain: float = 10.0
    remote: float = 2.0
    settle: float = 1.0
    clock: float = 0.1


class Opinion(NamedTuple):
    """What a process is judged to be; `why` is a sentence, and `kill` says that it must be started anew."""

    condition: Condition
    why: str = ""
    kill: bool = False


def judge(process: Process, report: Report | None, silent: float, limits: Limits) -> Opinion:
    """What a living process is.

    Args:
        process: What it should run.
        report: The last thing it said, if anything.
        silent: Seconds since then, or since it was started.
        limits: How patient to be.
    """
    if report is None:
        late = silent > limits.start
        return Opinion("starting", f"did not start within {limits.start:g} s" if late else "", late)
    if silent > limits.silence:
        return Opinion("stalled", f"has said nothing for {silent:.0f} s", silent > limits.stuck)
    if process.memory and report.rss_bytes > process.memory:
        held, most = report.rss_bytes / MIB, process.memory / MIB
        return Opinion("running", f"holds {held:.0f} MiB of memory, its host allows {most:.0f} MiB", True)
    if node := stuck(process, report, limits.stuck):
        return Opinion(
            "stuck", f"node '{node.node}' ({node.lane}) is busy on one record for {node.busy_ns / 1e9:.0f} s", True
        )
    return Opinion("draining" if report.state == "draining" else "running")


def stuck(process: Process, report: Report, patience: float) -> NodeHealth | None:
    """The first node that does not come back from one record while others wait; an idle node is not stuck."""
    lanes = {lane.name: lane for lane in process.lanes}
    for health in report.nodes:
        lane = lanes.get(health.lane)
        if lane and health.busy_ns > patience * 1e9 and (health.waiting or _starves_its_source(lane, health.node)):
            return health
    return None


def _starves_its_source(lane: Lane, node: str) -> bool:
    """Whether a node shares its thread with a source: the next exposure always waits."""
    return not lane.addresses and any(run.node == node and run.inputs for run in lane.runs)

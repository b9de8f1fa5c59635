"""What a host knows about its line at one moment: frozen, so that a table, a scrape and a client read the same."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pipeline.notices import Notice
from pipeline.numbers import Number
from pipeline.readings import Reading
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import merge
from pipeline.runtime.ledger import Account
from pipeline.transport.channel import Ledger

Condition = Literal["waiting", "starting", "running", "stalled", "stuck", "draining", "degraded", "ended", "lost"]
Phase = Literal["starting", "running", "draining", "ended"]
Reach = Literal["awaited", "reachable", "unreachable", "left"]

HEALTHY: frozenset[Condition] = frozenset({"running", "draining", "ended"})


class ProcessState(Struct, frozen=True, kw_only=True):
    """One process over all its incarnations.

    Attributes:
        condition: `waiting` to be restarted, `starting`, `running`, `stalled` (it says nothing),
            `stuck` (a node does not come back from one record), `draining`, `degraded` (it fails
            again and again), `ended` well, or `lost` (it died and is not restarted).
        restarts: Times it was started again.
        why: What went wrong last, in words; empty where nothing did.
    """

    name: str
    condition: Condition
    pid: int = 0
    incarnation: str = ""
    restarts: int = 0
    rss_bytes: int = 0
    why: str = ""


class NodeState(Struct, frozen=True, kw_only=True):
    """One node in one lane, counted over all incarnations of its process.

    Attributes:
        process: The process it runs in.
        condition: Its process's, or its own where that is worse.
        t_ns: When it reported that (UTC, ns).
        health: What it reported, earlier incarnations added.
    """

    process: str
    t_ns: int
    condition: Condition
    health: NodeHealth


class EdgeState(Struct, frozen=True, kw_only=True):
    """One edge whose producer runs on this host.

    Attributes:
        source: (node, lane) that gives.
        target: (node, lane) that takes.
        policy: What happens when the target is slow.
        account: What became of its records.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    policy: str
    account: Account


class Alarm(Struct, frozen=True):
    """Something a person should know, when it happened (UTC, ns)."""

    t_ns: int
    text: str


class PeerState(Struct, frozen=True, kw_only=True):
    """Another host of the line, as this one knows it.

    Attributes:
        address: Where its supervisor is.
        reach: `awaited` (it was never heard), `reachable`, `unreachable`, or `left` in good order.
        since_ns: Since when, by this host's time.
        phase: What it said it does; so with all that follows.
        faults: Why it is not healthy, in words.
        running: Processes of it that run.
        processes: Processes that it has.
        rate: Records a second at the first of its nodes.
        calls: Alarms of it that wait to be acknowledged.
        offset_ns: How far its time is ahead of this host's; None before that was measured.
        doubt_ns: By how much that may be wrong.
    """

    host: str
    address: str
    reach: Reach
    since_ns: int
    phase: Phase = "starting"
    faults: tuple[str, ...] = ()
    running: int = 0
    processes: int = 0
    rate: float = 0.0
    calls: int = 0
    offset_ns: int | None = None
    doubt_ns: int | None = None


class Snapshot(Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Everything about a line on one host at `t_ns`, by the time of the line.

    Attributes:
        since_ns: When the host started it.
        step_ns: How far the host's clock was set since then.
        order: Its nodes, each after those that feed it.
        log: Where its log goes; empty for the terminal.
        alarms: The newest ones, oldest first.
        notices: What is so now and people should know, oldest first.
        peers: The line's other hosts.
        disks: Used share of the disk of each folder that sinks and the supervisor watch, 0…1.
        readings: What each camera said of itself last.
        numbers: What nodes count, each with its process.
        pictured: Cameras whose pictures leave their process: whoever looks at the line sees which.
    """

    line: str
    host: str
    pid: int
    phase: Phase
    since_ns: int
    t_ns: int
    order: tuple[str, ...]
    processes: tuple[ProcessState, ...]
    nodes: tuple[NodeState, ...]
    edges: tuple[EdgeState, ...]
    alarms: tuple[Alarm, ...] = ()
    notices: tuple[Notice, ...] = ()
    log: str = ""
    step_ns: int = 0
    peers: tuple[PeerState, ...] = ()
    disks: dict[str, float] = {}
    readings: dict[str, Reading] = {}
    numbers: tuple[tuple[str, Number], ...] = ()
    pictured: tuple[str, ...] = ()

    @property
    def here(self) -> list[str]:
        """Its nodes that run on this host, in their order."""
        found = {node.health.node for node in self.nodes}
        return [node for node in self.order if node in found]

    @property
    def calls(self) -> int:
        """Alarms of this host that wait to be acknowledged."""
        found = (number for _, number in self.numbers if number.name == "kensa_alarms")
        return sum(int(number.value) for number in found if number.labels[-1].endswith("unacknowledged"))

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the line is not healthy, in words; empty when it is."""
        processes = [f"process {p.name} is {p.condition}" for p in self.processes if p.condition not in HEALTHY]
        nodes = [f"node {n.health.node} in {n.health.lane} is degraded" for n in self.nodes if n.health.degraded]
        return (*processes, *nodes)


def dropped(ledger: Ledger) -> int:
    """Records that were let go, for whatever reason."""
    return sum(ledger.dropped.values())


def merged(a: NodeHealth, b: NodeHealth) -> NodeHealth:
    """Counts of two incarnations, or of two lanes, of a node; what is true now is `b`'s."""
    return replace(
        b,
        taken=a.taken + b.taken,
        given=a.given + b.given,
        failed=a.failed + b.failed,
        restarts=a.restarts + b.restarts,
        latency=merge((a.latency, b.latency)),
        age=merge((a.age, b.age)),
    )

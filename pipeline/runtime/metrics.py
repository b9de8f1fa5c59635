"""What monitoring reads: Prometheus' text format under `/metrics`, a yes or no with reasons under `/healthz`.

Labels are bounded by the plan: nodes, lanes, edges, processes and a closed set of reasons; never a
session, a record or a text. Names follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, Self, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import KensaError
from pipeline.gets import LOOPBACK, TEXT, Gets, server
from pipeline.notices import Notice
from pipeline.numbers import FAMILIES, Number
from pipeline.readings import Reading
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import middle
from pipeline.runtime.state import HEALTHY, EdgeState, NodeState, PeerState, ProcessState, Snapshot
from pipeline.transport.channel import Ledger

BOUNDS = (1e-6, 1e-5, 1e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
HEAD = ("line", "host")

Now = Callable[[], Snapshot]
Labels = tuple[str, ...]
T = TypeVar("T")


class Meter(NamedTuple, Generic[T]):
    """One number that is read off many things of a kind; None where a thing does not have it."""

    family: type[GaugeMetricFamily | CounterMetricFamily]
    name: str
    said: str
    read: Callable[[T], float | None]


class Endpoint:
    """Serves both pages until it is closed, and nothing else: who can reach it can read numbers, and change none.

    Args:
        now: Gives the newest snapshot; called from other threads.
        port: Where to listen; 0 for any free port.
        address: On which of this host's addresses; only this host itself can reach the first of them.

    Raises:
        KensaError: If the port is taken or the address is not this host's.
    """

    def __init__(self, now: Now, port: int, address: str = LOOPBACK) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(LineCollector(now))
        try:
            self._server = server(address)((address, port), _handler(registry, now))
        except OSError as error:
            said, what = error.strerror, "0 takes any free port"
            if address != LOOPBACK:
                said, what = f"--metrics-bind {address}: {said}", f"expected an address of this host; {what}"
            raise KensaError(f"--metrics {port}: {said}; {what}") from error
        self._address = address
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        address = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{address}:{self._server.server_port}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class LineCollector(Collector):
    """A line's newest snapshot as metrics: nothing is counted twice, nothing is kept."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every metric of the line."""
        snapshot = self._now()
        head = (snapshot.line, snapshot.host)
        healthy = GaugeMetricFamily("kensa_line_healthy", "1 while nothing is wrong.", labels=HEAD)
        healthy.add_metric(head, float(not snapshot.faults))
        yield healthy
        notices = GaugeMetricFamily("kensa_line_notices", "Things that are so and people should know.", labels=HEAD)
        notices.add_metric(head, len(snapshot.notices))
        yield notices
        yield from _kinds(head, snapshot.notices)
        step = GaugeMetricFamily("kensa_clock_step_seconds", "How far the clock was set since the start.", labels=HEAD)
        step.add_metric(head, snapshot.step_ns / 1e9)
        yield step
        yield from _processes(head, snapshot.processes)
        yield from _nodes(head, snapshot.nodes)
        yield from _edges(head, snapshot.edges)
        yield from _peers(head, snapshot.peers)
        disks = GaugeMetricFamily("kensa_disk_used_ratio", "Used share of a folder's disk.", labels=(*HEAD, "folder"))
        for folder, used in snapshot.disks.items():
            disks.add_metric((*head, folder), used)
        yield disks
        yield from _cameras(head, snapshot.readings)
        yield from _counted(head, snapshot.numbers)


def seconds(histogram: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """A histogram of nanoseconds as Prometheus has it: cumulative counts per bound, and the sum in seconds."""
    spread = [(middle(bucket) / 1e9, count) for bucket, count in histogram.items()]
    counts = [(repr(bound), float(sum(n for value, n in spread if value <= bound))) for bound in BOUNDS]
    return [*counts, ("+Inf", float(sum(n for _, n in spread)))], sum(value * n for value, n in spread)


def health(snapshot: Snapshot) -> tuple[int, bytes]:
    """The status and body of `/healthz`: 200 while the line runs well, else 503 with every reason.

    What people should know besides is in the body, whatever the status.
    """
    reasons = [*snapshot.faults] or ([] if snapshot.phase == "running" else [f"the line is {snapshot.phase}"])
    body = {"healthy": not reasons, "line": snapshot.line, "host": snapshot.host, "phase": snapshot.phase}
    told = [notice.text for notice in snapshot.notices]
    return 503 if reasons else 200, json.dumps({**body, "reasons": reasons, "notices": told}).encode() + b"\n"


def _up(process: ProcessState) -> float:
    return float(process.condition in HEALTHY and bool(process.pid))


def _failing(process: ProcessState) -> float:
    return float(process.condition in ("degraded", "lost"))


PROCESSES: tuple[Meter[ProcessState], ...] = (
    Meter(GaugeMetricFamily, "kensa_process_up", "1 while the process runs and answers.", _up),
    Meter(GaugeMetricFamily, "kensa_process_degraded", "1 while it fails again and again, or is given up.", _failing),
    Meter(CounterMetricFamily, "kensa_process_restarts", "Times it was started again.", lambda p: p.restarts),
    Meter(GaugeMetricFamily, "kensa_process_rss_bytes", "Memory it holds.", lambda p: p.rss_bytes),
)
NODES: tuple[Meter[NodeHealth], ...] = (
    Meter(CounterMetricFamily, "kensa_node_records", "Records it took (a source: gave).", lambda n: n.taken or n.given),
    Meter(CounterMetricFamily, "kensa_node_given", "Records it gave.", lambda n: n.given),
    Meter(CounterMetricFamily, "kensa_node_failed", "Records it failed on; each became a gap.", lambda n: n.failed),
    Meter(CounterMetricFamily, "kensa_node_restarts", "Times it was begun anew after it raised.", lambda n: n.restarts),
    Meter(GaugeMetricFamily, "kensa_node_waiting", "Records that wait in front of it.", lambda n: n.waiting),
    Meter(GaugeMetricFamily, "kensa_node_degraded", "1 while it fails again and again.", lambda n: n.degraded),
)
EDGES: tuple[Meter[Ledger], ...] = (
    Meter(CounterMetricFamily, "kensa_edge_sent", "Records handed to the edge.", lambda e: e.sent),
    Meter(CounterMetricFamily, "kensa_edge_delivered", "Records its consumer is done with.", lambda e: e.delivered),
    Meter(CounterMetricFamily, "kensa_edge_spilled", "Records that went to disk.", lambda e: e.spilled),
    Meter(
        CounterMetricFamily, "kensa_edge_resent", "Records sent again after its consumer was away.", lambda e: e.resent
    ),
    Meter(
        GaugeMetricFamily, "kensa_edge_in_flight", "Records that wait or are with the consumer.", lambda e: e.in_flight
    ),
)

PEERS: tuple[Meter[PeerState], ...] = (
    Meter(GaugeMetricFamily, "kensa_peer_up", "1 while the host answers.", lambda p: p.reach == "reachable"),
    Meter(GaugeMetricFamily, "kensa_peer_faults", "What is not healthy there.", lambda p: len(p.faults)),
)
CLOCKS: tuple[Meter[PeerState], ...] = (
    Meter(
        GaugeMetricFamily,
        "kensa_peer_clock_offset_seconds",
        "How far its time is ahead of this host's.",
        lambda p: (p.offset_ns or 0) / 1e9,
    ),
    Meter(
        GaugeMetricFamily,
        "kensa_peer_clock_doubt_seconds",
        "By how much that may be wrong.",
        lambda p: (p.doubt_ns or 0) / 1e9,
    ),
)
CAMERAS: tuple[Meter[Reading], ...] = (
    Meter(
        GaugeMetricFamily, "kensa_sensor_temperature_celsius", "Temperature of the sensor.", lambda r: r.temperature_c
    ),
    Meter(
        GaugeMetricFamily,
        "kensa_sensor_inference_seconds",
        "Last run time of its network.",
        lambda r: r.dnn_us and r.dnn_us / 1e6,
    ),
)


def _processes(head: Labels, processes: tuple[ProcessState, ...]) -> Iterator[Metric]:
    yield from _measured(PROCESSES, ("process",), [((*head, p.name), p) for p in processes])


def _nodes(head: Labels, nodes: tuple[NodeState, ...]) -> Iterator[Metric]:
    told = [((*head, n.health.node, n.health.lane), n.health) for n in nodes]
    yield from _measured(NODES, ("node", "lane"), told)
    work = HistogramMetricFamily("kensa_node_seconds", "Work time per record.", labels=(*HEAD, "node", "lane"))
    age = HistogramMetricFamily("kensa_sink_age_seconds", "From exposure to done.", labels=(*HEAD, "node", "lane"))
    for labels, one in told:
        work.add_metric(labels, *seconds(one.latency))
        if one.age:
            age.add_metric(labels, *seconds(one.age))
    yield from (work, age)


def _edges(head: Labels, edges: tuple[EdgeState, ...]) -> Iterator[Metric]:
    totals = [((*head, edge.account.edge), edge.account.total) for edge in edges]
    yield from _measured(EDGES, ("edge",), totals)
    dropped = CounterMetricFamily("kensa_edge_dropped", "Records that were let go.", labels=(*HEAD, "edge", "reason"))
    for labels, ledger in totals:
        for reason, number in ledger.dropped.items():
            dropped.add_metric((*labels, reason), number)
    yield dropped


def _peers(head: Labels, peers: tuple[PeerState, ...]) -> Iterator[Metric]:
    yield from _measured(PEERS, ("peer",), [((*head, peer.host), peer) for peer in peers])
    compared = [((*head, peer.host), peer) for peer in peers if peer.offset_ns is not None]
    yield from _measured(CLOCKS, ("peer",), compared)


def _cameras(head: Labels, readings: Mapping[str, Reading]) -> Iterator[Metric]:
    yield from _measured(CAMERAS, ("camera",), [((*head, camera), one) for camera, one in sorted(readings.items())])


def _counted(head: Labels, told: Iterable[tuple[str, Number]]) -> Iterator[Metric]:
    """What nodes count; a process that runs two of them counts them together."""
    for name, family in FAMILIES.items():
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = kind(name, family.said, labels=(*HEAD, "process", *family.labels))
        for process, number in told:
            if number.name == name:
                metric.add_metric((*head, process, *number.labels), number.value)
        yield metric


def _kinds(head: Labels, notices: Iterable[Notice]) -> Iterator[Metric]:
    """Notices by the first word of their keys: a closed set."""
    found = Counter(re.split("[ :]", notice.key, maxsplit=1)[0] for notice in notices)
    metric = GaugeMetricFamily("kensa_notices", "Things that are so and people should know.", labels=(*HEAD, "kind"))
    for kind, number in found.items():
        metric.add_metric((*head, kind), number)
    yield metric


def _measured(meters: Iterable[Meter[T]], labels: Labels, things: Iterable[tuple[Labels, T]]) -> Iterator[Metric]:
    for meter in meters:
        family = meter.family(meter.name, meter.said, labels=(*HEAD, *labels))
        for values, thing in things:
            if (value := meter.read(thing)) is not None:
                family.add_metric(values, value)
        yield family


def _handler(registry: CollectorRegistry, now: Now) -> type[Gets]:
    class Pages(Gets):
        """The two pages."""

        def page(self, path: str) -> tuple[int, str, bytes]:
            """Status, kind and body."""
            match path:
                case "/metrics":
                    return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
                case "/healthz":
                    status, body = health(now())
                    return status, "application/json", body
            return 404, TEXT, b"expected /metrics or /healthz\n"

    return Pages

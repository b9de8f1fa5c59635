"""Tests of `pipeline.runtime.metrics`, read as Prometheus and a load balancer would."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import KensaError
from pipeline.gets import AT_ONCE
from pipeline.notices import Notice
from pipeline.numbers import Number
from pipeline.readings import Reading
from pipeline.runtime.histogram import bucket
from pipeline.runtime.metrics import Endpoint, health, seconds
from pipeline.runtime.state import PeerState, Phase, ProcessState, Snapshot
from pipeline.transport.channel import Ledger
from tests.lines import edge, node, process, snapshot
from tests.lines import health as told

HEAD = {"line": "nagoya-a", "host": "edge-1"}


def line(processes: Sequence[ProcessState] = (process(restarts=2),), phase: Phase = "running") -> Snapshot:
    """A line with something to count."""
    latency = {bucket(50_000): 9, bucket(2_000_000_000): 1}
    return snapshot(
        nodes=[node(told("clean", "cam-1", taken=10, given=9, failed=1, restarts=1, waiting=3, latency=latency))],
        edges=[edge("clean", "archive", Ledger(sent=9, delivered=5, dropped={"overflow": 2, "crash": 1}, in_flight=1))],
        processes=processes,
        phase=phase,
    )


def fetched(url: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values beyond line and host) → value."""
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert all(HEAD.items() <= sample.labels.items() for sample in found)
    return {(s.name, tuple(v for k, v in sorted(s.labels.items()) if k not in HEAD)): s.value for s in found}


def test_prometheus_reads_every_number() -> None:
    """The text parses with Prometheus' own parser and says what the snapshot says."""
    with Endpoint(line, 0) as endpoint:
        status, text = fetched(endpoint.url)
    found = samples(text)
    assert status == 200
    assert found["kensa_line_healthy", ()] == 1
    assert found["kensa_node_records_total", ("cam-1", "clean")] == 10
    assert found["kensa_node_failed_total", ("cam-1", "clean")] == 1
    assert found["kensa_node_waiting", ("cam-1", "clean")] == 3
    assert found["kensa_node_seconds_count", ("cam-1", "clean")] == 10
    assert found["kensa_node_seconds_bucket", ("cam-1", "0.0001", "clean")] == 9
    assert found["kensa_edge_sent_total", ("clean→archive",)] == 9
    assert found["kensa_edge_dropped_total", ("clean→archive", "overflow")] == 2
    assert found["kensa_edge_dropped_total", ("clean→archive", "crash")] == 1
    assert found["kensa_edge_in_flight", ("clean→archive",)] == 1
    assert found["kensa_process_up", ("line",)] == 1
    assert found["kensa_process_restarts_total", ("line",)] == 2
    assert found["kensa_process_rss_bytes", ("line",)] == 40 << 20


def test_a_degraded_process_is_down_and_degraded() -> None:
    """What should wake somebody up is one number."""
    with Endpoint(lambda: line([process(condition="degraded", pid=0)]), 0) as endpoint:
        found = samples(fetched(endpoint.url)[1])
    assert (found["kensa_process_up", ("line",)], found["kensa_process_degraded", ("line",)]) == (0, 1)
    assert found["kensa_line_healthy", ()] == 0


def test_other_hosts_and_clocks_are_told() -> None:
    """One that is away, one whose time is off, and one whose time was never compared: that one has no number."""
    here = PeerState(host="edge-2", address="", reach="reachable", since_ns=0, faults=("x",), doubt_ns=10**5)
    peers = (replace(here, offset_ns=-250_000_000), PeerState(host="edge-3", address="", reach="awaited", since_ns=0))
    with Endpoint(lambda: replace(line(), peers=peers, step_ns=-3_600_000_000_000), 0) as endpoint:
        found = samples(fetched(endpoint.url)[1])
    assert found["kensa_clock_step_seconds", ()] == -3600
    assert (found["kensa_peer_up", ("edge-2",)], found["kensa_peer_up", ("edge-3",)]) == (1, 0)
    assert found["kensa_peer_faults", ("edge-2",)] == 1
    assert found["kensa_peer_clock_offset_seconds", ("edge-2",)] == -0.25
    assert found["kensa_peer_clock_doubt_seconds", ("edge-2",)] == 0.0001
    assert ("kensa_peer_clock_offset_seconds", ("edge-3",)) not in found


def test_health_is_200_while_the_line_runs_well() -> None:
    """A load balancer looks at the status alone."""
    with Endpoint(line, 0) as endpoint:
        status, text = fetched(endpoint.url.replace("/metrics", "/healthz"))
    assert status == 200
    assert json.loads(text) == {"healthy": True, **HEAD, "phase": "running", "reasons": [], "notices": []}


def test_what_people_should_know_is_in_both_pages() -> None:
    """A disk that fills up does not take the line out of service, but somebody has to look after it."""
    full = Notice("disk", "the archive's disk is 90 % full", 0)
    with Endpoint(lambda: snapshot(notices=[full]), 0) as endpoint:
        _, text = fetched(endpoint.url)
        status, said = fetched(endpoint.url.replace("/metrics", "/healthz"))
    assert samples(text)["kensa_line_notices", ()] == 1
    assert (status, json.loads(said)["notices"]) == (200, ["the archive's disk is 90 % full"])


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (line([process("archive@edge-1", "stalled")]), "process archive@edge-1 is stalled"),
        (line([process("archive@edge-1", "waiting")]), "process archive@edge-1 is waiting"),
        (line(phase="draining"), "the line is draining"),
        (snapshot(nodes=[node(told("track", "cam-2", degraded=True))]), "node track in cam-2 is degraded"),
    ],
    ids=["stalled", "waiting", "draining", "degraded-node"],
)
def test_health_is_503_with_every_reason_otherwise(state: Snapshot, reason: str) -> None:
    """A person reads why."""
    status, body = health(state)
    assert (status, json.loads(body)["reasons"]) == (503, [reason])


def test_another_page_is_not_found() -> None:
    """The answer names the two there are."""
    with Endpoint(line, 0) as endpoint:
        assert fetched(endpoint.url.replace("/metrics", "/")) == (404, "expected /metrics or /healthz\n")


def test_a_port_that_is_taken_is_refused_in_words() -> None:
    """Two lines on one host, one port: say so, and say what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(KensaError, match=rf"--metrics {port}: Address already in use; 0 takes any free port"):
            Endpoint(line, port)


def test_nothing_but_get_is_answered() -> None:
    """Nobody can change anything over HTTP: there is no method to do it with, so no token is needed for one."""
    with Endpoint(line, 0) as endpoint:
        for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "reset"):
            for page in ("/metrics", "/healthz", "/"):
                asked = urllib.request.Request(endpoint.url.replace("/metrics", page), b"x" * 10, method=method)
                with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(asked, timeout=5):
                    pass
                with refused.value as error:
                    assert (method, error.code, error.headers["Allow"]) == (method, 405, "GET")


def test_only_this_host_is_served_unless_told() -> None:
    """The loopback address, unless another is asked for; a name that is none of this host's is refused in words."""
    with Endpoint(line, 0) as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
    with Endpoint(line, 0, "127.0.0.2") as endpoint:
        assert endpoint.url.startswith("http://127.0.0.2:")
        assert fetched(endpoint.url)[0] == 200
        with pytest.raises(urllib.error.URLError):
            fetched(endpoint.url.replace("127.0.0.2", "127.0.0.1"))
    with pytest.raises(
        KensaError, match=r"--metrics 0: --metrics-bind 192\.0\.2\.1: .*; expected an address of this host"
    ):
        Endpoint(line, 0, "192.0.2.1")


def test_a_flood_of_connections_costs_a_few_threads() -> None:
    """Who connects and says nothing takes no more than its share; beyond it connections are closed at once."""
    with Endpoint(line, 0) as endpoint, ExitStack() as stack:
        host, port = endpoint.url.removeprefix("http://").removesuffix("/metrics").split(":")
        before = threading.active_count()
        idle = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(3 * AT_ONCE)]
        assert idle[-1].recv(1) == b""
        assert threading.active_count() - before <= AT_ONCE


def test_bounds_are_cumulative_and_end_with_everything() -> None:
    """Prometheus' histograms count everything below each bound."""
    buckets, total = seconds({bucket(50_000): 9, bucket(20_000_000_000): 1})
    assert buckets[0] == ("1e-06", 0)
    assert dict(buckets)["0.0001"] == 9
    assert buckets[-1] == ("+Inf", 10)
    assert total == pytest.approx(20, rel=0.1)


def test_cameras_say_how_warm_they_are() -> None:
    """One that does not say has no number, rather than a wrong one."""
    warm = replace(line(), readings={"cam-1": Reading(temperature_c=61.5, dnn_us=14_300), "cam-2": Reading()})
    with Endpoint(lambda: warm, 0) as endpoint:
        found = samples(fetched(endpoint.url)[1])
    told = {key: value for key, value in found.items() if key[0].startswith("kensa_sensor")}
    assert told == {
        ("kensa_sensor_temperature_celsius", ("cam-1",)): 61.5,
        ("kensa_sensor_inference_seconds", ("cam-1",)): 0.0143,
    }


def test_the_disks_are_told_by_folder() -> None:
    """What fills up is seen before it is full."""
    full = replace(line(), disks={"/data/archive": 0.72, "/var/lib/kensa": 0.5})
    with Endpoint(lambda: full, 0) as endpoint:
        found = samples(fetched(endpoint.url)[1])
    assert found["kensa_disk_used_ratio", ("/data/archive",)] == 0.72
    assert found["kensa_disk_used_ratio", ("/var/lib/kensa",)] == 0.5


def test_what_nodes_count_is_shown_with_its_process() -> None:
    """Two processes that count the same are two series."""
    told = [(name, Number("kensa_verdicts", ("cam-1", "FAIL"), value)) for name, value in (("a", 3.0), ("b", 4.0))]
    flood = ("a", Number("kensa_alarms_flooded", ("plates",), 1.0))
    drift = Notice("drift cam-1 hole area", "…", 0)
    state = replace(snapshot(notices=[drift, Notice("spool:a→b", "…", 0)]), numbers=(*told, flood))
    with Endpoint(lambda: state, 0) as endpoint:
        found = samples(fetched(endpoint.url)[1])
    assert found["kensa_verdicts_total", ("cam-1", "FAIL", "a")] == 3
    assert found["kensa_verdicts_total", ("cam-1", "FAIL", "b")] == 4
    assert found["kensa_alarms_flooded", ("plates", "a")] == 1
    assert (found["kensa_notices", ("drift",)], found["kensa_notices", ("spool",)]) == (1, 1)

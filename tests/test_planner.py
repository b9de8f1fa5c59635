"""The plan: every node in its right lanes, every pair of connected nodes covered once, the same plan every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog import catalog as installed
from pipeline.check import load
from pipeline.errors import TopologyError
from pipeline.folders import socket_path
from pipeline.outline import text
from pipeline.plan import Edge, Lane, Plan
from pipeline.planner import plan
from pipeline.records import Gap, Tracks, Verdict
from pipeline.topology import Bounds, Host, Step, Topology
from tests.conftest import ROOT, Golden
from tests.specimens import catalog

NODES = catalog()
FOLDER = Path("/run/kensa/line")
CHAIN = {
    "camera": Step(use="sensor"),
    "clean": Step(use="clean", inputs=("camera",)),
    "measure": Step(use="measure", inputs=("clean",)),
    "track": Step(use="track", inputs=("measure",)),
    "rules": Step(use="rules", inputs=("track",)),
}
ONE = {"box": Host(cameras=("cam-1", "cam-2"))}
TWO = {
    "edge-1": Host(address="10.0.7.11", cameras=("cam-1", "cam-2")),
    "edge-2": Host(address="10.0.7.12", cameras=("cam-3",), port=8000),
}


def _plan(hosts: dict[str, Host], **more: Step) -> Plan:
    return plan(Topology(name="line", hosts=hosts, nodes=CHAIN | more), NODES, folder=FOLDER)


def _lanes(found: Plan) -> dict[str, Lane]:
    return {lane.name: lane for process in found.processes for lane in process.lanes}


def _layout(found: Plan) -> dict[str, dict[str, str]]:
    """Process → lane → nodes."""
    return {p.name: {lane.name: " ".join(run.node for run in lane.runs) for lane in p.lanes} for p in found.processes}


def test_a_camera_is_one_lane() -> None:
    """Light nodes of a camera share its thread, the cameras of a host one process."""
    chain = "camera clean measure track rules"
    assert _layout(_plan(ONE)) == {"box": {"cam-1": chain, "cam-2": chain}}
    assert _plan(ONE).edges == ()
    assert [run.inputs for run in _lanes(_plan(ONE))["cam-1"].runs] == [
        (),
        ("camera",),
        ("clean",),
        ("measure",),
        ("track",),
    ]


def test_what_is_cut() -> None:
    """A sink that sees all cameras has its process, one state for all a lane, a lamp beside the camera neither."""
    found = _plan(
        ONE,
        lamp=Step(use="lamp", inputs=("rules",)),
        stats=Step(use="stats", inputs=("rules",)),
        archive=Step(use="archive", inputs=("track", "rules")),
    )
    chain = "camera clean measure track rules lamp"
    assert _layout(found) == {
        "box": {"cam-1": chain, "cam-2": chain, "stats": "stats"},
        "archive@box": {"archive": "archive"},
    }
    assert Counter((e.source[0], e.target, e.transport, e.why) for e in found.edges) == {
        ("rules", ("stats", "stats"), "memory", "'stats' keeps one state for all cameras"): 2,
        ("track", ("archive", "archive"), "ipc", "sink 'archive' sees all cameras: its own process"): 2,
        ("rules", ("archive", "archive"), "ipc", "sink 'archive' sees all cameras: its own process"): 2,
    }
    assert found.edges[0].name == "rules@cam-1→stats"


def test_isolate() -> None:
    """An isolated node has one lane in a process of its own; what follows it there joins it."""
    found = _plan(ONE, track=Step(use="track", inputs=("measure",), isolate=True))
    assert _layout(found) == {
        "box": {"cam-1": "camera clean measure", "cam-2": "camera clean measure"},
        "track@box": {"track": "track rules"},
    }
    assert _lanes(found)["track"].cameras == ("cam-1", "cam-2")
    assert {edge.why for edge in found.edges} == {"'track' is isolated"}


def test_pinned_to_another_host() -> None:
    """Cameras of that host keep their lane; those of others share one there, reached over TCP."""
    found = _plan(TWO, rules=Step(use="rules", inputs=("track",), at="edge-2"))
    assert _layout(found) == {
        "edge-1": {"cam-1": "camera clean measure track", "cam-2": "camera clean measure track"},
        "edge-2": {"cam-3": "camera clean measure track rules", "rules": "rules"},
    }
    assert _lanes(found)["rules"].addresses == ("tcp://10.0.7.12:8001",)
    assert {(e.transport, e.address, e.why) for e in found.edges} == {
        ("tcp", "tcp://10.0.7.12:8001", "'rules' runs on edge-2")
    }


def test_one_inbox_for_two_hosts() -> None:
    """A sink is reached by a socket from its own host and by a port from the other; `here` needs no port."""
    sinks = {name: Step(use=name, inputs=("rules",), at="edge-2") for name in ("archive", "alarms")}
    lanes = _lanes(_plan(TWO, **sinks))
    assert lanes["archive"].addresses == ("ipc:///run/kensa/line/archive.sock", "tcp://10.0.7.12:8001")
    assert lanes["alarms"].addresses == ("ipc:///run/kensa/line/alarms.sock", "tcp://10.0.7.12:8002")
    topology = Topology(name="line", hosts=TWO, nodes=CHAIN | sinks)
    lanes = _lanes(plan(topology, NODES, here=True, folder=FOLDER))
    assert lanes["archive"].addresses == ("ipc:///run/kensa/line/archive.sock",)


def test_a_sink_that_is_not_pinned_runs_on_every_host() -> None:
    """Nodes run where their inputs run; their lanes are told apart by host."""
    found = _plan(TWO, archive=Step(use="archive", inputs=("track",)))
    assert [process.name for process in found.processes] == ["edge-1", "archive@edge-1", "edge-2", "archive@edge-2"]
    assert [edge.name for edge in found.edges] == [
        "track@cam-1→archive@edge-1",
        "track@cam-2→archive@edge-1",
        "track@cam-3→archive@edge-2",
    ]


def test_inputs_on_two_hosts() -> None:
    """Where nobody can say where a node should run, it is asked."""
    rules, archive = Step(use="rules", inputs=("track",), at="edge-2"), Step(use="archive", inputs=("track", "rules"))
    with pytest.raises(TopologyError, match="'archive' takes 'cam-1' from hosts edge-1 and edge-2: say where it runs"):
        _plan(TWO, rules=rules, archive=archive)


@pytest.mark.parametrize(
    ("address", "bound", "reached"), [("box.local", "*", "box.local"), ("fd00::7", "[fd00::7]", "[fd00::7]")]
)
def test_host_names_and_ipv6(address: str, bound: str, reached: str) -> None:
    """A host known by name listens everywhere; an IPv6 address stands in brackets."""
    hosts = TWO | {"edge-2": Host(address=address)}
    found = _plan(hosts, archive=Step(use="archive", inputs=("track",), at="edge-2"))
    assert _lanes(found)["archive"].addresses == (f"tcp://{bound}:7401",)
    assert {edge.address for edge in found.edges} == {f"tcp://{reached}:7401"}


def test_kinds_on_an_edge() -> None:
    """What is given and taken travels, and gaps wherever somebody behind the edge takes them."""
    found = _plan(
        ONE,
        clean=Step(use="clean", inputs=("camera",), isolate=True),
        archive=Step(use="archive", inputs=("track", "rules")),
        alarms=Step(use="alarms", inputs=("rules",)),
    )
    kinds = {(edge.source[0], edge.target[0]): edge.kinds for edge in found.edges}
    assert kinds == {
        ("camera", "clean"): ("frame", "gap"),
        ("track", "archive"): ("gap", "tracks"),
        ("rules", "archive"): ("gap", "verdict"),
        ("rules", "alarms"): ("verdict",),
    }


def test_queues() -> None:
    """A live line spools what its sinks keep and drops the rest; one that can wait blocks; the file is set on top."""
    sinks = {
        "archive": Step(use="archive", inputs=("rules",), queue=Bounds(age=2.5)),
        "alarms": Step(use="alarms", inputs=("rules",), queue=Bounds(policy="latest")),
        "stats": Step(use="stats", inputs=("rules",)),
    }
    live = {edge.target[0]: edge.queue for edge in _plan(ONE, **sinks).edges}
    assert (live["archive"].policy, live["archive"].messages, live["archive"].age) == ("spool", 1024, 2.5)
    assert (live["stats"].policy, live["stats"].messages) == ("drop_oldest", 256)
    assert (live["alarms"].policy, live["alarms"].messages) == ("latest", 1)
    film = _plan(ONE, camera=Step(use="film"), **sinks)
    assert {edge.target[0]: edge.queue.policy for edge in film.edges} == {
        "archive": "block",
        "stats": "block",
        "alarms": "latest",
    }


def test_a_spool_asks_for_a_process() -> None:
    """A node with a spool in front of it has a process of its own, for a disk saves nothing where both ends die."""
    for queue in (Bounds(policy="spool"), Bounds(spool=1 << 20), Bounds(survives="power")):
        found = _plan(ONE, stats=Step(use="stats", inputs=("rules",), queue=queue))
        edge = next(edge for edge in found.edges if edge.target[0] == "stats")
        assert (edge.queue.policy, edge.transport) == ("spool", "ipc")
        assert edge.why.startswith("'stats' has a spool: its own process")
        assert edge.queue.survives == (queue.survives or "kill")


def test_a_sink_that_keeps_nothing_may_drop() -> None:
    """What takes lists and says that it does not commit them is given no disk."""
    nodes = {**CHAIN, "archive": Step(use="archive", inputs=("rules",))}
    specs = {name: NODES[name] for name in ("sensor", "clean", "measure", "track", "rules")}
    specs["archive"] = msgspec.structs.replace(NODES["archive"], commits=False)
    found = plan(Topology(name="line", hosts=ONE, nodes=nodes), specs, folder=FOLDER)
    assert {edge.queue.policy for edge in found.edges} == {"drop_oldest"}


def test_what_a_sink_only_passes_on_may_be_dropped() -> None:
    """Of the edges to one sink those with a disk carry what it keeps, whatever else comes by them."""
    nodes = {**CHAIN, "archive": Step(use="archive", inputs=("track", "rules"))}
    specs = {name: NODES[name] for name in ("sensor", "clean", "measure", "track", "rules")}
    for passing, policy in (((Tracks,), "drop_oldest"), ((Tracks, Verdict), "drop_oldest"), ((), "spool")):
        specs["archive"] = msgspec.structs.replace(NODES["archive"], passing=frozenset(passing))
        found = plan(Topology(name="line", hosts=ONE, nodes=nodes), specs, folder=FOLDER)
        policies = {edge.source[0]: edge.queue.policy for edge in found.edges}
        assert policies == {"track": policy, "rules": "drop_oldest" if Verdict in passing else "spool"}


def test_the_operators_screen_counts_every_verdict() -> None:
    """What it counts is on a disk while it is away; what it shows is let go: nobody waits for it."""
    found = plan(load(ROOT / "topologies" / "screen.yaml"), installed(), folder=FOLDER)
    edges = [edge for edge in found.edges if edge.target[0] == "screen"]
    assert {(edge.source[0], edge.queue.policy) for edge in edges} == {("track", "drop_oldest"), ("rules", "spool")}


def test_a_screen_of_masks_alone_may_have_the_newest_of_each_camera(tmp_path: Path) -> None:
    """As docs/screen.md says it: nothing is counted there."""
    page = (ROOT / "docs" / "screen.md").read_text(encoding="utf-8")
    (said,) = [line for line in page.splitlines() if line.startswith("wall: ")]
    (tmp_path / "wall.yaml").write_text(f"include: [{ROOT}/topologies/screen.yaml]\nnodes:\n  {said}\n")
    found = plan(load(tmp_path / "wall.yaml"), installed(), folder=FOLDER)
    assert {edge.queue.policy for edge in found.edges if edge.target[0] == "wall"} == {"latest"}


def test_overrides_stay_with_their_camera() -> None:
    """A lane knows the parameters of its own cameras alone."""
    step = Step(use="clean", inputs=("camera",), overrides={"cam-2": {"min_area": 3}})
    lanes = _lanes(_plan(ONE, clean=step))
    assert [lanes[name].runs[1].overrides for name in ("cam-1", "cam-2")] == [{}, {"cam-2": {"min_area": 3}}]


def test_two_sources_on_a_camera() -> None:
    """Two sources of one camera have two lanes, named apart; what takes from both has a third."""
    clean = Step(use="clean", inputs=("camera", "film"))
    found = _plan({"box": Host(cameras=("cam-1",))}, film=Step(use="film"), clean=clean)
    assert _layout(found) == {
        "box": {"camera@cam-1": "camera", "film@cam-1": "film", "clean": "clean measure track rules"}
    }
    assert [edge.name for edge in found.edges] == ["camera@cam-1→clean", "film@cam-1→clean"]
    assert {edge.why for edge in found.edges} == {"'clean' takes from several lanes"}


def test_sockets_fit() -> None:
    """A path that the system would refuse becomes a digest."""
    assert socket_path(FOLDER, "archive") == FOLDER / "archive.sock"
    long = socket_path(FOLDER, "x" * 120)
    assert len(str(long)) < 107
    assert long != socket_path(FOLDER, "x" * 119)


def test_line_a(golden: Golden) -> None:
    """The plan of the example on two hosts, as `kensa plan` tells it."""
    nodes = installed()
    topology = load(ROOT / "topologies" / "line_a.yaml", nodes=nodes)
    golden("plan/line_a.txt", "\n".join(text(plan(topology, nodes, folder=Path("/run/kensa/nagoya-a")), nodes)) + "\n")


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Hosts with cameras, and a graph in which every node takes something of what its inputs give."""
    hosts, count = {}, 0
    for h in range(draw(st.integers(1, 3))):
        cameras = tuple(f"cam-{count + c}" for c in range(draw(st.integers(0 if h else 1, 3))))
        count += len(cameras)
        hosts[f"host-{h}"] = Host(address=f"10.0.0.{h + 1}", cameras=cameras)
    nodes: dict[str, Step] = {}
    for n in range(draw(st.integers(1, 9))):
        uses = (
            ["sensor", "film"]
            if n == 0
            else [use for use in NODES if any(True for _ in _feeds(nodes, use))] or ["sensor"]
        )
        use = draw(st.sampled_from(uses))
        feeds = [*_feeds(nodes, use)]
        inputs = draw(st.lists(st.sampled_from(feeds), min_size=1, max_size=3, unique=True)) if feeds else []
        pins = [None, *([name for name, host in hosts.items() if host.cameras] if not inputs else hosts)]
        isolate = bool(inputs) and draw(st.booleans())
        nodes[f"{use}-{n}"] = Step(use=use, inputs=tuple(inputs), at=draw(st.sampled_from(pins)), isolate=isolate)
    return Topology(name="line", hosts=hosts, nodes=nodes)


def _feeds(nodes: dict[str, Step], use: str) -> Iterator[str]:
    return (name for name, step in nodes.items() if NODES[step.use].gives & NODES[use].takes)


@pytest.mark.slow
@given(topologies(), st.booleans())
def test_every_plan(topology: Topology, here: bool) -> None:
    """Whatever the graph: nodes are where they should be, pairs are covered once, names and addresses are unique."""
    try:
        found = plan(topology, NODES, here=here, folder=FOLDER)
    except TopologyError:
        return
    assert found == plan(topology, NODES, here=here, folder=FOLDER)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Plan) == found
    seats = _seats(found)
    _unique(found)
    _placed(topology, found, seats)
    _covered(topology, found, seats)
    _fused(topology, found, seats)
    _carried(found, here)


Seats = dict[tuple[str, str], str]


def _seats(found: Plan) -> Seats:
    """(node, camera) → lane; nobody runs twice."""
    seats = [
        ((run.node, camera), lane.name)
        for lane in _lanes(found).values()
        for run in lane.runs
        for camera in lane.cameras
    ]
    assert len({*seats}) == len(seats) == len(dict(seats))
    return dict(seats)


def _unique(found: Plan) -> None:
    processes = [process.name for process in found.processes]
    lanes = [lane for process in found.processes for lane in process.lanes]
    addresses = [address for lane in lanes for address in lane.addresses]
    for names in (processes, [lane.name for lane in lanes], [edge.name for edge in found.edges], addresses):
        assert len({*names}) == len(names)


def _placed(topology: Topology, found: Plan, seats: Seats) -> None:
    """A node runs for exactly the cameras that reach it, and where it is pinned."""
    host = {lane.name: process.host for process in found.processes for lane in process.lanes}
    reached: dict[str, set[str]] = {}
    for name in topology.order:
        step = topology.nodes[name]
        own = {camera for camera, at in topology.cameras.items() if step.at in (None, at)}
        reached[name] = set().union(*(reached[feed] for feed in step.inputs)) if step.inputs else own
        assert {camera for node, camera in seats if node == name} == reached[name]
        assert all(step.at in (None, host[seats[name, camera]]) for camera in reached[name])


def _covered(topology: Topology, found: Plan, seats: Seats) -> None:
    """Each pair of connected nodes is joined in the lane or by exactly one edge, and nothing else is."""
    edges = Counter((edge.source, edge.target) for edge in found.edges)
    runs = {(lane.name, run.node): run for lane in _lanes(found).values() for run in lane.runs}
    wanted: set[tuple[tuple[str, str], tuple[str, str]]] = set()
    for name, step in topology.nodes.items():
        for feed in step.inputs:
            for camera in (camera for node, camera in seats if node == feed):
                begin, end = seats[feed, camera], seats[name, camera]
                if begin == end:
                    assert feed in runs[end, name].inputs
                else:
                    assert feed not in runs[end, name].inputs
                    wanted.add(((feed, begin), (name, end)))
    assert edges == Counter(wanted)


def _fused(topology: Topology, found: Plan, seats: Seats) -> None:
    """A lane has one head; all others in it were allowed to join, and a head was not."""
    for lane in _lanes(found).values():
        heads = [run.node for run in lane.runs if not run.inputs]
        assert heads == [lane.runs[0].node]
        assert bool(lane.addresses) == bool(topology.nodes[heads[0]].inputs)
        for run in lane.runs[1:]:
            spec = NODES[run.use]
            assert not topology.nodes[run.node].isolate
            assert spec.per == "camera" or (spec.shape == "map" and spec.kind == "transform")
    for process in found.processes:
        alone = [
            lane for lane in process.lanes if topology.nodes[lane.runs[0].node].isolate or _sees_all(topology, lane)
        ]
        assert not alone or len(process.lanes) == 1
    for edge in found.edges:
        assert edge.why
        _earned(topology, found, edge)


def _sees_all(topology: Topology, lane: Lane) -> bool:
    spec = NODES[topology.nodes[lane.runs[0].node].use]
    return spec.kind == "sink" and spec.per is None


def _earned(topology: Topology, found: Plan, edge: Edge) -> None:
    """An edge stands only where the fusion rule has a reason for a cut."""
    host = {lane.name: process.host for process in found.processes for lane in process.lanes}
    step = topology.nodes[edge.target[0]]
    spec = NODES[step.use]
    light = spec.per == "camera" or (spec.shape == "map" and spec.kind == "transform")
    lanes = {e.source[1] for e in found.edges if e.target == edge.target}
    assert step.isolate or not light or len(lanes) > 1 or host[edge.source[1]] != host[edge.target[1]]


def _carried(found: Plan, here: bool) -> None:
    """Memory inside a process, sockets on a host, ports between hosts; both ends agree on the address."""
    process = {lane.name: process for process in found.processes for lane in process.lanes}
    lanes = _lanes(found)
    for edge in found.edges:
        begin, end = process[edge.source[1]], process[edge.target[1]]
        assert (edge.transport == "tcp") == (begin.host != end.host and not here)
        assert edge.transport != "memory" or begin == end
        assert edge.address in lanes[edge.target[1]].addresses
        assert Gap.__name__.lower() in edge.kinds or not any(
            Gap in NODES[run.use].takes for run in lanes[edge.target[1]].runs
        )
    for lane in lanes.values():
        transports = {address.partition("://")[0] for address in lane.addresses}
        assert "memory" not in transports or len(transports) == 1


def test_supervisors_meet_at_the_base_port_of_each_host() -> None:
    """Lanes listen above it, so that a lane more or less moves no supervisor; who has no others opens no port."""
    found = _plan(TWO | {"edge-1": Host(address="box.local", cameras=("cam-1",), port=7500)})
    assert [(post.host, post.bound, post.address) for post in found.posts] == [
        ("edge-1", "tcp://*:7500", "tcp://box.local:7500"),
        ("edge-2", "tcp://10.0.7.12:8000", "tcp://10.0.7.12:8000"),
    ]
    assert _plan(ONE).posts == ()
    assert plan(Topology(name="line", hosts=TWO, nodes=CHAIN), NODES, here=True).posts == ()

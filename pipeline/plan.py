"""The processes, lanes and edges that carry a topology out: pure data, computed from the topology."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Policy = Literal["block", "drop_oldest", "latest", "spool"]
Transport = Literal["memory", "ipc", "tcp"]
Survival = Literal["kill", "power"]


class Queue(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an edge behaves when its consumer is slow; whichever bound is reached first counts.

    Attributes:
        policy: `block`: the producer waits. `drop_oldest`: the oldest goes, counted, a gap is
            told. `latest`: one slot per camera. `spool`: the oldest go to disk and are sent from there.
        messages: Most records that may wait.
        bytes: Most bytes that may wait.
        age: Longest a record may wait, in seconds; 0 means for ever.
        linger: Longest the consumer sleeps so that several records share its waking, in seconds; 0 means not at all.
        spool: Most bytes that may wait on disk, where the policy is `spool`; beyond them the oldest go, with a gap.
        survives: What a record on that disk survives: a `kill` of every process, or a `power` cut too.
    """

    policy: Policy = "block"
    messages: int = 1024
    bytes: int = 64 << 20
    age: float = 0.0
    linger: float = 0.0
    spool: int = 1 << 30
    survives: Survival = "kill"


class NodeRun(Struct, frozen=True, kw_only=True):
    """One node inside a lane.

    Attributes:
        node: Its name in the topology.
        use: Its name in the catalogue.
        target: What that name stands for, `module:function`; empty where nobody has looked it up.
        params: Its parameters, as the topology gives them.
        overrides: Parameters that differ for a camera: camera → parameters.
        inputs: Names of the nodes in the same lane that feed it.
        watched: Names of its parameters whose files it watches itself.
    """

    node: str
    use: str
    target: str = ""
    params: dict[str, Any] = {}
    overrides: dict[str, dict[str, Any]] = {}
    inputs: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()

    def given(self, camera: str) -> dict[str, Any]:
        """The parameters that hold for a camera."""
        return {**self.params, **self.overrides.get(camera, {})}

    def images(self, camera: str) -> bool:
        """Whether the topology says `images: true` at a camera, and not just anywhere."""
        return self.overrides.get(camera, {}).get("images") is True


class Lane(Struct, frozen=True, kw_only=True):
    """A fused chain of nodes that one thread runs.

    Attributes:
        name: Unique in the plan: `cam-1` for a camera's lane, else the name of its first node.
        cameras: Cameras whose records it carries.
        runs: Its nodes, each after those that feed it.
        addresses: Where its inbox listens: `memory://…` alone, or `ipc://…`, `tcp://…` or both (one
            ROUTER binds several); none for a source's lane.
    """

    name: str
    cameras: tuple[str, ...]
    runs: tuple[NodeRun, ...]
    addresses: tuple[str, ...] = ()


class Process(Struct, frozen=True, kw_only=True):
    """One operating-system process on one host, one thread per lane.

    Attributes:
        name: Unique in the plan.
        host: Where it runs.
        lanes: What it runs.
        memory: Most bytes of memory it may hold before it is started anew; 0: whatever there is.
    """

    name: str
    host: str
    lanes: tuple[Lane, ...]
    memory: int = 0


class Edge(Struct, frozen=True, kw_only=True):
    """One producer's queue towards one consumer.

    Attributes:
        name: Unique in the plan: `track@cam-1→archive`.
        source: (node, lane) that gives.
        target: (node, lane) that takes.
        kinds: Names of the record types that travel on it, lower case, sorted.
        transport: How they travel.
        address: The one of the target lane's addresses that this producer connects to, as it sees it.
        hosts: For tcp, the hosts at its two ends, source first: each must show the other the key that is known of it.
        queue: What happens when the target is slow.
        why: Why the graph is cut here, in words.
    """

    name: str
    source: tuple[str, str]
    target: tuple[str, str]
    kinds: tuple[str, ...]
    transport: Transport
    address: str
    queue: Queue
    why: str
    hosts: tuple[str, str] = ("", "")


class Post(Struct, frozen=True, kw_only=True):
    """Where the supervisor of a host listens for those of the other hosts.

    Attributes:
        host: The host.
        bound: What it listens on.
        address: Where the others find it.
    """

    host: str
    bound: str
    address: str


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that runs, on every host; `posts` is empty where there is only one."""

    line: str
    processes: tuple[Process, ...]
    edges: tuple[Edge, ...]
    posts: tuple[Post, ...] = ()

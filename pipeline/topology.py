"""What a topology says: hosts, cameras and nodes, as an integrator wrote them; pure intent."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from pipeline.plan import Policy, Survival

NAME = r"[A-Za-z_][A-Za-z0-9_]*"  # of a variable
WORD = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Word = Annotated[str, Meta(pattern=WORD, description="a name of letters, digits, '-' and '_'")]
ADDRESS = r"^[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?$"
Address = Annotated[str, Meta(pattern=ADDRESS, description="a host name or IP address")]
Memory = Annotated[int, Meta(ge=0, description="bytes")]
Port = Annotated[int, Meta(ge=1024, le=65000, description="(TCP port)")]
Scalar = Annotated[str | int | float | bool, Meta(description="a single value")]
Choice = Annotated[Policy, Meta(description="'block', 'drop_oldest', 'latest' or 'spool'")]
Lasting = Annotated[Survival, Meta(description="'kill' or 'power'")]
PORT = 7400  # the first of the ports that a host listens on


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """Which line it is: names the run folder, metrics and logs."""

    plant: Word | None = None
    line: Word | None = None


class Host(Struct, frozen=True, forbid_unknown_fields=True):
    """A machine and the cameras wired to it.

    Attributes:
        address: Where other hosts reach it.
        cameras: Names of its cameras.
        port: The first TCP port of those that other hosts connect to: its supervisor's; the lanes' lie above it.
        memory: Most memory that one of its processes may hold: beyond it that one is started anew; 0 is no limit.
    """

    address: Address = "127.0.0.1"
    cameras: tuple[Word, ...] = ()
    port: Port = PORT
    memory: Memory = 0


class Bounds(Struct, frozen=True, forbid_unknown_fields=True):
    """How the queues in front of a node behave, where it differs from the default.

    Attributes:
        policy: What happens when the node is slow.
        messages: Most records that may wait.
        bytes: Most bytes that may wait.
        age: Longest a record may wait; 0 means for ever.
        linger: Longest the node sleeps so that several records share its waking: less CPU, later records.
        spool: Most bytes that may wait on disk; asks for the policy `spool`.
        survives: What a record on that disk survives: a `kill` of every process, or a `power` cut too.
    """

    policy: Choice | None = None
    messages: Annotated[int, Meta(ge=1, description="records")] | None = None
    bytes: Annotated[int, Meta(ge=1, description="bytes")] | None = None
    age: Annotated[float, Meta(ge=0, description="s")] | None = None
    linger: Annotated[float, Meta(ge=0, le=1, description="s")] | None = None
    spool: Annotated[int, Meta(ge=1 << 20, description="bytes")] | None = None
    survives: Lasting | None = None


class Entry(Struct, frozen=True, forbid_unknown_fields=True, rename={"after": "from", "params": "with"}):
    """One node as the file has it.

    Attributes:
        use: Which node it is; its own name where this is left out. `module:function` names one that is not installed.
        after: Who feeds it: one node or a list of them.
        at: The host it is pinned to; else it runs where its inputs run.
        params: Its parameters.
        queue: How the queues in front of it behave.
        isolate: Give it a process of its own.
    """

    use: str | None = None
    after: str | tuple[str, ...] = ()
    at: str | None = None
    params: dict[str, Any] = {}
    queue: Bounds = Bounds()
    isolate: bool = False


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a topology file may say.

    Attributes:
        include: Files to read first; paths start at the folder of this one.
        line: Which line it is.
        vars: Values for `$NAME`, before those of the environment.
        hosts: The machines.
        cameras: Parameters that differ for a camera: camera → node → parameters.
        nodes: The nodes.
    """

    include: tuple[str, ...] = ()
    line: Line = Line()
    vars: dict[str, Scalar] = {}
    hosts: dict[Word, Host] = {}
    cameras: dict[Word, dict[str, dict[str, Any]]] = {}
    nodes: dict[Word, Entry] = {}


class Step(Struct, frozen=True, kw_only=True):
    """One node, checked.

    Attributes:
        use: Its name in the catalogue.
        inputs: The nodes that feed it.
        at: The host it is pinned to.
        params: Its parameters as given, variables replaced.
        overrides: Parameters that differ for a camera: camera → parameters.
        queue: How the queues in front of it behave, where it differs from the default.
        isolate: Whether it has a process of its own.
    """

    use: str
    inputs: tuple[str, ...] = ()
    at: str | None = None
    params: dict[str, Any] = {}
    overrides: dict[str, dict[str, Any]] = {}
    queue: Bounds = Bounds()
    isolate: bool = False


class Topology(Struct, frozen=True, kw_only=True):
    """A topology that was checked: every name in it is known, every parameter fits.

    Attributes:
        name: Of the line: `plant-line`, or the file's name where it says neither.
        hosts: The machines, in the order of the file.
        nodes: The nodes, in the order of the file.
    """

    name: str
    hosts: dict[str, Host]
    nodes: dict[str, Step]

    @property
    def cameras(self) -> dict[str, str]:
        """Each camera's host, in the order of the file."""
        return {camera: name for name, host in self.hosts.items() for camera in host.cameras}

    @property
    def order(self) -> tuple[str, ...]:
        """The nodes, each after those that feed it, else in the order of the file."""
        found: list[str] = []
        waiting = [*self.nodes]
        while waiting:
            ready = next(n for n in waiting if not set(self.nodes[n].inputs) & set(waiting))
            waiting.remove(ready)
            found.append(ready)
        return tuple(found)

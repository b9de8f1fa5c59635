"""What a process tells its supervisor, and what the supervisor may ask of it.

Control messages travel as MessagePack over one DEALER (process) / ROUTER (supervisor) pair on an
ipc socket of the host's run folder, never on a queue that data uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from pipeline import codec
from pipeline.notices import Notice
from pipeline.numbers import Number
from pipeline.orders import Answer, Order
from pipeline.plan import Edge, Lane, Process
from pipeline.readings import Reading
from pipeline.transport.channel import Ledger

State = Literal["starting", "running", "draining", "ended", "failed"]


class Launch(Struct, frozen=True, kw_only=True):
    """Everything a process needs to know, given on its standard input, which stays open: its end means that the
    supervisor is gone and the process must drain and leave.

    Attributes:
        process: What it runs.
        edges: Every edge that begins or ends in it.
        control: Address of the supervisor's control socket.
        incarnation: Names this run of the process; a restart gets another.
        line: Name of the line, bound to every log line.
        drain: Seconds it may take to drain once it is told to; the rest is then dropped as `shutdown`.
        state: Folder of what must outlive the line: spools, how far sessions came; made by the supervisor.
        keys: Folder of the keys for edges to other hosts; the keys themselves are never handed on.
        insecure: Edges to other hosts may do without keys, by the express wish of whoever started the line.
        epoch_ns: What UTC was when the host's monotonic clock was 0, by the time of the line; see `pipeline.clock`.
        revision: Which state of the line's plan this is.
        careful: It has crashed: note what is worked on, and leave out what it crashed on before.
        mends: Its sources begin no session: they tell where their last ones ended, and that is all.
    """

    process: Process
    edges: tuple[Edge, ...]
    control: str
    incarnation: str
    line: str
    drain: float = 8.0
    state: str = ""
    keys: str = ""
    insecure: bool = False
    epoch_ns: int = 0
    revision: int = 0
    careful: bool = False
    mends: bool = False


class NodeHealth(Struct, frozen=True, kw_only=True):
    """One node in one lane, counted since the process started.

    Attributes:
        node: Name in the topology.
        lane: Name of its lane.
        taken: Records it was given.
        given: Records it gave.
        failed: Records on which it raised, or that came while it rested after that; each became a gap.
        restarts: Times its run was begun anew after it raised.
        busy_ns: How long it has been working on one record, ns; 0 when idle.
        waiting: Records in its open batches; while it is at work, all its lane was given and is not done with.
        degraded: It failed again and again and now only tries every 10 s.
        latency: Work times, of each record and of beginning and ending a run: bucket → count; see `bucket` in
            `pipeline.runtime.histogram`.
        age: For a sink, time from the exposure (in a source's own lane: from when the source gave it)
            until it was done with the record: bucket → count.
    """

    node: str
    lane: str
    taken: int = 0
    given: int = 0
    failed: int = 0
    restarts: int = 0
    busy_ns: int = 0
    waiting: int = 0
    degraded: bool = False
    latency: dict[int, int] = {}
    age: dict[int, int] = {}


class EdgeHealth(Struct, frozen=True, kw_only=True):
    """One edge as its producer sees it."""

    edge: str
    ledger: Ledger


class Report(Struct, frozen=True, kw_only=True, tag="report"):
    """Sent by a process every second, every half second while a node works long on one record, at every change of
    state, and last of all when it ends.

    Attributes:
        received: Per edge into this process: the highest number received from its current producer,
            so that what a crashed producer had sent can be accounted for.
        rss_bytes: Memory it holds.
        fds: Files and sockets it holds open.
        disks: Used share of the disk of each folder that it watches, 0…1.
        readings: What its cameras say of themselves.
        numbers: What its nodes count.
        notices: What people should know about it now; one that is no longer here is over.
        revision: The state of the plan that it has carried out.
        refused: Why it cannot carry out what it was told to prepare for.
        unmade: Lanes that it should have and cannot begin, each with the reason; it goes on trying.
        heeds: It wants to know what all processes of the host give notice of.
    """

    process: str
    incarnation: str
    pid: int
    state: State
    t_ns: int
    nodes: tuple[NodeHealth, ...] = ()
    edges: tuple[EdgeHealth, ...] = ()
    received: dict[str, int] = {}
    rss_bytes: int = 0
    fds: int = 0
    disks: dict[str, float] = {}
    readings: dict[str, Reading] = {}
    numbers: tuple[Number, ...] = ()
    error: str = ""
    notices: tuple[Notice, ...] = ()
    revision: int = 0
    refused: str = ""
    unmade: dict[str, str] = {}
    heeds: bool = False


class Tapped(Struct, frozen=True, kw_only=True, tag="tapped"):
    """A record that a tapped node gave, as encoded by the codec; `missed` counts those left out to keep up."""

    node: str
    record: bytes
    missed: int = 0


class Answered(Struct, frozen=True, kw_only=True, tag="answered"):
    """What the nodes of a process say to an order, or to the question how alarms are."""

    number: int
    answers: tuple[Answer, ...]


class Stop(Struct, frozen=True, tag="stop"):
    """Sources end; what is on its way is delivered; edges are closed in order."""


class Finish(Struct, frozen=True, tag="finish"):
    """Producers are gone: take what has arrived, then end."""


class Tell(Struct, frozen=True, tag="tell"):
    """Report at once: accounts of another process wait for what was received from it."""


class Tap(Struct, frozen=True, tag="tap"):
    """Begin (or end) to send what a node gives."""

    node: str
    on: bool


class Prepare(Struct, frozen=True, kw_only=True, tag="prepare"):
    """A change is coming: load its nodes, and let in the edges it brings.

    Attributes:
        revision: The state of the plan that this is reported as.
        uses: Nodes that lanes will need: name in the catalogue → `module:function`.
        takes: Edges that will end in lanes that are here.
    """

    revision: int
    uses: dict[str, str]
    takes: tuple[Edge, ...]


class Become(Struct, frozen=True, kw_only=True, tag="become"):
    """Go over to another state of the plan; whatever is the same in both goes on undisturbed.

    Attributes:
        revision: The state.
        lanes: The lanes the process should have; others are drained and end.
        gives: Edges that should be open at their beginning here, also those of a lane that is yet to come.
        takes: Edges that may still bring something to lanes here.
        again: Lanes that are begun anew although they are here.
        onward: Edges that are closed here and that another producer goes on with: their end is not told.
        ending: Edges whose producers tell their end: a lane that is to end waits for that.
        more: Another command follows: do not leave, even without a lane.
    """

    revision: int
    lanes: tuple[Lane, ...]
    gives: tuple[Edge, ...]
    takes: tuple[Edge, ...]
    again: tuple[str, ...] = ()
    onward: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    more: bool = False


class Asked(Struct, frozen=True, kw_only=True, tag="asked"):
    """An order to whoever takes any; the question how alarms are where there is none."""

    number: int
    order: Order | None = None


class Notices(Struct, frozen=True, tag="notices"):
    """What all processes of the host give notice of now."""

    notices: tuple[Notice, ...]


Command = Stop | Finish | Tell | Tap | Prepare | Become | Asked | Notices
FromProcess = Report | Tapped | Answered

LARGEST = codec.MAX_BYTES + (1 << 16)  # bytes of a message on a control socket: a tapped record and a little more

encode = msgspec.msgpack.Encoder().encode
decode_command: Callable[[bytes], Command] = codec.reader(Command)
decode_report: Callable[[bytes], FromProcess] = codec.reader(FromProcess)
decode_launch: Callable[[bytes], Launch] = codec.reader(Launch)

"""One process of the plan over all its incarnations: started, listened to, judged, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from typing import Literal

from msgspec.structs import replace

from pipeline.clock import line_time
from pipeline.notices import Notice
from pipeline.plan import Edge, Process
from pipeline.runtime.backoff import STORM, Backoff
from pipeline.runtime.growth import BOUNDS, Growth
from pipeline.runtime.health import Become, Command, Launch, NodeHealth, Prepare, Report, Tap, encode
from pipeline.runtime.spawn import Family, spawn
from pipeline.runtime.state import Condition, NodeState, ProcessState, merged
from pipeline.runtime.watch import Limits, Opinion, judge

BAD_LAUNCH = 3  # exit status of a process that cannot carry out its launch

Life = Literal["resting", "alive", "leaving", "ended", "lost"]
GONE: frozenset[Life] = frozenset({"ended", "lost"})


class Child:
    """A process of the plan.

    It is `resting` until it is due, `alive` while it runs, `leaving` between its exit and the
    settling of its accounts, and in the end `ended` well or `lost`.
    """

    def __init__(self, process: Process, edges: tuple[Edge, ...], *, source: bool) -> None:
        self.process = process
        self.edges = edges
        self.source = source
        self.life: Life = "resting"
        self.backoff = Backoff(storm=STORM)
        self.starts = 0
        self.incarnation = ""
        self.report: Report | None = None
        self.heard = self.left = 0.0
        self.why = ""
        self.reason = "crash"
        self.opinion = Opinion("starting")
        self.peer = b""
        self.told: set[Command] = set()
        self.revision, self.suspect = 0, False
        self.wish: Prepare | Become | None = None
        self.growth = Growth()
        self.past: dict[tuple[str, str], NodeHealth] = {}
        self.running: subprocess.Popen[bytes] | None = None
        self.mends = False
        self.exit = -1  # becomes readable when the process exits

    @property
    def name(self) -> str:
        """Its name in the plan."""
        return self.process.name

    @property
    def names(self) -> frozenset[str]:
        """Names of the nodes it runs."""
        return frozenset(run.node for lane in self.process.lanes for run in lane.runs)

    @property
    def gone(self) -> bool:
        """Whether it will never run again."""
        return self.life in GONE

    @property
    def pid(self) -> int:
        """Its process id; 0 when it does not run."""
        return self.running.pid if self.running and self.life == "alive" else 0

    def start(self, family: Family) -> None:
        """Begin an incarnation.

        Raises:
            OSError: If the operating system refuses.
        """
        self.starts += 1
        self.incarnation = f"{self.name}.{self.starts}.{uuid.uuid4().hex[:8]}"
        self.report, self.peer, self.heard, self.reason = None, b"", time.monotonic(), "crash"
        self.life, self.opinion, self.told, self.growth = "alive", Opinion("starting"), set(), Growth()
        self.wish = None  # what is to be done is what it is started with
        launch = Launch(
            process=self.process,
            edges=self.edges,
            control=family.control,
            incarnation=self.incarnation,
            line=family.line,
            drain=family.drain,
            state=family.state,
            keys=family.keys,
            insecure=family.insecure,
            epoch_ns=line_time.epoch_ns,
            revision=self.revision,
            careful=self.suspect,
            mends=self.mends and self.source,
        )
        self.running = spawn(family, encode(launch))
        self.exit = os.pidfd_open(self.running.pid)

    def hear(self, report: Report, peer: bytes) -> None:
        """Take what it says about itself."""
        self.report, self.peer, self.heard = report, peer, time.monotonic()
        self.why = report.error or self.why
        self.growth = self.growth.seen(self.heard, report.t_ns, report.rss_bytes, report.fds, BOUNDS)

    def tell(self, command: Command) -> None:
        """It was told this; of a tap the last word counts."""
        node = command.node if isinstance(command, Tap) else None
        self.told = {known for known in self.told if not (isinstance(known, Tap) and known.node == node)} | {command}

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What people should know about it: what it says itself, and how it grows."""
        grown = (replace(one, text=f"process '{self.name}' {one.text}") for one in self.growth.notices)
        return (*(self.report.notices if self.report else ()), *grown)

    def descend(self, whole: Child) -> None:
        """It runs a part of what another one ran, and goes on where that one stopped."""
        self.backoff, self.revision = whole.backoff, whole.revision
        for (node, lane), health in whole.past.items():
            for mine in self.process.lanes:
                if any(run.node == node for run in mine.runs) and mine.name in (lane, f"{node}@{lane}"):
                    self.past[node, mine.name] = replace(health, lane=mine.name)

    def become(self, wish: Prepare | Become) -> None:
        """Let it go over to another state of the plan; if it dies, it is started in that state."""
        self.wish, self.revision = wish, wish.revision
        if isinstance(wish, Become):
            self.process = replace(self.process, lanes=wish.lanes)
            self.edges = tuple({edge.name: edge for edge in (*wish.takes, *wish.gives)}.values())

    @property
    def arrived(self) -> bool:
        """Whether it has carried out what it was told last; one that does not run has nothing to carry out."""
        if self.life in ("alive", "leaving"):
            return self.report is not None and self.report.revision >= self.revision
        return True

    def look(self, now: float, limits: Limits) -> Opinion:
        """Judge it again."""
        self.opinion = judge(self.process, self.report, now - self.heard, limits)
        return self.opinion

    def exited(self) -> bool:
        """Whether its operating-system process has ended; it is not yet reaped."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def leave(self) -> None:
        """It has exited: end what it had started itself and reap it; its accounts are still open."""
        assert self.running
        assert self.running.stdin
        os.killpg(self.running.pid, signal.SIGKILL)  # a zombie still holds the group's number
        self.running.wait()
        self.running.stdin.close()
        os.close(self.exit)
        self.life, self.left = "leaving", time.monotonic()
        if not self.well:
            self.why = self.why or _exit_words(self.running.returncode)

    def end(self) -> None:
        """Kill it and reap it, if it runs."""
        if self.life == "alive":
            self.kill("", "shutdown")
            self.leave()

    @property
    def well(self) -> bool:
        """Whether its last exit was the end of its work."""
        return self.running is not None and self.running.returncode == 0

    @property
    def silent(self) -> bool:
        """Whether its last word was not heard."""
        return self.report is None or self.report.state not in ("ended", "failed")

    def mend(self) -> None:
        """It has ended, and begins once more to tell what is missing."""
        self.life, self.mends, self.backoff, self.why = "resting", True, Backoff(storm=STORM), ""

    def settled(self, life: Life) -> None:
        """Its accounts are closed; what it counted is kept."""
        for health in self.report.nodes if self.report else ():
            key = (health.node, health.lane)
            self.past[key] = merged(self.past.get(key, health_of(*key)), health)
        self.report, self.life = None, life

    def kill(self, why: str, reason: str = "crash") -> None:
        """End it at once, with everything it has started itself."""
        if self.running and self.life == "alive":
            self.why, self.reason = why or self.why, reason
            os.killpg(self.running.pid, signal.SIGKILL)  # as long as it is not reaped, the number is its own

    def state(self) -> ProcessState:
        """What there is to say about it."""
        return ProcessState(
            name=self.name,
            condition=self.condition,
            pid=self.pid,
            incarnation=self.incarnation,
            restarts=max(0, self.starts - 1),
            rss_bytes=self.report.rss_bytes if self.report else 0,
            why=self.why if self.backoff.failures else "",
        )

    @property
    def condition(self) -> Condition:
        """Its state in one word."""
        if self.life in GONE:
            return "ended" if self.life == "ended" else "lost"
        failing = self.life != "alive" or self.opinion.condition in ("starting", "running")
        if failing and self.backoff.degraded and not self.backoff.over(time.monotonic_ns()):
            return "degraded"
        return self.opinion.condition if self.life == "alive" or not self.starts else "waiting"

    def nodes(self) -> tuple[NodeState, ...]:
        """Its nodes, with what earlier incarnations counted."""
        told = {(health.node, health.lane): health for health in (self.report.nodes if self.report else ())}
        return tuple(
            self._node(told.get((run.node, lane.name)), run.node, lane.name)
            for lane in self.process.lanes
            for run in lane.runs
        )

    def _node(self, now: NodeHealth | None, node: str, lane: str) -> NodeState:
        past = self.past.get((node, lane))
        health = (merged(past, now) if past else now) if now else past or health_of(node, lane)
        unmade = self.report is not None and lane in self.report.unmade
        failing = (health.degraded or unmade) and self.condition in ("running", "draining")
        t_ns = self.report.t_ns if self.report else line_time.now_ns()
        return NodeState(
            process=self.name, condition="degraded" if failing else self.condition, t_ns=t_ns, health=health
        )


def health_of(node: str, lane: str) -> NodeHealth:
    """A node that has done nothing yet."""
    return NodeHealth(node=node, lane=lane)


def _exit_words(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return "cannot start: the log says why" if status == BAD_LAUNCH else f"left with status {status}"

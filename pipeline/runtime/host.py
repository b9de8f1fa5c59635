"""The supervisor of one host: starts what is planned, starts again what dies, drains in order, keeps the books."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.clock import line_time
from pipeline.folders import HERE
from pipeline.notices import board
from pipeline.plan import Plan
from pipeline.runtime.alarms import Alarms
from pipeline.runtime.children import Child
from pipeline.runtime.clients import Clients
from pipeline.runtime.control import Answer, Ask, Reload
from pipeline.runtime.crew import Crew
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.health import Answered, Notices, Report, Tapped, Tell
from pipeline.runtime.journal import Journal
from pipeline.runtime.kin import kin
from pipeline.runtime.ledger import Books
from pipeline.runtime.mourning import Mourning
from pipeline.runtime.outcome import Outcome, outcome
from pipeline.runtime.peers import Peers
from pipeline.runtime.reload import Reloads
from pipeline.runtime.reserve import Reserve
from pipeline.runtime.sessions import safe
from pipeline.runtime.spawn import COMMAND, Family
from pipeline.runtime.state import EdgeState, Phase, Snapshot
from pipeline.runtime.switchboard import Switchboard
from pipeline.runtime.timekeeping import watch_clock
from pipeline.runtime.watch import Limits
from pipeline.transport.context import Context, guarding

PUBLISH = 1.0  # seconds between snapshots while all is well
BRISK = 0.05  # seconds between two looks while something begins, ends or fails; four of them between snapshots
GRACE = 0.8  # of the time to drain, after which a process gives up by itself instead of being killed
MENDS = 3  # times that a line begins once more, at its end, to tell what is missing
BRIEF = 0.1  # of the time to settle: whoever is killed has no last word, whoever fails says it before it exits
STOOD = 1.0  # seconds between two looks from which the supervisor itself stood still


class Host:
    """Runs one host's share of a plan until it has ended or is stopped.

    Use it as a context: leaving it ends every process that is left. `stop` may be called from a
    signal handler, and `now` may be read from any thread.

    Args:
        plan: The whole plan.
        host: Which share of it; all of it where this is empty.
        folder: The run folder, locked.
        state: Where it keeps what must outlive the line.
        journal: Where processes and the supervisor write their logs.
        limits: How patient to be.
        command: What a process is started with.
        env: The processes' environment; the supervisor's own where this is left out.
        keys: Folder of the keys for whatever goes to other hosts and comes from them.
        insecure: It may do without keys.
    """

    def __init__(
        self,
        plan: Plan,
        host: str,
        folder: RunFolder,
        state: Path,
        journal: Journal,
        *,
        limits: Limits | None = None,
        command: Sequence[str] = COMMAND,
        env: Mapping[str, str] | None = None,
        keys: Path | None = None,
        insecure: bool = False,
    ) -> None:
        self._line, self._name = plan.line, host or HERE
        self._limits, self._journal = limits or Limits(), journal
        share = kin(plan, host)
        self._crew = Crew(share)
        self._books = Books(edge.name for edge in share.given)
        self._reloads = Reloads(plan, host, self._crew, self._books, journal)
        self._board = Switchboard(folder.path)
        self._clients = Clients(self._board)
        told = (str(state), journal.fd, command, env or os.environ, str(keys or ""), insecure)
        self._family = Family(plan.line, self._board.address, folder.lock, self._limits.drain * GRACE, *told)
        self._alarms = Alarms(journal)
        self._mourning = Mourning(self._alarms, self._crew, self._reloads, folder.path)
        self._state, self._reserve = state, Reserve(state)
        context = Context(keys=guarding(str(keys or ""), insecure), host=host)
        self._peers = Peers(plan, host, lambda: self.now, context, self._limits)
        self._stops, self._killed, self._given_up, self._mended = 0, False, 0, 0
        self._failures: tuple[str, ...] = ()
        self._since_ns, self._looked = line_time.now_ns(), time.monotonic()
        self.now = self.snapshot()

    def __enter__(self) -> Self:
        self._peers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._crew:
            child.end()
        self._peers.__exit__(kind, error, trace)
        self._board.close()

    def stop(self) -> None:
        """Drain and end; at once when called a second time."""
        self._stops += 1

    def run(self, seconds: float | None = None) -> Outcome:
        """Run until every process has ended.

        Args:
            seconds: Stop so long after all processes have begun to run; None to run on.
        """
        published, until, steady = 0.0, None, False
        while not self._crew.gone or self._mends():
            self._board.wait(self._limits.tick if self._steady else min(BRISK, self._limits.tick))
            self._step()
            now = time.monotonic()
            if until is None and seconds is not None and self._begun():
                until = now + seconds
            if until is not None and now >= until and not self._stops:
                self.stop()
            before, steady = steady, self._steady
            if steady is not before or now - published >= (PUBLISH if steady else 4 * BRISK):
                self.now, published = self.snapshot(), now
        self.now = self.snapshot()
        if self._books.balanced and all(child.life == "ended" for child in self._crew):
            safe(self._state)
        return outcome(self._books, self._crew, self.now.nodes, self._failures)

    def snapshot(self) -> Snapshot:
        """Everything about the line now; for the supervisor's own thread."""
        return Snapshot(
            line=self._line,
            host=self._name,
            pid=os.getpid(),
            phase=self._phase(),
            since_ns=self._since_ns,
            t_ns=line_time.now_ns(),
            step_ns=line_time.step_ns(),
            order=self._reloads.order,
            processes=tuple(child.state() for child in self._crew),
            nodes=tuple(node for child in self._crew for node in child.nodes()),
            edges=tuple(
                EdgeState(source=e.source, target=e.target, policy=e.queue.policy, account=self._books.accounts[e.name])
                for e in self._reloads.share.given
            ),
            alarms=self._alarms.newest,
            notices=self._alarms.notices,
            log=self._journal.name,
            peers=self._peers.states,
            disks=self._reserve.used | self._crew.disks,
            readings=self._crew.readings,
            numbers=self._crew.numbers,
            pictured=self._reloads.share.pictured,
        )

    def _mends(self) -> bool:
        """Where something is gone that nobody was told of: begin once more to tell it, on a busy machine more often."""
        given_up = self._books.given_up(edge.name for edge in self._reloads.share.near)
        missing = self._crew.failed or given_up > self._given_up
        if not missing or self._mended == MENDS or self._stops > 1:
            return False
        self._failures = outcome(self._books, self._crew, self.now.nodes, self._failures).failures
        self._stops, self._killed, self._given_up, self._mended = 1, False, given_up, self._mended + 1
        self._journal.info("telling what is missing")
        self._crew.mend()
        return not self._crew.gone

    def _step(self) -> None:
        """Look at everything once."""
        watch_clock(line_time.step_ns(), self._limits.clock)
        self._reserve.tend()
        self._alarms.hear("supervisor", board.read())
        self._listen()
        self._clients.serve(self.snapshot, self._change, partial(self._crew.ask, self._board.tell))
        self._forgive()
        self._drain()
        self._reload()
        for child in tuple(self._crew):
            match child.life:
                case "resting":
                    self._rest(child)
                case "alive":
                    self._watch(child)
                case "leaving":
                    self._settle(child)

    def _listen(self) -> None:
        for peer, said in self._board.reports():
            if isinstance(said, Tapped | Answered):
                self._clients.hear(said)
            elif (child := self._crew.find(said.process)) and said.incarnation == child.incarnation:
                self._hear(child, said, peer)

    def _hear(self, child: Child, report: Report, peer: bytes) -> None:
        if child.report is None:
            self._journal.info("process runs", process=child.name, pid=report.pid, incarnation=report.incarnation)
        child.hear(report, peer)
        self._alarms.hear(child.name, child.notices)
        self._books.given({e.edge: e.ledger for e in report.edges if e.edge in self._crew.given[child.name]})
        self._books.received(report.received)
        if report.heeds:
            self._board.tell(peer, Notices(self._alarms.notices))

    def _change(self, request: Reload | Ask) -> Answer:
        return self._reloads.ask(request) if isinstance(request, Reload) else self._reloads.progress()

    def _reload(self) -> None:
        before = self._reloads.plan
        self._reloads.step()
        if self._reloads.plan is not before:
            self._peers.follow(self._reloads.plan)

    def _forgive(self) -> None:
        """Time in which the supervisor itself stood still is nobody else's silence."""
        now = time.monotonic()
        stood = now - self._looked - self._limits.tick
        for child in self._crew if stood > STOOD else ():
            child.heard += stood
        self._looked = now

    def _drain(self) -> None:
        if not self._stops or self._killed:
            return
        if self._crew.stopped is None:
            self._crew.stopped = time.monotonic()
            self._journal.info("stopping")
        late = self._crew.stopping(self._limits) > self._limits.drain
        if late or self._stops > 1:
            self._killed = True
            why = f"did not drain within {self._limits.drain:g} s" if late else "was told to end at once"
            for child in self._crew:
                child.kill(why, "shutdown")

    def _rest(self, child: Child) -> None:
        """A process that does not run: start it when it is due, or never again."""
        if self._killed or not self._crew.wanted(child):
            child.settled("lost" if child.starts else "ended")
        elif child.backoff.ready(time.monotonic_ns()):
            self._books.began(self._crew.given[child.name])
            child.start(self._family)
            self._board.attend(child.exit)

    def _watch(self, child: Child) -> None:
        """A process that runs: tell it what it must know, and judge it."""
        if child.exited():
            self._board.forget(child.exit)
            child.leave()
            for consumer in self._crew.consumers(child):
                self._board.tell(consumer.peer, Tell())  # or hear it at its next report
            return
        if child.wish and child.peer and self._board.tell(child.peer, child.wish):
            child.wish = None
        for command in self._crew.commands(child, self._clients.tapped(), self._limits) if child.peer else ():
            if command not in child.told and self._board.tell(child.peer, command):
                child.tell(command)
        opinion = child.look(time.monotonic(), self._limits)
        if opinion.kill:
            child.kill(opinion.why)

    def _settle(self, child: Child) -> None:
        """A process that has exited: hear its last words and what its consumers received, then close its accounts."""
        waited = time.monotonic() - child.left
        if not child.well and waited < self._limits.settle and not self._crew.vouched(child):
            return
        if child.silent and waited < self._limits.settle * (1 if child.well else BRIEF):
            return
        if child.well:
            self._books.ended(self._crew.given[child.name])
            child.settled("ended")
            return
        self._books.died(self._crew.given[child.name], child.reason)
        child.backoff = child.backoff.failed(int(child.left * 1e9))
        child.settled("resting")
        self._mourning.mourn(child, killed=self._killed)

    @property
    def _steady(self) -> bool:
        return (
            not (self._stops or self._reloads.stage)
            and self._crew.begun
            and all(child.condition == "running" for child in self._crew)
        )

    def _begun(self) -> bool:
        return self._crew.begun or line_time.now_ns() - self._since_ns > self._limits.start * 1e9

    def _phase(self) -> Phase:
        going: Phase = "draining" if self._stops else "running" if self._begun() else "starting"
        return "ended" if self._crew.gone else going

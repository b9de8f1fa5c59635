"""What a running line is, and how it becomes something else without being stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from pipeline.plan import Plan
from pipeline.runtime.change import Change, change
from pipeline.runtime.children import Child
from pipeline.runtime.control import Refused, Reload, Reloading
from pipeline.runtime.crew import Crew
from pipeline.runtime.fates import books, watched
from pipeline.runtime.health import Become
from pipeline.runtime.journal import Journal
from pipeline.runtime.kin import kin, node_order, together
from pipeline.runtime.ledger import Books

Stage = Literal["", "prepare", "undo", "first", "last"]
STEPS = 3  # states of the plan that one change counts: prepared, first, last


class Reloads:
    """The plan of a host, one change of it at a time.

    Args:
        plan: What it begins with.
        host: Which share of it; all of it where this is empty.
        crew: The processes of the host.
        books: The accounts of its edges.
        journal: The log.

    Attributes:
        plan: The plan; while a change goes on, the old one.
        share: What this host does of it; while a change goes on, of both.
        order: Its nodes, each after those that feed it.
        stage: How far a change has come; empty where none goes on.
    """

    def __init__(self, plan: Plan, host: str, crew: Crew, books: Books, journal: Journal) -> None:
        self.plan, self.share, self.order = plan, kin(plan, host), node_order(plan)
        self.stage: Stage = ""
        self._host, self._crew, self._books, self._journal = host, crew, books, journal
        self._revision = 0
        self._wanted, self._change = plan, Change()
        self._files = _digests(plan)
        self._failures: tuple[str, ...] = ()
        self._refused = False

    def ask(self, request: Reload) -> Reloading | Refused:
        """Somebody wants another plan."""
        if why := self._unable():
            return Refused(why)
        files = _digests(request.plan)
        touched = frozenset(name for name, digest in files.items() if self._files.get(name, digest) != digest)
        found = change(self.plan, request.plan, self._host, touched, self._revision)
        if found.faults:
            return Refused("\n".join(found.faults))
        idle = not (found.said or found.steps)
        found = replace(found, said=(*found.said, *_taken_up(request.plan, touched)))
        if request.dry or idle:
            self._files = self._files if request.dry else files
            return Reloading(said=found.said, over=True)
        self._wanted, self._change, self._files, self._failures = request.plan, found, files, ()
        self._refused = False
        self._journal.info("reload begins", changes=list(found.said))
        self._begin()
        return self.progress()

    def progress(self) -> Reloading:
        """How far the change has come that goes on, or went on last."""
        waiting = tuple(f"process '{c.name}' ({c.condition})" for c in self._awaited()) if self.stage else ()
        return Reloading(
            said=self._change.said, waiting=waiting, failures=self._failures, over=not self.stage, refused=self._refused
        )

    def divide(self, child: Child, plan: Plan) -> tuple[str, ...]:
        """Another plan takes the place of this one at once: it differs in a process that does not run, which is now
        several; returns their names.
        """
        share, known = kin(plan, self._host), {process.name for process in self.share.processes}
        parts = {p.name: (p, share.edges[p.name]) for p in share.processes if p.name not in known}
        self._books.open(edge.name for edge in share.given)
        self._crew.widen(share, parts, frozenset({child.name}))
        self._books.ended(self._crew.adopt(share))
        self.plan, self.share, self.order = plan, share, node_order(plan)
        for part in map(self._crew.find, parts):
            if part is not None:
                part.descend(child)
        return tuple(p.name for p in plan.processes if p.name in parts)

    def step(self) -> None:
        """Go on with a change, as far as the processes have come."""
        if not self.stage:
            return
        if self._crew.stopped is not None:
            self._abandon()
        elif not self._awaited():
            match self.stage:
                case "prepare":
                    self._prepared()
                case "undo":
                    self._end(*self._failures)
                case "first":
                    self._last()
                case "last":
                    self._end(*self._unwell())

    def _unable(self) -> str:
        """Why nothing can be changed now."""
        if self.stage:
            return "another reload is still going on; `kensa top` shows what it waits for; try again when it is done"
        if self._crew.stopped is not None:
            return "the line is being stopped; start it again with the new file: `kensa run FILE`"
        if ended := [child.name for child in self._crew if child.gone]:
            return f"process '{ended[0]}' has ended: the line comes to its end; start it again with the new file"
        return ""

    def _begin(self) -> None:
        self.stage = "prepare"
        for name, steps in self._change.steps.items():
            if (child := self._crew.find(name)) and steps.prepare:
                child.become(steps.prepare)

    def _prepared(self) -> None:
        refusals = [f"process '{c.name}': {c.report.refused}" for c in self._told() if c.report and c.report.refused]
        if refusals:
            self._failures, self._refused = ("nothing was changed", *refusals), True
            self._undo()
        else:
            self._first()

    def _undo(self) -> None:
        """Let everybody forget what they have prepared for."""
        self.stage = "undo"
        for child in self._told():
            lanes = child.process.lanes
            names = {lane.name for lane in lanes}
            gives = tuple(edge for edge in child.edges if edge.source[1] in names)
            takes = tuple(edge for edge in child.edges if edge.target[1] in names)
            child.become(Become(revision=self._revision + 2, lanes=lanes, gives=gives, takes=takes))

    def _first(self) -> None:
        """Everything that is to end ends, everything that may begin begins."""
        self.stage = "first"
        share, change_ = kin(self._wanted, self._host), self._change
        fresh = {
            name: (steps.begun, (*steps.first.takes, *steps.first.gives))
            for name, steps in change_.steps.items()
            if name in change_.added and steps.begun is not None
        }
        self._books.open(edge.name for edge in share.given)
        self._crew.widen(share, fresh, change_.removed)
        self.share, self.order = together(self.share, share), node_order(self._wanted)
        for child in self._told():
            if child.name not in fresh:
                child.become(change_.steps[child.name].first)

    def _last(self) -> None:
        """The new plan alone holds."""
        self.stage = "last"
        share = kin(self._wanted, self._host)
        for name, steps in self._change.steps.items():
            child = self._crew.find(name)
            if child and name not in self._change.removed and name not in self._change.added:
                child.become(steps.last)
        self._books.ended(self._crew.adopt(share))
        self.plan, self.share, self.order = self._wanted, share, node_order(self._wanted)

    def _abandon(self) -> None:
        """The line is stopped: nobody need wait for what was yet to come."""
        for child in self._told() if self.stage == "first" else ():
            child.become(replace(self._change.steps[child.name].first, more=False))
        self._end("the line was stopped before the change was done")

    def _end(self, *failures: str) -> None:
        self.stage, self._failures = "", failures
        self._revision += STEPS
        self._journal.info("reload is over", failures=list(failures))

    def _told(self) -> Iterable[Child]:
        """Processes that the change is about."""
        return [child for child in self._crew if child.name in self._change.steps]

    def _awaited(self) -> list[Child]:
        """Processes that have not come as far as the others."""
        removed, added = self._change.removed, self._change.added
        if self.stage == "first":
            return [c for c in self._told() if not (c.gone if c.name in removed else c.arrived)]
        if self.stage == "last":
            return [c for c in self._told() if not (_begun(c) if c.name in added else c.arrived)]
        return [c for c in self._told() if not c.arrived]

    def _unwell(self) -> list[str]:
        """What could not begin, or does not run as the change ends."""
        children = [*self._told()]
        unmade = [(c, c.report.unmade) for c in children if c.report and c.report.unmade]
        lanes = [f"lane '{lane}' cannot begin: {why}" for _, each in unmade for lane, why in each.items()]
        ill = [f"process '{c.name}' {c.why}" for c in children if c.backoff.failures and not c.report]
        return [*lanes, *ill]


def _begun(child: Child) -> bool:
    """Whether a process that is new runs, or has failed to."""
    return child.report is not None or bool(child.backoff.failures) or child.gone


def _digests(plan: Plan) -> dict[str, bytes]:
    """What the files are that nodes read when they begin or watch; one that cannot be read is left to its node."""
    return {name: _digest(Path(name)) for name in books(plan) | watched(plan).keys()}


def _taken_up(plan: Plan, touched: frozenset[str]) -> Iterable[str]:
    """What nobody needs to do anything about, in words."""
    for book, node in watched(plan).items():
        if book in touched:
            yield f"node '{node}' takes {book} up by itself, between two records"


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""

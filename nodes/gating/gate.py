"""What the gate does at which position: parts, verdicts and belt come in, what the outputs should be comes out. Pure.

A part is decided once, when the first of its own place is at the actuator. What comes later is told as late and moves
nothing: not this part, which has gone, and never another one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from nodes.gating.axis import Axis
from nodes.gating.parts import Action, Decision, Item, Key, Why, gravest
from nodes.gating.place import Place
from nodes.gating.witness import Witness, told
from pipeline.records import Outcome, Tracks, Verdict

MOST = 4096  # decisions that nobody fetched


class Policy(Struct, frozen=True, kw_only=True):
    """What is done with what.

    Attributes:
        warn: With a part that is WARN.
        no_read: With one that was not inspected.
        missing: With one of which there is no verdict in time.
        unseen: With belt for which nobody vouches.
        misses: Parts in a row without a verdict in time, or as much unseen belt, that stop the line; 0: none do.
    """

    warn: Action = "pass"
    no_read: Action = "reject"
    missing: Action = "reject"
    unseen: Action = "reject"
    misses: int = 0

    def on(self, outcome: Outcome) -> Action:
        """What is done with a part of this outcome."""
        said: dict[Outcome, Action] = {"PASS": "pass", "WARN": self.warn, "FAIL": "reject", "NO_READ": self.no_read}
        return said[outcome]


class State(Struct, frozen=True):
    """What the outputs should be.

    Attributes:
        reject: Whether what is at the actuator is rejected.
        divert: Whether it is diverted.
        stop: Whether the line should stop.
    """

    reject: bool = False
    divert: bool = False
    stop: bool = False


class Gate:
    """One actuator behind one camera or several.

    Args:
        places: How what each camera sees becomes places.
        policy: What is done with what.
        axis: Puts what records say on the gate's axis.

    Attributes:
        counts: How often what happened: `passed`, `rejected` and `diverted` are all parts that reached the actuator;
            of these `missing` had no verdict and `skipped` no pulse. `late` and `repeated` verdicts moved nothing,
            `unplaced` records did not say where, `untracked` verdicts came before any frame; an `unseen` stretch is as
            long as a part's own place.
        in_a_row: Misses since the last part that was decided by a verdict.
        decisions: What was decided, until somebody fetches it.
    """

    def __init__(self, places: Mapping[str, Place], policy: Policy, axis: Axis) -> None:
        self._places, self._policy, self._axis = places, policy, axis
        self._witnesses: dict[tuple[str, str], Witness] = {}
        self._high: float | None = None
        self._dark, self._begun = 0.0, False
        self.counts: Counter[str] = Counter()
        self.in_a_row = 0
        self.decisions: deque[Decision] = deque(maxlen=MOST)

    @property
    def reach(self) -> float:
        """How far the farthest camera is from the actuator."""
        return max(place.distance for place in self._places.values())

    def see(self, tracks: Tracks) -> None:
        """Take in where parts are, and how far all are told."""
        at, witness = self._axis.seen(tracks.encoder, tracks.t_ns), self._witness(tracks.camera, "part")
        if at is None or witness is None:
            self.counts["unplaced"] += 1
            return
        width = tracks.size[1]
        if not witness.look(tracks.session, tracks.seq, at, width):
            return
        who = tracks.camera, tracks.session, "part"
        for track in tracks.tracks:
            left, _, wide, _ = track.region.box
            key = (*who, track.id)
            if witness.settled(key) is None:
                place = witness.place.of(left + (wide - 1) / 2, at)
                witness.put(told(witness.waiting.get(key) or Item(key, place), place, sure=track.region.whole))
        shown = [*(track.id for track in tracks.tracks), *(part.id for part in tracks.coasted)]
        witness.turn_back(at, width, {(*who, each) for each in shown})
        if tracks.watermark is not None:
            witness.vouch(tracks.watermark, width)

    def judge(self, verdict: Verdict) -> None:
        """Take in what was decided about a part, about all views of a part, or about a frame."""
        if verdict.subject == "frame":
            self._frame(verdict)
            return
        for view in verdict.views:
            if view.part is not None:
                self._judged((view.camera, view.session, "part", view.part), verdict.outcome, None)
        if verdict.part is not None and not verdict.views:
            key = (verdict.camera, verdict.session, "part", verdict.part)
            self._judged(key, verdict.outcome, self._axis.marked(verdict.mark))

    def at(self, position: float, t_ns: int) -> State:
        """What the outputs should be at a position."""
        for witness in self._witnesses.values():
            for item in witness.reached(position):
                self._decide(witness, item, position, t_ns)
        wanted = [witness.wants(position) for witness in self._witnesses.values()]
        if len({camera for camera, _ in self._witnesses}) < len(self._places):
            wanted.append(None)
        self._move(position, unseen=None in wanted)
        does = gravest(self._policy.unseen if want is None else want for want in wanted)
        return State(does == "reject", does == "divert", 0 < self._policy.misses <= self.in_a_row)

    def _witness(self, camera: str, subject: str) -> Witness | None:
        if camera not in self._places:
            return None
        known = (camera, subject)
        if known not in self._witnesses:
            self._witnesses[known] = Witness(self._places[camera])
        return self._witnesses[known]

    def _frame(self, verdict: Verdict) -> None:
        """A frame is a part of its own, and all of it is at x = 0."""
        count = None if verdict.mark is None else round(verdict.mark)
        at, witness = self._axis.seen(count, verdict.t_ns), self._witness(verdict.camera, "frame")
        if at is None or witness is None:
            self.counts["unplaced"] += 1
        elif witness.look(verdict.session, verdict.seq, at, 0):
            self._judged((verdict.camera, verdict.session, "frame", verdict.seq), verdict.outcome, at)
            witness.vouch(verdict.seq, 0)
        else:
            self.counts["repeated"] += 1

    def _judged(self, key: Key, outcome: Outcome, mark: float | None) -> None:
        """The verdict on something; of several that come in time the gravest counts."""
        witness = self._witness(key[0], key[2])
        if witness is None:
            self.counts["unplaced"] += 1
            return
        self.counts["untracked"] += witness.blind
        gone = witness.settled(key)
        item = witness.waiting.get(key) or (None if mark is None else Item(key, witness.place.of(0.0, mark)))
        if gone is not None:
            self.counts["late" if gone.outcome is None else "repeated"] += 1
        elif item is None:
            self.counts["unplaced"] += 1
        elif self._high is not None and item.at + witness.place.window < self._high:
            self.counts["late"] += 1
        else:
            if mark is not None:
                item = replace(item, at=witness.place.of(0.0, mark), sure=True)
            witness.put(self._with(item, outcome))

    def _with(self, item: Item, outcome: Outcome) -> Item:
        """The part with one more verdict."""
        action = gravest((item.action, self._policy.on(outcome)))
        if item.action is not None:
            self.counts["repeated"] += 1
        return item if action == item.action else replace(item, outcome=outcome, action=action)

    def _decide(self, witness: Witness, item: Item, position: float, t_ns: int) -> None:
        """What is done with a part: once, and for good."""
        action = self._policy.missing if item.action is None else item.action
        skipped = action != "pass" and item.at + witness.place.window < position
        self.counts[{"pass": "passed", "reject": "rejected", "divert": "diverted"}[action]] += 1
        self.counts["skipped"] += skipped
        self.counts["missing"] += item.action is None
        self.in_a_row = self.in_a_row + 1 if item.action is None else 0
        witness.settle(replace(item, action=action))
        why: Why = "missing" if item.action is None else "verdict"
        self.decisions.append(Decision(*item.key, item.at, action, item.outcome, why, skipped, position, t_ns))

    def _move(self, position: float, *, unseen: bool) -> None:
        """Count the unseen belt that goes by, once some was seen: that before the first frame is nobody's fault."""
        moved = 0.0 if self._high is None else max(0.0, position - self._high)
        self._high = position if self._high is None else max(self._high, position)
        self._begun = self._begun or not unseen
        if not unseen or not self._begun:
            self._dark = 0.0
            return
        longest = 2 * max(place.window for place in self._places.values())
        stretches, self._dark = divmod(self._dark + moved, longest)
        self.counts["unseen"] += int(stretches)
        self.in_a_row += int(stretches)

"""The thread at the actuator: reads where the belt is, asks the gate what to do there, and turns outputs on and off.

It waits for nobody but what it is wired to. Whatever it cannot do is told; when it cannot go on, its heartbeat ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from nodes.gating.counting import Tally
from nodes.gating.gate import Gate, State
from nodes.gating.outputs import Outputs
from nodes.gating.parts import Decision
from nodes.gating.reading import Reader
from nodes.gating.wiring import Output
from nodes.sinks.room import log
from pipeline.clock import line_time
from pipeline.errors import NodeError
from pipeline.notices import board
from pipeline.records import Tracks, Verdict

AGAIN_S = 0.5  # between two tries to reach what is away
NS = 1_000_000_000
LONG_NS = 1 << 62  # ago

Tell = Callable[[Sequence[Decision]], None]


class Engine:
    """Drives the outputs of a gate. Use it as a context: inside it, they follow the belt.

    Args:
        gate: What is to be done where.
        reader: Says where the belt is.
        outputs: What it is wired to.
        tell: Is told what was decided.
        every: Seconds between two looks at the belt.
        beat: Seconds after which the heartbeat is turned over.
        safe: What the outputs are where nobody knows better: before the first position, and when the gate leaves.
        actuator: What it is wired to, for monitoring.
    """

    def __init__(
        self,
        gate: Gate,
        reader: Reader,
        outputs: Outputs,
        tell: Tell,
        *,
        every: float,
        beat: float,
        safe: State,
        actuator: str = "",
    ) -> None:
        self._gate, self._reader, self._outputs, self._tell = gate, reader, outputs, tell
        self._every, self._beat_ns, self._safe = every, round(beat * NS), safe
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._shown: dict[Output, bool] = {}
        self._pulse, self._turned_ns = False, 0
        self._retry_ns, self._away = 0, False
        self._failure: Exception | None = None
        self._tally, self._counted_ns, self._stops = Tally(actuator), -LONG_NS, False

    def __enter__(self) -> Self:
        board.settle("gate dead")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._count()
        with self._lock:
            log().info("the gate leaves", **self._gate.counts)

    def hear(self, record: Tracks | Verdict) -> None:
        """Take a record; before the gate's own encoder was read none can be placed, and all belt is unseen.

        Raises:
            NodeError: If the thread at the actuator has died, and why: the sink must begin anew.
        """
        if self._failure is not None:
            raise NodeError(f"the gate's own thread has died: {self._failure!r}") from self._failure
        if not self._reader.ready:
            return
        with self._lock:
            if isinstance(record, Tracks):
                self._reader.note(record.encoder, record.t_ns)
                self._gate.see(record)
            else:
                if record.subject == "frame":
                    self._reader.note(record.mark, record.t_ns)
                self._gate.judge(record)
            self._judge_records(record.camera)

    def _judge_records(self, camera: str) -> None:
        """Tell people of records from which nothing good can come."""
        off, reach = self._reader.off, self._gate.reach
        if off is not None and abs(off) > reach:
            text = f"gate: its own encoder is {off:,.0f} counts from that of '{camera}', the actuator {reach:,.0f}"
            board.raise_("gate encoder", f"{text}: nothing is found where it is; let both read the same encoder")
        elif off is not None:
            board.settle("gate encoder")
        if self._gate.counts["untracked"]:
            text = (
                f"gate: verdicts on parts of '{camera}' came, and no frames in which they are tracked: nobody vouches"
            )
            what = "connect `track` as well: `from: [track, rules]`"
            board.raise_("gate untracked", f"{text} for the belt between them; {what}")
        if lost := self._gate.counts["unplaced"]:
            text = "expected an encoder count where `pulse` is given, and its camera in `distance`"
            board.raise_("gate unplaced", f"gate: {lost} records did not say where on the belt, '{camera}' too: {text}")

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self.turn(time.monotonic_ns())
                self._over.wait(self._every)
        except Exception as error:  # noqa: BLE001 - whatever it was, the sink raises it where it is seen
            self._failure = error
            log().error("the gate's own thread has died", error=repr(error))
            board.raise_("gate dead", f"gate: its own thread has died: {error!r}; it begins anew with the next record")
        finally:
            self._leave()

    def turn(self, now_ns: int) -> None:
        """One look at the belt, and what follows from it.

        Args:
            now_ns: By a clock that does not jump.
        """
        made: list[Decision] = []
        try:
            if self._away and now_ns < self._retry_ns:
                made = self._unsent(self._decide(self._position_without_asking())[1])
            else:
                state, made = self._decide(self._reader.position())
                self._show(state)
                self._beat(now_ns)
                self._find()
        except OSError as error:
            self._lose(error, now_ns)
            made = self._unsent(made)
        if made:
            self._judge_skipped(made)
            self._tell(made)
        if now_ns - self._counted_ns >= self._beat_ns:
            self._counted_ns = now_ns
            self._count()

    def _count(self) -> None:
        with self._lock:
            self._tally.tell(self._gate.counts, stopped=self._stops, away=self._away)

    def _position_without_asking(self) -> float | None:
        """Where the belt is, if that does not come from what is away."""
        return None if self._reader.asks else self._reader.position()

    def _decide(self, position: float | None) -> tuple[State, list[Decision]]:
        """What outputs should be, and what was decided about parts on the way there."""
        if position is None:
            return self._safe, []
        with self._lock:
            state = self._gate.at(position, line_time.now_ns())
            made = [*self._gate.decisions]
            self._gate.decisions.clear()
        self._judge_misses(state)
        return state, made

    def _judge_skipped(self, made: Sequence[Decision]) -> None:
        """Tell people of parts that went on although they should not have: somebody must look for them."""
        for each in made:
            if each.skipped:
                text = f"gate: {self._gate.counts['skipped']} parts that were to be rejected or diverted went on"
                last = f"the last is {each.subject} {each.number} of '{each.camera}'"
                board.raise_("gate skipped", f"{text}, {last}: look for them behind the gate")

    def _judge_misses(self, state: State) -> None:
        """Tell people of a line that is to stop."""
        self._stops = state.stop
        if state.stop:
            row = f"{self._gate.in_a_row} in a row"
            board.raise_(
                "gate stop", f"gate: {row} came without a verdict in time, the line is to stop: see the camera"
            )
        else:
            board.settle("gate stop")

    def _unsent(self, made: list[Decision]) -> list[Decision]:
        """What was decided while the outputs were away got no pulse."""
        with self._lock:
            self._gate.counts["skipped"] += sum(each.action != "pass" and not each.skipped for each in made)
        return [replace(each, skipped=each.skipped or each.action != "pass") for each in made]

    def _show(self, state: State) -> None:
        """Write what has changed, the pulse first."""
        self._write("reject", on=state.reject)
        self._write("divert", on=state.divert)
        self._write("stop", on=state.stop)

    def _beat(self, now_ns: int) -> None:
        """Turn the heartbeat over, and have all written again: a PLC that began anew has forgotten it."""
        if now_ns - self._turned_ns >= self._beat_ns:
            self._pulse, self._turned_ns = not self._pulse, now_ns
            self._shown.clear()
        self._write("heartbeat", on=self._pulse)

    def _write(self, output: Output, *, on: bool) -> None:
        if self._shown.get(output) is not on:
            self._outputs.write(output, on=on)
            self._shown[output] = on

    def _lose(self, error: OSError, now_ns: int) -> None:
        """It is away: all is written anew when it comes back."""
        self._shown.clear()
        self._retry_ns = now_ns + round(AGAIN_S * NS)
        if not self._away:
            log().error("the gate's outputs are away", error=str(error))
        self._away = True
        board.raise_(
            "gate away", f"gate: {error}; nothing is rejected until it is back: look at its power and its cable"
        )

    def _find(self) -> None:
        if self._away:
            log().info("the gate's outputs are back")
            board.settle("gate away")
        self._away = False

    def _leave(self) -> None:
        """Outputs are left as they must be where nobody looks."""
        try:
            self._show(self._safe)
        except OSError as error:
            log().error("the gate could not leave its outputs safe", error=str(error))
        finally:
            self._outputs.close()

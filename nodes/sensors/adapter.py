"""The one sensor above all IMX500 hardware, real and virtual: states, numbers, epochs, recovery.

The camera is kept open: its bridge wears out by opening and closing. A stream that stands still is started anew, a
network that was lost is put up again, and only what that does not heal becomes a failure with advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from nodes.sensors import advice, roi
from nodes.sensors.epochs import Epochs
from nodes.sensors.intake import Intake
from nodes.sensors.reading import Reader
from nodes.sensors.sensor import Epoch, Hardware, Health, Identity, Package, Progress, Sensed, Stream
from nodes.sensors.states import SensorError, State, follow
from nodes.sensors.task import Task
from pipeline.clock import Clock
from pipeline.records import Roi

T = TypeVar("T")

LOCK = {"AeEnable": False, "AwbEnable": False}  # both then stay at what they had come to
READY = frozenset({State.OPEN, State.UPLOADING, State.STREAMING, State.STALLED})


class Patience(NamedTuple):
    """How long things may take, s, and how often they are tried.

    Attributes:
        upload: Until the stream is on; a network that the bridge does not hold yet takes minutes.
        stall: Without a frame, until the stream is started anew.
        tensor: Of frames without any inference, until the network is put up again.
        tries: Attempts of either before the sensor has failed.
        halt: Until a stream is off, or a camera given back.
        tick: Between two looks at a stream that gives nothing.
    """

    upload: float = 600.0
    stall: float = 3.0
    tensor: float = 3.0
    tries: int = 3
    halt: float = 10.0
    tick: float = 0.2


class Adapter:
    """A `Sensor` upon some `Hardware`; one thread uses it, any thread may ask for its health.

    Attributes:
        state: Where it is.
        package: The network it runs.
        identity: Which camera it is, once it was opened.
        clock: What it waits by.
        meets: Told which camera it is, as soon as its serial number is known; says how many frames it settles.
    """

    def __init__(self, hardware: Hardware, clock: Clock, patience: Patience | None = None) -> None:
        self.state = State.CLOSED
        self.package: Package | None = None
        self.identity: Identity | None = None
        self.meets: Callable[[Identity], int] | None = None
        self._hardware, self.clock, self._patience = hardware, clock, patience or Patience()
        self._stream = Stream()
        self._progress: Progress = _ignored
        self._session()
        self._advice, self._uploads = "", 0

    def _session(self) -> None:
        """Numbers and epochs begin anew."""
        self._epochs, self._intake = Epochs(self._stream.settle), Intake(self.clock.now_ns)
        self._reader = Reader(self._epochs, images=self._stream.images)
        self._tries = self._heard_ns = self._heard = 0
        self._locked = False

    def open(self) -> Identity:
        """Find the camera and hold it."""
        follow(self.state, State.OPEN)
        self.identity = self._ask("open", self._hardware.open)
        self._become(State.OPEN)
        return self.identity

    def load(self, package: Package, progress: Progress) -> None:
        """Choose the network; a running stream is stopped first, for the driver takes none while it streams."""
        self._need(READY)
        self.stop()
        self._ask("load a network on", partial(self._hardware.load, package))
        self.package, self._progress = package, progress
        self._uploads += 1

    def start(self, stream: Stream) -> None:
        """Begin a session; returns when the stream is on, after the upload."""
        self._need(frozenset({State.OPEN}))
        if self.package is None:
            raise SensorError(f"{self._name()}: expected a network, found none; load a package first", self.state)
        latest = self._epochs.latest
        self._stream = stream
        self._session()
        first = latest or Epoch(0, roi.whole(self._aspect()), "", 0, 0)
        self._epochs.add(first)
        self._begin()

    def set_roi(self, crop: Roi, prompt: str = "") -> Epoch:
        """Look elsewhere; what is not legal is refused, and what failed half-way leaves the ROI unknown."""
        self._need(READY)
        roi.check(crop, self.state, self._aspect())
        begun = self._hardware.now_ns()
        if self.state is not State.OPEN:
            try:
                self._try("set the ROI of", partial(self._hardware.write_roi, crop))
            except SensorError:
                self._epochs.lose(begun)
                raise
        return self._epochs.add(Epoch(0, crop, prompt, begun, self._hardware.now_ns()))

    def set_controls(self, controls: Mapping[str, Any]) -> None:
        """Set controls of libcamera."""
        self._need(READY)
        self._try("set controls of", partial(self._hardware.write_controls, controls))

    def frames(self) -> Iterator[Sensed]:
        """Every frame in order, until the stream is stopped or the line is."""
        while self._intake.open and self.clock.wait_until(0):
            arrived = self._intake.take(self._patience.tick)
            if not self._intake.open:
                return
            self._listen()
            if arrived is not None:
                yield self._reader.read(arrived)
                self._settle()

    def health(self) -> Health:
        """How it is now."""
        reader, intake, run = self._reader, self._intake, self._reader.metadata.get("CnnKpiInfo")
        return Health(
            state=self.state,
            advice=self._advice or reader.odd,
            seen=intake.seen,
            dropped=intake.dropped,
            missing=intake.numbers.missing,
            without_tensor=reader.without,
            uploads=self._uploads,
            temperature_c=reader.metadata.get("SensorTemperature"),
            dnn_us=run[0] if run else None,
        )

    def stop(self) -> None:
        """End the stream, keep the camera."""
        self._intake.end()
        if self.state in READY - {State.OPEN}:
            self._halt()
            self._become(State.OPEN)

    def close(self) -> None:
        """Give the camera back, whatever state it is in."""
        self._intake.end()
        self.state = State.CLOSED
        if (task := Task(self._hardware.close)).wait(self._patience.halt):
            task.result()

    def _begin(self) -> None:
        """Stream on, with the network going up inside it and the ROI already written."""
        self._become(State.UPLOADING, advice.UPLOADING)
        latest = self._epochs.latest
        crop = latest.roi if latest else roi.whole(self._aspect())
        self._ask("set the ROI of", partial(self._hardware.write_roi, crop))
        self._epochs.restart()
        self._reader.offset_ns = self.clock.now_ns() - self._hardware.now_ns()
        self._reader.bare, self._locked = 0, False
        self._intake.begin(self._stream.discard)
        self._await(Task(partial(self._hardware.start, self._stream, self._intake.put)))
        self._heard_ns = self.clock.now_ns()

    def _await(self, start: Task) -> None:
        """Wait for the stream, telling how far the upload is; nobody waits for ever, and a stopping line not at all."""
        due = self.clock.now_ns() + round(self._patience.upload * 1e9)
        while not start.wait(self._patience.tick):
            self._progress(*self._hardware.uploaded())
            if not self.clock.wait_until(0):
                self._intake.end()
                return
            if self.clock.now_ns() > due:
                text = f"expected the stream within {self._patience.upload:.0f} s, found it still starting"
                raise self._failed(SensorError(f"start {self._name()}: {text}; {advice.BRIDGE}", State.NEEDS_REBOOT))
        self._ask("start", start.result)
        self._progress(*self._hardware.uploaded())

    def _halt(self) -> None:
        """Stream off; a library whose event loop has died would wait for it for ever."""
        task = Task(self._hardware.stop)
        if not task.wait(self._patience.halt):
            text = f"expected it within {self._patience.halt:g} s, found it hanging; {advice.HANGS}"
            raise self._failed(SensorError(f"stop {self._name()}: {text}", State.NEEDS_REBOOT))
        self._ask("stop", task.result)

    def _listen(self) -> None:
        """Whether frames come at all, those too that are thrown away while exposure settles."""
        if self._intake.seen != self._heard:
            self._heard, self._heard_ns = self._intake.seen, self.clock.now_ns()
            if self.state is not State.STREAMING:
                self._become(State.STREAMING)
                self._meet()
            return
        silence = (self.clock.now_ns() - self._heard_ns) / 1e9
        if self._intake.open and silence > self._patience.stall:
            self._stall(silence)

    def _meet(self) -> None:
        """The serial number is known only now: it is read through the network that runs."""
        if self.identity is not None and not self.identity.device:
            self.identity = replace(self.identity, device=self._try("ask the serial number of", self._hardware.device))
        if self.meets is not None and self.identity is not None and self.identity.device:
            self._stream = replace(self._stream, settle=self.meets(self.identity))
            self._epochs.settle = self._stream.settle

    def _stall(self, silence: float) -> None:
        told = advice.STALLED.format(seconds=silence)
        if self.state is State.STREAMING:
            self._become(State.STALLED, told)
        self._again(told, reload=False)

    def _settle(self) -> None:
        """After a frame: hold exposure, and see whether inferences come."""
        if self._stream.lock and not self._locked:
            self._locked = True
            self._ask("lock exposure of", partial(self._hardware.write_controls, LOCK))
        bare = self._reader.bare
        if bare == 0:
            self._tries, self._advice = 0, ""
        elif bare > self._patience.tensor * self._stream.rate:
            told = advice.NO_TENSOR.format(frames=bare)
            self._again(self._reader.odd or told, reload=True)

    def _again(self, told: str, *, reload: bool) -> None:
        """Start the stream anew with the camera open; after some attempts it has failed."""
        self._tries += 1
        if self._tries > self._patience.tries:
            raise self._failed(SensorError(f"{self._name()}: {told}", State.NEEDS_REOPEN))
        self._halt()
        self._become(State.OPEN, told)
        if reload and self.package is not None:
            self._ask("load a network on", partial(self._hardware.load, self.package))
            self._uploads += 1
        self._begin()
        self._advice = told

    def _aspect(self) -> tuple[int, int]:
        size = self.package.input_size if self.package else (0, 0)
        return size if all(size) else (1, 1)

    def _name(self) -> str:
        known = self.identity
        return f"camera {known.bus or known.id}" if known else "the camera"

    def _need(self, states: frozenset[State]) -> None:
        if self.state not in states:
            raise SensorError(
                f"{self._name()}: expected it {' or '.join(sorted(states))}, found it {self.state}"
                + (f": {self._advice}" if self._advice else ""),
                self.state,
            )

    def _ask(self, what: str, step: Callable[[], T]) -> T:
        """One step of the hardware; what it raises becomes a state and an advice."""
        try:
            return step()
        except Exception as error:
            raise self._failed(advice.diagnose(error, f"{what} {self._name()}")) from error

    def _try(self, what: str, step: Callable[[], T]) -> T:
        """One step without which the sensor goes on."""
        try:
            return step()
        except Exception as error:
            raise SensorError(str(advice.diagnose(error, f"{what} {self._name()}")), self.state) from error

    def _failed(self, error: SensorError) -> SensorError:
        self._intake.end()
        self._become(error.state, str(error))
        return error

    def _become(self, state: State, told: str = "") -> None:
        self.state, self._advice = follow(self.state, state), told


def _ignored(_done: int, _total: int) -> None:
    """Nobody wants to know."""

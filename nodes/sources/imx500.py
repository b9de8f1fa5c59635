"""Masks of a Sony IMX500: a real one on this host, or a virtual one that the same code cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from nodes.sensors import advice, keeper, schedule
from nodes.sensors.adapter import Adapter
from nodes.sensors.package import package as packed
from nodes.sensors.picamera import Picamera
from nodes.sensors.prompts import Dwell, Prompts, aims
from nodes.sensors.schedule import Rota
from nodes.sensors.sensor import Health, Package, Sensor, Stream
from nodes.sensors.states import SensorError, State
from nodes.sensors.virtual.recorder import Recorder
from nodes.sensors.virtual.setup import Ready, Setup, ready
from nodes.sensors.warmth import Warmth
from nodes.sources.sensed import Teller, Wanted
from pipeline import readings
from pipeline.clock import Clock, RealClock
from pipeline.errors import NodeError
from pipeline.node import node
from pipeline.notices import board
from pipeline.readings import Reading
from pipeline.records import Frame, Gap, Image
from pipeline.units import Frames, Rate

Stored = Annotated[str, Meta(description="a file", extra={"beside": True})]
Logit = Annotated[float, Meta(description="logits")]
Step = Annotated[float, Meta(ge=0, description="logits/step")]
Output = Annotated[int, Meta(ge=0, le=15, description="number")]
Pace = Annotated[float, Meta(gt=0, le=30, description="1/s")]
Warm = Annotated[float, Meta(ge=-20, le=80, description="°C")]  # what libcamera can tell


@node(live=True, check=schedule.check, tells=schedule.tells)
def imx500(
    camera: str,
    session: str,
    clock: Clock,
    *,
    package: Stored = "",
    bus: str = "",
    prompts: Prompts | None = None,
    dwell: Dwell = 1,
    settle: Frames = 3,
    rate: Rate = 30.0,
    label: str = "part",
    output: Output = 0,
    threshold: Logit = 0.0,
    scale: Step = 0.0,
    lock: bool = True,
    discard: Frames = 20,
    images: bool = False,
    pictures: Pace = 1.0,
    max_temperature: Warm = 70.0,
    record: Stored = "",
    virtual: Setup | None = None,
) -> Iterator[Frame | Gap | Image]:
    """Show the masks of a Sony IMX500, whose network runs on the sensor: only its numbers come to the host.

    Each prompt is a crop of the sensor; several take turns. A frame without an inference of its own is a gap (`late`),
    and so is what never arrived or nobody fetched (`sensor`). The camera stays open while the process runs; what is
    wrong with it becomes an alarm that says what to do.

    Args:
        package: The network of a real camera: an `.rpk`, as `imx500-package` makes it.
        bus: Where the camera is connected, such as `i2c@88000`; left out, the host must have one camera only.
        prompts: Where to look, by name; left out, the largest square.
        dwell: Masks of a prompt before the next has its turn, where it does not say itself.
        settle: Frames after a change of crop whose masks may still be of the one before.
        rate: Frames per second; the network must run that fast.
        label: What the mask shows.
        output: Which output of the network is the mask, from 0.
        threshold: A pixel above it is inside.
        scale: Logits per step of the sensor's numbers: with it frames carry them as scores; 0 leaves them out.
        lock: Hold exposure and white balance once they have settled, so that they do not change what is seen.
        discard: Frames after a start that are thrown away, until exposure has settled.
        images: Whether pictures may leave this source, beside the masks.
        pictures: How many of them per second, where they may.
        max_temperature: From here on an alarm says that the sensor is too warm, until it is 3 °C cooler.
        record: A folder for field recordings: what libcamera says, a file a session, to be replayed by `virtual`.
        virtual: A camera that is made up, and what it sees; left out, the real one.
    """
    hardware, waits, chosen = ready(virtual, camera, clock) if virtual else _real(bus, package, clock)
    if record:
        hardware = Recorder(hardware, Path(record) / f"{camera}-{session}.take", clock)
    key = ("virtual", f"{camera} {virtual}") if virtual else ("real", bus)
    told = _key(camera)
    stream = Stream(rate=rate, lock=lock, discard=discard, settle=settle, images=images)
    wanted = Wanted(camera, session, label, output, threshold, scale, chosen.sha256, rate / pictures)
    rota = Rota(schedule.schedule(aims(prompts, dwell), rate, settle))
    keep = isinstance(waits, RealClock) and not record
    sensor: Adapter | None = None
    try:
        sensor = keeper.hold(key, lambda: Adapter(hardware, waits), waits, kept=keep)
        _begin(sensor, chosen, stream, rota, told)
        yield from show(sensor, rota, Teller(wanted), Watch(camera, Warmth(max_temperature)))
    except SensorError as error:
        board.raise_(told, f"{camera}: {error}")
        raise
    finally:
        _over(camera)
        if sensor is not None:
            keeper.release(key, sensor, keep=keep)


def _real(bus: str, package: str, clock: Clock) -> Ready:
    if not package:
        raise NodeError("imx500: expected `package`, the .rpk that the sensor runs, found none; or set `virtual`")
    return Ready(Picamera(bus), clock, packed(Path(package)))


def _begin(sensor: Adapter, package: Package, stream: Stream, rota: Rota, told: str) -> None:
    """Put the network on it, unless it has it, and stream what the first prompt asks for."""

    def progress(done: int, total: int) -> None:
        percent = f"{100 * done // total} %" if total else "how far, nobody can say"
        over = 0 < total <= done
        _say(told, "" if over else f"the network goes up: {percent}; do not cut the power")

    if sensor.package is None or sensor.package.sha256 != package.sha256:
        sensor.load(package, progress)
    sensor.set_roi(rota.aim.roi, rota.aim.name)
    sensor.start(stream)


def show(sensor: Sensor, rota: Rota, teller: Teller, watch: Watch) -> Iterator[Frame | Gap | Image]:
    """What the sensor says, in records; the next prompt is told it before anybody is told the mask."""
    for sensed in sensor.frames():
        if aim := rota.look(sensed.settling, sensed.t_ns, mask=sensed.inference is not None):
            sensor.set_roi(aim.roi, aim.name)
        watch.see(sensor.health(), rota, sensed.t_ns)
        yield from teller.tell(sensed)


class Watch(NamedTuple):
    """What people and monitoring are told about a camera while it runs.

    Attributes:
        camera: Its name.
        warmth: Whether it is too warm.
    """

    camera: str
    warmth: Warmth

    def see(self, health: Health, rota: Rota, t_ns: int) -> None:
        """After a frame: notices that are so are raised, others settled, and its readings noted."""
        key = _key(self.camera)
        well = health.state is State.STREAMING and not health.advice
        _say(key, "" if well else health.advice or health.state)
        _say(f"{key} prompts", _late(rota, t_ns), key)
        celsius = health.temperature_c
        hot = self.warmth.look(celsius) and celsius is not None
        _say(f"{key} temperature", advice.HOT.format(celsius=celsius, limit=self.warmth.limit) if hot else "", key)
        readings.note(self.camera, Reading(celsius, None if health.dnn_us is None else health.dnn_us / 1e6))


def _key(camera: str) -> str:
    return f"sensor {camera}"


def _say(key: str, text: str, who: str = "") -> None:
    """Raise a notice, or settle it where there is nothing to say."""
    if text:
        board.raise_(key, f"{who or key}: {text}")
    else:
        board.settle(key)


def _late(rota: Rota, t_ns: int) -> str:
    """Prompts that have missed their deadline, in words."""
    late = [f"'{aim.name}' for {since:.1f} s (deadline {aim.deadline:g} s)" for aim, since in rota.overdue(t_ns)]
    return f"no mask of {', '.join(late)}: inferences fail to come; see its rate" if late else ""


def _over(camera: str) -> None:
    """Nothing is known any more of a camera that shows nothing; why it ended stays on the board."""
    for what in ("prompts", "temperature"):
        board.settle(f"{_key(camera)} {what}")
    readings.forget(camera)

"""Masks of a Sony IMX500: a real one on this host, or a virtual one that the same code cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from nodes.sensors import advice, keeper, known, schedule
from nodes.sensors.adapter import Adapter
from nodes.sensors.known import Settle
from nodes.sensors.package import package as packed
from nodes.sensors.picamera import Picamera
from nodes.sensors.prompts import Dwell, Prompts, aims
from nodes.sensors.schedule import Rota
from nodes.sensors.sensor import Health, Identity, Package, Sensor, Stream
from nodes.sensors.states import SensorError, State
from nodes.sensors.virtual.recorder import Recorder
from nodes.sensors.virtual.replay import settled
from nodes.sensors.virtual.setup import Ready, Setup, ready
from nodes.sensors.warmth import Warmth
from nodes.sources.sensed import Teller, Wanted
from pipeline import readings
from pipeline.clock import Clock, RealClock
from pipeline.errors import KensaError, NodeError
from pipeline.node import Flaw, node
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


def check(params: Any) -> Iterator[Flaw]:
    """Why a camera cannot look where it is told to, with the settling that this host knows of."""
    return schedule.check(replace(params, settle=settling(params).frames))


def tells(params: Any) -> Iterator[str]:
    """What each prompt gets, and where it matters how long the camera settles, and how that is known."""
    settle = settling(params)
    yield from schedule.tells(replace(params, settle=settle.frames))
    if len(aims(params.prompts)) > 1:
        yield f"a change of prompt settles in {settle.why}"


def settling(params: Any) -> Settle:
    """How long a camera settles: as its topology says, else as it was measured on this host."""
    if params.settle is not None:
        return Settle(params.settle, f"{params.settle} frames, as the topology says")
    return _known(params.virtual, params.bus)


def _known(virtual: Setup | None, bus: str, device: str = "") -> Settle:
    """What was measured; a recording settles as it did then, for else it would be asked for other crops."""
    if virtual is None:
        return known.settle("imx500", bus, device)
    if not virtual.replay:
        return known.settle("virtual", virtual.bus, device)
    try:
        frames = settled(Path(virtual.replay))
    except NodeError as error:
        return Settle(known.SETTLE, f"{known.SETTLE} frames, for {error}")
    return Settle(frames, f"{frames} frames, as it was recorded")


def names(params: Any) -> Iterator[str]:
    """What its prompts are called; the whole view has no name."""
    try:
        yield from (aim.name for aim in aims(params.prompts))
    except ValueError:
        return  # their flaws are told


def offers(params: Any) -> Iterator[str]:
    """An encoder, where a belt is made up, or was recorded; nobody reads one beside a real camera."""
    virtual = params.virtual
    other = virtual and (virtual.images or virtual.video or virtual.target or virtual.page)
    if virtual and (virtual.replay or (virtual.belt.pulse and not other)):
        yield "encoder"


@node(live=True, check=check, tells=tells, prompts=names, offers=offers)
def imx500(
    camera: str,
    session: str,
    clock: Clock,
    *,
    package: Stored = "",
    bus: str = "",
    prompts: Prompts | None = None,
    dwell: Dwell = 1,
    settle: Frames | None = None,
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
        settle: Frames after a change of crop whose masks may still be of the one before; left out, as many as `kensa
            camera calibrate-roi` has measured for this camera on this host, else 3.
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
    obeys = Settle(settle, "") if settle is not None else _known(virtual, bus)
    stream = Stream(rate=rate, lock=lock, discard=discard, settle=obeys.frames, images=images)
    wanted = Wanted(camera, session, label, output, threshold, scale, chosen.sha256, rate / pictures)
    rota = Rota(schedule.schedule(aims(prompts, dwell), rate, obeys.frames))
    keep = isinstance(waits, RealClock) and not record
    sensor: Adapter | None = None
    try:
        sensor = keeper.hold(key, lambda: Adapter(hardware, waits), waits, kept=keep)
        measured = partial(_known, virtual, bus) if settle is None else None
        sensor.meets = _meets(rota, obeys, measured, None if virtual else chosen, told)
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


def _meets(
    rota: Rota, obeys: Settle, measured: Callable[[str], Settle] | None, network: Package | None, told: str
) -> Callable[[Identity], int]:
    """What is done when a camera has said which one it is: another may be connected where one was measured.

    Args:
        rota: Its schedule is told how long it settles.
        obeys: How long the camera settles that is expected.
        measured: How long any other does; None where the topology says it.
        network: What runs on it; None where nobody needs to remember.
        told: What people call the camera.
    """

    def meets(identity: Identity) -> int:
        device, settles = identity.device, f"{told} settling"
        found = measured(device) if measured and device != obeys.device else obeys
        if measured and obeys.device not in {"", device}:
            board.raise_(settles, f"{told}: this is {device}, not the camera that was measured: it takes {found.why}")
        else:
            board.settle(settles)
        if network is not None:
            _remember(identity, network, told)
        rota.schedule = replace(rota.schedule, settle=rota.schedule.settle and found.frames + schedule.UNDER_WAY)
        return found.frames

    return meets


def _remember(identity: Identity, network: Package, told: str) -> None:
    """For `kensa camera list`; a line goes on where it cannot be written."""
    try:
        known.note(identity, upload=known.uploaded(network))
        board.settle(f"{told} known")
    except KensaError as error:
        board.raise_(f"{told} known", f"{told}: {error}")


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
        readings.note(self.camera, Reading(temperature_c=celsius, dnn_us=health.dnn_us))


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

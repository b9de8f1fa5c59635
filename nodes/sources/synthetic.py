"""A belt with parts and defects that needs no camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from nodes.sources.belt import Belt, Shape, count
from nodes.sources.drawing import Drawing
from pipeline.clock import Clock
from pipeline.masks import Mask
from pipeline.node import node
from pipeline.records import Frame, Gap, Layer, Reading
from pipeline.units import Frames, Rate, Ratio

Side = Annotated[int, Meta(ge=16, le=4096, description="px")]
Length = Annotated[float, Meta(ge=4, le=4096, description="px")]
BeltSpeed = Annotated[float, Meta(gt=0, le=4096, description="px/frame")]
Specks = Annotated[float, Meta(ge=0, le=1000, description="per frame")]
Distance = Annotated[float, Meta(ge=0, le=1_000_000, description="px")]
Pulse = Annotated[float, Meta(ge=0, le=4096, description="px/count")]
Deviation = Annotated[float, Meta(ge=0, le=10, description="px")]

BUFFERS = 4
COLD, WARM = 28.0, 46.0  # °C, of the sensor at the start and in the end
WARMING = 300.0  # s, after which two thirds of the way are done


def offers(params: Any) -> Iterator[str]:
    """An encoder, where the belt has one."""
    if params.pulse:
        yield "encoder"


@node(live=True, offers=offers)
def synthetic(
    camera: str,
    session: str,
    clock: Clock,
    *,
    seed: int = 0,
    width: Side = 96,
    height: Side = 96,
    rate: Rate = 30.0,
    frames: Frames = 0,
    speed: BeltSpeed = 4.0,
    pitch: Length = 60.0,
    length: Length = 32.0,
    breadth: Length = 48.0,
    shape: Shape = "plate",
    defects: Ratio = 0.1,
    specks: Specks = 3.0,
    rough: Deviation = 0.3,
    belt: str = "",
    station: Distance = 0.0,
    pulse: Pulse = 0.0,
) -> Iterator[Frame | Gap]:
    """Show a moving belt with parts, some of them with a defect: the same for the same seed and camera.

    Parts are the layer `part`. Defects are what a silhouette can show: `hole`, `chip` (a missing
    corner), `short` (a missing end), `burr` (something that sticks out). It does not wait: a frame
    that nobody took in time is told as a gap, as with a real camera.

    Args:
        seed: Another seed, other parts.
        width: Width of the view.
        height: Height of the view.
        rate: Frames per second.
        frames: Frames until the source ends; 0 is endless.
        speed: How far the belt moves in a frame; parts enter on the left.
        pitch: Mean distance between the centres of parts; it varies by a tenth.
        length: Size of a good part along the belt; a disc's diameter.
        breadth: Size of a good part across the belt; a disc has none of its own.
        shape: What a good part looks like.
        defects: Share of parts that have a defect.
        specks: Mean number of spots that the network got wrong.
        rough: Standard deviation of the edge.
        belt: Name of a belt: cameras that give the same see the same parts. Left out, each camera has its own.
        station: How far along that belt the camera stands.
        pulse: How far the belt moves in one count of its encoder, which frames then carry; 0 where it has none.
    """
    seen = Belt(
        camera=camera,
        seed=seed,
        width=width,
        height=height,
        rate=rate,
        frames=frames,
        speed=speed,
        pitch=pitch,
        length=length,
        breadth=breadth,
        shape=shape,
        defects=defects,
        specks=specks,
        rough=rough,
        belt=belt,
        station=station,
        pulse=pulse,
    )
    yield from show(seen, session, clock)


def show(belt: Belt, session: str, clock: Clock) -> Iterator[Frame | Gap]:
    """Hand over each frame when it is due; of those that were not fetched, the newest `BUFFERS` are kept."""
    drawing, start, period, seq = Drawing(belt), clock.now_ns(), 1e9 / belt.rate, 0
    while not belt.frames or seq < belt.frames:
        t_ns = start + round(seq * period)
        if not clock.wait_until(t_ns):
            return
        lost = _lost(belt, seq, int((clock.now_ns() - start) / period))
        if lost:
            yield _gap(belt.camera, session, t_ns, seq, seq + lost - 1)
        else:
            yield _frame(belt, session, t_ns, seq, drawing)
        seq += lost or 1


def _lost(belt: Belt, seq: int, newest: int) -> int:
    """How many frames from `seq` on were overwritten before anybody came for them."""
    last = min(newest, belt.frames - 1) if belt.frames else newest
    return max(0, last + 1 - BUFFERS - seq)


def _gap(camera: str, session: str, t_ns: int, first: int, last: int) -> Gap:
    return Gap(camera=camera, session=session, seq=first, t_ns=t_ns, last=last, reason="sensor", where="synthetic")


def _frame(belt: Belt, session: str, t_ns: int, seq: int, drawing: Drawing) -> Frame:
    layer = Layer("part", Mask.from_dense(drawing.frame(seq)))
    return Frame(
        camera=belt.camera,
        session=session,
        seq=seq,
        t_ns=t_ns,
        size=(belt.height, belt.width),
        layers=(layer,),
        encoder=count(belt, seq),
        reading=_reading(seq / belt.rate),
    )


def _reading(seconds: float) -> Reading:
    """What a camera would read off itself: it grows warm in some minutes, and all else stays as it is."""
    celsius = WARM + (COLD - WARM) * math.exp(-seconds / WARMING)
    return Reading(exposure_us=8000, gain=1.0, temperature_c=celsius, dnn_us=14_300, dsp_us=1_200, lux=400.0)

"""One stream of a virtual sensor: each frame's picture, inference and metadata."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from nodes.sensors.orientation import Turned, laid
from nodes.sensors.sensor import Raw
from nodes.sensors.virtual import encode
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.belt import BeltScene
from nodes.sensors.virtual.exposure import Exposed, Exposure
from nodes.sensors.virtual.eye import Eye
from nodes.sensors.virtual.network import Network
from nodes.sensors.virtual.pace import Pace
from nodes.sensors.virtual.scene import WHOLE
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COUNTS = 256  # of `frameCount`


class Frames:
    """Makes the frames of one stream in order.

    Attributes:
        pace: When each is due.
        network: What answers; None where the sensor has none.
        stalled: Whether the sensor has stood still.
        input_tensor: Whether it also sends what the network saw.
    """

    def __init__(
        self,
        *,
        eye: Eye,
        pace: Pace,
        network: Network | None,
        exposure: Exposure,
        behaviour: Behaviour,
        booted_ns: int,
        shown_ns: int,
        images: bool,
    ) -> None:
        self.pace, self.network = pace, network
        self.stalled = self.input_tensor = False
        self._eye, self._exposure, self._does = eye, exposure, behaviour
        self._booted_ns, self._shown_ns, self._images = booted_ns, shown_ns, images
        self._frame = self._inferences = 0
        self._said: dict[tuple[Roi, int, bool], dict[str, Any]] = {}

    def next(self, now_ns: int) -> int | None:
        """The number of the next frame that arrives; None where none does."""
        number = self.pace.arriving(self._frame, now_ns)
        self.stalled = self.stalled or number is None or self.pace.stalling(self._frame)
        if number is not None:
            self._frame = number + 1
        return number

    def raw(self, number: int, crop: Roi) -> Raw:
        """A frame as the hardware hands it over."""
        exposed, exposed_ns = self._exposure.at(number), self.pace.exposed_ns(number)
        metadata = encode.shot(self._shot(number, exposed), WHOLE)
        seen_ns = exposed_ns - self._shown_ns
        if self.network and self.pace.inferred(number):
            metadata |= self._inference(self.network, number, crop, exposed)
        scene, image = self._eye.scene, self._eye.image(seen_ns, number, exposed) if self._images else None
        return Raw(metadata, image, scene.encoder(seen_ns) if isinstance(scene, BeltScene) else None)

    def _shot(self, number: int, exposed: Exposed) -> encode.Shot:
        wall_ns = self.pace.exposed_ns(number)
        return encode.Shot(
            sensor_ns=wall_ns - self._booted_ns,
            wall_ns=wall_ns,
            period_us=round(self.pace.period_ns / 1000),
            exposure_us=exposed.exposure_us,
            gain=exposed.gain,
            colour=exposed.colour,
            settled=exposed.settled,
            temperature_c=self.pace.temperature(number),
            sharpness=self.pace.sharpness(number),
        )

    def _inference(self, network: Network, number: int, crop: Roi, exposed: Exposed) -> dict[str, Any]:
        """What libcamera says about an inference; with `repeats` it may be an older one with a new number."""
        counted = number if self._does.counts == "frames" else self._inferences
        count, kpi = (self._does.count_from + counted) % COUNTS, self._kpi(number)
        self._inferences += 1
        if not self._does.repeats:
            return self._answered(network, number, crop, exposed, count=count, kpi=kpi)
        key = crop, self._inferences % self._does.repeats, self.input_tensor
        if key not in self._said:
            self._said[key] = self._answered(network, number, crop, exposed, count=count, kpi=kpi)
        return encode.recounted(self._said[key], count, kpi)

    def _answered(
        self, network: Network, number: int, crop: Roi, exposed: Exposed, *, count: int, kpi: tuple[int, int]
    ) -> dict[str, Any]:
        seen_ns = self.pace.exposed_ns(number) - self._shown_ns
        answer = network.answer(self._eye.crop(seen_ns, number, crop, network.size, exposed))
        outputs = [turned(output, self._does.turned) for output in answer.outputs]
        told = encode.inference(network.name, outputs, network.size, count=count, kpi=kpi, layout=self._does.layout)
        return told | encode.seen(answer.steps) if self.input_tensor else told

    def _kpi(self, number: int) -> tuple[int, int]:
        """Run times in µs."""
        dice = random.Random(number)  # noqa: S311 - a jitter, not a secret
        dnn = self._does.dnn_ms + self._does.jitter_ms * dice.gauss()
        return max(0, round(dnn * 1000)), round(self._does.dsp_ms * 1000)


def turned(output: NDArray[np.float32], how: Turned) -> NDArray[np.float32]:
    """A mask as a sensor sends it that lies otherwise than it should."""
    return output if output.ndim < 2 else laid(output, how)

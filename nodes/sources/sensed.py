"""Sensed frames as records: a mask of its own for every frame that has one, and a gap for every one that has not."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from nodes.sensors import tensors
from nodes.sensors.brightness import brightness
from nodes.sensors.sensor import Sensed
from nodes.sensors.tensors import Inference
from pipeline.masks import Mask
from pipeline.records import Frame, Gap, Image, Layer, Reading, Scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHERE = "imx500"


class Wanted(NamedTuple):
    """What records are made of frames.

    Attributes:
        camera: Name of the camera.
        session: Of this run.
        label: Of the layer.
        output: Which output is the mask.
        threshold: Above which a pixel is inside.
        scale: Logits per step; 0 leaves scores out.
        model: Digest of the network.
        every: Frames from one picture to the next, where there are any.
    """

    camera: str
    session: str
    label: str
    output: int
    threshold: float
    scale: float
    model: str
    every: float


class Teller:
    """Makes records of one session's frames in their order."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._picture = 0.0

    def tell(self, sensed: Sensed) -> Iterator[Frame | Gap | Image]:
        """What is missing before a frame, and the frame."""
        if sensed.lost:
            yield self._gap(sensed, sensed.seq - sensed.lost, sensed.seq - 1, "sensor")
        picture = sensed.image if sensed.seq >= self._picture else None
        if sensed.inference is None:
            yield self._gap(sensed, sensed.seq, sensed.seq, "late")
        else:
            yield self._frame(sensed, sensed.inference, picture)
        if picture is not None:
            self._picture = sensed.seq + self._wanted.every
            yield self._image(sensed, picture)

    def _gap(self, sensed: Sensed, first: int, last: int, reason: str) -> Gap:
        wanted = self._wanted
        return Gap(
            camera=wanted.camera,
            session=wanted.session,
            seq=first,
            t_ns=sensed.t_ns,
            last=last,
            reason=reason,
            where=WHERE,
        )

    def _frame(self, sensed: Sensed, run: Inference, picture: NDArray[np.uint8] | None) -> Frame:
        wanted, epoch = self._wanted, sensed.epoch
        inside = tensors.inside(run, wanted.output, wanted.threshold)
        layer = Layer(wanted.label, Mask.from_dense(inside), scores=self._scores(run) if wanted.scale else None)
        return Frame(
            camera=wanted.camera,
            session=wanted.session,
            seq=sensed.seq,
            t_ns=sensed.t_ns,
            size=(inside.shape[0], inside.shape[1]),
            layers=(layer,),
            prompt=epoch.prompt if epoch else "",
            roi=epoch.roi if epoch else None,
            model=wanted.model,
            epoch=sensed.settling,
            timing=sensed.timing,
            encoder=sensed.encoder,
            reading=reading(sensed, run, None if picture is None else _bright(sensed, picture)),
        )

    def _scores(self, run: Inference) -> Scores:
        values = tensors.outputs(run)[self._wanted.output].squeeze()
        data = tensors.quantised(values, self._wanted.scale)
        return Scores((data.shape[0], data.shape[1]), data.tobytes("C"), self._wanted.scale)

    def _image(self, sensed: Sensed, pixels: NDArray[np.uint8]) -> Image:
        wanted = self._wanted
        return Image(
            camera=wanted.camera,
            session=wanted.session,
            seq=sensed.seq,
            t_ns=sensed.t_ns,
            size=(pixels.shape[0], pixels.shape[1]),
            format="jpeg",
            data=_packed(pixels),
            prompt=sensed.epoch.prompt if sensed.epoch else "",
        )


def reading(sensed: Sensed, run: Inference, bright: float | None = None) -> Reading:
    """What libcamera says about how a frame was taken; what it does not say is None.

    Args:
        sensed: The frame.
        run: Its inference.
        bright: How bright its crop is, 0…255, where that may be known.
    """
    told = sensed.metadata.get
    gain, celsius, lux = (_finite(told(name)) for name in ("AnalogueGain", "SensorTemperature", "Lux"))
    return Reading(told("ExposureTime"), gain, celsius, run.dnn_us, run.dsp_us, lux, bright)


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _bright(sensed: Sensed, picture: NDArray[np.uint8]) -> float | None:
    """How bright what the network saw is; None while nobody knows where it looks."""
    known = sensed.epoch is not None and sensed.settling != "settling"
    return brightness(picture, sensed.epoch.roi) if known and sensed.epoch else None


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as JPEG.

    Raises:
        NodeError: If there is no library that packs it.
    """
    from pipeline.errors import NodeError

    try:
        import cv2
    except ImportError as error:
        raise NodeError("pictures need OpenCV: pip install 'kensa[vision]', or leave `pictures` out") from error
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(data)

"""What a request says, made into a `Sensed` frame: its time, whether its inference is its own, and its ROI."""

from __future__ import annotations

from nodes.sensors import tensors
from nodes.sensors.epochs import Epochs
from nodes.sensors.intake import Arrived
from nodes.sensors.sensor import Metadata, Sensed
from nodes.sensors.tensors import Inference, TensorError
from pipeline.records import Timing

STAMP, PERIOD, WALL = "SensorTimestamp", "FrameDuration", "FrameWallClock"


class Reader:
    """Reads the requests of one session in their order.

    Attributes:
        offset_ns: The time of the line less the sensor's clock.
        without: Frames without an inference of their own.
        bare: How many of those came last, one after the other.
        odd: Why the last inference could not be read; empty where it could.
        metadata: Of the last frame.
    """

    def __init__(self, epochs: Epochs, *, images: bool) -> None:
        self.offset_ns = self.without = self.bare = 0
        self.odd = ""
        self.metadata: Metadata = {}
        self._epochs, self._images = epochs, images
        self._last = -1
        self._before: Inference | None = None

    def read(self, arrived: Arrived) -> Sensed:
        """What the sensor said about a frame."""
        seq, raw, arrived_ns = arrived
        metadata = self.metadata = raw.metadata
        t_ns, known = self._time(metadata, arrived_ns)
        run = self._fresh(self._inference(metadata))
        self.bare = 0 if run else self.bare + 1
        self.without += run is None
        epoch, settling = self._epochs.of(metadata.get(STAMP), metadata.get(PERIOD, 0) * 1000)
        lost, self._last = seq - self._last - 1, seq
        image = raw.image if self._images else None
        return Sensed(seq, lost, t_ns, known, metadata, run, epoch, settling, image, raw.encoder)

    def _time(self, metadata: Metadata, arrived_ns: int) -> tuple[int, Timing]:
        """The sensor's own stamp in the time of the line, which never jumps; else the best there is."""
        if (stamp := metadata.get(STAMP)) is not None:
            return stamp + self.offset_ns, "sensor"
        if (wall := metadata.get(WALL)) is not None:
            return wall, "wall"
        return arrived_ns, "arrival"

    def _inference(self, metadata: Metadata) -> Inference | None:
        try:
            run = tensors.inference(metadata)
        except TensorError as error:
            self.odd = str(error)
            return None
        self.odd = ""
        return run

    def _fresh(self, run: Inference | None) -> Inference | None:
        """None where it is that of an earlier frame once more: same number, same tensors."""
        before = self._before
        self._before = run or before
        if run is None or before is None or run.frame is None:
            return run
        return None if run.frame == before.frame and run.values == before.values else run

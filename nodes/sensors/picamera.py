"""The real camera: picamera2 and its IMX500 class, each step once.

The order is theirs: `IMX500(package)` hands the network to the driver, then `Picamera2` is configured, for the size of
the metadata buffer follows the network, and stream-on uploads it. Two traps are kept away from whoever is above:
`Picamera2(n)` counts a *sorted* list while `IMX500.camera_num` counts libcamera's, so that the index is looked up by
id; and `set_inference_roi_abs` prints a failure and goes on, so that it is asked afterwards what it wrote.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from nodes.sensors.sensor import Identity, Package, Raw, Stream
from pipeline.records import Roi

MODEL = "imx500"
NETWORK_STAGE = 2  # after the loader and the main firmware
BUFFERS = 12
SIZE = (2028, 1520)  # of images: half of the array either way, the sensor's faster mode
SMALL = (640, 480)  # where nobody asked for images libcamera still wants a stream


def cameras() -> list[dict[str, Any]]:
    """What libcamera lists, in the order in which `Picamera2(n)` counts."""
    from picamera2 import Picamera2

    return [dict(info) for info in Picamera2.global_camera_info()]


class Picamera:
    """One IMX500 on this host; `Hardware` for the adapter.

    Args:
        bus: Part of its path that no other camera has, such as `i2c@88000`; empty takes the only IMX500.
    """

    def __init__(self, bus: str = "") -> None:
        self.bus = bus
        self._info: dict[str, Any] = {}
        self._imx500: Any = None
        self._camera: Any = None

    def open(self) -> Identity:
        """Find the camera; libcamera holds it from the first network on."""
        import picamera2.devices  # noqa: F401 - fails here where the libraries are not installed

        listed = cameras()
        found = [info for info in listed if info.get("Model") == MODEL and self.bus in info["Id"]]
        if len(found) != 1:
            raise RuntimeError(_choice(self.bus, [info["Id"] for info in listed], len(found)))
        self._info = found[0]
        return Identity("imx500", self.bus or bus_of(self._info["Id"]), self._info["Id"], "", _versions())

    def load(self, package: Package) -> None:
        """Hand the network to the driver; whatever held the camera before is kept."""
        from picamera2 import Picamera2
        from picamera2.devices import IMX500

        self._imx500 = None  # closes its sub-device
        self._imx500 = IMX500(str(package.path), self._info["Id"])
        if self._camera is None:
            self._camera = Picamera2(self._index())

    def _index(self) -> int:
        """Where `Picamera2` finds this camera: its place in the sorted list, not libcamera's number."""
        return next(at for at, info in enumerate(cameras()) if info["Id"] == self._info["Id"])

    def uploaded(self) -> tuple[int, int]:
        """What debugfs says; (0, 0) where it may not be read."""
        chip = self._imx500
        if chip is None or chip.fw_progress == chip.FwProgressType.NONE:
            return 0, 0
        done, total = chip.get_fw_upload_progress(NETWORK_STAGE)
        return int(done), int(total)

    def start(self, stream: Stream, deliver: Callable[[Raw], None]) -> None:
        """Configure, for the metadata buffer follows the network, and stream."""
        camera = self._camera
        controls = {"FrameRate": stream.rate, "CnnEnableInputTensor": stream.input_tensor, **stream.controls}
        size = SIZE if stream.images else SMALL
        main = {"size": size, "format": "BGR888" if stream.images else "XBGR8888"}
        config = camera.create_preview_configuration(
            main, controls=controls, buffer_count=BUFFERS, display=None, encode=None
        )
        camera.pre_callback = _handover(deliver, images=stream.images)
        camera.start(config, show_preview=False)

    def write_roi(self, crop: Roi) -> None:
        """Write the crop; an error that picamera2 only prints is raised."""
        config = self._imx500.config
        config.pop("roi", None)
        self._imx500.set_inference_roi_abs((crop.x, crop.y, crop.width, crop.height))
        if "roi" not in config:
            raise RuntimeError("the driver refused the ROI: input/output error")

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """They travel with the next request."""
        self._camera.set_controls(dict(controls))

    def now_ns(self) -> int:
        """`SensorTimestamp` is CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def device(self) -> str:
        """Serial number; empty while no network has run."""
        told: str = self._imx500.get_device_id() if self._imx500 else ""
        return told.lower()

    def stop(self) -> None:
        """End the stream; the camera stays held."""
        if self._camera is not None:
            self._camera.stop()
            self._camera.pre_callback = None

    def close(self) -> None:
        """Let go of it."""
        camera, self._camera, self._imx500 = self._camera, None, None
        if camera is not None:
            camera.close()


def _choice(bus: str, listed: list[str], count: int) -> str:
    wanted = f"expected one IMX500 with '{bus}' in its path" if bus else "expected one IMX500"
    names = ", ".join(listed) or "none"
    return f"{wanted}, found {count or 'it not'} among the cameras: {names}" + ("; name one by `bus`" * (count > 1))


def _handover(deliver: Callable[[Raw], None], *, images: bool) -> Callable[[Any], None]:
    """What picamera2 calls for every request, under its lock: copy and return.

    An exception would end picamera2's thread for good, so that a request that cannot be read is handed over bare.
    """

    def seen(request: Any) -> None:
        try:
            deliver(Raw(request.get_metadata(), request.make_array("main") if images else None))
        except Exception:  # noqa: BLE001 - see above; frames without metadata become a notice by themselves
            deliver(Raw({}))

    return seen


def bus_of(path: str) -> str:
    """`i2c@88000` of `/base/axi/…/i2c@88000/imx500@1a`."""
    return next((part for part in reversed(path.split("/")) if part.startswith("i2c@")), path)


def _versions() -> dict[str, str]:
    return {"picamera2": metadata.version("picamera2"), "kernel": platform.release()}

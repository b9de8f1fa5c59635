"""A virtual IMX500: hardware that the one sensor of `nodes.sensors.adapter` cannot tell from a real one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nodes.sensors.sensor import Identity, Package, Raw, Stream
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.exposure import Exposure
from nodes.sensors.virtual.eye import Eye
from nodes.sensors.virtual.frames import Frames
from nodes.sensors.virtual.network import BUILTIN, Network, read
from nodes.sensors.virtual.pace import Pace, S
from nodes.sensors.virtual.registers import Registers
from nodes.sensors.virtual.rig import FIRST, Rig, Slot
from nodes.sensors.virtual.scene import Scene
from pipeline.clock import Clock, RealClock
from pipeline.notices import board
from pipeline.records import Roi

UPTIME_NS = 3600 * S  # the host was booted an hour before: the sensor's clock is not the line's
STEPS = 100  # in which an upload tells how far it is
Deliver = Callable[[Raw], None]


class VirtualHardware:
    """Hardware whose time is a clock: with a real one a thread paces it, with any other `step` does.

    Attributes:
        behaviour: How it behaves; it may be changed between starts.
        discard: Frames that will be thrown away before the next one that counts.
        ended: It never does.
    """

    def __init__(
        self,
        scene: Scene,
        clock: Clock,
        *,
        bus: str = FIRST,
        rig: Rig | None = None,
        behaviour: Behaviour | None = None,
        seed: int = 0,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.discard, self.ended = 0, False
        # Waiters of one clock are told apart by nobody; a thread of its own has a clock of its own.
        self._clock: Clock = RealClock() if isinstance(clock, RealClock) else clock
        self._bus, self._rig, self._scene, self._seed = bus, rig or Rig(), scene, seed
        self._slot: Slot | None = None
        self._pending: Package | None = None
        self._network: Network | None = None
        self._registers, self._exposure = Registers(), Exposure(self.behaviour.ae_settle)
        self._connected_ns = self._clock.now_ns()
        self._shown_ns: int | None = None  # when the scene began: with the first frame, so that truth has numbers
        self._upload = (0, 0)
        self._ran = self._stalled = self._on = False
        self._stopped_ns = self._connected_ns
        self._frames: Frames | None = None
        self._deliver: Deliver = _nobody
        self._lock, self._ending = threading.RLock(), threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Identity:
        """Take hold of the camera."""
        self._slot = slot = self._rig.open(self._bus, self.behaviour)
        return Identity("virtual", slot.bus, slot.id, self.device(), _versions())

    def load(self, package: Package) -> None:
        """Hand over a network; it goes up when the stream is started."""
        if self._frames or self.behaviour.busy:
            told = os.strerror(errno.EBUSY)
            raise RuntimeError(f"IMX500: Unable to set network firmware {package.path}: [Errno {errno.EBUSY}] {told}")
        if package.path.name != BUILTIN and not package.path.exists():
            raise RuntimeError(f"Firmware file {package.path} does not exist.")
        self._network_of(package)  # a file that is no network is refused here, not in a thread
        self._pending = package

    def uploaded(self) -> tuple[int, int]:
        """How far the upload is: bytes done, bytes in all."""
        return self._upload

    def start(self, stream: Stream, deliver: Deliver) -> None:
        """Begin to stream, after an upload where a network is new."""
        assert self._slot, "open it first"
        self._ending.clear()
        forgets = self.behaviour.forgets_s
        if forgets and self._clock.now_ns() - self._stopped_ns > forgets * S:
            self._network = None
        if self._pending and not self._put(self._slot, self._pending):
            return
        self._exposure = Exposure(self.behaviour.ae_settle)
        self._deliver = deliver
        with self._lock:
            self._registers.restart()
            self._frames = self._begun(stream)
        self.write_controls({**stream.controls, "CnnEnableInputTensor": stream.input_tensor})
        self.discard, self._on = stream.discard, True
        if isinstance(self._clock, RealClock):
            self._thread = threading.Thread(target=self._run, name=f"imx500 {self._slot.bus}", daemon=True)
            self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it streams, and waits for `step`."""
        return self._on and self._thread is None

    def step(self) -> bool:
        """Deliver the next frame when it is due; False where none will come."""
        frames = self._frames
        number = frames.next(self._clock.now_ns()) if frames else None
        self._stalled = self._stalled or (frames is not None and frames.stalled)
        if frames is None or number is None:
            return False
        self._ran = self._ran or frames.network is not None
        if not self._clock.wait_until(frames.pace.due_ns(number)) or self._ending.is_set():
            return False
        with self._lock:
            crop = self._registers.crop(number)
        self._deliver(frames.raw(number, crop))
        return True

    def write_roi(self, roi: Roi) -> None:
        """Write the crop: while streaming it is obeyed some frames later."""
        with self._lock:
            frame = self._frames.pace.after(self._clock.now_ns()) + self.behaviour.settle if self._frames else 0
            self._registers.write(roi, frame, torn=self.behaviour.torn and self._frames is not None)

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """Set controls of libcamera; those that change no picture are taken and have no effect."""
        with self._lock:
            self._exposure.control(controls)
            if self._frames and "CnnEnableInputTensor" in controls:
                self._frames.input_tensor = bool(controls["CnnEnableInputTensor"])

    def now_ns(self) -> int:
        """Time since the host was booted."""
        return self._clock.now_ns() - self._connected_ns + UPTIME_NS

    def device(self) -> str:
        """Serial number; empty until a network has run."""
        return self._slot.device if self._slot and self._ran else ""

    def stop(self) -> None:
        """End the stream, or the upload before it."""
        self._ending.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread, self._frames, self._on = None, None, False
        self._stopped_ns = self._clock.now_ns()

    def close(self) -> None:
        """Let go of the camera; its network is gone with its power."""
        self.stop()
        if self._slot:
            self._rig.release(self._slot)
        self._slot = self._network = None

    def _begun(self, stream: Stream) -> Frames:
        now = self._clock.now_ns()
        self._shown_ns = now if self._shown_ns is None else self._shown_ns
        return Frames(
            eye=Eye(self._scene, self.behaviour.noise, self._seed),
            pace=Pace(self.behaviour, stream.rate, now, stalls=not self._stalled),
            network=self._network,
            exposure=self._exposure,
            behaviour=self.behaviour,
            booted_ns=self._connected_ns - UPTIME_NS,
            shown_ns=self._shown_ns,
            images=stream.images,
        )

    def _put(self, slot: Slot, package: Package) -> bool:
        """Upload a network, which takes its time; False where somebody stopped it."""
        network, total = self._network_of(package), len(read(package.path))
        warm = self._rig.stores(slot, package.sha256)
        begin, length = self._clock.now_ns(), (self.behaviour.warm_s if warm else self.behaviour.cold_s) * S
        for step in range(STEPS + 1):
            self._upload = (total * step // STEPS, total)
            if not self._clock.wait_until(begin + round(length * step / STEPS)) or self._ending.is_set():
                return False
        self._network, self._pending = network, None
        return True

    def _network_of(self, package: Package) -> Network:
        return Network(read(package.path), package.name, self.behaviour.bits or None)

    def _run(self) -> None:
        """What the hardware's thread does."""
        key = f"virtual sensor {self._bus}"
        try:
            while self.step():
                pass
            board.settle(key)
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it: it tells people and stands still
            board.raise_(key, f"{key} stands still: {error}; look at its scene and its network")


def _nobody(raw: Raw) -> None:
    """Take a frame that nobody asked for."""


def _versions() -> dict[str, str]:
    told = {}
    for name in ("kensa", "onnxruntime"):
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            continue
    return told

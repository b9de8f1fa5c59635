"""The virtual cameras of one host: where each is connected, in which order they are found, what their bridges bear."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from typing import Any

from msgspec import Struct

from nodes.sensors.virtual.behaviour import Behaviour

PATH = "/base/axi/pcie@1000120000/rp1/{bus}/imx500@1a"
NO_MANAGER = "Failed to start CameraManager: No such device"
FIRST, SECOND = "i2c@88000", "i2c@80000"  # the two connectors of a Raspberry Pi 5


class Slot(Struct, frozen=True):
    """A place where a camera is connected.

    Attributes:
        bus: As device trees name it.
    """

    bus: str

    @property
    def id(self) -> str:
        """What libcamera calls the camera there."""
        return PATH.format(bus=self.bus)

    @property
    def device(self) -> str:
        """The camera's serial number, 32 hex digits."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:32]


class Rig:
    """What a host finds, and what its bridges remember from one opening to the next.

    Args:
        buses: Where cameras are connected, in the order in which the kernel finds them.
    """

    def __init__(self, *buses: str) -> None:
        self.slots = tuple(Slot(bus) for bus in buses or (FIRST, SECOND))
        self._opened: Counter[str] = Counter()
        self._held: set[str] = set()
        self._stored: set[tuple[str, str]] = set()

    def cameras(self, missing: str = "") -> list[dict[str, Any]]:
        """As `Picamera2.global_camera_info` tells them.

        Args:
            missing: What is not there, as a `Behaviour` has it.

        Raises:
            RuntimeError: If libcamera finds nothing that it could manage.
        """
        if missing == "manager":
            raise RuntimeError(NO_MANAGER)
        return (
            []
            if missing
            else [
                {"Model": "imx500", "Location": 2, "Rotation": 180, "Id": slot.id, "Num": number}
                for number, slot in enumerate(self.slots)
            ]
        )

    def open(self, bus: str, behaviour: Behaviour) -> Slot:
        """The camera whose id holds this text.

        Raises:
            RuntimeError: If there is no such camera.
            OSError: If somebody else holds it, or the bridge no longer answers.
        """
        if behaviour.missing == "manager":
            raise RuntimeError(NO_MANAGER)
        slot = next((slot for slot in self.slots if bus in slot.id), None)
        if slot is None or behaviour.missing == "node":
            raise RuntimeError("IMX500: Requested camera dev-node not found")
        if slot.bus in self._held:
            raise RuntimeError(f"Failed to acquire camera: [Errno {errno.EBUSY}] Device or resource busy")
        self._opened[slot.bus] += 1
        if behaviour.dies_after and self._opened[slot.bus] > behaviour.dies_after:
            raise OSError(errno.ETIMEDOUT, "rp2040_gbdg_wait_until_free failed: Connection timed out")
        self._held.add(slot.bus)
        return slot

    def release(self, slot: Slot) -> None:
        """Somebody lets go of a camera."""
        self._held.discard(slot.bus)

    def reboot(self) -> None:
        """Every bridge begins anew; what is stored in them stays."""
        self._opened.clear()

    def stores(self, slot: Slot, sha256: str) -> bool:
        """Whether the bridge has a network; from now on it has."""
        known = (slot.bus, sha256) in self._stored
        self._stored.add((slot.bus, sha256))
        return known

"""A kernel with IMX500 sub-devices and a DMA heap: /sys and /dev as picamera2 looks at them, and what ioctls say."""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROI, FIRMWARE, DEVICE = 0x00982900, 0x00982901, 0x00982902
SUBDEV = "/sys/class/video4linux/v4l-subdev"


class Kernel:
    """Sub-devices by their number, and everything that was written to them.

    Attributes:
        nodes: of_node path per sub-device.
        rois: Every ROI that was written: (sub-device, x, y, width, height).
        networks: Every package that was handed over: (sub-device, file).
        fails: errno per control that an ioctl fails with.
        progress: What debugfs says: stage, bytes, total.
        serial: Device id, four words.
    """

    def __init__(self, folder: Path, nodes: dict[int, str]) -> None:
        self.folder, self.nodes = folder, nodes
        self.rois: list[tuple[int, int, int, int, int]] = []
        self.networks: list[tuple[int, str]] = []
        self.fails: dict[int, int] = {}
        self.progress = "2 0 0"
        self.serial = (0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF)
        self._open: dict[int, int] = {}
        for number in nodes:
            (folder / f"v4l-subdev{number}").touch()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process see it."""
        exists, islink, readlink = os.path.exists, os.path.islink, os.readlink
        patch.setattr(os.path, "exists", lambda path: self._link(path) is not None or exists(path))
        patch.setattr(os.path, "islink", lambda path: self._link(path) is not None or islink(path))
        patch.setattr(os, "readlink", lambda path: self._link(path) or readlink(path))
        patch.setattr(builtins, "open", self._opener(builtins.open))
        patch.setattr(os, "open", self._heap(os.open))
        patch.setattr(fcntl, "ioctl", self._ioctl)
        patch.setattr(subprocess, "check_output", self._read)

    def _link(self, path: Any) -> str | None:
        if not isinstance(path, str) or not path.startswith(SUBDEV):
            return None
        number, _, rest = path.removeprefix(SUBDEV).partition("/")
        if int(number) not in self.nodes:
            return None
        links = {"device": f"../../{number}-001a", "device/of_node": "../firmware/devicetree" + self.nodes[int(number)]}
        return links.get(rest, "../../module/imx500" if rest == "device/driver/module" else None)

    def _opener(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, *rest: Any, **options: Any) -> Any:
            if not str(path).startswith("/dev/v4l-subdev"):
                return real(path, *rest, **options)
            file = real(self.folder / Path(path).name, *rest, **options)
            self._open[file.fileno()] = int(str(path).removeprefix("/dev/v4l-subdev"))
            return file

        return opened

    def _heap(self, real: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, *rest: Any, **options: Any) -> int:
            return real("/dev/null" if str(path).startswith("/dev/dma_heap") else path, *rest, **options)

        return opened

    def _ioctl(self, device: Any, request: int, told: Any = None) -> int:
        if type(told).__name__ == "dma_heap_allocation_data":
            told.fd = os.memfd_create("image")
            os.ftruncate(told.fd, told.len)
        elif type(told).__name__ == "v4l2_control":
            self._control(self._open[device.fileno()], told)
        elif type(told).__name__ == "v4l2_ext_controls":
            self._words(self._open[device.fileno()], told.controls[0])
        return 0

    def _control(self, number: int, told: Any) -> None:
        self._fail(told.id)
        if told.id == FIRMWARE:
            self.networks.append((number, Path(f"/proc/self/fd/{told.value}").resolve().name))

    def _words(self, number: int, control: Any) -> None:
        self._fail(control.id)
        if control.id == ROI:
            x, y, width, height = control.p_u32[:4]
            self.rois.append((number, x, y, width, height))
        elif control.id == DEVICE:
            for at, word in enumerate(self.serial):
                control.p_u32[at] = word

    def _fail(self, control: int) -> None:
        if code := self.fails.get(control):
            raise OSError(code, os.strerror(code))

    def _read(self, command: list[str], **_: Any) -> str:
        if "imx500-fw" in command[-1]:
            return self.progress
        return "0"


BUSY = errno.EBUSY

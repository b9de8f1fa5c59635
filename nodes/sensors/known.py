"""What this host knows of its cameras from one run to the next: a small file per device, in the state folder.

A camera says its serial number only while a network runs on it, so that before a start it is known by where it is
connected, and its number is looked at as soon as there is one.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from nodes.sensors.sensor import Identity, Package
from pipeline.errors import KensaError
from pipeline.folders import cameras_folder

SETTLE = 3  # frames, where nothing was measured
DEVICE = r"[0-9a-f]{8,64}"
ADVICE = "measure it with `kensa camera calibrate-roi`"


class Upload(Struct, frozen=True):
    """The network that was put on a camera last.

    Attributes:
        name: What its file is called.
        path: Where that was.
        sha256: Of the file.
        at: When, ISO 8601, UTC.
    """

    name: str
    path: str
    sha256: str
    at: str


class Settling(Struct, frozen=True, kw_only=True):
    """How a camera obeys a change of crop, as it was measured.

    Attributes:
        frames: Frames after a change whose masks are not yet certainly of the new crop: what `settle` should be.
        p95: As many were enough in 95 of 100 changes.
        torn: Changes in which a frame showed a mixture of both crops.
        changes: How many changes were looked at.
        rate: Frames per second meanwhile.
        at: When, ISO 8601, UTC.
    """

    frames: int
    p95: int
    torn: int
    changes: int
    rate: float
    at: str


class Known(Struct, frozen=True, kw_only=True):
    """One camera.

    Attributes:
        device: Serial number.
        kind: What kind of camera.
        bus: Where it was connected last.
        id: What libcamera called it then.
        seen: When that was, ISO 8601, UTC.
        upload: The network that was put on it last; None where nobody noted one.
        settling: How it obeys; None where it was never measured.
    """

    device: str
    kind: Literal["imx500", "virtual", "modlib"]
    bus: str
    id: str
    seen: str
    upload: Upload | None = None
    settling: Settling | None = None


class Settle(NamedTuple):
    """How long a camera settles.

    Attributes:
        frames: After a change of crop.
        why: How that is known, for people.
        device: Of which camera that was measured; empty where none was.
    """

    frames: int
    why: str
    device: str = ""


def of(device: str) -> Known | None:
    """What is known of a camera by its serial number.

    Raises:
        KensaError: If its file is damaged.
    """
    return _read(_path(device)) if re.fullmatch(DEVICE, device) and _path(device).exists() else None


def at(kind: str, bus: str) -> Known | None:
    """The camera that was seen last at a place; with no place, the only one there ever was.

    Raises:
        KensaError: If a file is damaged.
    """
    found = [one for one in everything() if one.kind == kind and (bus == one.bus or bus in one.id)]
    if len({one.bus for one in found}) > 1:
        return None
    return max(found, key=lambda one: one.seen, default=None)


def everything() -> list[Known]:
    """All cameras that are known, by their numbers.

    Raises:
        KensaError: If a file is damaged.
    """
    return [_read(path) for path in sorted(cameras_folder().glob("*.json"))]


def settle(kind: str, bus: str, device: str = "") -> Settle:
    """How long a camera settles: as it was measured, else `SETTLE`; a damaged file is told and believed nothing.

    Args:
        kind: What kind of camera.
        bus: Where it is connected; may be empty.
        device: Its number, as soon as that is known: then only this counts.
    """
    try:
        found = of(device) if device else at(kind, bus)
    except KensaError as error:
        return Settle(SETTLE, f"{SETTLE} frames, for {error}")
    if found is None or found.settling is None:
        return Settle(SETTLE, f"{SETTLE} frames, for this host has measured nothing; {ADVICE}")
    told = found.settling
    return Settle(told.frames, f"{told.frames} frames, as measured on {found.device} at {told.at}", found.device)


def note(identity: Identity, **more: Upload | Settling) -> Path | None:
    """Write down what is new about a camera; the rest stays. None where its number is not known yet.

    Args:
        identity: Which camera, and where it is now.
        **more: `upload`, `settling`.

    Raises:
        KensaError: If the file cannot be written, or what is there is damaged.
    """
    if not re.fullmatch(DEVICE, identity.device):
        return None
    before: Any = of(identity.device)
    kept = {"upload": before.upload, "settling": before.settling} if before else {}
    place = {"kind": identity.kind, "bus": identity.bus, "id": identity.id, "seen": now()}
    path = _path(identity.device)
    _write(path, Known(device=identity.device, **place, **{**kept, **more}))  # type: ignore[arg-type]
    return path


def uploaded(package: Package) -> Upload:
    """A network that was put on a camera just now."""
    return Upload(package.name, str(package.path.absolute()), package.sha256, now())


def now() -> str:
    """The time as files and people have it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_decode = msgspec.json.Decoder(Known).decode


def _path(device: str) -> Path:
    return cameras_folder() / f"{device}.json"


def _read(path: Path) -> Known:
    try:
        return _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise KensaError(f"{path}: expected what is known of a camera, found: {error}; remove the file") from error


def _write(path: Path, known: Known) -> None:
    """Put the whole file in place at once: a reader never sees half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
        aside.replace(path)
    except OSError as error:
        raise KensaError(f"{path}: expected to write what is known of a camera there: {error.strerror}") from error

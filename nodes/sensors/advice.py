"""What a failure of a camera means, and what a technician should do about it.

Libraries, drivers and libcamera say what went wrong in their own words, mostly in the text of a `RuntimeError`. Each
row names such words, the state that follows and the advice. Where to read more: raspberrypi/linux #7613 (bridge),
#7323 (network lost), raspberrypi/libcamera #355, raspberrypi/rpicam-apps #927 (front end), documentation #4137 (boot).
"""

from __future__ import annotations

from typing import NamedTuple

from nodes.sensors.states import SensorError, State


class Row(NamedTuple):
    """Words that tell a failure, what follows, and what to do."""

    words: tuple[str, ...]
    state: State
    advice: str


NO_LIBRARY = (
    "the camera libraries are not installed: on Raspberry Pi OS run `sudo apt install python3-libcamera "
    "python3-kms++ python3-prctl python3-pidng imx500-all`, make the environment with `--system-site-packages`, "
    "and run `pip install 'kensa[camera]'`; anywhere else use a virtual camera"
)
STALLED = (
    "no frame has come for {seconds:.0f} s: the link between camera and host stands still. Kensa starts the stream "
    "anew; if this repeats, check the ribbon cable and the power supply (5 V, 5 A on a Pi 5) and keep the sensor "
    "awake: `echo on | sudo tee /sys/bus/i2c/devices/*-001a/power/control`"
)
NO_TENSOR = (
    "{frames} images came without an inference: the sensor has lost its network, as kernels from before May 2026 let "
    "it when it sleeps. Kensa puts the network on it again; update the kernel (`sudo apt full-upgrade`)"
)
BRIDGE = (
    "the bridge on the camera board (RP2040) answers no more: reboot the host; if it still does not answer, cut the "
    "power for ten seconds. Opening and closing wears it out: leave the line running"
)
HANGS = "the camera's library answers no more: restart the line on this host, and if that does not help, the host"
HOT = (
    "the sensor has {celsius:.0f} °C (limit {limit:g} °C): its masks get noisy and it ages early. Give the camera "
    "air or a heat sink, keep it away from what heats it, or lower its `rate`"
)
UPLOADING = "the network is being put on the sensor; the first time this takes minutes: do not cut the power"

ROWS = (
    Row(
        ("expected onnxruntime",),
        State.NEEDS_REOPEN,
        "a virtual camera runs its network with it; in a checkout `make install` brings it",
    ),
    Row(
        ("no module named",),
        State.NEEDS_REOPEN,
        NO_LIBRARY,
    ),
    Row(
        ("dev-node not found", "no camera number", "camera(s) not found", "no such device", "it not among the cameras"),
        State.NEEDS_REOPEN,
        "no such camera: check the ribbon cable at both ends (contacts towards the board, latch closed), that "
        "/boot/firmware/config.txt says `camera_auto_detect=1`, and what `rpicam-hello --list-cameras` finds; a "
        "camera that is missed at boot is found at the next one",
    ),
    Row(
        ("name one by `bus`",),
        State.NEEDS_REOPEN,
        "this host has several cameras: give each its `bus`, such as `bus: i2c@88000`",
    ),
    Row(
        ("wait_until_free", "loader firmware", "dd_ref_sts", "input/output error", "remote i/o error"),
        State.NEEDS_REBOOT,
        BRIDGE,
    ),
    Row(
        ("resource busy", "failed to acquire", "pipeline handler in use"),
        State.NEEDS_REOPEN,
        "another process holds the camera: `sudo fuser -v /dev/media* /dev/v4l-subdev*` names it; end it, or leave "
        "the camera to it",
    ),
    Row(
        ("frontend has timed out", "dequeue timer", "device timeout"),
        State.NEEDS_REOPEN,
        "the camera's link has timed out: check the ribbon cable and the power supply; update the camera's firmware "
        "and the host (`sudo apt full-upgrade`)",
    ),
    Row(
        ("no such file or directory: 'sudo'", "debug_stream"),
        State.NEEDS_REOPEN,
        "picamera2 asks `sudo` for the progress of an upload and there is none: run `apt install sudo`",
    ),
    Row(
        ("does not exist", "footer found in firmware", "networknum"),
        State.NEEDS_REOPEN,
        "the network package cannot be used: check its path, and pack it anew with `imx500-package`",
    ),
    Row(
        ("does not match expected size",),
        State.NEEDS_REOPEN,
        "libcamera and picamera2 are of different ages: bring both up to date (`sudo apt full-upgrade`)",
    ),
    Row(
        ("permission denied", "operation not permitted"),
        State.NEEDS_REOPEN,
        "this user may not use the camera: `sudo usermod -aG video,render $USER`, then log in again",
    ),
)
UNKNOWN = Row((), State.NEEDS_REOPEN, "close the camera and open it again; if this repeats, reboot the host")


def diagnose(error: BaseException, what: str, rows: tuple[Row, ...] = ROWS) -> SensorError:
    """What a failure means: the error to raise, with the state that follows and the advice in its text.

    Args:
        error: As a library raised it.
        what: What was being done, and to which camera.
        rows: What is known of such cameras.
    """
    told = _told(error)
    row = next((row for row in rows if any(word in told.lower() for word in row.words)), UNKNOWN)
    return SensorError(f"{what}: {told or type(error).__name__}; {row.advice}", row.state)


def _told(error: BaseException | None) -> str:
    """What an error and its causes say: picamera2 wraps the telling one in others."""
    texts: list[str] = []
    while error is not None and len(texts) < 8:
        text = str(error)
        if text and text not in texts:
            texts.append(text)
        error = error.__cause__
    return ": ".join(texts)

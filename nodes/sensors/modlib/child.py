"""The program that runs a device of modlib, and writes what it says to its standard output, a line each.

A process of its own, because the library ends the one that it is in where no Triton camera answers, hands a frame to
one thread alone, the main one, changes everybody's logs, and waits for a server without end. Run by
`nodes.sensors.modlib.link`; whoever closes its standard input ends it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import msgspec

from nodes.sensors.modlib.devices import Device, Interpreter, Playback, Triton
from nodes.sensors.modlib.interchange import Told
from nodes.sensors.modlib.message import Message, shown
from nodes.sensors.modlib.network import network

PATIENCE_S = 5.0  # for a device that was asked to end
MOST_BAD = 100  # lines of a recording, one after the other, after which it is none


class Out:
    """Where lines go; any thread may write."""

    def __init__(self, handle: int) -> None:
        self._file = os.fdopen(handle, "wb")
        self._lock = threading.Lock()

    def write(self, message: Message) -> None:
        """Write a line, and wait until whoever reads has room for it."""
        with self._lock:
            self._file.write(msgspec.json.encode(message) + b"\n")
            self._file.flush()


class Drops(logging.Handler):
    """Counts the frames that modlib throws away: it tells so in its log alone, at the level that nobody reads."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one entry of its log."""
        words = record.getMessage().split()
        if "dropping" in words:
            after = words[words.index("dropping") + 1]
            self._count += int(after) if after.isdigit() else 1

    def take(self) -> int:
        """Frames since the last call."""
        count, self._count = self._count, 0
        return count


def main() -> int:
    """Run the device that the first argument describes until it ends; returns the exit status."""
    out = Out(os.dup(1))
    os.dup2(2, 1)  # modlib prints
    _mortal(out)
    try:
        for message in messages(msgspec.json.decode(sys.argv[1], type=Device)):
            out.write(message)
    except Exception as error:  # noqa: BLE001 - whatever it is, the source tells what it means
        out.write(Message(error=shown(error)))
        return 1
    return 0


def messages(told: Device) -> Iterator[Message]:
    """What a device says, from its beginning to its end."""
    drops, bad = Drops(), 0
    with opened(told) as device, device as stream:
        counted(drops)
        frames = iter(stream)
        while True:
            try:
                told_now = message(next(frames), drops.take())
            except StopIteration:
                return
            except Exception as error:
                bad += 1
                if told.playback is None or bad > MOST_BAD:
                    raise
                yield Message(skipped=shown(error))  # the library stands behind that line already
            else:
                bad = 0
                yield told_now


def message(frame: Any, dropped: int) -> Message:
    """What we read of a frame, as the library writes it; not its picture, nor what was found in an earlier one.

    Raises:
        ValueError: If it holds numbers that JSON has not.
    """
    now = time.monotonic_ns()
    frame.image = None
    kind = type(frame.detections).__name__ if frame.new_detection and frame.detections is not None else None
    if kind != "Segments":
        frame.detections = None
    said = {name: value for name, value in frame.json().items() if name in Told.__struct_fields__}
    text = json.dumps(said | {"detection_type": kind}, allow_nan=False)
    return Message(at_ns=now, dropped=dropped, frame=msgspec.Raw(text.encode()))


def counted(drops: Drops) -> None:
    """Have what the library throws away counted."""
    log = logging.getLogger("triton")
    log.setLevel(logging.DEBUG)
    log.addHandler(drops)


@contextmanager
def opened(told: Device) -> Iterator[Any]:
    """The device of the library, with its network."""
    if told.playback is not None:
        yield playback(told.playback)
    elif told.interpreter is not None:
        yield interpreter(told.interpreter)
    elif told.triton is not None:
        yield triton(told.triton)


def playback(told: Playback) -> Any:
    """A recording, frame by frame."""
    from modlib.devices.playback import Playback as Device

    return Device(told.path)


def interpreter(told: Interpreter) -> Any:
    """A client that has its network: without one the library would fail at the first frame, in words of its own."""
    from modlib.devices import Images, InterpreterClient, Video

    source = Video(told.video) if told.video else Images(told.images)
    device = InterpreterClient(source=source, endpoint=told.endpoint.rstrip("/"), headless=True)
    device.deploy(network(told), told.init)
    return device


def triton(told: Triton) -> Any:
    """The camera, with its network on it. Not headless: then the library's own thread would die at the first frame."""
    from modlib.devices import Triton as Device

    model = network(told)
    model.network_file_path, model.info_file_path = told.network, told.info
    width, height = told.input
    outputs = [(size[1], size[0]) for size in told.outputs]
    model.info = {"input_tensor": {"width": width, "height": height}, "output_tensor_sizes": outputs}
    device = Device(frame_rate=told.rate)
    device.deploy(model)
    if told.crop is not None:
        device.set_input_tensor_cropping(told.crop)
    return device


def _mortal(out: Out) -> None:
    """End with whoever reads, when a thread of the library dies, and on SIGTERM in order."""

    def end(_: int, __: FrameType | None) -> NoReturn:
        sys.exit(0)

    def died(args: threading.ExceptHookArgs) -> None:
        out.write(Message(error=shown(args.exc_value)))
        os._exit(1)

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_S)
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    threading.excepthook = died
    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

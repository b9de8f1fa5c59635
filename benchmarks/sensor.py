"""From what libcamera says to a mask: tensors beside picamera2, eight cameras at once, and memory over many frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure, Limit, alternate, paired
from nodes.sensors import tensors
from nodes.sensors.adapter import Adapter
from nodes.sensors.prompts import aims
from nodes.sensors.schedule import Rota, schedule
from nodes.sensors.sensor import Identity, Metadata, Package, Raw, Stream
from nodes.sensors.warmth import Warmth
from nodes.sources.imx500 import Watch, show
from nodes.sources.sensed import Teller, Wanted
from pipeline.clock import RealClock
from pipeline.records import Frame, Roi
from tests.standins import packets, picamera2

FIFTH = Limit("≤", 0.2)
TENTH = Limit("≤", 10.0)
FLAT = Limit("≤", 1.0)
CALLS = {96: 3000, 320: 400}
CAMERAS, RATE, STRETCH = 8, 30.0, 6.0
MANY = 100_000
PERIOD = 33_333
NET = Package(Path("net.rpk"), "net", "0" * 64, (96, 96))


def figures() -> Iterator[Figure]:
    """Tuples of Python numbers are what costs: libcamera's bindings give nothing else."""
    for side in CALLS:
        what = f"tensor of {side}×{side} to a mask, µs"
        yield paired(what, [*_against(side, _mask, _positive)], "IMX500.get_outputs, > 0", FIFTH)
        what = f"tensor of {side}×{side} to an array, µs"
        yield paired(what, [*_against(side, _array, _outputs)], "IMX500.get_outputs", None)
    yield _eight()
    yield _memory()


def _against(
    side: int, ours: Callable[[Metadata], object], theirs: Callable[[Any, Metadata], object]
) -> Iterator[tuple[float, float]]:
    library: Any = picamera2().devices.IMX500
    chip = library.__new__(library)  # without a device; it reads metadata all the same
    chip.device_fd = None
    told = _metadata(np.random.default_rng(side), side)
    return alternate(lambda: _timed(side, partial(ours, told)), lambda: _timed(side, partial(theirs, chip, told)))


def _timed(side: int, asked: Callable[[], object]) -> float:
    """µs of the call that was disturbed least: what is read is in the cache, as just after libcamera made it."""
    spent = []
    for _ in range(CALLS[side]):
        start = time.perf_counter_ns()
        asked()
        spent.append(time.perf_counter_ns() - start)
    return min(spent) / 1e3


def _metadata(source: np.random.Generator, side: int) -> dict[str, Any]:
    """Logits of a part with a rough edge somewhere in the view, on the grid of 8 bits."""
    y, x = np.mgrid[:side, :side] / side
    middle = 0.3 + 0.4 * source.random(2)
    far = np.hypot(x - middle[0], y - middle[1]) + source.normal(0, 0.005, (side, side))
    steps = np.clip(np.rint((0.25 - far) * 500), -128, 127)
    return packets.metadata([(steps * 0.0527).astype(np.float32)])


def _mask(told: Metadata) -> object:
    run = tensors.inference(told)
    assert run
    return tensors.inside(run)


def _positive(chip: Any, told: Metadata) -> object:
    return chip.get_outputs(told)[0] > 0


def _outputs(chip: Any, told: Metadata) -> object:
    return chip.get_outputs(told)


def _array(told: Metadata) -> object:
    run = tensors.inference(told)
    assert run
    return tensors.outputs(run)


class Film:
    """Hardware that shows what was made before, at the pace of a camera or as fast as it is asked."""

    def __init__(self, seed: int) -> None:
        source = np.random.default_rng(seed)
        self._shown = [_metadata(source, 96) for _ in range(32)]
        self._deliver: Callable[[Raw], None] | None = None
        self._ending = threading.Event()

    def step(self, number: int) -> None:
        """Show a frame."""
        stamp = {"SensorTimestamp": number * PERIOD * 1000, "FrameDuration": PERIOD}
        assert self._deliver
        self._deliver(Raw({**self._shown[number % len(self._shown)], **stamp}))

    def run(self) -> None:
        """Show frames at their pace until it is stopped."""
        number, begun = 0, time.monotonic()
        while not self._ending.wait(max(0.0, begun + number / RATE - time.monotonic())):
            self.step(number)
            number += 1

    def open(self) -> Identity:
        """Always there."""
        return Identity("virtual", "film", "film")

    def load(self, package: Package) -> None:
        """Nothing runs in it."""

    def uploaded(self) -> tuple[int, int]:
        """All of nothing."""
        return 0, 0

    def start(self, _: Stream, deliver: Callable[[Raw], None]) -> None:
        """Frames may be shown."""
        self._deliver = deliver

    def write_roi(self, roi: Roi) -> None:
        """It shows what it shows."""

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """It shows what it shows."""

    def now_ns(self) -> int:
        """Never later than its frames."""
        return 0

    def device(self) -> str:
        """None."""
        return ""

    def stop(self) -> None:
        """No more frames."""
        self._ending.set()

    def close(self) -> None:
        """Nothing is held."""


class Source:
    """What the node does with each frame, upon a film."""

    def __init__(self, name: str, seed: int) -> None:
        self.film, self.records, self._clock = Film(seed), 0, RealClock()
        sensor = Adapter(self.film, self._clock)
        sensor.open()
        sensor.load(NET, lambda *_: None)
        sensor.start(Stream(discard=0))
        teller = Teller(Wanted(name, "s", "part", 0, 0.0, 0.0, NET.sha256, 30.0))
        self._shown = show(sensor, Rota(schedule(aims(None), RATE, 3)), teller, Watch(name, Warmth(70.0)))

    def fetch(self) -> bool:
        """The next record, its run lengths as an edge would ask for them; False where there is none any more."""
        record = next(self._shown, None)
        if isinstance(record, Frame):
            self.records += 1
            assert record.layers[0].mask.counts
        return record is not None

    def run(self) -> None:
        """Until it is stopped."""
        while self.fetch():
            pass

    def stop(self) -> None:
        """The line stops."""
        self._clock.stop()
        self.film.stop()


def _eight() -> Figure:
    """CPU time of the process while eight cameras run, their pace-makers included, in percent of a core."""
    sources = [Source(f"cam-{number}", number) for number in range(CAMERAS)]
    threads = [threading.Thread(target=work) for source in sources for work in (source.run, source.film.run)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    begin, before = time.monotonic(), time.process_time()
    time.sleep(STRETCH)
    spent, stretch = time.process_time() - before, time.monotonic() - begin
    for source in sources:
        source.stop()
    for thread in threads:
        thread.join()
    made = sum(source.records for source in sources)
    note = f"{made} frames of 96×96 in {CAMERAS} threads, run lengths too"
    return Figure("source node: eight cameras at 30 fps, % of a core", 100 * spent / stretch, TENTH, note=note)


def _memory() -> Figure:
    """Growth of the process from the first fifth to the end of many frames, MB."""
    source, early = Source("cam", 0), 0.0
    for number in range(MANY):
        source.film.step(number)
        source.fetch()
        if number == MANY // 5:
            early = _resident()
    source.stop()
    return Figure(f"source node: growth over {MANY:,} frames, MB", max(0.0, _resident() - early), FLAT)


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

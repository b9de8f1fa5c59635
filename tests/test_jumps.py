"""A line of real processes whose host's clock is set by hours and years while it runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from struct import pack

import pytest

from pipeline.runtime.control import Client, find
from pipeline.runtime.folder import running
from pipeline.runtime.rows import Rates
from pipeline.runtime.state import Snapshot

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

RATE = 20  # a busy machine must not be late: what a camera skips is a gap
HOUR, YEARS = 3_600, 10 * 365 * 86_400
LINE = f"""
line: {{plant: test, line: jumps}}
hosts: {{edge-1: {{cameras: [cam-1]}}}}
nodes:
  camera: {{use: "tests.actors:ticking", with: {{rate: {RATE}}}}}
  belt: {{use: synthetic, with: {{rate: {RATE}, width: 32, height: 32}}}}
  out: {{use: "tests.actors:dating", from: camera, with: {{path: SEEN}}}}
  shown: {{use: "tests.actors:dating", from: belt, with: {{path: SHOWN}}}}
"""


class Jumping:
    """A line whose processes all read a clock that a test sets."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self._run = folder, Path(tempfile.mkdtemp(prefix="kensa-"))
        self._clock = folder / "clock"
        self._clock.write_bytes(bytes(8))
        text = LINE.replace("SEEN", str(folder / "seen.txt")).replace("SHOWN", str(folder / "shown.txt"))
        (folder / "line.yaml").write_text(text)
        fake = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._clock)}
        own = {"KENSA_RUN": str(self._run), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "line.yaml", "--log", "log", "--stuck-after", "3s"],
            cwd=folder,
            env={**os.environ, **fake, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def jump(self, seconds: int) -> None:
        """Set the clock of the host so far off: at once, for all its processes."""
        with self._clock.open("r+b") as clock:
            clock.write(pack("<q", seconds * 1_000_000_000))

    def until(self, fits: Callable[[Snapshot], bool]) -> Snapshot:
        """The line's state as soon as it fits."""
        deadline, found = time.monotonic() + 20, None
        while found is None or not fits(found):
            assert time.monotonic() < deadline, (
                f"never came to be: {found}\n{(self.folder / 'log').read_text()[-3000:]}"
            )
            if running():
                with Client(find("test-jumps")) as client:
                    found = client.watch()
            threading.Event().wait(0.05)
        return found

    def end(self) -> str:
        """Stop it; what it printed."""
        self.process.send_signal(signal.SIGINT)
        text, _ = self.process.communicate(timeout=30)
        return text

    def close(self) -> None:
        """Leave nothing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        shutil.rmtree(self._run, ignore_errors=True)

    def noted(self, name: str) -> list[tuple[str, int, int]]:
        """(kind, number, time) of all that a sink took, in its order."""
        rows = (row.split() for row in (self.folder / name).read_text().splitlines())
        return [(kind, int(number), int(t_ns)) for kind, number, t_ns in rows]


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jumping]:
    """A running line; skips where its clock cannot be set."""
    compiler, library = shutil.which("cc") or shutil.which("gcc"), tmp_path / "clockshim.so"
    if compiler is None:
        pytest.skip("a C compiler is needed to move a process's clock: apt-get install gcc")
    source = ROOT / "tests" / "clockshim.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    made = Jumping(tmp_path, library)
    monkeypatch.setenv("KENSA_RUN", str(made._run))  # noqa: SLF001 - set before anybody looks for it
    yield made
    made.close()


def delivered(snapshot: Snapshot) -> int:
    """Records that have arrived, over the edge on which fewest have."""
    return min(edge.account.total.delivered for edge in snapshot.edges)


def _beyond(number: int) -> Callable[[Snapshot], bool]:
    return lambda snapshot: delivered(snapshot) > number


def _steady(rates: Rates) -> Callable[[Snapshot], bool]:
    return lambda snapshot: all(0 < row.rate < 3 * RATE for row in rates.rows(snapshot))


def _tells(words: str) -> Callable[[Snapshot], bool]:
    return lambda snapshot: any(words in alarm.text for alarm in snapshot.alarms)


def test_a_clock_that_is_set_neither_loses_nor_reorders_nor_stalls(line: Jumping) -> None:
    """Forward and back by an hour and by ten years: the line goes on at its rate, in order, and says what happened."""
    line.until(_beyond(RATE))
    for seconds, told in (
        (HOUR, "forward by 3,6"),
        (-HOUR, "back by 3,6"),
        (YEARS, "forward by 3"),
        (-YEARS, "back by 3"),
    ):
        line.jump(seconds)
        rates, before = Rates(), line.until(_tells(told))
        rates.rows(before)
        began = time.monotonic()
        after = line.until(_beyond(delivered(before) + RATE))
        assert time.monotonic() - began < 5
        line.until(_steady(rates))
        assert abs(after.step_ns - seconds * 1_000_000_000) < 10_000_000
        assert 0 < after.t_ns - before.t_ns < 10_000_000_000
        line.jump(0)
        line.until(lambda s: abs(s.step_ns) < 10_000_000)
    restarts = [process.restarts for process in line.until(bool).processes]
    text = line.end()
    assert "records are accounted for" in text
    assert set(restarts) == {0}
    for name in ("seen.txt", "shown.txt"):
        noted = line.noted(name)
        assert [(kind, number) for kind, number, _ in noted] == [("frame", number) for number in range(len(noted))]
        steps = [after[2] - before[2] for before, after in pairwise(noted)]
        assert min(steps) > 0
        assert max(steps) < 2_000_000_000

"""How far the operator's screen is behind the line, and what those who look at it cost the line.

A line of four cameras at 30 frames a second with all of its nodes. Ages run from the making of a frame to a viewer that
has read it, or, in Chromium, to the picture in which it is drawn; so the line's own time is among them. The viewers run
on the same machine and take from its caches; so, as the peer, as many look at a relay that is itself the one viewer.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.faults.plant import ports
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.lines import BOOK, KENSA
from benchmarks.meter import ROOT, cpu_ns, family, running
from pipeline.runtime.control import Client, find

MANY = 20  # viewers
BEHIND_MS = 200.0
STRETCH_S, ROUNDS = 6.0, 9
SETTLE_S = 2.0
LINE = """\
line: {{plant: bench, line: screen}}
hosts: {{here: {{cameras: [cam-1, cam-2, cam-3, cam-4]}}}}
nodes:
  camera:  {{use: synthetic, with: {{defects: 0.2}}}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  track:   {{from: measure}}
  rules:   {{from: track, with: {{book: {book}}}}}
  screen:  {{use: dashboard, from: [track, rules], with: {{port: {port}, path: {folder}/screen}}}}
"""
# Notes in every picture of a page how old the views are that it shows.
WATCH = """() => { const seen = {}, ages = []; window.ages = ages;
  const look = () => { document.querySelectorAll("canvas[data-t]").forEach((each, place) => {
    const t = Number(each.dataset.t); if (seen[place] !== t) { seen[place] = t; ages.push(Date.now() - t); } });
    requestAnimationFrame(look); }; look(); }"""

Spent = Mapping[str, int]


def figures() -> Iterator[Figure]:
    """Ages in ms; CPU in % of a core, of the line without its screen, and of the screen."""
    with tempfile.TemporaryDirectory() as name:
        folder, (port,) = Path(name), ports(1)
        with running(lambda folder: _command(folder, port), folder):
            _ready(port)
            ages: list[float] = []
            pairs = [*alternate(lambda: _watched(port, ages), lambda: _relayed(port), ROUNDS)]
            p50, p99 = (quantiles(ages, n=100)[cut] for cut in (49, 98))
            note = f"median {p50:.0f}"
            yield Figure(f"from a frame to {MANY} viewers, p99, ms", p99, Limit("≤", BEHIND_MS), note=note)
            yield from _painted(port)
    for part, limit in (("line", Limit("≤", 1.05)), ("screen", None)):
        spent = [(many[part], one[part]) for many, one in pairs]
        yield paired(f"CPU of the {part} with {MANY} viewers, % of a core", spent, f"one for {MANY}", limit)


def _command(folder: Path, port: int) -> list[str | Path]:
    path = folder / "screen.yaml"
    path.write_text(LINE.format(book=BOOK, port=port, folder=folder), encoding="utf-8")
    return [KENSA, "run", path]


def _relayed(port: int) -> dict[str, float]:
    """The same where the screen has one viewer, at whom all look."""
    relay = [sys.executable, "-m", "benchmarks.peers.relay", str(port)]
    with subprocess.Popen(relay, stdout=subprocess.PIPE, text=True, cwd=ROOT) as one:
        assert one.stdout
        spent = _watched(int(one.stdout.readline()), [])
        one.kill()
    return spent


def _watched(port: int, ages: list[float]) -> dict[str, float]:
    """CPU of one stretch, % of a core."""
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(_viewer(port, ages))
        time.sleep(SETTLE_S)
        ages.clear()
        before, begun = _spent(), time.monotonic_ns()
        time.sleep(STRETCH_S)
        after, ended = _spent(), time.monotonic_ns()
    return {name: 100 * (after[name] - before[name]) / (ended - begun) for name in after}


def _spent() -> Spent:
    """CPU time of the screen's process, and of all others of the line, ns."""
    line = find("bench-screen")
    with Client(line) as client:
        snapshot = client.watch()
    assert snapshot
    mine = {process.pid for process in snapshot.processes if process.name.startswith("screen")}
    each = {pid: cpu_ns(pid) for pid in family(snapshot.pid)}
    screen = sum(spent for pid, spent in each.items() if pid in mine)
    return {"screen": screen, "line": sum(each.values()) - screen}


@contextmanager
def _viewer(port: int, ages: list[float]) -> Iterator[None]:
    """Somebody who reads all that a screen sends, and notes how old each view is."""
    link = socket.create_connection(("127.0.0.1", port), timeout=10)
    link.sendall(f"GET /events HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    thread = threading.Thread(target=_read, args=(link, ages), daemon=True)
    thread.start()
    yield
    link.shutdown(socket.SHUT_RDWR)
    thread.join()
    link.close()


def _read(link: socket.socket, ages: list[float]) -> None:
    seen: dict[str, int] = {}
    with suppress(OSError), link.makefile("rb") as file:  # it is closed while it is read
        for line in file:
            if line != b"event: live\n":
                continue
            eyes: dict[str, Any] = json.loads(file.readline().removeprefix(b"data: "))
            now = time.time() * 1e3
            for camera, eye in eyes.items():
                if eye["look"] and seen.get(camera) != eye["look"]["seq"]:
                    seen[camera] = eye["look"]["seq"]
                    ages.append(now - eye["look"]["t"])


def _painted(port: int) -> Iterator[Figure]:
    """The same in Chromium, where there is one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("canvas[data-t]")
        page.wait_for_timeout(2000)
        page.evaluate(WATCH)
        page.wait_for_timeout(1e3 * 2 * STRETCH_S)
        ages = page.evaluate("window.ages")
        browser.close()
    p99 = quantiles(ages, n=100)[98]
    note = f"median {median(ages):.0f}; drawn without a GPU"
    yield Figure("from a frame to a page in Chromium that shows it, p99, ms", p99, Limit("≤", BEHIND_MS), note=note)


def _ready(port: int) -> None:
    """Wait until the screen is there, and has something to show."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            time.sleep(SETTLE_S)
            return
    raise RuntimeError(f"expected a screen at port {port}, found none")

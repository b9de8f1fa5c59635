"""Tests of `kensa reload` on lines that run: who is not meant by a change must not notice it, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from nodes.sources.belt import TruthPart, truth
from pipeline.runtime.state import Snapshot
from pipeline.score import Judged, pair
from tests.test_run import Run, Started, column, flowing, gone, process, start

__all__ = ["start"]
pytestmark = pytest.mark.slow

EIGHT = ", ".join(f"cam-{n}" for n in range(1, 9))
LINE = f"""
hosts: {{edge-1: {{cameras: [{EIGHT}]}}}}
nodes:
  camera: {{use: "tests.actors:ticking", with: {{rate: 50}}}}
  pass: {{use: "tests.actors:through", from: camera}}
  out: {{use: "tests.actors:noting", from: pass, with: {{path: SEEN}}}}
"""
SLOW = LINE.replace("path: SEEN", "path: SEEN, pause: 0.005")
ISOLATED = LINE.replace("from: camera}", "from: camera, isolate: true}").replace(EIGHT, "cam-1, cam-2")
HEAD = "line: {plant: test, line: e2e}\n"


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line goes on from where that of another test was killed."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))


def reload(run: Run, topology: str, *arguments: str, status: int = 0) -> str:
    """Change the file and reload it; returns what that printed."""
    text = HEAD + topology.replace("SEEN", str(run.seen))
    (run.folder / "line.yaml").write_text(text)
    done = run.command("reload", "line.yaml", *arguments)
    said = done.stdout + done.stderr
    assert done.returncode == status, f"{said}\n{run.out.read_text()}\n{run.log.read_text()[-3000:]}"
    return said


@contextmanager
def beside(run: Run, topology: str) -> Iterator[subprocess.Popen[str]]:
    """A reload that goes on while the test does something else."""
    (run.folder / "line.yaml").write_text(HEAD + topology.replace("SEEN", str(run.seen)))
    command = [sys.executable, "-m", "pipeline", "reload", "line.yaml"]
    with subprocess.Popen(
        command, cwd=run.folder, env=run.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def sessions(run: Run) -> dict[str, list[str]]:
    """The sessions of each camera's frames, in the sink's order."""
    found: dict[str, dict[str, None]] = {}
    for kind, camera, session, _ in run.records():
        if kind == "frame":
            found.setdefault(camera, {})[session] = None
    return {camera: [*each] for camera, each in sorted(found.items())}


def whole(run: Run) -> None:
    """Of every session that the sink saw, every number is there."""
    numbers: dict[tuple[str, str], set[int]] = {}
    for kind, camera, session, number in run.records():
        if kind == "frame":
            numbers.setdefault((camera, session), set()).add(number)
    assert numbers
    for who, seen in numbers.items():
        assert seen == set(range(max(seen) + 1)), who


def balanced(text: str, *, dropped: str = "0") -> None:
    """The ledger that was printed has an entry for everything."""
    assert column(text, "all edges", "unaccounted") == "0"
    assert column(text, "all edges", "in flight") == "0"
    assert column(text, "all edges", "dropped") == dropped


def after(run: Run, cameras: int) -> Snapshot:
    """The line, as soon as records of so many cameras have come to the sink since this call."""
    before = len(run.records())
    run.wait(lambda: len({row[1] for row in run.records()[before:] if row[0] == "frame"}) >= cameras)
    return run.until(flowing)


def pids(snapshot: Snapshot) -> dict[str, int]:
    """The processes of a line."""
    return {one.name: one.pid for one in snapshot.processes}


def test_a_ninth_camera_interrupts_no_other(start: Started) -> None:
    """Eight sessions go on in the same processes, the ninth begins, and the sink misses no number of any."""
    run = start(LINE)
    before = run.until(flowing)
    ninth = LINE.replace("cam-8]", "cam-8, cam-9]")
    text = reload(run, ninth)
    assert text == "lane 'cam-9' is added: camera → pass\ndone\n"
    assert pids(after(run, 9)) == pids(before)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [1] * 9
    whole(run)


def test_a_parameter_of_one_camera_begins_one_session(start: Started) -> None:
    """Its lane alone begins anew; its edge stays open, so nothing is lost; a gap says that exposures were missed."""
    run = start(LINE)
    before = run.until(flowing)
    text = reload(run, LINE + "cameras: {cam-3: {camera: {rate: 40}}}\n")
    assert text == "lane 'cam-3' begins anew: node 'camera': rate (default) → 40 (for cam-3)\ndone\n"
    assert pids(after(run, 8)) == pids(before)
    balanced(run.stop())
    assert {camera for camera, each in sessions(run).items() if len(each) > 1} == {"cam-3"}
    whole(run)
    gaps = [row for row in run.records() if row[0] == "gap"]
    assert [(camera, session) for _, camera, session, _ in gaps] == [("cam-3", sessions(run)["cam-3"][0])], gaps


def test_a_camera_that_is_removed_is_drained(start: Started) -> None:
    """Everything it had given arrives; its account stays in the ledger; the others go on."""
    run = start(LINE)
    run.until(flowing)
    text = reload(run, LINE.replace(", cam-8]", "]"))
    assert text == "lane 'cam-8' is drained and ends\ndone\n"
    last = max(run.numbers("cam-8"))
    after(run, 7)
    text = run.stop()
    balanced(text)
    assert max(run.numbers("cam-8")) == last
    assert int(column(text, "pass@cam-8→out", "sent").replace(",", "")) == last + 1
    assert [len(each) for each in sessions(run).values()] == [1] * 8
    whole(run)


def test_a_node_in_its_own_process_begins_anew_and_its_producers_wait(start: Started) -> None:
    """The cameras never notice; what the node had not done is sent to the one that takes its place."""
    run = start(ISOLATED.replace("tests.actors:through", "tests.actors:throwing"))
    run.until(flowing)
    text = reload(
        run,
        ISOLATED.replace("tests.actors:through", "tests.actors:throwing").replace(
            "isolate: true", "isolate: true, with: {bad: 1000000}"
        ),
    )
    assert text == "lane 'pass' begins anew: node 'pass': bad (default) → 1000000\ndone\n"
    after(run, 2)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [1, 1]
    assert {row[3] for row in run.records() if row[0] == "gap"} == {5}
    for camera in ("cam-1", "cam-2"):
        assert sorted({*run.numbers(camera), 5}) == list(range(max(run.numbers(camera)) + 1))


def test_a_rule_book_that_was_edited_is_read_again(start: Started) -> None:
    """The plan is the same, the file that a node reads is not."""
    line = ISOLATED.replace("from: camera, isolate: true", "from: camera, isolate: true, with: {book: BOOK}").replace(
        "through", "booked"
    )
    run = start(line.replace("BOOK", "book.yaml"))
    (run.folder / "book.yaml").write_text("first\n")
    run.until(flowing)
    assert reload(run, line.replace("BOOK", "book.yaml")) == "nothing to do: the line is what the file says\n"
    (run.folder / "book.yaml").write_text("second\n")
    text = reload(run, line.replace("BOOK", "book.yaml"))
    assert text == "lane 'pass' begins anew: node 'pass': book.yaml is another\ndone\n"
    after(run, 2)
    balanced(run.stop())
    whole(run)


RULED = """
hosts: {edge-1: {cameras: [cam-1, cam-2]}}
nodes:
  camera: {use: synthetic, with: {rate: 60, speed: 6.0, specks: 0}}
  measure: {from: camera}
  track: {from: measure}
  rules: {from: track, with: {book: book.yaml, look: 0.05}}
  out: {use: "tests.actors:versions", from: rules, with: {path: SEEN}}
"""
BOOK = "rules: [{name: r, reason: R, measure: holes, fail: {high: LIMIT}}]\n"


def versions(run: Run) -> dict[str, list[str]]:
    """The versions of the book that judged what each camera saw, as often and in the order in which they did."""
    found: dict[str, list[str]] = {}
    for line in run.seen.read_text().splitlines() if run.seen.exists() else ():
        camera, version, *_ = line.split()
        found.setdefault(camera, []).append(version)
    return found


def unjudged(run: Run, camera: str) -> list[TruthPart]:
    """The parts of a camera's one session that got no verdict, and of which no frame was told as missing either."""
    rows = [row for row in map(str.split, run.seen.read_text().splitlines()) if row[0] == camera]
    assert len({session for _, _, session, *_ in rows}) == 1, "one session"
    ids = [part for *_, kind, part, _, _ in rows if kind == "part"]
    assert len(ids) == len({*ids}), "a part was judged twice"
    judged = [Judged(int(first), int(last), "") for *_, kind, _, first, last in rows if kind == "part"]
    gaps = [(int(first), int(last)) for *_, kind, _, first, last in rows if kind == "gap"]
    newest = max(part.first_seq for part in judged)
    there = [*takewhile(lambda part: part.leaves < newest, truth(camera, rate=60, speed=6.0, specks=0))]
    assert len(there) > 4
    found = pair(there, judged)
    return [one for one in there if one.number not in found and not any(hides(gap, one) for gap in gaps)]


def hides(gap: tuple[int, int], part: TruthPart) -> bool:
    """Whether a frame that would have shown a part is missing."""
    return gap[0] <= part.leaves and gap[1] >= part.enters


def test_a_book_that_rules_watch_is_taken_up_while_the_line_runs(start: Started, tmp_path: Path) -> None:
    """No camera begins anew and no part is lost; a bad file is refused, is told as an alarm, and the old book stays."""
    book = tmp_path / "book.yaml"
    book.write_text(BOOK.replace("LIMIT", "0"))
    run = start(RULED)
    run.wait(lambda: {*versions(run)} == {"cam-1", "cam-2"})
    book.write_text(BOOK.replace("LIMIT", "9"))
    said = reload(run, RULED)
    assert said == f"node 'rules' takes {book} up by itself, between two records\ndone\n"
    run.wait(lambda: all(len({*each}) == 2 for each in versions(run).values()))
    book.write_text(BOOK.replace("measure", "mesure"))
    text = reload(run, RULED, status=2)
    assert "book.yaml:1:30: unknown field 'mesure'; did you mean 'measure'?" in text
    run.until(lambda snapshot: any("rule book refused, the book 'book'" in each.text for each in snapshot.alarms))
    before = sum(map(len, versions(run).values()))
    run.wait(lambda: sum(map(len, versions(run).values())) > before + 4)
    balanced(run.stop())
    for each in versions(run).values():
        assert len({*each}) == 2
        assert each == sorted(each, key=each.index), "a version that was left came again"
    for camera in ("cam-1", "cam-2"):
        assert unjudged(run, camera) == []


def test_a_sink_is_added_and_removed(start: Started, tmp_path: Path) -> None:
    """A process more, an edge more from each camera; then both end, and the ledger knows of them."""
    run = start(LINE)
    before = run.until(flowing)
    more = LINE + f'  too: {{use: "tests.actors:noting", from: pass, with: {{path: {tmp_path / "too.txt"}}}}}\n'
    text = reload(run, more)
    assert "process 'too@edge-1' is added" in text
    assert "edge '" not in text
    run.wait(lambda: (tmp_path / "too.txt").exists() and len((tmp_path / "too.txt").read_text().splitlines()) > 100)
    assert pids(run.until(flowing)).items() > pids(before).items()
    text = reload(run, LINE)
    assert "process 'too@edge-1' ends" in text
    assert pids(after(run, 8)) == pids(before)
    text = run.stop()
    balanced(text)
    noted = len((tmp_path / "too.txt").read_text().splitlines())
    assert sum(int(column(text, f"pass@cam-{n}→too", "delivered").replace(",", "")) for n in range(1, 9)) == noted
    assert [len(each) for each in sessions(run).values()] == [1] * 8
    whole(run)


def test_a_node_moves_into_its_own_process_and_back(start: Started) -> None:
    """The cameras' lanes change shape, so they begin new sessions; nothing is lost either way."""
    together = ISOLATED.replace(", isolate: true", "")
    run = start(together)
    run.until(flowing)
    assert "process 'pass@edge-1' is added" in reload(run, ISOLATED)
    after(run, 2)
    assert "process 'pass@edge-1' ends" in reload(run, together)
    after(run, 2)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [3, 3]
    whole(run)


def test_other_bounds_of_a_queue_interrupt_nobody(start: Started) -> None:
    """The queue goes by them from the next record on."""
    run = start(ISOLATED)
    run.until(flowing)
    text = reload(run, ISOLATED.replace("path: SEEN}", "path: SEEN}, queue: {messages: 99}"))
    assert text.endswith("messages 4096 → 99\ndone\n")
    after(run, 2)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [1, 1]
    whole(run)


def test_another_policy_waits_until_the_queue_is_empty(start: Started) -> None:
    """An edge that keeps its records elsewhere is closed first: the lane that gives to it begins anew."""
    line = ISOLATED.replace("path: SEEN}", "path: SEEN}, queue: {policy: spool}")
    run = start(ISOLATED)
    run.until(flowing)
    assert "lane 'pass' is drained, then begins again: edge 'pass→out': policy" in reload(run, line)
    after(run, 2)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [1, 1]
    whole(run)


def test_a_lane_that_moves_waits_for_the_one_before(start: Started) -> None:
    """A lane of the same name at another address: its producers are drained too, then all begin again, in order."""
    line = LINE.replace(EIGHT, "cam-1, cam-2").replace("through", "all_cameras")
    run = start(line)
    run.until(flowing)
    text = reload(run, line.replace("from: camera}", "from: camera, isolate: true}"))
    assert "lane 'pass' is drained, then begins again: from process 'edge-1' to 'pass@edge-1'" in text
    after(run, 2)
    balanced(run.stop())
    whole(run)


def test_a_file_with_a_fault_changes_nothing(start: Started) -> None:
    """Everything that `kensa check` says is said; the line runs on as it was."""
    run = start(ISOLATED)
    before = run.until(flowing)
    text = reload(run, ISOLATED.replace("tests.actors:through", "tests.actors:thruogh"), status=2)
    assert "line.yaml" in text
    assert "thruogh" in text
    text = reload(run, ISOLATED.replace("  out:", "\t out:"), status=2)
    assert "tab" in text
    assert pids(after(run, 2)) == pids(before)
    balanced(run.stop())
    assert [len(each) for each in sessions(run).values()] == [1, 1]


def test_a_dry_run_only_tells(start: Started) -> None:
    """What would change, and why; nothing does."""
    run = start(ISOLATED)
    run.until(flowing)
    text = reload(run, ISOLATED.replace("rate: 50", "rate: 40"), "--dry-run")
    assert text.splitlines() == [f"lane '{c}' begins anew: node 'camera': rate 50 → 40" for c in ("cam-1", "cam-2")]
    after(run, 2)
    run.stop()
    assert [len(each) for each in sessions(run).values()] == [1, 1]


def test_one_reload_at_a_time(start: Started) -> None:
    """While one waits for a slow sink to take what a removed camera had given, another is refused."""
    run = start(SLOW)
    run.until(lambda s: all(edge.account.total.in_flight > 100 for edge in s.edges))
    with beside(run, SLOW.replace(", cam-8", "")) as first:
        assert first.stdout
        assert first.stdout.readline() == "lane 'cam-8' is drained and ends\n"
        assert "another reload is still going on" in reload(run, SLOW, status=2)
        assert first.wait(60) == 0
    run.process.send_signal(signal.SIGINT)
    run.until(lambda s: s.phase == "draining")  # two signals at once may arrive as one
    run.process.send_signal(signal.SIGINT)
    balanced(run.end(status=4), dropped=column(run.out.read_text(), "all edges", "dropped"))


def test_a_supervisor_that_is_killed_in_the_middle_leaves_nothing_behind(start: Started) -> None:
    """The next run simply runs the file it is given."""
    run = start(SLOW, "--drain-within", "2s")
    run.until(lambda s: all(edge.account.total.in_flight > 100 for edge in s.edges))
    with beside(run, SLOW.replace(", cam-8", "")) as first:
        assert first.stdout
        first.stdout.readline()
        run.process.kill()
        run.process.wait()
        assert first.wait(20) == 2
    gone(Path(run.environment["KENSA_RUN"]))
    assert "records are accounted for" in start(ISOLATED, "--for", "0.5s").end()


def test_a_process_that_is_killed_in_the_middle_comes_back_as_what_it_should_become(start: Started) -> None:
    """A crash during a change costs what a crash costs, and the change is done all the same."""
    slow = ISOLATED.replace("path: SEEN", "path: SEEN, pause: 0.005")
    run = start(slow)
    before = run.until(flowing)
    (run.folder / "line.yaml").write_text(HEAD + slow.replace("SEEN", str(run.seen)).replace("cam-2]", "cam-2, cam-3]"))
    os.kill(process(before, "out").pid, signal.SIGKILL)
    assert run.command("reload", "line.yaml").returncode == 0
    after(run, 3)
    text = run.stop()
    assert column(text, "all edges", "unaccounted") == "0"
    whole(run)


def test_a_line_that_does_not_run_cannot_be_reloaded(start: Started) -> None:
    """The name in the file is the name of the line: another one is another line."""
    run = start(ISOLATED)
    run.until(flowing)
    (run.folder / "line.yaml").write_text("line: {plant: test, line: other}\n" + ISOLATED.replace("SEEN", "x"))
    done = run.command("reload", "line.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no line called 'test-other' runs here" in done.stderr
    run.stop()

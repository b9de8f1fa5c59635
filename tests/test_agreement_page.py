"""docs/agreement.md: its commands are run one after the other, and print what is shown."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from nodes.sources.belt import truth
from nodes.sources.synthetic import synthetic
from pipeline.archive import read
from pipeline.check import load
from pipeline.cli import main
from pipeline.clock import FakeClock
from pipeline.recordings import Writer, header
from pipeline.score import GOOD, Judged, pair
from pipeline.table import verdicts
from tests.conftest import ROOT
from tests.test_readme import blocks, commands

cv2 = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")
pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

PAGE = (ROOT / "docs" / "agreement.md").read_text(encoding="utf-8")
NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
KNOWN = 100  # parts of cam-1 that somebody knows
PACE = re.compile(r"in [\d.,]+ s(, [\d,]+ × real time)?")


def record(line: Path, to: Path) -> None:
    """What `kensa record` gives, by a clock that jumps: nobody waits forty seconds, and every run is the same."""
    topology = load(line)
    with Writer(to, header(topology.name, ["camera"])) as writer:
        for camera in topology.cameras:
            for given in synthetic(camera, "s1", FakeClock(NOON), **topology.nodes["camera"].params):
                writer.write("camera", given)


def fill_in(parts: Path, line: Path, archive: Path) -> None:
    """What somebody who knows the parts writes: the belt knows them."""
    judged = {}
    for verdict in verdicts(read(archive, "verdicts")):
        if verdict.camera == "cam-1" and verdict.part is not None:
            judged[verdict.part] = Judged(verdict.first_seq, verdict.seq, verdict.outcome)
    numbers = {id(one): number for number, one in judged.items()}
    belt = [*truth("cam-1", **load(line).nodes["camera"].params)]
    pairs = pair(belt, [*judged.values()])
    kind = {numbers[id(pairs[part.number])]: part.kind for part in belt if part.number in pairs}
    rows = [*csv.DictReader(parts.read_text(encoding="utf-8").splitlines())]
    known = [row for row in rows if row["camera"] == "cam-1" and int(row["part"]) < KNOWN]
    with parts.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "expected": "good" if kind[int(row["part"])] == GOOD else "bad"} for row in known)


def plain(text: str) -> str:
    """What was printed, without blanks at the ends of lines, and without how fast this machine was."""
    return PACE.sub("in … s", "\n".join(line.rstrip() for line in text.strip("\n").splitlines()))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_is_what_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first file to the challenge; `kensa reload` needs a line that runs, and has tests of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for text in blocks(PAGE, "yaml"):
        Path(text.partition("\n")[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    for command, shown in commands(PAGE):
        words = shlex.split(command)[1:]
        if words[0] == "record":
            record(Path(words[1]), Path(words[3]))
        elif words[0] != "reload":
            main(words)
            printed = capsys.readouterr()
            assert shown == "…\n" or plain(printed.out + printed.err) == plain(shown), command
        if "--blank" in words:
            fill_in(Path("parts.csv"), Path("line.yaml"), Path("archive"))
    for picture in ("backtest.png", "verdict.png"):
        drawn, shown_there = (cv2.imread(str(path)) for path in (Path(picture), ROOT / "docs" / "images" / picture))
        assert drawn.shape == shown_there.shape
        assert (drawn != shown_there).mean() < 0.001, f"{picture} differs; write it again by the command beside it"

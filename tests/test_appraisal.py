"""The appraisal: a perfect archive is perfect, a frame that is missing in silence is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.sinks.archive import archive
from nodes.sources.belt import truth
from pipeline.appraisal import GROUP, Truths, appraise, coverage, truths
from pipeline.check import load
from pipeline.errors import NodeError
from pipeline.records import Finding, Gap, Tracks, Verdict

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

LAST = 299


def named(seq: int, camera: str = "cam-1") -> dict[str, Any]:
    """The fields that name a frame."""
    return {"camera": camera, "session": "s", "seq": seq, "t_ns": seq * 33_333_333}


def shown(*seqs: int) -> list[Any]:
    """Empty frames."""
    return [Tracks(**named(seq), size=(8, 8)) for seq in seqs]


def verdicts() -> list[Any]:
    """What a perfect line says of cam-1."""
    return [
        Verdict(
            **named(part.leaves),
            outcome="PASS" if part.kind == "good" else "FAIL",
            subject="part",
            part=part.number,
            first_seq=part.enters,
            findings=() if part.kind == "good" else (Finding(part.kind, part.kind.upper(), "area_px", 1.0),),
        )
        for part in truth("cam-1", frames=LAST + 1, defects=0.5)
    ]


def known() -> Truths:
    """The truth about cam-1."""
    return {"cam-1": lambda: truth("cam-1", defects=0.5)}


def test_a_perfect_line_gets_full_marks(tmp_path: Path) -> None:
    """Every part found, every defect named, nothing lost; resends change nothing."""
    archive(iter([[*shown(*range(LAST + 1)), *verdicts()], verdicts()]), path=str(tmp_path))
    found = appraise(tmp_path, known())
    assert found.lost == 0
    assert found.score.found == found.score.parts > 10
    assert all(found.score.recall(kind).value == found.score.precision(kind).value == 1 for kind in found.kinds)
    assert sum(found.outcomes.values()) == len(verdicts())
    assert found.cameras == {"cam-1": found.score}


def test_a_gap_accounts_for_what_it_tells(tmp_path: Path) -> None:
    """Frames told missing are missing, not lost; where a gap and a frame overlap the frame was seen."""
    gap = Gap(**named(4), last=6, reason="overflow", where="track→archive")
    archive(iter([[*shown(0, 1, 2, 3, 6, 7), gap]]), path=str(tmp_path))
    (one,) = coverage(tmp_path).values()
    assert (one.frames, one.missing, one.lost, one.last_seq) == (6, 2, 0, 7)


def test_a_silent_hole_is_a_fault(tmp_path: Path) -> None:
    """A frame of which there is neither a row nor a gap is counted as lost."""
    archive(iter([shown(0, 1, 3)]), path=str(tmp_path))
    assert appraise(tmp_path, {}).lost == 1


@pytest.mark.parametrize("known", [{}, {"cam-1": lambda: None}])
def test_cameras_without_a_truth_are_not_scored(known: Truths, tmp_path: Path) -> None:
    """Their verdicts are counted all the same; a source may also say itself that nobody knows."""
    archive(iter([[*shown(*range(LAST + 1)), *verdicts()]]), path=str(tmp_path))
    found = appraise(tmp_path, known)
    assert found.score.parts == 0
    assert found.outcomes["FAIL"] > 0


def test_a_source_tells_the_truth_with_its_own_parameters(tmp_path: Path) -> None:
    """The truth of each camera is asked for with what the topology gives that camera."""
    file = tmp_path / "line.yaml"
    file.write_text(
        "hosts: {here: {cameras: [a, b]}}\n"
        "cameras: {b: {belt: {seed: 9}}}\n"
        "nodes:\n"
        "  belt: {use: synthetic, with: {frames: 90, defects: 1.0}}\n"
        "  alarms: {use: preview, from: belt, with: {path: x.png}}\n"
    )
    told = truths(load(file))
    assert [*told] == ["a", "b"]
    assert [*(told["b"]() or ())] == [*truth("b", seed=9, frames=90, defects=1.0)]


def test_a_truth_that_is_no_function_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the entry point group."""
    import pipeline.appraisal as module

    class Point:
        name = "synthetic"

        def load(self) -> str:
            return "no function"

    monkeypatch.setattr(module, "entry_points", lambda group: [Point()])
    file = tmp_path / "line.yaml"
    file.write_text(
        "hosts: {here: {cameras: [a]}}\nnodes: {synthetic: {}, preview: {from: synthetic, with: {path: x}}}\n"
    )
    with pytest.raises(NodeError, match=f"group '{GROUP}': expected a function, found 'no function'"):
        truths(load(file))

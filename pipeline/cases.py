"""Cases: what a topology must say about known input, written beside it and run without hardware.

`cases/line.yaml` belongs to `line.yaml`. Each case has one input, which comes from the sources or
to the node named by `at`, and says what it expects. Sinks are left out: nothing is written or sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.conform import Conform, whole
from pipeline.conversion import convert
from pipeline.located import BROKEN, Document
from pipeline.records import Outcome

FOLDER = "cases"  # beside the topologies

Stored = Annotated[str, Meta(description="a file", extra={"beside": True})]
Letters = Annotated[int, Meta(ge=1, description="letters")]
Scale = Annotated[int, Meta(ge=1, le=256, description="px per letter")]
Number = Annotated[int, Meta(ge=0, description="records")]
Some = Annotated[int, Meta(ge=1, description="frames")]


class Sources(Struct, frozen=True, forbid_unknown_fields=True):
    """The topology's own sources, with time that jumps.

    Attributes:
        frames: How many records of each camera are taken.
    """

    frames: Some


class Drawn(Struct, frozen=True, forbid_unknown_fields=True):
    """One drawn frame, or a gap.

    Attributes:
        draw: Its pixels, as `pipeline.sketch` reads them.
        gap: Instead of a drawing: so many frames are missing.
        camera: Who saw it; the first camera of the topology by default.
        label: What the pixels mean.
        scale: Pixels per letter.
    """

    draw: str = ""
    gap: Number = 0
    camera: str = ""
    label: str = "part"
    scale: Scale = 1


class Belt(Struct, frozen=True, forbid_unknown_fields=True):
    """A long drawing that moves to the right under a camera.

    Attributes:
        draw: The whole belt, as `pipeline.sketch` reads it.
        view: How much of it the camera sees at once.
        scale: Pixels per letter.
        step: How far it moves in a frame, px.
        camera: Who sees it; the first camera of the topology by default.
        label: What the pixels mean.
        hidden: Numbers of frames that are lost.
    """

    draw: str
    view: Letters
    scale: Scale = 1
    step: Annotated[int, Meta(ge=1, description="px/frame")] = 4
    camera: str = ""
    label: str = "part"
    hidden: tuple[int, ...] = ()


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What must come of the input; what is left out is not looked at.

    Attributes:
        verdicts: Camera → its verdicts in order: `PASS`, or `FAIL HOLE CHIP` with all its reasons in order.
        outcomes: Outcome → how many verdicts of all cameras have it.
        reasons: Reason code → how many findings of all cameras have it.
        given: Node → how many records it gives.
    """

    verdicts: dict[str, tuple[str, ...]] = {}
    outcomes: dict[Outcome, Number] = {}
    reasons: dict[str, Number] = {}
    given: dict[str, Number] = {}


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One input, and what must come of it.

    Attributes:
        expect: What must come of it.
        set: Parameters that differ in this case, as `--set` has them.
        at: The node that the input comes to; left out, it is what the sources give.
        recording: Input: a recording.
        sources: Input: the topology's own sources.
        frames: Input: drawn frames, one after the other.
        belt: Input: a drawn belt.
    """

    expect: Expect
    set: tuple[str, ...] = ()
    at: str = ""
    recording: Stored | None = None
    sources: Sources | None = None
    frames: tuple[Drawn, ...] | None = None
    belt: Belt | None = None


class Cases(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of cases."""

    cases: dict[str, Case]


def topology_of(path: Path) -> Path:
    """The topology that a file of cases belongs to."""
    return path.parent.parent / path.name


def cases_of(path: Path) -> list[Path]:
    """The files of cases that belong to a topology, to all of a folder, or that a path itself is."""
    if path.is_dir():
        return sorted((path / FOLDER).glob("*.yaml"))
    file = path if path.parent.name == FOLDER else path.parent / FOLDER / path.name
    return [file] if file.is_file() else []


def cases(document: Document) -> dict[str, Case]:
    """The cases of a file by name; what is wrong with them is noted in the document, and then there are none."""
    if document.data is not BROKEN and not isinstance(document.data, dict):
        document.complain((), "expected `cases`, got something else")
    found = Conform(document)(document.data, Cases, ())
    return {} if document.faults else convert(whole(found), Cases).cases

"""What a verdict rests upon: limits and the values that were held against them, and views of one part."""

from __future__ import annotations

from msgspec import Struct

from pipeline.fields import Name, Nat, Outcome, Text


class Finding(Struct, frozen=True):
    """One limit that was not kept, or, where a book tells all it looked at, one that was.

    Attributes:
        rule: Name of the rule in the rule book.
        reason: Reason code for the plant, as the rule book gives it.
        measure: What was measured, as the rule book names it.
        value: The measured value.
        low: The least that is allowed, where there is such a limit.
        high: The most that is allowed, where there is such a limit.
        unit: Of value, limits and guard; empty for counts, ratios and conditions.
        outcome: What this finding alone would make of it.
        severity: How grave the rule says it is: `critical`, `major` or `minor`.
        guard: Measurement uncertainty by which both limits were drawn in; None where none was.
        calibration: Id of the calibration that the value rests upon; empty where it is in pixels.
        note: What else a person should know: the numbers behind a condition, why nothing could be measured.
        camera: Who saw it, in a verdict on several views; else empty.
        tool: The tool that measured it; empty where it is measured on regions themselves.
        template: Id and digest of the golden mask that the tool went by; empty where there is none.
    """

    rule: Text
    reason: Text
    measure: Text
    value: float
    low: float | None = None
    high: float | None = None
    unit: Text = ""
    outcome: Outcome = "FAIL"
    severity: Text = ""
    guard: float | None = None
    calibration: Text = ""
    note: Text = ""
    camera: Text = ""
    tool: Text = ""
    template: Text = ""


class View(Struct, frozen=True):
    """One camera's verdict inside a verdict on several.

    Attributes:
        camera: The camera.
        session: Its session.
        seq: The last frame that its verdict speaks of.
        outcome: What it decided alone.
        part: Id of the part there, where it is about one.
        book: The rule book that decided.
        version: Digest of that book.
    """

    camera: Name
    session: Name
    seq: Nat
    outcome: Outcome
    part: Nat | None = None
    book: Text = ""
    version: Text = ""

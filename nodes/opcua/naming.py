"""What OPC UA clients are told, under the names of OPC 40100-1 (machine vision) and OPC 10000-9 (conditions); pure.

A verdict becomes a result: `resultId`, `partId`, `externalRecipeId` … of ResultDataType, OPC 40100-1, 1.00, 12.8. An
alarm's step becomes the state of a condition: active, acknowledged, shelved …, OPC 10000-9, 1.05, 5.5 to 5.8.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from nodes.opcua.times import moment

COMPLETED, FAILED = 1, 4  # ResultStateDataType
SEVERITY = {"critical": 900, "high": 700, "medium": 500, "low": 200}  # 1…1000
ACTIVE = ("unacknowledged", "acknowledged")
AWAITING = ("unacknowledged", "returned_unacknowledged", "latched_unacknowledged")

State = Literal["Preoperational", "Halted", "Error", "Operational"]
Mode = Literal["Initialized", "ContinuousExecution"]


class _Finding(Struct, frozen=True):
    reason: str


class Told(Struct, frozen=True, kw_only=True):
    """What of an event of a verdict or a gap is told by itself; the whole event is there as well."""

    id: str
    time: str
    t_ns: int
    camera: str
    session: str
    seq: int
    first_seq: int
    subject: str
    part: int | None
    outcome: str
    findings: tuple[_Finding, ...]
    book: str
    version: str
    text: str


class Result(Struct, frozen=True, kw_only=True):
    """A verdict as OPC 40100-1 names it; the last five members are ours.

    Attributes:
        result_id: Of the event: the same however often it is told.
        has_transferable_data_on_file: Never: pictures do not leave the camera.
        is_partial: Never: a verdict is whole.
        is_simulated: The line said so: its parts are none, or it is run on trial.
        result_state: `Completed`, or `Failed` for what was not inspected.
        meas_id: Session and frames that it speaks of.
        part_id: Id of the part; empty where it is not about one.
        external_recipe_id: Name of the rule book.
        internal_recipe_id: Digest of the rule book.
        internal_configuration_id: Not used.
        job_id: Session of the camera.
        creation_time: ns since the Unix epoch.
        result_content: The whole event, JSON.
        camera: Name of the camera.
        outcome: PASS, WARN, FAIL or NO_READ.
        reasons: Reason codes of its findings.
        text: The same in one line, for people.
        sequence: Its number in the outbox.
    """

    result_id: str
    has_transferable_data_on_file: bool = False
    is_partial: bool = False
    is_simulated: bool = False
    result_state: int
    meas_id: str
    part_id: str
    external_recipe_id: str
    internal_recipe_id: str
    internal_configuration_id: str = ""
    job_id: str
    creation_time: int
    result_content: str
    camera: str
    outcome: str
    reasons: tuple[str, ...]
    text: str
    sequence: int


class Step(Struct, frozen=True, kw_only=True):
    """What of an event of an alarm is told by itself; see docs/alarms.md."""

    id: str
    time: str
    t_ns: int
    camera: str
    alarm: str
    change: str
    state: str
    life: str
    priority: str
    occurrence: str
    by: str
    reason: str
    until: str
    first_out: bool
    cause: str
    consequence: str
    action: str
    link: str
    text: str


class Condition(Struct, frozen=True, kw_only=True):
    """An alarm as OPC 10000-9 describes a condition.

    Attributes:
        active: Its condition holds.
        acked: Somebody has acknowledged it, or nobody need.
        latched: It is over, and stays until it is reset.
        shelved: An operator hears nothing of it for a time.
        until_ns: When that ends, ns since the Unix epoch; 0 where it is not shelved.
        suppressed: By design, or by an operator until further notice.
        out_of_service: It is being worked on.
        retain: It is of interest: a client that comes is told of it.
        severity: 1…1000.
    """

    active: bool
    acked: bool
    latched: bool
    shelved: bool
    until_ns: int
    suppressed: bool
    out_of_service: bool
    retain: bool
    severity: int

    @property
    def aside(self) -> bool:
        """SuppressedOrShelved."""
        return self.shelved or self.suppressed or self.out_of_service


_told = msgspec.json.Decoder(Told).decode
_step = msgspec.json.Decoder(Step).decode


def result(body: bytes, sequence: int, *, simulated: bool = False) -> Result:
    """The result that an event of a verdict tells.

    Raises:
        msgspec.MsgspecError: If it is none.
    """
    told = _told(body)
    return Result(
        result_id=told.id,
        is_simulated=simulated,
        result_state=FAILED if told.outcome == "NO_READ" else COMPLETED,
        meas_id=f"{told.session}/{told.first_seq}-{told.seq}",
        part_id="" if told.part is None else str(told.part),
        external_recipe_id=told.book,
        internal_recipe_id=told.version,
        job_id=told.session,
        creation_time=told.t_ns,
        result_content=body.decode(),
        camera=told.camera,
        outcome=told.outcome,
        reasons=tuple(dict.fromkeys(finding.reason for finding in told.findings)),
        text=told.text,
        sequence=sequence,
    )


def step(body: bytes) -> Step:
    """The step of an alarm that an event tells.

    Raises:
        msgspec.MsgspecError: If it is none.
    """
    return _step(body)


def condition(told: Step) -> Condition:
    """How the alarm is after a step."""
    return Condition(
        active=told.life in ACTIVE,
        acked=told.life not in AWAITING,
        latched=told.life.startswith("latched"),
        shelved=told.state == "shelved",
        until_ns=moment(told.until) if told.state == "shelved" else 0,
        suppressed=told.state == "suppressed",
        out_of_service=told.state == "out_of_service",
        retain=told.state != "normal",
        severity=SEVERITY.get(told.priority, SEVERITY["low"]),
    )


def states(phase: str, *, healthy: bool) -> tuple[State, Mode]:
    """The states of VisionStateMachine and AutomaticMode that a line in this phase is in."""
    if phase == "running":
        return ("Operational", "ContinuousExecution") if healthy else ("Error", "Initialized")
    return ("Preoperational" if phase == "starting" else "Halted"), "Initialized"

"""Types of a record's fields: what a stranger may send in them is bounded."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Nat = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=1024)]
Outcome = Literal["PASS", "WARN", "FAIL", "NO_READ"]
Epoch = Literal["settled", "settling", "unknown"]
Timing = Literal["sensor", "wall", "parsed", "arrival"]
Measured = Literal["settled", "unknown"]  # nothing is measured while a crop settles
Tally = Annotated[dict[Text, Nat], Meta(max_length=4096)]

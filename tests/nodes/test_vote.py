"""Voting: pixels that enough frames show, prompt by prompt; nothing is made up across sessions and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.vote import vote
from pipeline.records import Frame, Gap
from tests.nodes.scenes import frame, gap, pixels


def shown(*rows: str, seq: int = 0, **fields: Any) -> Frame:
    """A frame that shows these pixels."""
    return replace(frame(pixels(*rows)), seq=seq, **fields)


def told(frames: list[Frame | Gap], **params: int) -> list[str]:
    """The first layer of each frame that comes out; a dash for one without layers, a word for a gap."""
    rows = []
    for record in vote(iter(frames), **params):
        layers = record.layers if isinstance(record, Frame) else ()
        row = "".join("#" if bit else "." for bit in layers[0].mask.dense.ravel()) if layers else "-"
        rows.append("gap" if isinstance(record, Gap) else row)
    return rows


@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=8),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_a_pixel_needs_as_many_frames_as_asked(rows: list[list[bool]], least: int, more: int) -> None:
    """At least m of the last n; of fewer, as large a share."""
    of = least + more
    frames: list[Frame | Gap] = [replace(frame(np.array([row])), seq=seq) for seq, row in enumerate(rows)]
    for seq, record in enumerate(vote(iter(frames), least=least, of=of)):
        voters = np.array(rows[max(0, seq + 1 - of) : seq + 1])
        assert isinstance(record, Frame)
        assert (record.layers[0].mask.dense[0] == (voters.sum(axis=0) * of >= least * len(voters))).all()


def test_nothing_to_decide_costs_nothing() -> None:
    """Where all agree, or one frame votes, the very same frame goes on."""
    same: list[Frame | Gap] = [shown("#.#", seq=seq) for seq in range(4)]
    assert all(a is b for a, b in zip(vote(iter(same)), same, strict=True))
    flickers: list[Frame | Gap] = [shown("#", seq=0), shown(".", seq=1)]
    assert all(a is b for a, b in zip(vote(iter(flickers), least=1, of=1), flickers, strict=True))


def test_prompts_vote_by_themselves() -> None:
    """Two prompts that take turns do not see each other's masks."""
    frames: list[Frame | Gap] = [shown("##" if seq % 2 else "..", seq=seq, prompt=f"p{seq % 2}") for seq in range(6)]
    assert told(frames) == ["..", "##"] * 3


def test_what_is_missing_once_stays() -> None:
    """A layer that the newest frame does not have comes back, where two others had it; a pixel seen once goes."""
    frames: list[Frame | Gap] = [shown("#.", seq=0), shown("##", seq=1), replace(shown("..", seq=2), layers=())]
    assert told(frames) == ["#.", "#.", "#."]


def test_a_session_and_another_size_begin_anew() -> None:
    """Votes of another run, or of another grid of pixels, count no more; gaps go on as they are."""
    frames: list[Frame | Gap] = [
        shown("##"),
        gap(1, 2),
        shown("..", seq=3, session="s2"),
        shown("#", seq=4, session="s2"),
    ]
    assert told(frames) == ["##", "gap", "..", "#"]


def test_a_settling_frame_is_no_vote() -> None:
    """It may be of another place: it goes on as it is, and decides nothing."""
    frames: list[Frame | Gap] = [shown("#."), shown("##", seq=1, epoch="settling"), shown("##", seq=2)]
    assert told(frames, least=2, of=2) == ["#.", "##", "#."]


def test_more_votes_than_voters_are_refused() -> None:
    """When the file is checked."""
    spec = vote.spec  # type: ignore[attr-defined]
    assert [flaw.text for flaw in spec.check(spec.params(least=4, of=3))] == [
        "expected at most `of`, which is 3, got 4"
    ]

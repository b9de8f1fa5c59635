"""Which state of a sensor may follow which."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nodes.sensors.states import FAILED, NEXT, SensorError, State, follow


def test_the_way_of_a_good_day() -> None:
    """From closed to streaming and back every step is legal, a stall that ends among them."""
    day = [State.CLOSED, State.OPEN, State.UPLOADING, State.STREAMING, State.STALLED, State.STREAMING, State.OPEN]
    assert [follow(now, then) for now, then in pairwise(day)] == day[1:]


@pytest.mark.parametrize("now", [*State])
@pytest.mark.parametrize("then", [*State])
def test_every_step_is_legal_or_refused(now: State, then: State) -> None:
    """The table is complete: what it does not name is refused and says what could follow."""
    if then is now or then in NEXT[now]:
        assert follow(now, then) is then
        return
    with pytest.raises(SensorError) as told:
        follow(now, then)
    assert f"sensor is {now}" in str(told.value)
    assert f"found {then}" in str(told.value)
    assert told.value.state is now


def test_a_failed_sensor_can_only_be_closed() -> None:
    """Nothing streams again by itself out of a failure: it is closed, and opened anew."""
    assert all(NEXT[state] - FAILED == {State.CLOSED} for state in FAILED)
    assert {state for state in State if state.failed} == FAILED


def test_any_state_can_be_closed() -> None:
    """A line that ends can always give its cameras back."""
    assert all(state is State.CLOSED or State.CLOSED in NEXT[state] for state in State)

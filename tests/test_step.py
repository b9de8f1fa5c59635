from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import FakeClock
from pipeline.errors import NodeError
from pipeline.node import Batch
from pipeline.plan import NodeRun
from pipeline.records import Record
from pipeline.runtime.batches import Batches
from pipeline.runtime.build import build
from pipeline.runtime.step import Step, begin
from pipeline.runtime.turn import Turn
from tests import toys
from tests.toys import TOYS, frame, run


def _step(node: NodeRun) -> Step:
    return build(node, TOYS[node.use], Turn(lambda: 0))


def _push(step: Step, *records: Record) -> list[int]:
    """The numbers of everything that comes of some records."""
    outs: list[Record] = []
    for record in records:
        step.push(record, outs)
    return [out.seq for out in outs]


def _end(step: Step) -> list[int]:
    outs: list[Record] = []
    for key in step.runs():
        step.end(key, outs)
    return [out.seq for out in outs]


def test_map_shapes() -> None:
    """A map gives one record, none, or many."""
    assert _push(_step(run("shift", by=5)), frame(1)) == [6]
    assert _push(_step(run("odd")), frame(1), frame(2), frame(3)) == [1, 3]
    assert _push(_step(run("twice")), frame(1), frame(2)) == [1, 1, 2, 2]


def test_stream_gives_at_once_and_flushes_at_its_end() -> None:
    """What a generator yields for a record comes with that push; what it yields after its loop, at the end."""
    step = _step(run("tally"))
    step.open("", [])
    assert _push(step, frame(7)) == [7]
    assert _push(step, frame(8)) == [8]
    counter = _step(run("count"))
    assert _push(counter, frame(1), frame(2)) == [0, 1]
    assert _end(counter) == [2]
    assert counter.runs() == ()


def test_per_camera_state_is_apart() -> None:
    """Each camera has a run of its own, begun when it appears and ended in that order."""
    step = _step(run("count"))
    assert _push(step, frame(0, "b"), frame(0, "a"), frame(1, "b"), frame(2, "b")) == [0, 0, 1, 2]
    assert step.runs() == ("b", "a")
    assert _end(step) == [3, 1]


def test_overrides_are_merged_over_parameters() -> None:
    """A camera's own parameters win over the node's, and leave the others' alone."""
    step = _step(NodeRun(node="shift", use="shift", params={"by": 10}, overrides={"b": {"by": 20}}))
    assert _push(step, frame(0, "a"), frame(0, "b"), frame(1, "a")) == [10, 20, 11]


def test_wrong_parameters_name_node_and_camera() -> None:
    """Parameters that do not fit say where they were given and what was expected."""
    step = _step(NodeRun(node="mover", use="shift", overrides={"b": {"by": "far"}}))
    with pytest.raises(
        NodeError, match=r"^node 'mover' for camera 'b': parameters of 'shift': Expected `int`, got `str`"
    ):
        step.push(frame(0, "b"), [])


def test_exception_says_node_camera_and_seq() -> None:
    """A node's exception leaves as it is, with a note that names node, camera, session and seq."""
    for name in ("fragile", "count"):
        step = _step(run(name, node="x", bad=[2]))
        outs: list[Record] = []
        step.push(frame(1), outs)
        with pytest.raises(ValueError, match="no 2") as caught:
            step.push(frame(2), outs)
        assert caught.value.__notes__ == ["in node 'x', camera 'cam-1', session 's', seq 2"]
        assert [record.seq for record in step.culprits] == [2]


def test_a_run_that_raised_begins_anew() -> None:
    """After an exception the next record meets a fresh run of that camera; other cameras keep their state."""
    step = _step(run("count", bad=[9]))
    assert _push(step, frame(0), frame(1), frame(0, "b")) == [0, 1, 0]
    with pytest.raises(ValueError, match="no 9"):
        step.push(frame(9), [])
    assert _push(step, frame(2), frame(1, "b")) == [0, 1]
    assert step.restarts == 1


def test_batches_close_when_full_and_at_the_end() -> None:
    """A batch is handed over when it has its records; what is left over is handed over before the flush."""
    toys.batches.clear()
    step = _step(run("store"))
    step.open("", [])
    _push(step, *map(frame, range(7)))
    assert toys.batches == [[0, 1, 2], [3, 4, 5]]
    _end(step)
    assert toys.batches == [[0, 1, 2], [3, 4, 5], [6], []]


def test_a_batch_is_due_a_second_after_its_first_record() -> None:
    """Full or not."""
    step = _step(run("store"))
    assert isinstance(step, Batches)
    _push(step, frame(0), frame(1))
    assert step.pending[""].deadline_ns == 1_000_000_000


@given(bad=st.sets(st.integers(0, 9)))
def test_a_bad_record_costs_nobody_else(bad: set[int]) -> None:
    """Whatever records a sink chokes on: exactly those are lost, the others are handed over once and in order."""
    toys.batches.clear()
    spec = msgspec.structs.replace(TOYS["store"], batch=Batch(records=100, seconds=1.0))
    step = build(run("store", bad=[*bad]), spec, Turn(lambda: 0))
    assert isinstance(step, Batches)
    _push(step, *map(frame, range(10)))
    try:
        step.flush("", [])
    except ValueError:
        assert sorted(record.seq for record in step.culprits) == sorted(bad)
    else:
        assert not bad
    assert [seq for batch in toys.batches for seq in batch] == [seq for seq in range(10) if seq not in bad]
    assert not step.pending


def test_what_the_world_is_in_the_way_of_is_handed_over_again() -> None:
    """A full disk loses nothing: the batch waits, grows, and goes when there is room."""
    toys.batches.clear()
    step = _step(run("store"))
    assert isinstance(step, Batches)
    toys.disk["full"] = True
    with pytest.raises(OSError, match="disk full") as caught:
        _push(step, *map(frame, range(3)))
    assert caught.value.__notes__[0].endswith("seq 0, the first of a batch of 3 up to camera 'cam-1', seq 2")
    assert not step.culprits
    step.rest(7)
    _push(step, frame(3))
    assert step.pending[""].deadline_ns == 7
    toys.disk["full"] = False
    step.flush("", [])
    assert toys.batches == [[0, 1, 2, 3]]
    assert not step.pending


def test_source_is_seated_and_blamed() -> None:
    """A source gets camera, session and clock; what it raises names them and the last record it gave."""
    source = begin(run("source", count=3), TOYS["source"], "cam-7", "boot", FakeClock(5))
    found = [*source]
    assert [(f.camera, f.session, f.seq, f.t_ns) for f in found][2] == ("cam-7", "boot", 2, 200_000_005)
    broken = begin(run("source", count="x"), TOYS["source"], "cam-7", "boot", FakeClock())
    with pytest.raises(NodeError) as caught:
        next(broken)
    assert caught.value.__notes__ == ["in node 'source', camera 'cam-7', session 'boot', before its first record"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=30))
def test_pushing_is_the_same_as_iterating(story: list[tuple[str, int]]) -> None:
    """A stream node pushed record by record gives what it gives when it is simply called on each camera's list."""
    records = [frame(seq, camera) for camera, seq in story]
    step = _step(run("count"))
    pushed = _push(step, *records) + _end(step)
    by_camera = {camera: [r for r in records if r.camera == camera] for camera in dict.fromkeys(c for c, _ in story)}
    called = itertools.chain.from_iterable(toys.count(iter(group)) for group in by_camera.values())
    assert sorted(pushed) == sorted(out.seq for out in called)

"""The way from one plan to another: what stays is not told anything, what differs is said with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.plan import Plan
from pipeline.planner import plan
from pipeline.runtime.change import Change, change
from pipeline.runtime.fates import books, fates, values
from pipeline.topology import Bounds, Host, Step, Topology
from tests.specimens import catalog

NODES = catalog()
CHAIN = {
    "camera": Step(use="sensor"),
    "clean": Step(use="clean", inputs=("camera",)),
    "measure": Step(use="measure", inputs=("clean",)),
    "rules": Step(use="rules", inputs=("measure",)),
    "alarms": Step(use="alarms", inputs=("rules",)),
}
APART = CHAIN | {"rules": Step(use="rules", inputs=("measure",), isolate=True)}
BOX = {"box": Host(cameras=("cam-1", "cam-2"))}
TWO = {
    "edge-1": Host(address="10.0.7.11", cameras=("cam-1", "cam-2")),
    "edge-2": Host(address="10.0.7.12", cameras=("cam-3",)),
}
BEYOND = CHAIN | {"alarms": Step(use="alarms", inputs=("rules",), at="edge-2")}


def _plan(nodes: dict[str, Step], hosts: dict[str, Host] = BOX, name: str = "line") -> Plan:
    return plan(Topology(name=name, hosts=hosts, nodes=nodes), NODES, folder=Path("/run/kensa/line"))


def _to(nodes: dict[str, Step], hosts: dict[str, Host] = BOX, old: Plan | None = None) -> Change:
    return change(old or _plan(CHAIN), _plan(nodes, hosts), "box")


def test_the_same_file_changes_nothing() -> None:
    """Nobody is told anything."""
    assert _to(CHAIN) == Change()


def test_another_camera_is_another_lane() -> None:
    """The process of the cameras begins one lane; the sink lets one edge in; no lane begins anew."""
    found = _to(CHAIN, {"box": Host(cameras=("cam-1", "cam-2", "cam-9"))})
    assert found.said == ("lane 'cam-9' is added: camera → clean → measure → rules",)
    assert {name: steps.first.again for name, steps in found.steps.items()} == {"box": (), "alarms@box": ()}
    prepare = found.steps["alarms@box"].prepare
    assert prepare
    assert [edge.name for edge in prepare.takes] == [f"rules@cam-{n}→alarms" for n in (1, 2, 9)]
    assert found.steps["box"].prepare
    assert sorted(found.steps["box"].prepare.uses) == ["clean", "measure", "rules", "sensor"]


def test_a_parameter_of_one_camera_is_one_lane() -> None:
    """Its edges stay open; nobody but its own process is told anything."""
    found = _to(CHAIN | {"clean": Step(use="clean", inputs=("camera",), overrides={"cam-2": {"min_area": 9}})})
    assert found.said == ("lane 'cam-2' begins anew: node 'clean': min_area (default) → 9 (for cam-2)",)
    first = found.steps["box"].first
    assert [*found.steps] == ["box"]
    assert (first.again, first.onward, first.ending) == (("cam-2",), (), ())
    assert [edge.name for edge in first.gives] == ["rules@cam-1→alarms", "rules@cam-2→alarms"]


def test_what_differs_for_a_camera_that_comes_disturbs_no_other() -> None:
    """A lane of all cameras learns it without beginning anew."""
    wanted = APART | {"rules": replace(APART["rules"], overrides={"cam-9": {"limit": 3}})}
    hosts = {"box": Host(cameras=("cam-1", "cam-2", "cam-9"))}
    found = change(_plan(APART), _plan(wanted, hosts), "box")
    assert found.said[0] == "lane 'cam-9' is added: camera → clean → measure"
    assert all(not steps.first.again for steps in found.steps.values())
    found = change(
        _plan(APART), _plan(APART | {"rules": replace(APART["rules"], overrides={"cam-1": {"limit": 3}})}), "box"
    )
    assert found.said == ("lane 'rules' begins anew: node 'rules': limit (default) → 3 (for cam-1)",)


def test_a_camera_that_goes_is_awaited_by_its_consumers() -> None:
    """The sink forgets its edge only in the last step, when everything it had given has arrived."""
    found = _to(CHAIN, {"box": Host(cameras=("cam-1",))})
    assert found.said == ("lane 'cam-2' is drained and ends",)
    steps = found.steps["alarms@box"]
    assert [edge.name for edge in steps.first.takes] == ["rules@cam-1→alarms", "rules@cam-2→alarms"]
    assert [edge.name for edge in steps.last.takes] == ["rules@cam-1→alarms"]
    assert found.steps["box"].first.ending == ("rules@cam-2→alarms",)


def test_a_process_more_and_less() -> None:
    """A new sink is started at once; one that goes has no lane any more and leaves."""
    more = CHAIN | {"archive": Step(use="archive", inputs=("rules",))}
    found = _to(more)
    assert found.said == ("lane 'archive' is added: archive", "process 'archive@box' is added")
    assert found.steps["archive@box"].begun
    assert found.added == {"archive@box"}
    back = _to(CHAIN, old=_plan(more))
    assert back.said == ("lane 'archive' is drained and ends", "process 'archive@box' ends")
    assert (back.steps["archive@box"].first.lanes, back.steps["archive@box"].first.more) == ((), False)
    assert back.removed == {"archive@box"}


def test_another_shape_begins_the_cameras_anew() -> None:
    """A node that leaves a lane for a process of its own is named."""
    found = _to(APART)
    assert "lane 'cam-1' begins anew: node 'rules' leaves it" in found.said
    assert "lane 'rules' is added: rules" in found.said
    assert found.steps["rules@box"].begun


def test_bounds_are_changed_where_they_are() -> None:
    """No lane begins anew, and the edge stays open."""
    new = _plan(CHAIN | {"alarms": replace(CHAIN["alarms"], queue=Bounds(policy="block", messages=9))})
    wide = _plan(CHAIN | {"alarms": replace(CHAIN["alarms"], queue=Bounds(policy="block", messages=5))})
    found = change(wide, new, "box")
    assert found.said == tuple(f"edge 'rules@cam-{n}→alarms': messages 5 → 9" for n in (1, 2))
    assert found.steps["box"].first.again == ()
    assert fates(wide, new, "box").lanes == {"cam-1": "stays", "cam-2": "stays", "alarms": "stays"}


def test_what_waits_elsewhere_is_drained_first() -> None:
    """To disk or from it: the edge is closed, without an end for its consumer, and opened again in the last step."""
    plain = _plan(CHAIN | {"alarms": replace(CHAIN["alarms"], queue=Bounds(policy="drop_oldest"))})
    spool = _plan(CHAIN | {"alarms": replace(CHAIN["alarms"], queue=Bounds(policy="spool"))})
    found = change(plain, spool, "box")
    first, last = found.steps["box"].first, found.steps["box"].last
    assert found.said[0].startswith("lane 'cam-1' is drained, then begins again: edge 'rules@cam-1→alarms': policy")
    assert (first.lanes, first.gives, first.more) == ((), (), True)
    assert (first.onward, first.ending) == (("rules@cam-1→alarms", "rules@cam-2→alarms"), ())
    assert [lane.name for lane in last.lanes] == ["cam-1", "cam-2"]


def test_a_lane_that_moves_waits_for_itself() -> None:
    """The new process is started in the last step; producers tell the old lane their end, it does not tell its own."""
    stats = Step(use="stats", inputs=("rules",))
    watched = CHAIN | {"stats": stats, "keep": Step(use="archive", inputs=("rules",))}
    old = _plan(watched)
    found = change(old, _plan(watched | {"stats": replace(stats, isolate=True)}), "box")
    assert "lane 'stats' is drained, then begins again: from process 'box' to 'stats@box'" in found.said
    assert found.steps["stats@box"].begun is None
    first = found.steps["box"].first
    assert first.ending == ("rules@cam-1→stats", "rules@cam-2→stats")
    assert first.lanes == ()
    assert [edge.name for edge in first.gives] == [e.name for e in old.edges if e.target[0] != "stats"]


def test_files_that_nodes_read_count_as_parameters() -> None:
    """A rule book that was edited begins the lanes that read it anew."""
    judged = _plan(CHAIN | {"rules": Step(use="rules", inputs=("measure",), params={"grade": "rules/a.yaml"})})
    assert books(judged) == {"rules/a.yaml"}
    found = change(judged, judged, "box", frozenset({"rules/a.yaml"}))
    assert found.said == tuple(f"lane 'cam-{n}' begins anew: node 'rules': rules/a.yaml is another" for n in (1, 2))


def test_other_hosts_are_named() -> None:
    """An edge between hosts has two ends, and each host changes its own."""
    old = _plan(BEYOND, TWO)
    more = {**TWO, "edge-1": replace(TWO["edge-1"], cameras=("cam-1", "cam-2", "cam-9"))}
    found = change(old, _plan(BEYOND, more), "edge-1")
    assert found.said[-1] == "host 'edge-2' changes too: `kensa reload` there as well"
    assert "alarms@edge-2" not in found.steps
    there = change(old, _plan(BEYOND, more), "edge-2")
    assert there.said == (
        "edge 'rules@cam-9→alarms' is added",
        "host 'edge-1' changes too: `kensa reload` there as well",
    )
    back = change(_plan(BEYOND, more), old, "edge-2").steps["alarms@edge-2"]
    assert "rules@cam-9→alarms" in [edge.name for edge in back.last.takes]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (
            _plan(CHAIN, name="other"),
            "the line is called 'line', the file's 'other': stop the line and start the other",
        ),
        (_plan(CHAIN, {"desk": BOX["box"]}), "nothing of the file's line runs on host 'box': stop the line there"),
    ],
)
def test_what_cannot_be_done_live(new: Plan, said: str) -> None:
    """Nothing is told to anybody."""
    assert change(_plan(CHAIN), new, "box") == Change(faults=(said,))


def test_a_host_that_moves_is_refused() -> None:
    """Its peers would look for it at its old address."""
    moved = {**TWO, "edge-2": replace(TWO["edge-2"], address="10.0.7.99")}
    faults = change(_plan(BEYOND, TWO), _plan(BEYOND, moved), "edge-1").faults
    was, now = "tcp://10.0.7.12:7400", "tcp://10.0.7.99:7400"
    assert faults == (f"host 'edge-2' is at {was}, in the file at {now}: stop the line everywhere, start it again",)


def test_values_are_told_as_people_write_them() -> None:
    """Only what differs; what a file leaves out has its default."""
    assert values({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": True}) == "b 2 → 3, c (default) → True"

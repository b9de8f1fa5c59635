"""Faults that only show once it is known which lane each node runs in."""

from __future__ import annotations

from pipeline.checking.draft import Draft
from pipeline.placement import Placement, Seat, crowded
from pipeline.topology import Topology


def judge(draft: Draft, topology: Topology) -> None:
    """Note what is wrong with where nodes run and with the queues between them."""
    placed = Placement(topology, {step.use: draft.specs[name] for name, step in topology.nodes.items()})
    for crowd in placed.crowds[:1]:
        draft.complain(("nodes", crowd.node), crowded(crowd), key=True)
    for name in topology.nodes:
        _idle_queue(draft, placed, name)
        _blocked(draft, topology, placed, name)


def _idle_queue(draft: Draft, placed: Placement, name: str) -> None:
    """A queue in front of a node that shares the lane of what feeds it would be no queue at all."""
    fused = all(seat.head != name for seat in placed.seats[name].values())
    if "queue" in draft.raw("nodes", name) and placed.seats[name] and fused:
        text = f"'{name}' runs in the lane of what feeds it, where nothing waits: remove `queue` or add `isolate: true`"
        draft.complain(("nodes", name, "queue"), text, key=True)


def _blocked(draft: Draft, topology: Topology, placed: Placement, name: str) -> None:
    """A live source cannot be made to wait: what leaves its lane must be able to drop."""
    ways = {
        tuple(_way(topology, placed, seat, feed))
        for feed in topology.nodes[name].inputs
        for camera, seat in placed.seats[feed].items()
        if seat.camera and draft.specs[seat.head].live and placed.seats[name].get(camera) != seat
    }
    if ways and draft.entries[name].queue.policy == "block":
        way = max(ways, key=len)
        text = (
            f"'{way[0]}' is live and cannot wait, but {' → '.join([*way, name])} has no place that drops: "
            "expected 'drop_oldest', 'latest' or 'spool', got 'block'"
        )
        draft.complain(("nodes", name, "queue", "policy"), text)


def _way(topology: Topology, placed: Placement, lane: Seat, node: str) -> list[str]:
    """The nodes from a lane's head to one of its nodes."""
    if node == lane.head:
        return [node]
    feed = next(feed for feed in topology.nodes[node].inputs if lane in placed.seats[feed].values())
    return [*_way(topology, placed, lane, feed), node]

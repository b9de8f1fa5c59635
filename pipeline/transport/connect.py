"""Open the two ends of an edge, whatever carries it."""

from __future__ import annotations

from pipeline.errors import KensaError
from pipeline.plan import Edge, Lane
from pipeline.transport.channel import Inbox, Opening
from pipeline.transport.context import Context, guarding
from pipeline.transport.memory import MemoryInbox, MemoryOutbox

__all__ = ["Context", "guarding", "open_inbox", "open_outbox"]


def open_outbox(edge: Edge, incarnation: str, context: Context) -> Opening:
    """The producer's end of an edge."""
    if edge.transport == "memory":
        return MemoryOutbox(edge, incarnation, context)
    if edge.queue.policy == "spool":
        from pipeline.transport.durable import DurableOutbox

        return DurableOutbox(edge, incarnation, context)
    from pipeline.transport.zeromq import ZeromqOutbox

    return ZeromqOutbox(edge, incarnation, context)


def open_inbox(lane: Lane, edges: tuple[Edge, ...], context: Context, *, exact: bool = False) -> Inbox:
    """The consumer's end of all edges into a lane.

    Args:
        lane: The lane.
        edges: Those edges.
        context: Of the process.
        exact: Something comes of what it takes: how far it had come is known to the record, whoever is killed.

    Raises:
        KensaError: If it cannot listen at the lane's addresses, or memory and network edges meet in one lane.
    """
    kinds = {edge.transport == "memory" for edge in edges} | {a.startswith("memory://") for a in lane.addresses}
    if kinds == {True, False}:
        raise KensaError(f"lane '{lane.name}': expected edges by memory alone, or by ipc and tcp; found both")
    if kinds == {True}:
        return MemoryInbox(lane.addresses[0], edges, context)
    from pipeline.transport.router import ZeromqInbox

    return ZeromqInbox(lane.addresses, edges, context, exact=exact)

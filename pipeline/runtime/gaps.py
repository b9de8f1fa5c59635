"""The gaps that a lane tells by itself: what a node could not work on, and where a session broke off."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.records import Gap, Record


def failed(record: Record, where: str, since: int | None = None) -> Gap:
    """What goes on instead of a record that a node could not work on; a gap goes on as it is.

    Args:
        record: What it was.
        where: Name of the node.
        since: From which frame on the node had followed parts, which it now has forgotten.
    """
    since = since if since is not None and since < record.seq else None
    if isinstance(record, Gap):
        return record if since is None else replace(record, since=since)
    return Gap(
        camera=record.camera,
        session=record.session,
        seq=record.seq,
        t_ns=record.t_ns,
        last=record.seq,
        reason="error",
        where=where,
        since=since,
    )


def broken(last: Record, t_ns: int, where: str) -> Gap:
    """What the next frame of a session would have been, had its source gone on."""
    seq = (last.last if isinstance(last, Gap) else last.seq) + 1
    return Gap(camera=last.camera, session=last.session, seq=seq, t_ns=t_ns, last=seq, reason="restart", where=where)

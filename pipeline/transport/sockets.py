"""How the sockets of edges are set, at both ends: ZeroMQ reconnects, limits and notices; it never queues or bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zmq

from pipeline.transport import wire
from pipeline.transport.context import Context

if TYPE_CHECKING:
    from pipeline.transport.callers import Caller

OPTIONS = {
    zmq.LINGER: 1000,  # ms for a goodbye
    zmq.HANDSHAKE_IVL: 2000,
    zmq.CONNECT_TIMEOUT: 2000,
    zmq.RECONNECT_IVL: 10,
    zmq.RECONNECT_IVL_MAX: 200,
    zmq.MAXMSGSIZE: wire.MAX_FRAME,
    zmq.SNDHWM: 1024,  # far above any credit: never the bound
    zmq.RCVHWM: 1024,
}
# A host that was unplugged says nothing. On one host the supervisor sees who stands still, and a heartbeat would do
# harm: libzmq 4.3.5 aborts the process when it is due while a socket closes and its peer is gone (`!_io_error`).
HEARTBEAT = {zmq.HEARTBEAT_IVL: 500, zmq.HEARTBEAT_TIMEOUT: 1500}


def dealer(context: Context, address: str, caller: Caller | None) -> zmq.Socket[bytes]:
    """A producer's socket, on its way to an address; a caller makes it one that only the right peer can answer."""
    socket = context.zmq.socket(zmq.DEALER)
    for option, value in (OPTIONS | (HEARTBEAT if address.startswith("tcp://") else {})).items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there
    socket.setsockopt(zmq.PROBE_ROUTER, 1)  # each new connection begins with an empty frame
    socket.setsockopt(zmq.IPV6, int(address.startswith("tcp://[")))
    if caller is None or caller.secure(socket):
        socket.connect(address)
    return socket

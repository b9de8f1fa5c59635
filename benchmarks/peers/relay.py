"""A viewer of a screen who shows all that it sees to others: they cost the machine as much, and the screen nothing.

Argument: the port of the screen. Prints the port at which it shows.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

CHUNK = 1 << 16


def main(port: int) -> None:
    """Pass on until the screen ends."""
    others: list[socket.socket] = []
    door = socket.create_server(("127.0.0.1", 0))
    print(door.getsockname()[1], flush=True)
    threading.Thread(target=_admit, args=(door, others), daemon=True).start()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(f"GET /events HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        while told := link.recv(CHUNK):
            for other in others:
                with suppress(OSError):  # it has gone
                    other.sendall(told)


def _admit(door: socket.socket, others: list[socket.socket]) -> None:
    while True:
        others.append(door.accept()[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))

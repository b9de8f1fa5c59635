"""Who looks at a screen: each is sent the newest state and never made to wait for, as by an edge of policy `latest`.

What a viewer has not taken yet is one message at most. While it waits, states are skipped, and the next one it is sent
is whole: a viewer that is slow, asleep or gone costs nobody anything.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

MOST = 64  # viewers; more are turned away
HELD = 1 << 16  # bytes that the kernel holds for one; what lies there is old when it is read
PATIENCE_S = 10.0  # after which who has taken nothing is let go
BEAT_S = 0.05  # between two tries to send what a viewer did not take


class Viewer:
    """One page that is open somewhere.

    Attributes:
        rest: What of a message is not sent yet.
        seen: Which state of each section it was sent last.
        since: When it took something last, by `time.monotonic`.
    """

    def __init__(self, link: socket.socket) -> None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)
        self.link, self.rest = link, memoryview(b"")
        self.seen: dict[str, int] = {}
        self.since = time.monotonic()

    def push(self) -> bool:
        """Send what it takes now; whether nothing is left.

        Raises:
            OSError: If it is gone.
        """
        while self.rest:
            try:
                sent = self.link.send(self.rest)
            except BlockingIOError:
                return False
            self.rest, self.since = self.rest[sent:], time.monotonic()
        return True

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()


class Viewers:
    """All pages that are open, and the thread that sends to them; any thread may tell them something.

    Attributes:
        skipped: States of a section that a viewer was not sent because it had not taken those before.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._news = threading.Condition()
        self._sections: dict[str, tuple[int, bytes]] = {}
        self._number, self._over = 0, False
        self._joining: list[socket.socket] = []
        self._viewers: list[Viewer] = []
        self._thread = threading.Thread(target=self._run, name="viewers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._news:
            self._over = True
            self._news.notify()
        self._thread.join()

    def __len__(self) -> int:
        """How many look."""
        return len(self._viewers) + len(self._joining)

    def tell(self, section: str, body: bytes) -> None:
        """From now on a section is this: one line of JSON."""
        with self._news:
            self._number += 1
            state, _ = self._sections.get(section, (0, b""))
            self._sections[section] = (state + 1, b"event: %s\ndata: %s\n\n" % (section.encode(), body))
            self._news.notify()

    def join(self, link: socket.socket) -> bool:
        """A page has opened; False, and nothing is done, where there are too many."""
        with self._news:
            if len(self) >= MOST or self._over:
                return False
            self._joining.append(link)
            self._news.notify()
        return True

    def _run(self) -> None:
        told = 0
        while True:
            with self._news:
                waits = any(viewer.rest for viewer in self._viewers)
                if not self._over and not self._joining and told == self._number:
                    self._news.wait(BEAT_S if waits else None)
                told, over, sections = self._number, self._over, dict(self._sections)
                self._viewers += map(Viewer, self._joining)
                self._joining.clear()
            self._viewers = [viewer for viewer in self._viewers if self._serve(viewer, sections)]
            if over:
                break
        for viewer in self._viewers:
            viewer.close()

    def _serve(self, viewer: Viewer, sections: dict[str, tuple[int, bytes]]) -> bool:
        """Bring one up to date as far as it takes it; whether it is still there."""
        with suppress(OSError):
            if viewer.push():
                fresh = {name: each for name, each in sections.items() if viewer.seen.get(name, 0) < each[0]}
                self.skipped += sum(state - 1 - viewer.seen.get(name, state - 1) for name, (state, _) in fresh.items())
                viewer.seen |= {name: state for name, (state, _) in fresh.items()}
                viewer.rest = memoryview(b"".join(body for _, body in fresh.values()))
                viewer.push()
                return True
            if time.monotonic() - viewer.since < PATIENCE_S:
                return True
        viewer.close()
        return False

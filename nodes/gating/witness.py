"""What one camera vouches for on the belt between itself and the gate; pure.

Nobody says that a stretch of belt is empty. But a tracker says with every frame before which frame all parts that were
last seen have been told, and that gives it away: what came into view after a run of consecutive frames had begun, and
had left it before that frame, is either a part with an id of its own or nothing. All other belt is unseen: that before
the first frame, that of which a frame is missing, and whatever passes while the camera or a process is dead.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Container, Iterable, Iterator
from operator import attrgetter

from msgspec.structs import replace

from nodes.gating.parts import Action, Item, Key, gravest
from nodes.gating.place import Place

FRAMES = 4096  # for which a tracker may keep back what it tells
KEPT = 256  # parts and stretches past the actuator, of which a belt may bring some back
_at = attrgetter("at")


class Witness:
    """One camera's parts, and the belt that it has seen.

    Args:
        place: How what it sees becomes places.

    Attributes:
        waiting: Parts that have not reached the actuator.
        first: Where the first of their own places begins; infinite where there is none.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.waiting: dict[Key, Item] = {}
        self.first = math.inf
        self._settled: list[Item] = []
        self._known: dict[Key, Item] = {}
        self._runs: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._frames: deque[tuple[int, float]] = deque(maxlen=FRAMES)
        self._session, self._last, self._farthest = "", -1, -math.inf

    @property
    def blind(self) -> bool:
        """Whether it was never told of a frame."""
        return self._last < 0

    def look(self, session: str, seq: int, at: float, width: int) -> bool:
        """Note a frame of so many px, seen while the position was `at`; False if it was noted before.

        The first frame after a missing one begins another run, and so does one before which the belt went by unseen.
        """
        if session == self._session and seq <= self._last:
            return False
        if session != self._session or seq > self._last + 1 or self._outran(at, width):
            low = self.place.fresh(at, width)
            self._runs.append((low, low))
            self._frames.clear()
        self._session, self._last = session, seq
        self._frames.append((seq, at))
        return True

    def _outran(self, at: float, width: int) -> bool:
        """Whether the belt has moved by more than the view since the last frame; frames of no width are triggered."""
        return 0 < width < abs((at - self._frames[-1][1]) * self.place.pulse)

    def vouch(self, watermark: int, width: int) -> None:
        """Every part last seen before a frame was told: whatever had left the view by then is known."""
        while len(self._frames) > 1 and self._frames[1][0] <= watermark:
            self._frames.popleft()
        seq, at = self._frames[0]
        if seq <= watermark:
            low, high = self._runs.pop()
            self._runs.append((low, max(high, self.place.gone(at, width))))

    def put(self, item: Item) -> None:
        """Keep what is known of a part that has not reached the actuator."""
        self.waiting[item.key] = item
        self._measure()

    def turn_back(self, at: float, width: int, shown: Container[Key]) -> None:
        """Forget the parts that a belt moved back has taken out of view where they came from: they will come anew."""
        if at >= self._farthest:
            self._farthest = at
            return
        edge = self.place.fresh(at, width) - 2 * self.place.window
        for key, item in [*self.waiting.items()]:
            if item.at > edge and item.action is None and key not in shown:
                del self.waiting[key]
        self._measure()

    def reached(self, position: float) -> Iterator[Item]:
        """Take out the parts whose own place has begun at a position, first come first."""
        if position < self.first:
            return
        window = self.place.window
        for item in sorted((item for item in self.waiting.values() if item.at - window <= position), key=_at):
            yield self.waiting.pop(item.key)
        self._measure()

    def settle(self, item: Item) -> None:
        """What is done with a part is decided, for good."""
        insort(self._settled, item, key=_at)
        self._known[item.key] = item
        if len(self._settled) > KEPT:
            del self._known[self._settled.pop(0).key]

    def settled(self, key: Key) -> Item | None:
        """A part about which it was decided, as far back as is remembered."""
        return self._known.get(key)

    def wants(self, position: float) -> Action | None:
        """What is to be done at a position: what its part asks for, nothing where it is empty; None where unseen.

        Where places of two parts overlap each has what is nearer to its middle, so that no pulse reaches another part.
        Of those that lie side by side the gravest counts.
        """
        near = bisect_left(self._settled, position, key=_at)
        own = min(self._settled[max(0, near - 1) : near + 1], key=lambda item: abs(item.at - position), default=None)
        if own is not None and abs(own.at - position) <= self.place.window:
            return gravest(item.action for item in self._beside(own.at))
        return "pass" if any(low <= position < high for low, high in self._runs) else None

    def _beside(self, at: float) -> list[Item]:
        reach = self.place.window / 2
        low, high = (bisect_left(self._settled, at + far, key=_at) for far in (-reach, math.nextafter(reach, math.inf)))
        return self._settled[low:high]

    def _measure(self) -> None:
        middles: Iterable[float] = (item.at for item in self.waiting.values())
        self.first = min(middles, default=math.inf) - self.place.window


def told(item: Item, at: float, *, sure: bool) -> Item:
    """The part, with its place measured once more; a sure measurement is replaced by sure ones alone."""
    return replace(item, at=at, sure=sure) if sure or not item.sure else item

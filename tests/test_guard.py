"""Tests of `pipeline.transport.guard`: who may come in by tcp, and whether who answers is who is meant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zmq

from pipeline.notices import board
from pipeline.plan import Edge, Lane
from pipeline.provision import allow, make, revoke
from pipeline.transport.channel import Inbox, Outbox
from pipeline.transport.connect import Context, open_inbox, open_outbox
from pipeline.transport.guard import Guard
from pipeline.transport.refusals import MOST
from pipeline.transport.router import ZeromqInbox
from tests.edges import edge, eventually, free_port, record, send, seqs, take
from tests.keyring import keyed, pair, shown, two


class Hosts:
    """Two hosts on one machine, each with a context of its own; outboxes are pumped as by a pulse.

    Attributes:
        at: Where the consumer's host listens.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.at = f"tcp://127.0.0.1:{free_port()}"
        self._stack, self._outboxes = stack, list[Outbox]()
        self._over = threading.Event()
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(self._over.set)

    def edge(self, name: str = "in→out", hosts: tuple[str, str] = ("cam", "hub")) -> Edge:
        """An edge from the host `cam` to the host `hub`."""
        return edge("tcp", self.at, name, hosts=hosts, messages=64)

    def context(self, keys: Path | None, host: str) -> Context:
        """What a process on a host shares."""
        context = Context(keys=keys, host=host)
        self._stack.callback(context.close)
        return context

    def inbox(self, context: Context, *edges: Edge) -> ZeromqInbox:
        """The consumer's end."""
        lane = Lane(name="out", cameras=(), runs=(), addresses=(self.at,))
        inbox: Inbox = open_inbox(lane, edges or (self.edge(),), context)
        assert isinstance(inbox, ZeromqInbox)
        self._stack.callback(inbox.close)
        return inbox

    def outbox(self, context: Context, edge: Edge | None = None) -> Outbox:
        """The producer's end."""
        outbox = open_outbox(edge or self.edge(), "one", context)
        self._outboxes.append(outbox)
        self._stack.callback(lambda: outbox.close(0.0))
        self._stack.callback(lambda: self._outboxes.remove(outbox))
        return outbox

    def _beat(self) -> None:
        while not self._over.wait(0.01):
            for outbox in [*self._outboxes]:
                outbox.pump()


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Two hosts; what they gave notice of is over after the test."""
    with ExitStack() as stack:
        yield Hosts(stack)
    for notice in board.read():
        board.settle(notice.key)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, ...]:
    """The keys folders of two hosts that know each other."""
    return two(tmp_path, "cam", "hub")


def told(text: str) -> bool:
    """Whether a notice says so now."""
    return any(text in notice.text for notice in board.read())


def never(inbox: Inbox, holds: Callable[[], bool], what: str) -> None:
    """Read until something holds, and see that nothing was let in."""
    eventually(lambda: inbox.receive(0.02) is not None or holds(), what)
    assert inbox.receive(0.05) is None


def test_hosts_that_know_each_other_speak(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """Records arrive, nobody is refused, and nothing needs to be told."""
    cam, hub = hosts.context(keys[0], "cam"), hosts.context(keys[1], "hub")
    inbox, outbox = hosts.inbox(hub), hosts.outbox(cam)
    send(outbox, range(50))
    assert seqs(take(inbox, 50)) == [*range(50)]
    assert guard(hub).refused == {}
    assert board.read() == ()


def guard(context: Context) -> Guard:
    """A context's guard."""
    found = context.guard
    assert found
    return found


def test_unknown_key_is_refused_counted_and_told_on_both_sides(
    hosts: Hosts, keys: tuple[Path, ...], tmp_path: Path
) -> None:
    """A host that the other does not allow delivers nothing; both say which command would allow it; then it does."""
    stranger = keyed(tmp_path / "stranger", "cam", keys[1] / "hub.public")
    cam, hub = hosts.context(stranger, "cam"), hosts.context(keys[1], "hub")
    inbox, outbox = hosts.inbox(hub), hosts.outbox(cam)
    send(outbox, range(5))
    never(inbox, lambda: guard(hub).refused["unknown"] > 1, "it is refused again and again")
    eventually(lambda: told("refuses us") and told("was refused"), "both sides say so")
    assert told(f"its key {shown(stranger, 'cam')} is not allowed here")
    assert outbox.ledger().in_flight == 5
    allow(keys[1], str(stranger / "cam.public"), "cam")
    assert seqs(take(inbox, 5)) == [*range(5)]
    eventually(lambda: board.read() == (), "it is over on both sides")


def test_revoked_peer_that_is_connected_is_cut_off(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """Without a restart: what it sends from then on is not taken, its attempts are counted, its key stays refused."""
    cam, hub = hosts.context(keys[0], "cam"), hosts.context(keys[1], "hub")
    inbox, outbox = hosts.inbox(hub), hosts.outbox(cam)
    send(outbox, range(5))
    assert seqs(take(inbox, 5)) == [*range(5)]
    revoke(keys[1], "cam")
    eventually(lambda: inbox.receive(0.02) is None and guard(hub).refused["revoked"] > 0, "it tried again in vain")
    send(outbox, range(5, 10))
    never(inbox, lambda: guard(hub).refused["revoked"] > 2, "and again")
    assert told("was revoked")
    assert outbox.ledger().in_flight == 5


def test_another_peer_of_a_consumer_that_cut_one_off_loses_nothing(
    hosts: Hosts, keys: tuple[Path, ...], tmp_path: Path
) -> None:
    """To cut one off everybody is, for a moment: the others come back, and every record arrives once, in order."""
    other = keyed(tmp_path / "other", "dog", keys[1] / "hub.public")
    allow(keys[1], str(other / "dog.public"), "dog")
    hub = hosts.context(keys[1], "hub")
    edges = hosts.edge("a→out"), hosts.edge("b→out", ("dog", "hub"))
    inbox = hosts.inbox(hub, *edges)
    outbox, _ = (
        hosts.outbox(hosts.context(keys[0], "cam"), edges[0]),
        hosts.outbox(hosts.context(other, "dog"), edges[1]),
    )
    send(outbox, range(20))
    assert seqs(take(inbox, 20)) == [*range(20)]
    revoke(keys[1], "dog")
    eventually(lambda: inbox.receive(0.02) is None and guard(hub).refused["revoked"] > 0, "the other one is out")
    send(outbox, range(20, 40))
    assert seqs(take(inbox, 20)) == [*range(20, 40)]


def test_consumer_with_another_key_gets_nothing_and_the_producer_says_so(
    hosts: Hosts, keys: tuple[Path, ...], tmp_path: Path
) -> None:
    """Whoever took over an address cannot take over what is sent to it; when its key is made known, it all arrives."""
    impostor = keyed(tmp_path / "impostor", "hub", keys[0] / "cam.public")
    inbox = hosts.inbox(hosts.context(impostor, "hub"))
    outbox = hosts.outbox(hosts.context(keys[0], "cam"))
    send(outbox, range(3))
    never(inbox, lambda: told("is not host 'hub'"), "the producer says who it is not")
    assert told(f"it does not hold the key {shown(keys[1], 'hub')}")
    allow(keys[0], str(impostor / "hub.public"), "hub")
    assert seqs(take(inbox, 3)) == [0, 1, 2]


def test_absent_key_sends_nothing_and_says_what_to_type(hosts: Hosts, tmp_path: Path) -> None:
    """A producer that knows no key of its peer does not even connect; it does as soon as it knows one."""
    hub = keyed(tmp_path / "hub", "hub")
    cam = keyed(tmp_path / "cam", "cam")
    allow(hub, str(cam / "cam.public"), "")
    context = hosts.context(hub, "hub")
    inbox, outbox = hosts.inbox(context), hosts.outbox(hosts.context(cam, "cam"))
    send(outbox, range(3))
    assert told("carry hub.public here and type `kensa keys add hub.public`")
    assert inbox.receive(0.1) is None
    assert guard(context).refused == {}
    allow(cam, str(hub / "hub.public"), "")
    assert seqs(take(inbox, 3)) == [0, 1, 2]


def test_host_without_a_key_of_its_own_listens_to_nobody_until_it_has_one(hosts: Hosts, tmp_path: Path) -> None:
    """Fail closed: no key, no port; no restart is needed once there is one."""
    cam, hub = keyed(tmp_path / "cam", "cam"), tmp_path / "hub"
    allow(hub, str(cam / "cam.public"), "")
    inbox, outbox = hosts.inbox(hosts.context(hub, "hub")), hosts.outbox(hosts.context(cam, "cam"))
    send(outbox, range(3))
    with pytest.raises(ConnectionRefusedError):
        _knock(hosts.at)
    make(hub, "hub", pair())
    allow(cam, str(hub / "hub.public"), "")
    assert seqs(take(inbox, 3)) == [0, 1, 2]


def _knock(address: str) -> None:
    import socket

    host, _, port = address.removeprefix("tcp://").partition(":")
    socket.create_connection((host, int(port)), timeout=5).close()


def test_plain_peer_is_refused_counted_and_told(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """A producer run without keys delivers nothing to a consumer that has them."""
    hub = hosts.context(keys[1], "hub")
    inbox, outbox = hosts.inbox(hub), hosts.outbox(hosts.context(None, ""))
    send(outbox, range(3))
    never(inbox, lambda: guard(hub).refused["plain"] > 0, "it is refused")
    eventually(lambda: told(f"somebody was refused at {hosts.at}"), "it is told")
    assert inbox.unreadable.counts[""] == 0


def test_plain_consumer_gets_nothing_and_the_producer_says_so(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """A producer with keys does not fall back to speaking openly."""
    inbox, outbox = hosts.inbox(hosts.context(None, "")), hosts.outbox(hosts.context(keys[0], "cam"))
    send(outbox, range(3))
    never(inbox, lambda: told("speaks without encryption: is host 'hub' run with --insecure?"), "it is told")
    assert outbox.ledger().in_flight == 3


def test_allowed_host_cannot_speak_for_another(hosts: Hosts, keys: tuple[Path, ...], tmp_path: Path) -> None:
    """A peer that is allowed, but calls itself the producer of another host's edge, is a stranger on it."""
    other = keyed(tmp_path / "other", "dog", keys[1] / "hub.public")
    allow(keys[1], str(other / "dog.public"), "dog")
    hub = hosts.context(keys[1], "hub")
    inbox, outbox = hosts.inbox(hub), hosts.outbox(hosts.context(other, "dog"))
    outbox.send(record("cam", 0))
    never(inbox, lambda: inbox.unreadable.counts[""] > 0, "it is seen")
    assert "host 'dog' says that it is edge 'in→out' of 'cam'" in inbox.unreadable.kept[0][1].text


def test_keys_that_become_open_to_others_are_not_believed(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """While others may change whom a host trusts, it goes by what it knew before, and says so."""
    hub = hosts.context(keys[1], "hub")
    known = guard(hub).ring
    allowed = keys[1] / "allowed"
    allowed.chmod(0o777)
    (allowed / "cam.public").unlink()
    eventually(lambda: told("expected mode 0755, found 0777"), "it is told")
    assert guard(hub).ring == known
    allowed.chmod(0o700)
    eventually(lambda: guard(hub).ring.allowed == {}, "it is believed again")
    eventually(lambda: board.read() == (), "and no longer told")


def test_made_up_keys_do_not_crowd_out_other_notices(hosts: Hosts, keys: tuple[Path, ...]) -> None:
    """Whoever tries one key after the other fills neither the board nor the memory; every attempt is counted."""
    hub = hosts.context(keys[1], "hub")
    hosts.inbox(hub)
    known = guard(hub).ring.pair
    assert known
    for attempt in range(1, 3 * MOST):
        with _caller(hosts.at, known.public):
            eventually(lambda attempt=attempt: guard(hub).refused["unknown"] == attempt, "refused")  # type: ignore[misc]
    assert len(board.read()) == MOST + 1
    assert told("who tries keys on this line?")


@contextmanager
def _caller(address: str, server: bytes) -> Iterator[None]:
    """Somebody with a key of their own making."""
    public, secret = pair()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        for option, value in (
            (zmq.CURVE_PUBLICKEY, public),
            (zmq.CURVE_SECRETKEY, secret),
            (zmq.CURVE_SERVERKEY, server),
        ):
            socket.setsockopt(option, value)
        socket.connect(address)
        yield

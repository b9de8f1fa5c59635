"""The server: who reaches it can read, who has a token can act, and a viewer costs nobody anything."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.screen import viewers
from nodes.screen.people import People
from nodes.sinks.events import identity
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.notices import board
from pipeline.records import Frame, Layer
from tests.nodes.alarming import NOON, World
from tests.nodes.alarming import verdict as judged
from tests.screen.scenes import HOLE, SHARED, TOKEN, Onlooker, get, names, part, post, staged, tokens, tracks, verdict

pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A line whose alarm `bad` is up."""
    (tmp_path / "alarms").mkdir()
    world = World(tmp_path / "alarms")
    with world.keeper:
        world.keeper.hear([judged(number) for number in range(3)])
        yield world


def test_every_answer_says_what_a_browser_may_do_with_it(tmp_path: Path) -> None:
    """No script, style or picture of anybody else's, no frame around it, no guess at its kind."""
    with staged(tmp_path) as stage:
        for path in ("/", "/web/screen.js", "/web/theme.css", "/nothing", f"/verdict/{'0' * 32}"):
            _, headers, _ = get(stage.port, path)
            assert headers["content-security-policy"] == (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            assert headers["x-content-type-options"] == "nosniff"


def test_the_page_needs_nobody_else(tmp_path: Path) -> None:
    """Everything that its files name is served here."""
    with staged(tmp_path) as stage:
        assert get(stage.port, "/")[0] == 200
        for name in ("screen.js", "words.js", "screen.css", "theme.css", "icon.svg"):
            status, _, body = get(stage.port, f"/web/{name}")
            assert status == 200
            assert b"://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
        for path in (
            "/web/../server.py",
            "/web/server.py",
            "/web/%2e%2e/server.py",
            "/web/",
            "/tile/none.svg",
            "/picture/cam-1",
        ):
            assert get(stage.port, path)[0] == 404


def test_methods_that_change_things_are_refused(tmp_path: Path) -> None:
    """GET reads, POST acts; there is nothing else."""
    with staged(tmp_path) as stage:
        assert [get(stage.port, "/", method=method)[0] for method in ("PUT", "DELETE", "PATCH")] == [405] * 3


def test_a_name_that_a_stranger_gave_this_host_is_not_answered(tmp_path: Path) -> None:
    """A site whose name leads here (DNS rebinding) can neither read nor act."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        assert [get(stage.port, "/", host=host)[0] for host in ("127.0.0.1", "localhost", "evil.example")] == [
            200,
            200,
            421,
        ]
        assert get(stage.port, "/events", host="evil.example")[0] == 421
        assert post(stage.port, "/who", {}, Host="evil.example")[0] == 404


def test_a_reject_is_drawn(tmp_path: Path) -> None:
    """Small and large, as a picture that a page may show."""
    with staged(tmp_path) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), verdict(2, "NO_READ")])
        for size in ("tile", "drawn"):
            status, headers, body = get(stage.port, f"/{size}/{identity(verdict(1))}.svg")
            assert (status, headers["content-type"]) == (200, "image/svg+xml")
            assert body.startswith(b"<svg")
        assert get(stage.port, f"/tile/{identity(verdict(2, 'NO_READ'))}.svg")[0] == 404


def test_an_alarm_is_acknowledged_and_attributed(tmp_path: Path, world: World) -> None:
    """By the name of the token, whatever else is claimed; journalled as every order, with where it came from."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        said = {"verb": "acknowledge", "alarm": "bad@cam-1", "by": "somebody else", "reason": "on my way"}
        assert post(stage.port, "/act", said) == (200, {"refused": ""})
        assert post(stage.port, "/act", said | {"by": "ben"}, SHARED) == (
            409,
            {"refused": "alarm 'bad@cam-1' stays as it is: already acknowledged by anna"},
        )
    orders = [(row.order.verb, row.order.by, row.order.login, bool(row.refused)) for row in world.rows() if row.order]
    assert orders == [
        ("acknowledge", "anna", "screen 127.0.0.1", False),
        ("acknowledge", "ben", "screen 127.0.0.1", True),
    ]


def test_an_alarm_is_shelved_for_a_time_and_with_a_reason(tmp_path: Path, world: World) -> None:
    """What the alarm book refuses is refused here, in its words."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        said = {"verb": "shelve", "alarm": "bad@cam-1", "seconds": 600, "reason": "trial"}
        assert post(stage.port, "/act", said | {"seconds": 36000})[0] == 409
        assert post(stage.port, "/act", said | {"reason": ""})[0] == 409
        assert post(stage.port, "/act", said) == (200, {"refused": ""})
    shelved = world.keeper.alarms["bad@cam-1"].shelved
    assert shelved is not None
    assert (shelved.by, shelved.reason, shelved.until_ns - NOON) == ("anna", "trial", 600 * 10**9)


@pytest.mark.parametrize("token", [None, "wrong-token", "", "anna"])
def test_without_a_token_nobody_acts(tmp_path: Path, world: World, token: str | None) -> None:
    """Nothing is done, and nothing is journalled."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        said = {"verb": "acknowledge", "alarm": "bad@cam-1", "by": "eve"}
        assert post(stage.port, "/act", said, token) == (401, {"refused": "the token is not known"})
        assert post(stage.port, "/batch", {"name": "lot", "by": "eve"}, token)[0] == 401
    assert not [row for row in world.rows() if row.order]


def test_a_screen_without_tokens_is_read_only(tmp_path: Path, world: World) -> None:
    """It says so to who tries, and to the page."""
    with staged(tmp_path) as stage:
        said = {"verb": "acknowledge", "alarm": "bad@cam-1", "by": "eve"}
        assert post(stage.port, "/act", said) == (403, {"refused": "nobody can act at this screen"})
        page = Onlooker(stage.port)
        assert page.until("head")["actions"] is False
        page.close()


STATES = 60  # of 32 cameras: more bytes than sockets hold
ACK = {"verb": "acknowledge", "alarm": "bad@cam-1"}


@pytest.mark.parametrize(
    ("said", "status", "refused"),
    [
        (b"{", 400, "expected an order, got Input data was truncated"),
        (ACK | {"verb": "suppress"}, 400, "expected an order, got Invalid enum value 'suppress' - at `$.verb`"),
        (ACK | {"alarm": "none@cam-1"}, 404, "no alarm called 'none@cam-1' here"),
        (ACK | {"login": "root"}, 400, "expected an order, got Object contains unknown field `login`"),
        (b" " * 5000, 400, "expected JSON of at most 4,096 bytes"),
    ],
)
def test_orders_that_cannot_be_are_refused_in_words(
    tmp_path: Path, world: World, said: object, status: int, refused: str
) -> None:
    """A page of another version, or no page at all."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        assert post(stage.port, "/act", said) == (status, {"refused": refused})
        assert post(stage.port, "/act", said, **{"Content-Type": "text/plain"})[0] == 400
        assert post(stage.port, "/none", {}) == (404, {"refused": "no such action"})


def test_who_shares_a_token_says_who_they_are(tmp_path: Path, world: World) -> None:
    """A token with a name answers for itself."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        assert post(stage.port, "/who", {}) == (200, {"name": "anna"})
        assert post(stage.port, "/who", {}, SHARED) == (200, {"name": ""})
        said = {"verb": "acknowledge", "alarm": "bad@cam-1"}
        assert post(stage.port, "/act", said, SHARED) == (400, {"refused": "expected the name of who acts"})


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("anna token-of-anna\n", 0o644, "others may read it; chmod 600 {path}"),
        ("anna short\n", 0o600, "line 1: expected TOKEN or NAME TOKEN, the token of 8 characters or more"),
        ("# nobody\n\n", 0o600, "expected lines of TOKEN or NAME TOKEN, found none"),
    ],
)
def test_tokens_that_cannot_be_used_are_told(tmp_path: Path, text: str, mode: int, why: str) -> None:
    """Nobody can act, and a notice says why; a file that is mended holds at once."""
    path = tokens(tmp_path, text, mode)
    people = People(path, rest=0.0)
    assert not people.open
    (notice,) = board.read()
    assert notice.text == f"screen: nobody can act, for {path} cannot be used: {why.format(path=path)}"
    tokens(tmp_path)
    found = people.find(TOKEN)
    assert found is not None
    assert found.name == "anna"
    assert board.read() == ()
    path.unlink()
    assert people.find(TOKEN) is None


def test_a_batch_begins_at_the_screen(tmp_path: Path) -> None:
    """With its name, by whom; counts begin anew, and survive."""
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        stage.add([verdict(1)])
        assert post(stage.port, "/batch", {"name": "lot 7"}) == (200, {"refused": ""})
        assert post(stage.port, "/batch", {"name": " "})[0] == 400
        stage.add([verdict(100)])
    with staged(tmp_path) as again:
        page = Onlooker(again.port)
        batch = page.until("counts")["batch"]
        page.close()
    assert (batch["name"], batch["by"], batch["total"]) == ("lot 7", "anna", {"FAIL": 1})


def test_a_page_is_told_what_is_and_then_what_changes(tmp_path: Path) -> None:
    """All of it when it opens; then only the sections that are other ones."""
    with staged(tmp_path) as stage:
        stage.add([tracks(1), part(1), verdict(1)])
        page = Onlooker(stage.port)
        first = {name for (name, _), _ in zip(page, range(6), strict=False)}
        assert first == {"head", "live", "counts", "rejects", "trend", "alarms"}
        stage.add([tracks(2)])
        assert page.until("live")["cam-1"]["look"]["seq"] == 2
        page.close()


def test_an_alarm_comes_with_what_to_do_and_the_way_to_its_verdict(tmp_path: Path, world: World) -> None:
    """Cause, consequence, action; its verdict is drawn under the id that the alarm names."""
    with staged(tmp_path) as stage:
        stage.add([*[part(n, finding=HOLE) for n in range(3)], *[judged(n) for n in range(3)]])
        page = Onlooker(stage.port)
        found = next(body for name, body in page if name == "alarms" and body["alarms"])
        page.close()
        one = next(each for each in found["alarms"] if each["alarm"] == "bad@cam-1")
        assert one["cause"] == "The gripper is worn."
        assert one["consequence"] == "Bad parts reach the customer."
        assert one["action"] == "Stop the feeder and look at the gripper."
        assert get(stage.port, f"/drawn/{one['verdict']}.svg")[0] == 200


def test_a_viewer_that_does_not_read_skips_states_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many states come, one message waits for it at most; who reads has the newest meanwhile."""
    import numpy as np

    monkeypatch.setattr(viewers, "PATIENCE_S", 1e9)  # a busy machine takes longer over this than a panel may sleep
    noise = Mask.from_dense(np.random.default_rng(1).random((96, 96)) > 0.5)
    cameras = [f"cam-{number:02}" for number in range(32)]
    with staged(tmp_path) as stage:
        slow, quick = Onlooker(stage.port), Onlooker(stage.port)
        for number in range(1, STATES + 1):
            layers = (Layer("part", noise),)
            stage.add([Frame(**names(number, camera), size=(96, 96), layers=layers) for camera in cameras])
            assert _newest(quick, number)
        assert _newest(slow, STATES, most=STATES // 2)
        assert stage.viewers.skipped >= STATES // 2
        slow.close()
        quick.close()


def _newest(page: Onlooker, number: int, most: int = 10) -> bool:
    """Whether a page hears of frame `number` of the last camera, within so many messages of what is live."""
    lives = (body for name, body in page if name == "live" and body)
    return any(body["cam-31"]["look"]["seq"] == number for body, _ in zip(lives, range(most), strict=False))


def test_viewers_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    """A panel that is switched off leaves nothing behind."""
    with staged(tmp_path) as stage:
        pages = [Onlooker(stage.port) for _ in range(20)]
        for page in pages:
            page.until("head")
        assert len(stage.viewers) == 20
        for page in pages:
            page.close()
        number = 0
        while len(stage.viewers):
            stage.add([tracks(number := number + 1)])


def test_too_many_viewers_are_turned_away() -> None:
    """Each takes memory, and some of the thread that tells them."""
    all_, crowd = viewers.Viewers(), [socket.socketpair() for _ in range(viewers.MOST)]
    assert [all_.join(ours) for ours, _ in crowd] == [True] * viewers.MOST
    assert not all_.join(crowd[0][0])
    for ours, theirs in crowd:
        ours.close()
        theirs.close()


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    """The first screen goes on."""
    from nodes.screen.opening import opened

    with staged(tmp_path) as stage, pytest.raises(NodeError) as caught:
        opened(
            None, None, ("127.0.0.1", stage.port), title="", lang="en", shifts=("06:00",), zone="", every=10.0,
            images=False,
        )  # fmt: skip
    assert str(caught.value) == (
        f"the screen cannot listen at 127.0.0.1, port {stage.port}: Address already in use; give `dashboard` another "
        "`port` or an `address` of this host, or end what holds it"
    )

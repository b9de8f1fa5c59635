"""webhook and jsonl: whatever the receiver and the disk do, nothing is lost, and whoever gets it can check it."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from msgspec.structs import replace

from nodes.delivery.outbox import Outbox
from nodes.delivery.receiving import Ledger
from nodes.delivery.signing import ForgedError, secret, sign, verify
from nodes.sinks.jsonl import jsonl
from nodes.sinks.post import _wish
from nodes.sinks.webhook import webhook
from nodes.tools.hearing import Posts
from nodes.tools.listen import Consumer
from pipeline.cli import main
from pipeline.errors import NodeError
from pipeline.notices import board
from pipeline.records import Gap, Verdict
from tests.conftest import ROOT
from tests.edges import eventually
from tests.nodes.test_alarms import verdict

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the one that the standard shows
Batches = Iterator[list[Verdict | Gap]]
Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


def plain(code: int, **headers: str) -> Answer:
    """Answer with a status."""

    def answer(request: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return answer


def hang_up(request: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    """Take it and lose the answer."""
    request.close_connection = True


class Hook:
    """A receiver that keeps what it gets, and answers as its script says, then with 204; what only says how things are
    is no part of the script.
    """

    def __init__(self, *script: Answer, tls: ssl.SSLContext | None = None, states: Answer | None = None) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.order: list[tuple[str, int]] = []
        self._script = [*script]
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = json.loads(body)
                hook.order.append((told["type"], int(told["sequence"])))
                if told["type"].startswith("kensa.state."):
                    (states or plain(204))(self, told)
                    return
                hook.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                (hook._script.pop(0) if hook._script else plain(204))(self, told)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' * bool(tls)}://127.0.0.1:{self._server.server_address[1]}/line"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def told(self) -> list[dict[str, Any]]:
        """What was posted."""
        return [json.loads(body) for _, body in self.posts]

    def stop(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Callable[..., Hook]]:
    """Makes receivers."""
    made: list[Hook] = []

    def make(*script: Answer, **more: Any) -> Hook:
        made.append(Hook(*script, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def given(*seqs: int) -> Batches:
    """A batch of failed parts."""
    return iter([[verdict(seq) for seq in seqs]])


def seqs(hook: Hook) -> list[int]:
    """Which of them were posted."""
    return [told["data"]["seq"] for told in hook.told]


def test_a_post_is_an_event_of_cloudevents_and_signed(tmp_path: Path, hook: Callable[..., Hook]) -> None:
    """Named by its id; our own check of the signature agrees, and finds every change."""
    (tmp_path / "secret").write_text(SECRET)
    one = hook()
    webhook(given(1, 2), url=one.url, outbox=str(tmp_path / "o"), secret_file=str(tmp_path / "secret"), patience=20)
    assert [told["sequence"] for told in one.told] == ["0000000000000001", "0000000000000002"]
    headers, body = one.posts[0]
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == headers["idempotency-key"] == one.told[0]["id"] == one.told[0]["data"]["id"]
    key, now = secret(str(tmp_path / "secret")), float(headers["webhook-timestamp"])
    verify(key, headers, body, now)
    wrong: list[tuple[dict[str, str], bytes, float]] = [
        (headers, body + b" ", now),
        (headers | {"webhook-id": "other"}, body, now),
        (headers | {"webhook-signature": "v1,AAAA"}, body, now),
        (headers, body, now + 301),
        ({}, body, now),
    ]
    for changed in wrong:
        with pytest.raises(ForgedError):
            verify(key, *changed)


def test_the_signature_is_that_of_the_standard() -> None:
    """Its own example."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.slow
def test_others_read_it_as_it_is_meant(tmp_path: Path, hook: Callable[..., Hook]) -> None:
    """The libraries of both standards, in an environment of their own."""
    judge = ROOT / ".venv-judges" / "bin" / "python"
    if not judge.exists():
        pytest.skip("no judges here: make .venv-judges/.ready")
    (tmp_path / "secret").write_text(SECRET)
    one = hook()
    webhook(given(1), url=one.url, outbox=str(tmp_path / "o"), secret_file=str(tmp_path / "secret"), patience=20)
    headers, body = one.posts[0]
    told = json.dumps({"secret": SECRET, "headers": headers, "body": body.decode()})
    run = subprocess.run(
        [judge, ROOT / "tests" / "nodes" / "judge.py", "webhook"],
        input=told,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == {
        "id": one.told[0]["id"], "source": "/kensa/cam-1", "type": "kensa.verdict", "stream": one.told[0]["stream"],
        "sequence": "0000000000000001", "seq": 1,
    }  # fmt: skip


def test_what_time_heals_is_waited_for_and_what_it_does_not_is_set_aside(
    tmp_path: Path, hook: Callable[..., Hook]
) -> None:
    """429 and 503 come again; 400 goes to the dead letters, and nothing behind it waits."""
    one = hook(plain(429, Retry_After="0"), plain(503), plain(204), plain(400), plain(204))
    webhook(given(1, 2, 3), url=one.url, outbox=str(tmp_path / "o"), patience=20)
    assert seqs(one) == [1, 1, 1, 2, 3]
    (letter,) = (tmp_path / "o.undelivered.jsonl").read_text().splitlines()
    assert json.loads(letter)["data"]["seq"] == 2
    (notice,) = [each.text for each in board.read()]
    assert notice == (
        f"webhook: messages that were refused (1) are in {tmp_path / 'o.undelivered.jsonl'}: {one.url} answered 400 "
        "Bad Request; send them by hand once the receiver takes them"
    )


def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path, hook: Callable[..., Hook]) -> None:
    """`Retry-After` in seconds or as a date; nobody asks before."""
    one = hook(plain(429, Retry_After="600"))

    def waiting() -> Batches:
        yield from given(1)
        eventually(lambda: one.posts, "it was asked")

    webhook(waiting(), url=one.url, outbox=str(tmp_path / "o"), patience=0.5)
    assert seqs(one) == [1]
    assert (_wish("120"), _wish("soon"), _wish(""), _wish("Wed, 21 Oct 2015 07:28:00 GMT")) == (120.0, 0.0, 0.0, 0.0)
    assert _wish("Wed, 21 Oct 2195 07:28:00 GMT") > 1e9


def test_a_lost_answer_and_a_time_out_cost_a_repetition_under_the_same_id(
    tmp_path: Path, hook: Callable[..., Hook]
) -> None:
    """The receiver has it, the sink does not know: it comes again, and is known by its id."""
    gate = threading.Event()

    def silent(_: BaseHTTPRequestHandler, __: dict[str, Any]) -> None:
        gate.wait(20)

    one = hook(hang_up, silent)
    webhook(given(1, 2), url=one.url, outbox=str(tmp_path / "o"), timeout=0.5, patience=20)
    gate.set()
    assert [*dict.fromkeys(seqs(one))] == [1, 2]
    assert seqs(one).count(1) >= 3
    assert len({headers["webhook-id"] for headers, _ in one.posts}) == 2


def two(*seqs: int) -> list[Verdict | Gap]:
    """Verdicts on parts of two cameras in turn."""
    return [replace(verdict(seq), camera=f"cam-{seq % 2 + 1}") for seq in seqs]


def test_after_an_outage_comes_the_present_then_the_past(tmp_path: Path, hook: Callable[..., Hook]) -> None:
    """Of each camera the newest that waited, then everything in its order; what is alone in waiting says it itself."""
    away, outbox = hook(), str(tmp_path / "o")
    away.stop()
    webhook(iter([two(1, 2, 3, 4)]), url=away.url, outbox=outbox, patience=0)
    one = hook()

    def later() -> Batches:
        yield from given()
        eventually(lambda: len(one.order) == 6, "what waited has come")
        yield two(5)

    webhook(later(), url=one.url, outbox=outbox, patience=20)
    assert one.order[:6] == [
        ("kensa.state.verdict", 3), ("kensa.state.verdict", 4),
        ("kensa.verdict", 1), ("kensa.verdict", 2), ("kensa.verdict", 3), ("kensa.verdict", 4),
    ]  # fmt: skip
    assert one.order[6:] == [("kensa.verdict", 5)]
    assert [told.get("historical", False) for told in one.told] == [True] * 4 + [False]
    webhook(iter([two(6)]), url=away.url, outbox=outbox, patience=0)
    webhook(iter([two(7)]), url=one.url, outbox=outbox, patience=20)
    assert one.order[7:] == [("kensa.verdict", 6), ("kensa.verdict", 7)]


@pytest.mark.parametrize("states", [plain(400), plain(204)])
def test_states_hold_up_nobody(tmp_path: Path, hook: Callable[..., Hook], states: Answer) -> None:
    """Who refuses them gets what waited; and whoever fails again and again is told each of them once."""
    away, outbox = hook(), str(tmp_path / "o")
    away.stop()
    webhook(iter([two(1, 2, 3, 4)]), url=away.url, outbox=outbox, patience=0)
    one = hook(plain(503), plain(204), plain(429), states=states)
    webhook(given(), url=one.url, outbox=outbox, patience=20)
    assert seqs(one) == [1, 1, 2, 2, 3, 4]
    assert [number for what, number in one.order if what == "kensa.state.verdict"] == [3, 4]
    assert board.read() == ()


def test_states_are_signed_and_a_consumer_does_not_count_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kensa listen` takes them, keeps them, and still knows what is missing; a file has them before what waited."""
    (tmp_path / "secret").write_text(SECRET)
    consumer, outbox = Consumer(tmp_path / "got.jsonl", tmp_path / "state"), str(tmp_path / "o")
    webhook(iter([two(1, 2, 3, 4)]), url="http://127.0.0.1:1/", outbox=outbox, patience=0)
    with Posts("http://127.0.0.1:0", consumer.take, str(tmp_path / "secret")) as posts:
        url = f"http://127.0.0.1:{posts.port}/"
        webhook(given(), url=url, outbox=outbox, secret_file=str(tmp_path / "secret"), patience=20)
    (stream,) = consumer.ledger.streams.values()
    assert consumer.ledger.exact
    assert (stream.came, stream.states, stream.begin) == (4, 2, 1)
    assert [json.loads(line)["id"][-6:] == "-state" for line in (tmp_path / "got.jsonl").read_text().splitlines()] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["listen", str(tmp_path / "got.jsonl"), "--exact"]) == 0
    said = "4 messages, 1 to 4; missing: none; dropped: none; twice: 0; late: 0; how things are: 2"
    assert capsys.readouterr().out.endswith(f"{said}\n")


def test_a_consumer_that_knows_only_how_things_are_misses_nothing(tmp_path: Path) -> None:
    """Stopped between the two, it does not take what it never heard of for missing."""
    state = tmp_path / "state"
    told = b'{"id":"x-state","type":"kensa.state.verdict","stream":"s","sequence":"%016d"}' % 300
    Consumer(None, state).take(told)
    again = Consumer(None, state)
    again.take(told.replace(b"-state", b"").replace(b"state.", b""))
    assert again.ledger.exact


def test_a_file_that_was_away_has_the_present_first(tmp_path: Path) -> None:
    """A share that comes back: states, then what waited, each once; also where it was killed between the two."""
    share, path = tmp_path / "share", tmp_path / "share" / "told.jsonl"
    share.write_text("no folder")
    jsonl(iter([two(1, 2, 3, 4)]), path=str(path), outbox=str(tmp_path / "o"), patience=0)
    share.unlink()
    jsonl(given(), path=str(path), outbox=str(tmp_path / "o"), patience=60)
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["kensa.state.verdict"] * 2 + ["kensa.verdict"] * 4
    path.write_bytes(b"".join(line + b"\n" for line in lines[:2]))  # as a power cut may leave it
    with closing(Outbox(tmp_path / "o", 100)) as box:
        box.note([("place ", 0)])
    jsonl(iter([two(5)]), path=str(path), outbox=str(tmp_path / "o"), patience=60)
    consumer = Consumer(None, None)
    for line in path.read_bytes().splitlines():
        consumer.take(line)
    (stream,) = consumer.ledger.streams.values()
    assert consumer.ledger.exact
    assert (stream.came, stream.states) == (5, 4)


def test_a_wrong_certificate_gets_nothing(tmp_path: Path, hook: Callable[..., Hook]) -> None:
    """People are told why, and what waits is posted when it is right."""
    authority, stranger = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    for name, one in (("ca.pem", authority), ("other.pem", stranger)):
        one.cert_pem.write_to_path(tmp_path / name)
    receiver = hook(tls=tls)
    more: dict[str, Any] = {"url": receiver.url, "outbox": str(tmp_path / "o")}

    def waiting() -> Batches:
        yield from given(1)
        eventually(lambda: [each for each in board.read() if each.key.endswith(" waits")], "people are told")

    webhook(waiting(), **more, ca=str(tmp_path / "other.pem"), patience=0)
    assert receiver.posts == []
    assert "certificate verify failed" in next(each.text for each in board.read())
    webhook(given(), **more, ca=str(tmp_path / "ca.pem"), patience=20)
    assert seqs(receiver) == [1]
    with pytest.raises(NodeError, match=r"^cannot read the certificates in .*/no: No such file or directory$"):
        webhook(given(), **more, ca=str(tmp_path / "no"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("whsec_!", r"expected `whsec_` and base64 of 24 to 64 bytes$"),
        ("whsec_c2hvcnQ=", r"expected a secret of 24 to 64 bytes, found 5$"),
        (None, r"^cannot read the secret in .*: No such file or directory$"),
    ],
)
def test_a_secret_that_is_none_is_told_and_not_repeated(tmp_path: Path, content: str | None, said: str) -> None:
    """Before anything is posted."""
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(NodeError, match=said) as caught:
        webhook(given(), url="http://x", outbox=str(tmp_path / "o"), secret_file=str(tmp_path / "secret"))
    assert content is None or content.removeprefix("whsec_") not in str(caught.value)


@pytest.mark.parametrize("use", ["webhook", "jsonl"])
@pytest.mark.slow
def test_a_sink_that_is_killed_goes_on(tmp_path: Path, use: str) -> None:
    """SIGKILL while it delivers, twice: the consumer has everything; a file has each line once."""
    consumer, path = Consumer(None, None), tmp_path / "told.jsonl"
    with Posts("http://127.0.0.1:0", consumer.take, "") as posts:
        where = f"http://127.0.0.1:{posts.port}/" if use == "webhook" else str(path)

        def arrived() -> int:
            return consumer.came if use == "webhook" else path.read_bytes().count(b"\n") if path.exists() else 0

        for share in (0.3, 0.6, None):
            command = [sys.executable, "-m", "tests.nodes.flood", use, where, str(tmp_path / "o"), "600"]
            sink = subprocess.Popen(command)
            if share is not None:
                eventually(lambda share=share: arrived() >= 600 * share, "it delivers")  # type: ignore[misc]
                os.kill(sink.pid, signal.SIGKILL)
            assert sink.wait() == (-signal.SIGKILL if share is not None else 0)
    if use == "jsonl":
        for line in path.read_bytes().splitlines():
            consumer.take(line)
        assert consumer.ledger.exact
    (stream,) = consumer.ledger.streams.values()
    assert (stream.came, stream.missing, stream.dropped) == (600, [], [])


def test_lines_are_numbered_and_one_that_is_missing_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kensa listen FILE` says so, and its exit status too."""
    path = tmp_path / "deep" / "told.jsonl"
    jsonl(
        iter([[verdict(seq, "PASS") for seq in range(1, 6)]]), path=str(path), outbox=str(tmp_path / "o"), patience=60
    )
    lines = path.read_text().splitlines(keepends=True)
    with closing(Outbox(tmp_path / "o", 10)) as box:
        stream = box.stream
    capsys.readouterr()
    assert main(["listen", str(path)]) == 0
    path.write_text("".join(lines[:2] + lines[3:] + lines[:1]))
    assert main(["listen", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"stream {stream}: 5 messages, 1 to 5; missing: none; dropped: none; twice: 0; late: 0",
        f"stream {stream}: 4 messages, 1 to 2; missing: 1 (3); dropped: none; twice: 1; late: 0",
    ]


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path) -> None:
    """Its numbers go on."""
    path = tmp_path / "told.jsonl"
    jsonl(given(1, 2), path=str(path), outbox=str(tmp_path / "o"), patience=60)
    path.rename(tmp_path / "old.jsonl")
    path.write_text('{"of": "somebody else"}\n')
    jsonl(given(3), path=str(path), outbox=str(tmp_path / "o"), patience=60)
    ledger = Ledger()
    for line in (tmp_path / "old.jsonl").read_bytes().splitlines() + path.read_bytes().splitlines()[1:]:
        ledger.hear(line)
    assert ledger.exact
    assert [stream.came for stream in ledger.streams.values()] == [3]


def test_kensa_listen_is_a_webhook(tmp_path: Path) -> None:
    """It keeps what is signed, and nothing else; its answer to anything else says what it is."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "other").write_text("whsec_" + "A" * 32)
    consumer = Consumer(tmp_path / "got.jsonl", None)
    with Posts("http://127.0.0.1:0", consumer.take, str(tmp_path / "secret")) as posts:
        more: dict[str, Any] = {"url": f"http://127.0.0.1:{posts.port}/", "patience": 20}
        webhook(given(1, 2), **more, outbox=str(tmp_path / "o"), secret_file=str(tmp_path / "secret"))
        webhook(given(3), **more, outbox=str(tmp_path / "p"), secret_file=str(tmp_path / "other"))
    assert consumer.came == 2
    assert len((tmp_path / "got.jsonl").read_text().splitlines()) == 2
    assert "401" in next(each.text for each in board.read())

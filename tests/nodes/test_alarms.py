"""alarms: nothing that somebody must hear of is lost, whatever the disk and the webhook do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nodes.delivery.following import PLACE
from nodes.delivery.outbox import Outbox
from nodes.sinks.alarms import alarms
from nodes.sinks.cursor import Cursor
from nodes.sinks.events import RottenError, decode, encode, event, iso
from nodes.sinks.journal import Journal
from nodes.tools.hearing import Posts
from nodes.tools.listen import Consumer
from pipeline.notices import board
from pipeline.records import Finding, Gap, Outcome, Verdict

HOLE = Finding("no-hole", "HOLE", "hole_area", 31.0, high=0.0, unit="px²", severity="major")


def verdict(seq: int, outcome: Outcome = "FAIL") -> Verdict:
    """A verdict on part `seq`."""
    findings = () if outcome == "PASS" else (HOLE,)
    when = 1_795_363_200_000_000_000 + seq * 33_000_000
    return Verdict(
        camera="cam-1", session="s", seq=seq, t_ns=when, outcome=outcome, subject="part", part=seq, first_seq=seq,
        findings=findings, book="brackets", version="5d1c0ffee123",
    )  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    """The events in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class Receiver:
    """A webhook that keeps what it gets and answers what it is told to.

    Attributes:
        got: The events that it took, without their envelopes;
        told: those, whole;
        states: what only said how things are.
    """

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answers: dict[int, int] = {}
        self.asked = 0
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/events"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        told = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self.changed:
            if told["type"].startswith("kensa.state."):
                self.states.append(told)
                answer = 204
            else:
                answer = self._answer(told, request.headers["Idempotency-Key"])
            self.changed.notify_all()
        request.send_response(answer)
        request.end_headers()

    def _answer(self, told: dict[str, Any], key: str) -> int:
        event = told["data"]
        answer = self.answers.get(event.get("seq"), 204)
        if answer == 503:
            self.answers.pop(event["seq"])
        self.asked += 1
        if answer < 300:
            self.told.append(told)
            self.got.append(event)
            self.keys.append(key)
        return answer

    def until(self, count: int) -> None:
        """Wait until so many events have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, timeout=20)

    def stop(self) -> None:
        """Go off the network; connections are refused from now on."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook on this machine."""
    started = Receiver()
    yield started
    started.stop()


def test_only_what_must_be_heard_is_written(tmp_path: Path) -> None:
    """FAIL, NO_READ and gaps become events; PASS and WARN do not."""
    gap = Gap(camera="cam-1", session="s", seq=9, last=11, t_ns=0, reason="overflow", where="track→rules")
    alarms(
        iter([[verdict(1, "PASS"), verdict(2, "WARN")], [verdict(3), verdict(4, "NO_READ"), gap]]),
        path=str(tmp_path / "a.jsonl"),
    )
    assert [(e["seq"], e["outcome"]) for e in lines(tmp_path / "a.jsonl")] == [
        (3, "FAIL"),
        (4, "NO_READ"),
        (11, "NO_READ"),
    ]


def test_warnings_are_told_when_asked_for(tmp_path: Path) -> None:
    """`least: WARN` tells warnings too, never what has passed."""
    alarms(iter([[verdict(1, "PASS"), verdict(2, "WARN")]]), path=str(tmp_path / "a.jsonl"), least="WARN")
    assert [e["seq"] for e in lines(tmp_path / "a.jsonl")] == [2]


def test_an_event_says_everything_once(tmp_path: Path) -> None:
    """The event of a failed part, field by field: this is what other systems read."""
    alarms(iter([[verdict(3)]]), path=str(tmp_path / "deep" / "a.jsonl"))
    (told,) = lines(tmp_path / "deep" / "a.jsonl")
    assert told.pop("id") == event(verdict(3)).id
    assert len(told.pop("crc32")) == 8
    assert told == {
        "time": "2026-11-22T16:00:00.099000Z", "t_ns": 1_795_363_200_099_000_000,
        "camera": "cam-1", "session": "s", "seq": 3, "first_seq": 3, "subject": "part", "part": 3, "outcome": "FAIL",
        "findings": [
            {"rule": "no-hole", "reason": "HOLE", "measure": "hole_area", "value": 31.0, "low": None, "high": 0.0,
             "unit": "px²", "outcome": "FAIL", "severity": "major", "guard": None, "calibration": "", "note": "",
             "camera": "", "tool": "", "template": ""}
        ],
        "book": "brackets", "version": "5d1c0ffee123", "cause": "",
        "text": "FAIL cam-1 part 3: HOLE (hole_area 31 px², at most 0 px²)",
    }  # fmt: skip


def test_an_event_is_named_by_what_it_is_about() -> None:
    """The same verdict has the same id in every process; another part has another."""
    assert event(verdict(3)).id == event(verdict(3)).id != event(verdict(4)).id
    assert len(event(verdict(3)).id) == 32


def test_time_is_utc_to_the_microsecond() -> None:
    """No float touches the time, so no digit is lost."""
    assert iso(1_795_363_200_999_999_999) == "2026-11-22T16:00:00.999999Z"


def test_a_torn_line_is_set_aside(tmp_path: Path) -> None:
    """Wherever a crash ended it: the whole lines before it stay, what was half-written is kept beside."""
    path = tmp_path / "a.jsonl"
    last = encode(event(verdict(2)))
    for length in range(1, len(last)):
        path.write_bytes(b'{"seq": 1}\n' + last[:length])
        alarms(iter([[verdict(3)]]), path=str(path))
        assert [e["seq"] for e in lines(path)] == [1, 3]
        assert Path(f"{path}.damaged").read_bytes().splitlines()[-1] == last[:length]


def test_a_flipped_bit_in_a_line_is_found() -> None:
    """Whichever it is; a line that is whole reads as the event it was."""
    line = encode(event(verdict(3)))
    assert decode(line) == event(verdict(3))
    for place in range(len(line)):
        with pytest.raises(
            RottenError, match=r"^expected an event and its crc32, found \d+ bytes that are not as they"
        ):
            decode(line[:place] + bytes([line[place] ^ 1 << place % 8]) + line[place + 1 :])


def test_rotten_lines_are_kept_and_never_sent(tmp_path: Path, receiver: Receiver) -> None:
    """A flipped bit, a lost line end and one too many each cost their lines alone, and people are told."""
    path = tmp_path / "a.jsonl"
    told = [encode(event(verdict(seq))) for seq in range(1, 7)]
    rotten = told[1].replace(b"HOLE", b"HOLD")
    path.write_bytes(b"\n".join([told[0], rotten, told[2] + b" " + told[3], b"", told[4], told[5], b""]))
    with closing(Outbox(tmp_path / "a.jsonl.outbox", 100)) as box:
        box.note([(PLACE, f"0 {path}")])
    alarms(iter([[verdict(7)]]), path=str(path), url=receiver.url, patience=20)
    assert [e["seq"] for e in receiver.got] == [1, 5, 6, 7]
    assert Path(f"{path}.damaged").read_bytes().splitlines() == [rotten, told[2] + b" " + told[3]]
    (text,) = [notice.text for notice in board.read()]
    assert text.startswith(f"alarms: 2 rotten lines in {path} were not told to consumers: expected an event and its")


def test_a_rotten_outbox_sends_the_last_backlog_again(tmp_path: Path, receiver: Receiver) -> None:
    """Nobody knows what it held: events are rather sent twice than not at all."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(encode(event(verdict(seq))) + b"\n" for seq in range(1, 6)))
    (tmp_path / "a.jsonl.outbox").write_bytes(b"rot" * 10_000)
    alarms(iter([]), path=str(path), url=receiver.url, backlog=3, patience=20)
    assert [e["seq"] for e in receiver.got] == [3, 4, 5]


def test_a_cursor_remembers_places_where_lines_begin(tmp_path: Path) -> None:
    """The first time it is the end of the journal; after that what was written."""
    journal = Journal(tmp_path / "a")
    journal.append([b"one", b"two"])
    cursor = Cursor(tmp_path / "c", journal)
    assert cursor.read() == 8
    for place, found in ((0, 0), (4, 4), (8, 8), (5, None), (9, None)):
        cursor.write(place)
        assert cursor.read() == found
    assert [journal.last(lines) for lines in (0, 1, 2, 3)] == [8, 4, 0, 0]


def test_a_batch_that_was_refused_sets_no_event_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the webhook when the disk refuses new events waits on, and the lane is not held up."""
    away = Receiver()
    away.stop()
    path = tmp_path / "a.jsonl"

    def batches() -> Iterator[list[Verdict | Gap]]:
        yield [verdict(1)]
        monkeypatch.setattr(Journal, "append", full)
        yield [verdict(2)]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        alarms(batches(), path=str(path), url=away.url, patience=60)
    monkeypatch.undo()
    assert not Path(f"{path}.outbox.undelivered.jsonl").exists()
    for thread in [one for one in threading.enumerate() if one.name == "alarms dispatcher"]:
        thread.join(20)  # what it was about to send must not reach the receiver that is back
    back = Receiver(away.port)
    alarms(iter([[verdict(2)]]), path=str(path), url=away.url, patience=20)
    back.stop()
    assert [e["seq"] for e in back.got] == [1, 2]


def test_a_full_disk_leaves_no_half_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, the error reaches the engine and the file is as it was."""
    journal = Journal(tmp_path / "a.jsonl")
    journal.append([b"whole"])
    real = os.write

    def full(handle: int, content: bytes) -> int:
        if len(content) > 4:
            return real(handle, content[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        journal.append([b"second", b"third"])
    assert (tmp_path / "a.jsonl").read_bytes() == b"whole\n"


def test_the_webhook_gets_every_event_in_order(tmp_path: Path, receiver: Receiver) -> None:
    """Each event is posted once, in order, named by its id and numbered."""
    batches: list[list[Verdict | Gap]] = [[verdict(1), verdict(2)], [verdict(3)]]
    alarms(iter(batches), path=str(tmp_path / "a.jsonl"), url=receiver.url, source="line-a", patience=20)
    assert [(e["type"], e["source"], int(e["sequence"])) for e in receiver.told] == [
        ("kensa.verdict", "/line-a/cam-1", number) for number in (1, 2, 3)
    ]
    assert [e["seq"] for e in receiver.got] == [1, 2, 3]
    assert receiver.keys == [e["id"] for e in lines(tmp_path / "a.jsonl")]
    assert not (tmp_path / "a.jsonl.outbox.undelivered.jsonl").exists()


def test_a_post_is_signed_where_there_is_a_secret(tmp_path: Path) -> None:
    """As from the sink `webhook`: a receiver that knows the secret takes it, and proves that it has everything."""
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (tmp_path / "other").write_text("whsec_" + "A" * 32)
    consumer = Consumer(None, None)
    with Posts("http://127.0.0.1:0", consumer.take, str(tmp_path / "secret")) as posts:
        for name in ("secret", "other"):
            alarms(
                iter([[verdict(1), verdict(2)]]), path=str(tmp_path / f"{name}.jsonl"), patience=20,
                url=f"http://127.0.0.1:{posts.port}/", secret_file=str(tmp_path / name),
            )  # fmt: skip
    assert consumer.ledger.exact
    assert consumer.came == 2
    assert len((tmp_path / "other.jsonl.outbox.undelivered.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["secret_file", "ca"])
def test_what_means_nothing_without_a_url_is_told_before_the_line_runs(name: str) -> None:
    """By `kensa check`."""
    spec = alarms.spec  # type: ignore[attr-defined]
    given = msgspec.convert({"path": "a", name: "file"}, spec.params)
    assert [flaw.text for flaw in spec.check(given)] == [f"{name}: expected a webhook's `url` with it, found none"]


def test_a_stumbling_webhook_is_asked_again(tmp_path: Path, receiver: Receiver) -> None:
    """A 503 delays what follows but never reorders it."""
    receiver.answers = {1: 503, 2: 503}
    alarms(iter([[verdict(1), verdict(2), verdict(3)]]), path=str(tmp_path / "a.jsonl"), url=receiver.url, patience=20)
    assert [e["seq"] for e in receiver.got] == [1, 2, 3]
    assert receiver.asked == 5


def test_an_outage_is_told(tmp_path: Path) -> None:
    """Somebody must know that nobody hears: as long as it lasts; what had to make room stays told."""
    path, away = tmp_path / "a.jsonl", Receiver()
    away.stop()

    def told(end: str) -> list[str]:
        return [one.text for one in board.read() if one.key == f"alarms {path}.outbox {end}"]

    def batches() -> Iterator[list[Verdict | Gap]]:
        yield [verdict(seq) for seq in range(5)]
        _until(lambda: any("; 2 messages" in text for text in told("waits")))
        assert told("waits") == [
            (
                f"alarms: <urlopen error [Errno 111] Connection refused>; 2 messages of {path}.outbox wait and are "
                "sent when that ends"
            )
        ]
        back.append(Receiver(away.port))
        back[0].until(3)

    back: list[Receiver] = []
    alarms(batches(), path=str(path), url=away.url, backlog=2, patience=20)
    back[0].stop()
    assert told("waits") == []
    assert told("dropped") == [
        (
            f"alarms: 3 messages of {path}.outbox were dropped before they were delivered: consumers are told which; "
            "raise `backlog`"
        )
    ]
    (dropped, *rest) = back[0].told
    assert (dropped["type"], dropped["data"]["count"]) == ("kensa.dropped", 3)
    assert [one["data"]["seq"] for one in rest] == [3, 4]
    assert [one["data"]["seq"] for one in back[0].states] == [4]


def _until(holds: Callable[[], bool]) -> None:
    """Wait for a thread."""
    deadline, pause = time.monotonic() + 20, threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.005)


def test_a_refused_event_is_set_aside(tmp_path: Path, receiver: Receiver) -> None:
    """An answer that will not change must not hold up the events behind it."""
    receiver.answers = {2: 400}
    alarms(iter([[verdict(1), verdict(2), verdict(3)]]), path=str(tmp_path / "a.jsonl"), url=receiver.url)
    assert [e["seq"] for e in receiver.got] == [1, 3]
    assert [e["data"]["seq"] for e in lines(tmp_path / "a.jsonl.outbox.undelivered.jsonl")] == [2]


def test_a_redirect_is_a_refusal(tmp_path: Path, receiver: Receiver) -> None:
    """Following it would turn the POST into a GET and lose the event unseen."""
    receiver.answers = {1: 302}
    alarms(iter([[verdict(1)]]), path=str(tmp_path / "a.jsonl"), url=receiver.url)
    assert [e["data"]["seq"] for e in lines(tmp_path / "a.jsonl.outbox.undelivered.jsonl")] == [1]


def test_events_outlive_an_outage(tmp_path: Path) -> None:
    """A webhook that is away does not hold up the file; when it is back it gets everything, in order."""
    path, away, back = tmp_path / "a.jsonl", Receiver(), []
    away.stop()

    def batches() -> Iterator[list[Verdict | Gap]]:
        yield [verdict(1), verdict(2)]
        assert [e["seq"] for e in lines(path)] == [1, 2]
        yield [verdict(3)]
        back.append(Receiver(away.port))
        back[0].until(3)

    alarms(batches(), path=str(path), url=away.url)
    back[0].stop()
    assert [e["seq"] for e in back[0].got] == [1, 2, 3]


def test_what_is_left_at_the_end_is_kept(tmp_path: Path) -> None:
    """A webhook that stays away costs `patience` at the end; the next start goes on, with the present first."""
    away = Receiver()
    away.stop()
    path = tmp_path / "a.jsonl"
    alarms(iter([[verdict(1)], [verdict(2)]]), path=str(path), url=away.url, patience=0.1)
    back = Receiver(away.port)
    alarms(iter([]), path=str(path), url=away.url, patience=20)
    back.stop()
    assert [e["seq"] for e in back.got] == [1, 2]
    assert [e["historical"] for e in back.told] == [True, True]
    assert [(e["type"], e["data"]["seq"]) for e in back.states] == [("kensa.state.verdict", 2)]


def test_a_killed_node_carries_on_where_it_was(tmp_path: Path, receiver: Receiver) -> None:
    """Events that were on the disk but not in the outbox when the process died are delivered by the next."""
    path = tmp_path / "a.jsonl"
    alarms(iter([[verdict(9)]]), path=str(path))  # before the webhook was set up
    alarms(iter([]), path=str(path), url=receiver.url)
    alarms(iter([[verdict(1), verdict(2)]]), path=str(path))
    alarms(iter([[verdict(3)]]), path=str(path), url=receiver.url, patience=20)
    assert [e["seq"] for e in receiver.got] == [1, 2, 3]


def test_a_light_process_loads_no_http(tmp_path: Path) -> None:
    """Without a webhook the node imports no HTTP client: it would be a quarter of the process's memory."""
    code = "import sys, nodes.sinks.alarms as a; a.alarms(iter([]), path=sys.argv[1])"
    code += "; print('http.client' in sys.modules, 'numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]

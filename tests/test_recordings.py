from __future__ import annotations

import io
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import codec, recordings
from pipeline.errors import DecodeError
from pipeline.recordings import Given, Recording, RecordingError, Writer, header, split
from pipeline.records import Record
from tests import strategies
from tests.toys import frame, gap


def _written(folder: Path, *given: tuple[str, Record]) -> Path:
    path = folder / "line.kensa"
    with Writer(path, header("line", ["camera"])) as writer:
        for node, record in given:
            writer.write(node, record)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Records come back in order with the node that gave them, as often as one reads; the header tells the line."""
    story = [("a", frame(0)), ("b", frame(0, session="t")), ("a", gap(1)), ("b", frame(1, session="t"))]
    recording = Recording(_written(tmp_path, *story))
    assert (recording.header.line, recording.header.sources) == ("line", ("camera",))
    assert [*recording] == [*recording] == [Given(*each) for each in story]
    assert recording.unfinished == 0


def test_any_messagepack_library_reads_it(tmp_path: Path) -> None:
    """A recording is plain MessagePack: a header, a note per session, and wire messages."""
    raw = _written(tmp_path, ("a", frame(0)), ("a", frame(1))).read_bytes()
    messages = [*msgpack.Unpacker(io.BytesIO(raw))]
    assert [message[2]["kind"] for message in messages] == ["recording", "origin", "frame", "frame"]
    assert raw.endswith(codec.encode(frame(1)))


def test_a_cut_tail_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    """Wherever a writer was killed, every whole record is read, and how much is left over is told."""
    path = _written(tmp_path, ("a", frame(0)), ("a", frame(1)))
    whole = path.read_bytes()
    last = len(codec.encode(frame(1)))
    for cut in range(1, last):
        path.write_bytes(whole[:-cut])
        recording = Recording(path)
        assert [given.record for given in recording] == [frame(0)]
        assert recording.unfinished == last - cut


def test_a_record_is_with_the_system_at_once(tmp_path: Path) -> None:
    """What was written can be read before the writer has closed its file."""
    with Writer(tmp_path / "r", header("line", [])) as writer:
        writer.write("a", frame(3))
        assert [given.record.seq for given in Recording(tmp_path / "r")] == [3]


def test_no_recording_is_overwritten(tmp_path: Path) -> None:
    """A file that is there already is left alone."""
    path = _written(tmp_path)
    with pytest.raises(RecordingError, match="expected a new file, found one; remove it or choose another name"):
        Writer(path, header("line", []))


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"hello", msgpack.packb([1, 0, {"kind": "frame"}]), b"\x93\x01\x00"])
def test_other_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    """A file that does not begin with a recording's header is none."""
    path = tmp_path / "other"
    path.write_bytes(raw)
    with pytest.raises(RecordingError, match="other: expected a recording; write one with `kensa record`"):
        Recording(path)


def test_missing_file(tmp_path: Path) -> None:
    """No file, no stack trace."""
    with pytest.raises(RecordingError, match="expected a recording, but it cannot be read: No such file"):
        Recording(tmp_path / "none")


def test_damage_in_the_middle_is_an_error(tmp_path: Path) -> None:
    """A message that is no record is told with its number, not passed over."""
    path = _written(tmp_path, ("a", frame(0)))
    path.write_bytes(path.read_bytes() + msgpack.packb([1, 0, {"kind": "nonsense"}]) + codec.encode(frame(1)))
    with pytest.raises(RecordingError, match="message 3 is damaged: "):
        [*Recording(path)]


def test_a_message_without_end_costs_bounded_memory() -> None:
    """A length that no record has is refused after a few megabytes, however much follows."""
    endless = [b"\xc6\xff\xff\xff\xff", *[bytes(recordings.CHUNK)] * 200]
    with pytest.raises(DecodeError, match="expected messages of at most 4194304 bytes, got more at byte 0"):
        [*split(endless)]


@given(st.lists(strategies.records(), max_size=5), st.integers(1, 50))
def test_split_does_not_depend_on_the_chunks(story: list[Record], size: int) -> None:
    """However the bytes arrive, the messages are the same."""
    messages = [codec.encode(record) for record in story]
    raw = b"".join(messages)
    assert [*split(raw[i : i + size] for i in range(0, len(raw), size))] == messages

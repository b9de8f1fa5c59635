"""YAML that remembers where each value stood, and refuses what surprises people."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.located import BROKEN, DEPTH, SIZE, VALUES, Document, parse, read
from pipeline.scalar import plain


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "12:30", "010", "1_000", "0x1F", "0o17", ".nan", ".inf"]
)
def test_surprises_are_text(word: str) -> None:
    """What YAML 1.1 reads as a boolean, a number in base 60 or an octal is the text that was written."""
    assert parse(f"{word}: {word}").data == {word: word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("30", 30),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("2026-11-22", "2026-11-22"),
        ("1e999", "1e999"),
        ("-", "-"),
        (".", "."),
    ],
)
def test_plain_words(word: str, value: object) -> None:
    """Numbers, truth and nothing are read as YAML 1.2 reads them; dates and infinities are text."""
    assert plain(word) == value
    assert type(plain(word)) is type(value)


@given(st.integers(-(10**18), 10**18) | st.floats(-1e15, 1e15).filter(lambda f: "e" not in repr(f)))
def test_numbers_come_back(number: float) -> None:
    """A number that Python writes is read as that number."""
    assert plain(repr(number)) == number


def test_quotes_keep_text() -> None:
    """What stands in quotes is text."""
    assert parse("a: '30'\nb: \"true\"").data == {"a": "30", "b": "true"}


def test_places() -> None:
    """Every value and key knows its line and column, in characters."""
    document = parse("hosts:\n  größe: {cameras: [cam-1, cam-2]}\n", "line.yaml")
    assert document.mark(("hosts", "größe", "cameras", 1)) == ("line.yaml", 2, 28)
    assert document.mark(("hosts", "größe"), key=True) == ("line.yaml", 2, 3)
    assert document.mark(("hosts", "größe", "nowhere", 7)) == ("line.yaml", 2, 10)


def test_excerpt_and_caret() -> None:
    """The line is shown with a caret; wide letters and long lines do not put it in the wrong place."""
    document = parse(f"名古屋: {'x' * 90}")
    document.complain(("名古屋",), "expected less")
    head, line, caret = document.show().splitlines()
    assert head == "<text>:1:6: expected less"
    assert line.startswith("    名古屋: xxx")
    assert caret == " " * (4 + 8) + "^"
    far = parse(f"a: {'x' * 300}\nb: {{{'y' * 200}: 1}}")
    far.complain(("b", "y" * 200), "expected less")
    _, line, caret = far.show().splitlines()
    assert len(line) <= 4 + 120
    assert line[len(caret) - 1] == "1"


def test_duplicates_are_told_and_the_first_counts() -> None:
    """A key that is set twice never wins silently."""
    document = parse("a: 1\na: {b: [2]}\nc: 3")
    assert document.data == {"a": 1, "c": 3}
    assert document.show() == "<text>:2:1: 'a' is set twice; first at line 1\n    a: {b: [2]}\n    ^"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "1:4: expected a value, got '&x'; anchors and aliases are refused, use `vars`"),
        ("a: *x", "1:4: expected a value, got '*x'; anchors and aliases are refused, use `vars`"),
        ("<<: {a: 1}", "1:1: expected a plain word as key"),
        ("? [a, b]\n: 1", "1:3: expected a plain word as key"),
        (
            "a: !!python/name:os.system x",
            "1:4: expected a value, got the tag 'tag:yaml.org,2002:python/name:os.system'",
        ),
        ("a: 1\n---\nb: 2", "2:1: expected one document, got a second one; remove this `---`"),
        ("a: [1, 2", "1:4: not YAML: expected ',' or ']' before the end"),
        ("a: {b: ${C:-d}}", "1:9: not YAML: `${…}` inside `{…}` or `[…]` needs quotes around it"),
        ("a:\n\tb: 1", "2:1: not YAML: a tab; indent with spaces"),
        ("a: \x07", "1:4: not YAML: control characters are not allowed"),
        ("[" * (DEPTH + 1), f"1:{DEPTH + 1}: expected at most {DEPTH} levels of nesting"),
    ],
)
def test_refused(text: str, said: str) -> None:
    """What is no plain data is told at its place."""
    assert parse(text).show().startswith(f"<text>:{said}")


@pytest.mark.slow
def test_values_are_bounded() -> None:
    """A file of more values than any topology has is given up early."""
    document = parse("[" + "1," * (VALUES + 10) + "]")
    assert document.data is BROKEN
    assert f"expected at most {VALUES:,} values" in document.show()


@pytest.mark.parametrize(
    "bomb",
    ["[" * SIZE, "{a: " * (SIZE // 4), "- " * (SIZE // 2), "? " * (SIZE // 2), "&a " * 300_000, "a: 1\n" * 49_000],
)
def test_hostile_files_cost_little(bomb: str) -> None:
    """A megabyte of nesting is answered at once, in bounded memory."""
    begun = time.process_time()
    assert parse(bomb).faults
    assert time.process_time() - begun < 1


@given(st.text(max_size=200) | st.text(" :,-[]{}'\"\n\r\t\x85\u2028#&*ab1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises."""
    document = parse(text)
    document.show()
    assert document.faults or document.data is not BROKEN


def _told(path: Path, raw: bytes) -> Document:
    path.write_bytes(raw)
    return read(path)


def test_large_files_are_not_read(tmp_path: Path) -> None:
    """Ten megabytes are answered at once."""
    begun = time.process_time()
    document = _told(tmp_path / "big.yaml", b"a: 1\n" * (2 << 20))
    took = time.process_time() - begun
    assert document.show() == f"{tmp_path}/big.yaml:1:1: expected at most 1,048,576 bytes, got 10,485,760"
    assert took < 0.5


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """The first byte that is not UTF-8 is shown."""
    document = _told(tmp_path / "latin.yaml", "a: 1\nb: größe\n".encode("latin-1"))
    assert document.show().splitlines()[0] == f"{tmp_path}/latin.yaml:2:6: expected UTF-8 text, got the byte 0xf6"
    assert _told(tmp_path / "bom.yaml", b"\xef\xbb\xbfa: 1").data == {"a": 1}


def test_what_is_no_file(tmp_path: Path) -> None:
    """A missing file and a folder are told, not raised."""
    assert read(tmp_path / "no.yaml").show() == f"{tmp_path}/no.yaml:1:1: expected a YAML file, found no such file"
    assert read(tmp_path).show() == f"{tmp_path}:1:1: expected a YAML file, found a folder"

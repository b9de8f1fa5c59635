"""Tests of `pipeline.keys`, `pipeline.provision` and `kensa keys`: a folder of keys, and who may touch it."""

from __future__ import annotations

import os
import pickle
import re
import stat
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.keys import KeysError, Secret, own, read, stamp
from pipeline.plan import Plan, Post
from pipeline.provision import allow, make, require, revoke
from tests.edges import edge
from tests.keyring import keyed, pair, shown, two


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's keys folder, empty."""
    monkeypatch.setenv("KENSA_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def mode(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_their_owners_alone_whatever_the_umask(folder: Path) -> None:
    """The secret is 0600 and its folder 0700 from the first moment."""
    before = os.umask(0)
    try:
        keyed(folder, "edge-1")
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "edge-1.secret"), mode(folder / "edge-1.public")) == (0o700, 0o600, 0o644)
    assert own(folder) == ["edge-1"]


def test_what_was_made_is_read(folder: Path) -> None:
    """The pair comes back; the public file holds nothing of the secret one."""
    public, secret = pair()
    make(folder, "edge-1", (public, secret))
    found = read(folder, "edge-1").pair
    assert found
    assert (found.public, found.secret.raw) == (public, secret)
    assert secret.hex() not in (folder / "edge-1.public").read_text()


def test_keys_are_not_made_twice_by_accident(folder: Path) -> None:
    """Another pair would lock this host out everywhere: it has to be asked for."""
    keyed(folder, "edge-1")
    before = shown(folder, "edge-1")
    with pytest.raises(KeysError, match=r"host 'edge-1' has a key already: .*`--replace` makes another"):
        make(folder, "edge-1", pair())
    make(folder, "edge-1", pair(), replace=True)
    assert shown(folder, "edge-1") != before


@pytest.mark.parametrize(
    ("name", "open_", "expected"),
    [
        ("edge-1.secret", 0o640, r"expected mode 0600, found 0640: others on this machine may read it; `chmod 600 "),
        ("edge-1.secret", 0o604, r"expected mode 0600, found 0604: others on this machine may read it"),
        (".", 0o770, r"expected mode 0750, found 0770: others on this machine may change it; `chmod 750 "),
        ("allowed", 0o722, r"expected mode 0700, found 0722: others on this machine may change it"),
        ("allowed/edge-2.public", 0o666, r"expected mode 0644, found 0666: others on this machine may change it"),
    ],
)
def test_modes_that_are_too_open_are_refused(tmp_path: Path, name: str, open_: int, expected: str) -> None:
    """Nothing is read while others may read a secret or change whom this host trusts."""
    folder, _ = two(tmp_path, "edge-1", "edge-2")
    (folder / name).chmod(open_)
    with pytest.raises(KeysError, match=expected):
        read(folder, "edge-1")


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    """A link could lead to a file that somebody else may change after it was judged."""
    keyed(folder, "edge-1")
    (folder / "edge-1.secret").rename(tmp_path / "elsewhere")
    (folder / "edge-1.secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeysError, match="expected a key file of this user's own, but it cannot be read"):
        read(folder, "edge-1")


@pytest.mark.parametrize("text", ["", "kensa-public-key edge-2 00", "\0" * 100, "kensa-public-key ../x " + "1" * 64])
def test_broken_files_are_named(tmp_path: Path, text: str) -> None:
    """The error says which file, and what it should hold."""
    folder, _ = two(tmp_path, "edge-1", "edge-2")
    path = folder / "allowed" / "edge-2.public"
    path.write_text(text)
    with pytest.raises(KeysError, match=f"{re.escape(str(path))}: expected "):
        read(folder, "edge-1")


def test_secret_key_is_never_taken_for_a_public_one(tmp_path: Path) -> None:
    """Who carries the wrong file is stopped, and told which one is right."""
    one, other = keyed(tmp_path / "a", "a"), keyed(tmp_path / "b", "b")
    with pytest.raises(KeysError, match=r"found a secret one; it must never leave its host: a\.public may"):
        allow(other, str(one / "a.secret"), "")


def test_key_by_its_digits_needs_a_name(folder: Path) -> None:
    """Digits do not say whose they are."""
    with pytest.raises(KeysError, match="a key by itself does not say whose it is: add `--host NAME`"):
        allow(folder, pair()[0].hex(), "")
    key = pair()[0]
    allow(folder, key.hex(), "edge-2")
    assert read(folder, "").allowed == {"edge-2": key}


def test_file_of_another_host_is_refused(tmp_path: Path) -> None:
    """`--host` says what is expected of the file."""
    one = keyed(tmp_path / "a", "a")
    with pytest.raises(KeysError, match="expected the key of host 'b', found that of 'a'"):
        allow(tmp_path / "c", str(one / "a.public"), "b")


def test_one_key_is_one_host(folder: Path) -> None:
    """Two names for one key would let one host speak for another."""
    key = pair()[0].hex()
    allow(folder, key, "a")
    with pytest.raises(KeysError, match="belongs to host 'a' already; every host has a key of its own"):
        allow(folder, key, "b")


def test_revoked_key_stays_refused(folder: Path) -> None:
    """It is not allowed again by accident, and not by a file that is copied back; a new key of the host is."""
    key = pair()[0]
    path = allow(folder, key.hex(), "a")
    text = path.read_text()
    assert revoke(folder, "a") == key
    with pytest.raises(KeysError, match="was revoked here: make a new one on 'a' with `kensa keys init --replace`"):
        allow(folder, key.hex(), "a")
    path.write_text(text)
    path.chmod(0o600)
    assert read(folder, "").allowed == {}
    allow(folder, pair()[0].hex(), "a")
    assert [*read(folder, "").allowed] == ["a"]


def test_revoking_nobody_says_who_is_there(folder: Path) -> None:
    """A typing error must not pass for a revocation."""
    allow(folder, pair()[0].hex(), "edge-2")
    with pytest.raises(KeysError, match="no host 'edge2' is allowed here; allowed: edge-2"):
        revoke(folder, "edge2")


def test_every_change_is_seen(tmp_path: Path) -> None:
    """What a guard compares differs after each of: add, revoke, another mode, another content."""
    folder, _ = two(tmp_path, "a", "b")
    stamps = [stamp(folder)]
    allow(folder, pair()[0].hex(), "c")
    stamps.append(stamp(folder))
    (folder / "allowed" / "c.public").chmod(0o644)
    stamps.append(stamp(folder))
    revoke(folder, "c")
    stamps.append(stamp(folder))
    make(folder, "a", pair(), replace=True)
    stamps.append(stamp(folder))
    assert len({*map(repr, stamps)}) == 5
    assert stamp(folder) == stamp(folder)


def test_secret_does_not_print() -> None:
    """Whatever logs, formats or copies it by accident shows nothing."""
    secret = Secret(b"\x2a" * 32)
    assert f"{secret!r} {secret}" == "<secret> <secret>"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def _plan() -> Plan:
    posts = tuple(Post(host=host, bound="tcp://*:7400", address=f"tcp://{host}:7400") for host in ("cam", "hub"))
    return Plan(line="plates", processes=(), edges=(edge("tcp", "tcp://hub:7401", hosts=("cam", "hub")),), posts=posts)


def test_line_that_lacks_keys_says_every_command(folder: Path, tmp_path: Path) -> None:
    """One look at the error is enough to put it right; then there is none."""
    with pytest.raises(KeysError) as refused:
        require(_plan(), "cam", folder)
    assert str(refused.value) == (
        f"line 'plates' speaks with other hosts, encrypted, and host 'cam' lacks keys in {folder}:\n"
        "  no key of its own: make one with `kensa keys init --host cam`\n"
        "  no key of host 'hub': type `kensa keys init --host hub` there, carry hub.public here, "
        "and type `kensa keys add hub.public`\n"
        "in a lab, `--insecure` on every host runs it without encryption"
    )
    keyed(folder, "cam", keyed(tmp_path / "hub", "hub") / "hub.public")
    require(_plan(), "cam", folder)


def test_line_on_one_machine_needs_no_keys(folder: Path) -> None:
    """Nothing leaves the machine, so there is nothing to ask for."""
    plan = Plan(line="plates", processes=(), edges=(edge("ipc", "ipc:///tmp/x.sock"),))
    require(plan, "", folder)


def test_the_command_makes_allows_lists_and_revokes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole life of a key by hand; no secret is ever printed."""
    other = keyed(tmp_path / "other", "edge-2")
    assert main(["keys", "init", "--host", "edge-1"]) == 0
    assert main(["keys", "add", str(other / "edge-2.public")]) == 0
    assert main(["keys", "list"]) == 0
    assert main(["keys", "revoke", "edge-2"]) == 0
    assert main(["keys", "list"]) == 0
    said, complaint = capsys.readouterr()
    one, two_ = shown(folder, "edge-1"), shown(other, "edge-2")
    assert f"carry {folder}/edge-1.public to the hosts it speaks with" in said
    assert f"  this host  edge-1           {one}\n  allowed    edge-2           {two_}\n" in said
    assert f"host 'edge-2' is refused here from now on: its key {two_} is revoked\n" in said
    assert f"  this host  edge-1           {one}\n  revoked                     {two_}\n" in said
    ring = read(folder, "edge-1")
    assert ring.pair
    assert ring.pair.secret.raw.hex() not in said + complaint


def test_the_command_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, and a host that has no good name."""
    assert main(["keys", "add", "nowhere.public"]) == 2
    assert main(["keys", "init", "--host", "../edge"]) == 2
    assert capsys.readouterr().err == (
        "nowhere.public: expected the file of a public key or its 64 hexadecimal digits, found neither\n"
        "expected a host's name of letters, digits, '-' and '_', got '../edge'\n"
    )

"""README and docs: what they show is what happens."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml

from pipeline.cli import COMMANDS, main, offered
from pipeline.records import Part, Region
from tests.conftest import ROOT
from tests.nodes.test_archive import REGION

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHEAP = ("check", "graph", "nodes", "plan", "schema")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for name, text in FENCE.findall(page) if name == language]


def commands(page: str) -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that is shown for it."""
    shown = "".join(blocks(page, "console"))
    parts = re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


SHOWN = sorted({found for page in PAGES for found in commands(page.read_text(encoding="utf-8"))})
RUN = [found for found in SHOWN if found[0].split()[:1] == ["kensa"] and found[0].split()[1] in CHEAP]


@pytest.mark.parametrize(("command", "output"), RUN, ids=[command for command, _ in RUN])
def test_a_command_prints_what_is_shown(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cheap commands are run where a reader would run them; `…` stands for lines that are left out."""
    monkeypatch.chdir(ROOT)
    status = main(shlex.split(command.partition(" > ")[0], comments=True)[1:])
    out, err = capsys.readouterr()
    wanted = r"(?:.*\n)*".join(map(re.escape, output.split("…\n")))
    assert re.fullmatch(wanted, out + err) if output else status == 0


@pytest.mark.parametrize("command", [command for command, _ in SHOWN])
def test_a_command_that_is_shown_exists(command: str) -> None:
    """Whatever a reader is told to type is a target of make or a command of Kensa."""
    program, word = shlex.split(command, comments=True)[:2]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    if program == "make":
        assert re.search(rf"^{word}:", makefile, re.MULTILINE)
    elif program == "kensa":
        assert word in offered()


def test_every_command_has_its_line() -> None:
    """The table lists what the command line offers, no more and no less."""
    assert sorted(re.findall(r"^\| `kensa (\w+)", README, re.MULTILINE)) == sorted(COMMANDS)


def test_the_topology_is_the_file() -> None:
    """The file that is explained is the file that runs, comments aside, and each of its names is explained."""
    file = (ROOT / "topologies" / "laptop.yaml").read_text(encoding="utf-8")
    (shown,) = blocks(README, "yaml")
    assert said(shown) == said(file)
    explained = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    data = yaml.safe_load(file)
    assert explained == {*data, *data["nodes"]}


def said(text: str) -> list[str]:
    """The lines of a YAML file that say something."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_the_node_is_a_node(tmp_path: Path) -> None:
    """The example is Python that runs, is typed as it says, and does what it says."""
    (text,) = blocks(README, "python")
    file = tmp_path / "my_nodes.py"
    file.write_text(text, encoding="utf-8")
    sizeable = runpy.run_path(str(file))["sizeable"]
    assert sizeable.spec.kind == "transform"
    assert sizeable.spec.doc["least"]
    small, large = (_part(area) for area in (399, 400))
    assert (sizeable(small), sizeable(large)) == (None, large)


def test_the_picture_is_there_and_small() -> None:
    """A page that takes long to load is not read."""
    (name,) = re.findall(r"!\[[^]]{20,}\]\(([^)]+)\)", README)
    picture = (ROOT / name).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links to files of this repository lead to files."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def _part(area: int) -> Part:
    best: Region = msgspec.structs.replace(REGION, area_px=area)
    return Part(camera="c", session="s", seq=1, t_ns=0, id=1, first_seq=0, views=1, hidden=0, best=best, best_seq=0)

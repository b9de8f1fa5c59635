"""The manual says what the nodes say."""

from __future__ import annotations

import pytest

from pipeline.catalog import own
from pipeline.cli import main
from pipeline.manual import index, markdown, page, parameters, summary
from tests.conftest import Golden
from tests.specimens import catalog

OWN = own()


def test_docs_are_up_to_date(golden: Golden) -> None:
    """docs/nodes.md is what `kensa nodes --markdown` prints."""
    golden("../../docs/nodes.md", "\n".join(markdown(OWN)) + "\n")


@pytest.mark.parametrize("name", [*OWN])
def test_every_parameter_has_a_sentence(name: str) -> None:
    """No node of ours can be told something that the manual does not explain."""
    spec = OWN[name]
    assert summary(spec).endswith(".")
    assert [each.name for each in parameters(spec) if not each.said.endswith(".")] == []


@pytest.mark.parametrize("name", [*OWN])
def test_nothing_is_explained_that_does_not_exist(name: str) -> None:
    """A parameter that is gone leaves no sentence behind."""
    spec = OWN[name]
    assert {*spec.doc} - {each.name for each in parameters(spec)} - {"", *spec.seat} == set()


def test_page() -> None:
    """A page tells kind, flow, text, and each parameter with type, unit, range, default and sentence."""
    assert "\n".join(page("track", catalog()["track"])) == (
        "track: transform, in its camera's lane\n"
        "Gap | Regions → Part | Tracks\n"
        "\n"
        "Give every region an id that is stable over time.\n"
        "\n"
        "with:\n"
        "  max_gap: whole number, at least 0 frames; default 5\n"
        "      A track that was not seen for longer has ended.\n"
        "  overlap: number, 0 to 1; default 0.3\n"
        "      Share of two boxes that makes them one part."
    )


def test_index_lists_every_node_once() -> None:
    """Sources come first, sinks last, and nobody is left out."""
    lines = [line.split()[0] for line in index(catalog()) if not line.startswith("   ")]
    kinds = [lines.index(kind) for kind in ("sources", "transforms", "sinks")]
    assert kinds == sorted(kinds)
    assert sorted({*lines} - {"sources", "transforms", "sinks"}) == sorted(catalog())


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`kensa nodes` lists, `kensa nodes NAME` explains, a wrong name is met with the nearest one."""
    assert main(["nodes"]) == 0
    assert main(["nodes", "tests.specimens:clean"]) == 0
    printed = capsys.readouterr().out
    assert "  measure " in printed
    assert "tests.specimens:clean: transform" in printed
    assert main(["nodes", "meassure"]) == 2
    assert capsys.readouterr().err == "no node called 'meassure'; did you mean 'measure'?\n"

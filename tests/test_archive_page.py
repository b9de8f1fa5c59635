"""docs/columns.md is what the columns say, and docs/archive.md tells what is so."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from nodes.tools.archive import ACTIONS
from nodes.tools.archives.columns import SAID, markdown
from pipeline.cli import main
from pipeline.columns import COLUMNS, STRUCTS, TABLES
from tests.batch.plants import plant, shelve
from tests.conftest import ROOT, Golden
from tests.test_readme import blocks
from tests.test_versions import PART

PAGE = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_the_manual_of_columns_is_up_to_date(golden: Golden) -> None:
    """It is what `kensa archive columns` prints, less the last line end."""
    golden("../../docs/columns.md", "\n".join(markdown()))


def test_every_column_says_what_it_is() -> None:
    """Its unit, or its meaning."""
    told = [column for columns in (*COLUMNS.values(), *STRUCTS.values()) for column in columns]
    assert [name for name, _, unit in told if not unit] == []
    assert {*SAID} == {*TABLES}


def test_one_table_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With the fields of its structs."""
    assert main(["archive", "columns", "gaps"]) == 0
    assert capsys.readouterr().out.startswith("## gaps\n\nA row per stretch of frames that are missing")
    assert main(["archive", "columns", "frames"]) == 0
    assert "| `layers.scores.data` | binary | int8, row-major; " in capsys.readouterr().out


def test_every_command_that_is_shown_is_one() -> None:
    """With words that its parser takes."""
    shown = [line for text in blocks(PAGE, "sh") for line in text.splitlines() if line.startswith("kensa archive")]
    assert {shlex.split(line)[2] for line in shown} <= {*ACTIONS}
    assert len(shown) > 8


def test_every_query_that_is_shown_gives_rows(tmp_path: Path) -> None:
    """Of an archive that the sink wrote."""
    duckdb = pytest.importorskip("duckdb", reason="make install")
    shelve(tmp_path / "plant=nagoya" / "line=a", plant(1, 60))
    queries = blocks(PAGE, "sql")
    assert len(queries) == 2
    for query in queries:
        assert duckdb.sql(query.replace("'/data/", f"'{tmp_path}/")).fetchall()


def test_a_mask_is_decoded_as_the_page_says() -> None:
    """Its lines, run."""
    pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
    from pipeline.table import rows

    (code,) = blocks(PAGE, "python")
    told = {"row": rows([PART])["parts"].to_pylist()[0], "numpy": np}
    exec(code, told)
    assert told["view"].tolist() == PART.best.mask.dense.tolist()

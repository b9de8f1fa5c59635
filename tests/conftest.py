"""What every test may ask for: golden files, and the real data that lies beside a checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A law holds on a busy machine too: how long an example takes is no part of it.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"

Golden = Callable[[str, str | bytes], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--golden`, which `make golden` gives."""
    parser.addoption("--golden", action="store_true", help="rewrite the golden files instead of comparing with them")


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare text or bytes with `tests/golden/NAME`; under `--golden` write it there instead."""
    rewrite = bool(request.config.getoption("--golden"))

    def compare(name: str, found: str | bytes) -> None:
        path = GOLDEN / name
        data = found.encode() if isinstance(found, str) else found
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        assert path.exists(), f"expected {path.relative_to(ROOT)}, found no such file; write it: make golden"
        _same(path, found)

    return compare


def _same(path: Path, found: str | bytes) -> None:
    """Assert with pytest's own diff; read as text where text was given."""
    expected = path.read_text(encoding="utf-8") if isinstance(found, str) else path.read_bytes()
    assert found == expected, f"{path.relative_to(ROOT)} differs; if that is meant, rewrite it: make golden"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: `$KENSA_DATA`, else `../shared/data` beside the checkout; skips where neither is."""
    folder = Path(os.environ.get("KENSA_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KENSA_DATA to its folder")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes where a real line keeps its state; kernels are compiled where a test asks for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KENSA_KERNELS", "plain")
        patch.setenv("KENSA_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """What one test configures of the logs, a stream that is closed after it, must not reach the next."""
    yield
    if structlog := sys.modules.get("structlog"):
        structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _own_notices() -> Iterator[None]:
    """What one test gives notice of must not sound as an alarm in the next."""
    yield
    if notices := sys.modules.get("pipeline.notices"):
        for notice in notices.board.read():
            notices.board.settle(notice.key)

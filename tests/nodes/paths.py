"""Both ways to clean and measure: with OpenCV alone, and with the kernels that numba compiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes.transforms.fast import compiled


@pytest.fixture(autouse=True, scope="module", params=["plain", "compiled"])
def kernels(request: pytest.FixtureRequest) -> Iterator[compiled.Kernels | None]:
    """What a process has: nothing compiled, or everything."""
    with pytest.MonkeyPatch.context() as patch:
        found = compiled.compiled() if request.param == "compiled" else None
        patch.setattr(compiled, "ready", lambda: found)
        yield found

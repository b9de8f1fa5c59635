"""A browser to look at pages with, where one is installed: apt install chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

SIZES = {"desktop": (1280, 900), "tablet": (820, 1180)}


class Visit(Struct, frozen=True):
    """What a browser made of a page.

    Attributes:
        said: What its console said, errors of scripts and of loading among it.
        asked: What it fetched beside the page.
        width: How wide the page became, px.
        height: How high.
        words: What can be read on it.
    """

    said: list[str]
    asked: list[str]
    width: int
    height: int
    words: str


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="make install")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium here to look at pages with; apt install chromium")
    with playwright.sync_playwright() as started:
        # Containers let nobody make the sandbox; what is opened is our own.
        running = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


def visited(running: Any, path: Path, size: tuple[int, int]) -> Visit:
    """Open a page at a size, and say what became of it."""
    page = running.new_page(viewport={"width": size[0], "height": size[1]})
    said, asked = list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    width, height = (page.evaluate(f"document.documentElement.scroll{name}") for name in ("Width", "Height"))
    found = Visit(said, [url for url in asked if url != path.as_uri()], width, height, page.inner_text("body"))
    page.close()
    return found

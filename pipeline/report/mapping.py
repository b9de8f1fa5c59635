"""The heat maps of a report: of every label on the part, and of the cameras that see one place too often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.batch.splitting import split
from pipeline.batch.spotting import BLOCK
from pipeline.columns import arrow
from pipeline.report.maps import Flags, gridded, heat_map
from pipeline.report.page import Section
from pipeline.report.reading import Results
from pipeline.report.wording import whose

if TYPE_CHECKING:
    import pyarrow as pa

HALF = 0.5  # of all parts: what more of them cover is the outline
MAPS = 12


def maps(results: Results) -> tuple[Section, dict[str, str]]:
    """The section, and each map by the name of its file."""
    outlines = dict(_outlines(results))
    found = dict([*_labels(results, outlines)][:MAPS])
    spotted = dict(_spots(results, outlines))
    if not found:
        return Section("maps", "Where", '<p class="lead">No region was found.</p>'), {}
    note = (
        '<p class="note">Darker where more centroids lie, on a scale of square roots where one cell has far more than '
        "the others. The line is what half of the parts of the last days cover"
        + (".</p>" if outlines else "; it is known where pixels are counted.</p>")
    )
    body = f'<div class="maps">{"".join(found.values())}</div>'
    if spotted:
        body += f'<h3>Cameras that see one place too often</h3><div class="maps">{"".join(spotted.values())}</div>'
    return Section("maps", "Where", body + note, own=True), found | spotted


def _labels(results: Results, outlines: Mapping[str, Flags]) -> Iterator[tuple[str, str]]:
    """A map per prompt and label: on the part, where parts were seen, else of the view."""
    pc, part = arrow().compute, results.manifest.asked["part"]
    for who, rows in split(results.heat, ("prompt", "label")):
        if who["label"] == part:
            continue
        on_part = rows.filter(pc.equal(rows["space"], "part"))
        cells = gridded(_columns(on_part if len(on_part) else rows.filter(pc.equal(rows["space"], "view"))))
        outline, tall = outlines.get(who["prompt"]), 1.0
        if len(on_part) and outline is not None:
            outline = _boxed(outline)
            tall = outline.shape[0] / outline.shape[1]
        where = "on the part" if len(on_part) else "in the view"
        named = f" ({who['prompt']})" if who["prompt"] else ""
        yield (
            f"map-{who['prompt'] or 'all'}-{who['label']}",
            heat_map(f"{who['label']} {where}{named}", cells, outline, tall=tall),
        )


def _spots(results: Results, outlines: Mapping[str, Flags]) -> Iterator[tuple[str, str]]:
    pc = arrow().compute
    view = results.heat.filter(pc.equal(results.heat["space"], "view"))
    for (camera, prompt, label), some in _spotted(results).items():
        rows = view
        for key, value in zip(("plant", "line", "camera", "prompt", "label"), (*camera, prompt, label), strict=True):
            rows = rows.filter(pc.equal(rows[key], value))
        title = f"{camera[2]}: {label} in the view"
        yield f"map-{camera[2]}-{label}", heat_map(title, gridded(_columns(rows)), outlines.get(prompt), some)


def _spotted(results: Results) -> dict[tuple[tuple[str, str, str], str, str], list[tuple[int, int, int]]]:
    found: dict[tuple[tuple[str, str, str], str, str], list[tuple[int, int, int]]] = {}
    for row in results.told["spots"]:
        found.setdefault((whose(row), row["prompt"], row["label"]), []).append((row["x"], row["y"], BLOCK))
    return found


def _outlines(results: Results) -> Iterator[tuple[str, Flags]]:
    """Which pixels of a view half of all parts cover, by prompt; of the size of mask that is seen most."""
    for who, rows in split(results.parts, ("prompt",)):
        sizes = [(some, size["height"], size["width"]) for size, some in split(rows, ("height", "width"))]
        some, height, width = max(sizes, key=lambda each: arrow().compute.sum(each[0]["n"]).as_py())
        cells = np.zeros((height, width))
        np.add.at(cells, (some["y"].to_numpy(), some["x"].to_numpy()), some["n"].to_numpy())
        yield who["prompt"], cells >= HALF * cells.max()


def _boxed(outline: Flags) -> Flags:
    """What lies in the box of an outline: parts are told by theirs."""
    rows, columns = (np.flatnonzero(outline.any(axis=axis)) for axis in (1, 0))
    return outline[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _columns(rows: pa.Table) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return {name: rows[name].to_numpy().astype(np.int64) for name in ("x", "y", "n")}

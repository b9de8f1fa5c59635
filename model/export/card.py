"""The card of a network: what somebody must know who lets it judge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from model.data.sample import Sample
from model.prompt import SIDE, Logits
from model.scoring.evaluate import Row
from model.sony.converter import Memory
from nodes.transforms.clean import clean
from nodes.transforms.measure import measure
from pipeline.masks import Mask
from pipeline.records import Frame, Layer, Scores

QUANTILES = (1, 5, 25, 50, 75, 95, 99)  # %
PARTS = ("kensa", "numpy", "onnx", "onnxruntime", "torch")


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a network.

    Attributes:
        name: Of its architecture.
        form: `float32`, `int8`, or `imx500`: what Sony's converter made.
        sha256: Of its file; of the converter's, of what is in it but for its date.
        size: Of its file, bytes.
        reads: What its input is.
        tells: What its output is.
        scale: Logits per step, where a sensor holds its output in int8.
        labels: What its layers mean.
        prompt: How the thing that is meant comes into its view.
        config: Digest of the configuration that it was trained by.
        trained: What it was trained on.
        epochs: Of those that the configuration has, after how many it was taken: it judged best then.
        scores: How it fits what it was judged by, beside other answers.
        reference: What it was judged by looked like, and its masks: percentiles, to compare a line with.
        percents: Which percentiles.
        licence: Of its weights.
        versions: Of what made it.
        memory: What it takes of the sensor, bytes, as Sony's converter reports.
    """

    name: str
    form: str
    sha256: str
    size: int
    reads: str
    tells: str
    scale: float
    labels: tuple[str, ...]
    prompt: str
    config: str
    trained: list[Any]
    epochs: int
    scores: list[Row]
    reference: dict[str, tuple[float, ...]]
    percents: tuple[int, ...] = QUANTILES
    licence: str = "Apache-2.0"
    versions: dict[str, str] = {}
    memory: Memory | None = None


def card(data: bytes, *parts: str, sha256: str = "", **known: Any) -> Card:
    """The card of a file, with what the file and this installation say.

    Args:
        data: The file.
        *parts: Distributions that made it, too.
        sha256: Where it is not that of the file's bytes.
        **known: The other fields.
    """
    return Card(
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        size=len(data),
        reads=f"1 × 3 × {SIDE} × {SIDE}, RGB, (pixel − 128) / 128",
        tells=f"1 × 1 × {SIDE} × {SIDE}, logits: positive is inside",
        labels=("object",),
        versions={part: version(part) for part in (*PARTS, *parts)},
        **known,
    )


def reference(shown: Sequence[Sample], logits: Sequence[Logits], scale: float) -> dict[str, tuple[float, ...]]:
    """Percentiles of what a network was shown, and of what a line measures of its masks: `nodes.sinks.drift` compares.

    Args:
        shown: What it was judged by.
        logits: What it said, (96, 96) each.
        scale: Logits per step, as the sensor holds them.
    """
    held = [measure(clean(_frame(each, scale))) for each in logits]
    found = [frame.regions for frame in held if frame is not None]
    columns = {
        "brightness": [float(sample.picture.mean()) for sample in shown],
        "found": [float(len(regions)) for regions in found],
        "area_px": [float(region.area_px) for regions in found for region in regions],
        "mean_score": [region.mean_score or 0.0 for regions in found for region in regions],
    }
    return {
        name: tuple(round(float(each), 6) for each in np.percentile(values or [0.0], QUANTILES))
        for name, values in columns.items()
    }


def _frame(logits: Logits, scale: float) -> Frame:
    """What a line is given of an answer."""
    steps = np.rint(logits / scale).clip(-128, 127).astype(np.int8)
    scores = Scores(logits.shape, steps.tobytes(), scale)
    layer = Layer("object", Mask.from_dense(logits > 0), scores=scores)
    return Frame(camera="card", session="card", seq=0, t_ns=0, size=logits.shape, layers=(layer,))


def written(told: Card) -> bytes:
    """A card as JSON, the same bytes for the same card."""
    return msgspec.json.format(msgspec.json.encode(told, order="deterministic"), indent=1) + b"\n"

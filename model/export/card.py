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
from model.prompt import SIDE, Mask
from model.scoring.evaluate import Row
from model.scoring.traits import traits
from model.sony.converter import Memory

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


def reference(shown: Sequence[Sample], masks: Sequence[Mask]) -> dict[str, tuple[float, ...]]:
    """Percentiles of what a network was shown, and of what it said."""
    looks = [traits(mask) for mask in masks]
    columns = {
        "brightness": [float(sample.picture.mean()) for sample in shown],
        "area": [each.area for each in looks],
        "pieces": [each.pieces for each in looks],
    }
    return {
        name: tuple(round(float(each), 6) for each in np.percentile(values, QUANTILES))
        for name, values in columns.items()
    }


def written(told: Card) -> bytes:
    """A card as JSON, the same bytes for the same card."""
    return msgspec.json.format(msgspec.json.encode(told, order="deterministic"), indent=1) + b"\n"

"""Durations as people write them on a command line."""

from __future__ import annotations

import argparse
import re

UNITS = {"ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A duration as people write it.

    >>> [seconds(text) for text in ("30s", "1.5", "500ms", "2min", "1h")]
    [30.0, 1.5, 0.5, 120.0, 3600.0]

    Raises:
        argparse.ArgumentTypeError: If it is not one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|)", text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"expected a duration such as 30s, 500ms, 5min or 1h, got '{text}'")
    return float(found[1]) * UNITS[found[2]]

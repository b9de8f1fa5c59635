"""YAML that Kensa writes, so that Kensa reads the same: PyYAML writes YAML 1.1, where `0e2` needs no quotes."""

from __future__ import annotations

from typing import Any

import yaml

from pipeline.scalar import plain


class _Dumper(yaml.SafeDumper):
    """Quotes every word that would be read as something else."""


def _word(dumper: yaml.SafeDumper, word: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", word, style=None if plain(word) == word else "'")


_Dumper.add_representer(str, _word)


def written(told: Any, width: int = 80) -> str:
    """Plain values as YAML, in their order, lines no longer than `width` where that can be.

    Example:
        >>> print(written({"counts": "0e2", "size": [5, 17]}), end="")
        counts: '0e2'
        size: [5, 17]
    """
    return str(
        yaml.dump(told, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=width)
    )

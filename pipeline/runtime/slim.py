"""What a process of a line does without: modules that libraries load where they find them and nobody here needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a module until somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        """Load the module after all."""
        return getattr(import_module(self.__name__), name)


def without(name: str) -> AbstractContextManager[None]:
    """Whoever imports this module meanwhile does not find it."""
    return _instead(name, None)


def later(name: str) -> AbstractContextManager[None]:
    """Whoever imports this module meanwhile loads it only when it is used."""
    return _instead(name, Later(name))


@contextmanager
def _instead(name: str, module: ModuleType | None) -> Iterator[None]:
    """Where it is loaded already, it stays so."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module  # type: ignore[assignment]
    try:
        yield
    finally:
        if sys.modules.get(name) is module:
            del sys.modules[name]

"""Numbers with a unit, as a rule book gives them: read once, exactly, when the book is read.

A library of units costs more memory and time than a whole book; a book knows some thirty units, and none has an offset.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

from msgspec import Struct

Dims = tuple[int, int, int, int]  # exponents of mm, px, s and °
ONE: Dims = (0, 0, 0, 0)
BASES = ("mm", "px", "s", "°")
RAISED = {1: "", 2: "²", 3: "³"}
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"


class Unit(Struct, frozen=True):
    """A unit.

    Attributes:
        name: How it is written; empty for a plain number.
        dims: What kind of thing it measures.
        scale: How many of the base unit it is; the base units are mm, px, s, ° and 1.
    """

    name: str
    dims: Dims = ONE
    scale: Fraction = Fraction(1)


class Quantity(Struct, frozen=True):
    """A number and its unit."""

    value: Fraction
    unit: Unit

    def to(self, unit: Unit) -> float:
        """The number in another unit of the same dimensions, rounded once."""
        return float(self.value * self.unit.scale / unit.scale)


def _units() -> dict[str, Unit]:
    lengths = {"µm": Fraction(1, 1000), "mm": Fraction(1), "cm": Fraction(10), "m": Fraction(1000)}
    times = {"ms": Fraction(1, 1000), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600)}
    sizes = [(name, 0, scale) for name, scale in lengths.items()] + [("px", 1, Fraction(1))]
    found = [Unit("%", ONE, Fraction(1, 100)), Unit("°", (0, 0, 0, 1))]
    for (name, base, scale), power in product(sizes, (1, 2)):
        dims = (power, 0, 0, 0) if base == 0 else (0, power, 0, 0)
        over = (-power, 0, 0, 0) if base == 0 else (0, -power, 0, 0)
        found += [
            Unit(name + RAISED[power], dims, scale**power),
            Unit(f"1/{name}{RAISED[power]}", over, 1 / scale**power),
        ]
    for name, scale in times.items():
        found += [Unit(name, (0, 0, 1, 0), scale), Unit(f"1/{name}", (0, 0, -1, 0), 1 / scale)]
    return {unit.name: unit for unit in found}


UNITS = _units()
PLAIN = Unit("")
_SPELLED = str.maketrans({"μ": "µ"})  # GREEK SMALL LETTER MU is not MICRO SIGN, though nobody can see that
_WRITTEN = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*")


def unit(text: str) -> Unit | None:
    """The unit of that name; `um`, `mm2`, `mm^2` and `deg` are read as people mean them; None where there is none."""
    name = re.sub(r"\^?2$", "²", text.translate(_SPELLED))
    name = {"deg": "°"}.get(name, re.sub(r"\bum", "µm", name))
    return UNITS.get(name)


def quantity(written: float | str) -> Quantity | None:
    """A number, or a number and its unit; None where it is neither.

    Example:
        >>> quantity("20.2 mm").to(UNITS["µm"])
        20200.0
    """
    if not isinstance(written, str):
        return Quantity(Fraction(str(written)), PLAIN)
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    known = unit(found[2]) if found[2] else PLAIN
    return None if known is None else Quantity(Fraction(found[1]), known)


def base(dims: Dims) -> Unit:
    """The unit in which things of these dimensions are reckoned.

    Example:
        >>> base((2, 0, 0, 0)).name, base((0, 0, -1, 0)).name, base((1, 1, 0, 0)).name
        ('mm²', '1/s', 'mm·px')
    """
    over = [f"{name}{RAISED.get(n, f'^{n}')}" for name, n in zip(BASES, dims, strict=True) if n > 0]
    under = [f"{name}{RAISED.get(-n, f'^{-n}')}" for name, n in zip(BASES, dims, strict=True) if n < 0]
    return Unit(
        "·".join(over) + "".join(f"/{name}" for name in under) if over or not under else "1/" + "/".join(under), dims
    )


def called(dims: Dims) -> str:
    """Dimensions in words: `in mm²`, `a plain number`."""
    return f"in {base(dims).name}" if dims != ONE else "a plain number"


def plainly(dims: Dims) -> str:
    """The base unit of dimensions in words, such as `mm`."""
    return base(dims).name or "a plain number"


def measured_in(dims: Dims) -> str:
    """What a number of these dimensions is, such as `measured in mm`."""
    return called(dims) if dims == ONE else f"measured {called(dims)}"

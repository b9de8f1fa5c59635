"""One rule of a book, made ready to be asked: its units turned into those of the records, its faults told."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from nodes.transforms.check import Check, Corners, Guard, Told, ways
from nodes.transforms.expression import Formula, formula
from nodes.transforms.meaning import SlipError
from nodes.transforms.measures import measures
from nodes.transforms.quantity import ONE, PLAIN, UNITS, Quantity, Unit, base, measured_in, plainly, quantity
from nodes.transforms.tooled import Beside, bound
from pipeline.conform import hint
from pipeline.faults import Mark
from pipeline.located import BROKEN, Document, Path
from pipeline.records import Region

MM, PX = UNITS["mm"].dims, UNITS["px"].dims
SIDES = (("fail", "low"), ("fail", "high"), ("warn", "low"), ("warn", "high"))
# What a condition must be, and where nothing is said: in base units, and as it is told.
HOLDS: tuple[tuple[float, float], Told] = (1.0, math.inf), (1.0, None)
ANY: tuple[tuple[float, float], Told] = (-math.inf, math.inf), (None, None)


class Written(NamedTuple):
    """A limit as it stands in the book."""

    path: Path
    text: object
    quantity: Quantity


class Reading:
    """Reads one rule; what is wrong with it is noted in the document.

    Args:
        document: The book.
        path: Where in it the rule stands.
        rule: What it says; parts that could not be read are `BROKEN`.
        beside: What the book says besides.
    """

    def __init__(self, document: Document, path: Path, rule: dict[str, Any], beside: Beside) -> None:
        self._document, self._path, self._rule = document, path, rule
        self._zones, self._label, self._tools = beside
        self._known = measures(Region)

    def check(self) -> Check | None:
        """The rule, ready to be asked; None where it cannot be."""
        limits = self._limits()
        found = self._formula(limits)
        where = self._condition("where", "region")
        corners, prompt = self._place()
        often, window = self._often(), self._get("window", 60.0)
        if found is None or (found := self._tooled(found, prompt)) is None:
            return None
        unit = next((each.quantity.unit for each in limits.values() if each.quantity.unit != PLAIN), None)
        unit = unit or base(found.dims or ONE)
        bounds = self._bounds(limits, found, unit)
        return Check(
            **self._told(),
            formula=found,
            unit=unit,
            **bounds,
            guard=self._guard(found, bounds["fail"]),
            prompt=prompt,
            corners=corners,
            where=where,
            often=often,
            window_ns=round(window * 1e9),
            narrow=corners is not None or self._get("whole", False),
            **ways(found),
        )

    def _told(self) -> dict[str, Any]:
        """What a check takes over as it is written."""
        words = {"name": "", "reason": "", "severity": "major", "unproven": "FAIL", "whole": False, "tool": None}
        return {name: self._get(name, otherwise) for name, otherwise in words.items()} | {
            "label": self._get("label", None) or self._label
        }

    def _tooled(self, found: Formula, prompt: str | None) -> Formula | None:
        """The formula with its tool; None where that is not right."""
        tool, field = self._get("tool", None), "measure" if "measure" in self._rule else "require"
        faults = [*self._tools.faults(found, tool, prompt)]
        for where, text in faults:
            self._complain((field if where == "measure" else where,), text.replace("measure:", f"{field}:", 1))
        return None if faults else bound(found, tool)

    def _bounds(self, limits: dict[tuple[str, str], Written], found: Formula, unit: Unit) -> dict[str, Any]:
        """What fails and what warns, and how people are told."""
        fail, warn = (self._range(side, limits, found) for side in ("fail", "warn"))
        self._ordered(limits, fail, warn)
        fail_told, warn_told = (self._shown(side, limits, unit) for side in ("fail", "warn"))
        if found.dims is None:
            soft = self._get("otherwise", "FAIL") == "WARN"
            (fail, fail_told), (warn, warn_told) = (ANY, HOLDS) if soft else (HOLDS, ANY)
        return {"fail": fail, "warn": warn, "fail_told": fail_told, "warn_told": warn_told}

    def _get(self, name: str, otherwise: Any) -> Any:
        value = self._rule.get(name, otherwise)
        return otherwise if value is BROKEN else value

    def _complain(self, path: Path, text: str, *, key: bool = False) -> None:
        self._document.complain((*self._path, *path), text, key=key)

    def _limits(self) -> dict[tuple[str, str], Written]:
        """The limits that can be read."""
        found: dict[tuple[str, str], Written] = {}
        for side, end in SIDES:
            limits = self._get(side, {})
            value = limits.get(end) if isinstance(limits, dict) else None
            if value is None or value is BROKEN:
                continue
            if (known := quantity(value)) is None:
                self._complain((side, end), f"{end}: expected a number with its unit, such as 20.5 mm, got '{value}'")
            else:
                found[side, end] = Written((side, end), value, known)
        return found

    def _formula(self, limits: dict[tuple[str, str], Written]) -> Formula | None:
        """What the rule asks: a number that has limits, or a condition that has none."""
        numbers, conditions = "measure" in self._rule, "require" in self._rule
        sides = [side for side in ("fail", "warn") if side in self._rule]
        if numbers == conditions:
            got = "both" if numbers else "neither"
            self._complain((), f"expected `measure` with limits, or `require` with a condition, got {got}")
        elif conditions and sides:
            self._complain((sides[0],), "a condition has no limits: it holds or not", key=True)
        elif conditions:
            return self._condition("require", "")
        else:
            if not any(self._get(side, {}) for side in sides):
                self._complain((), "expected a limit, such as `fail: {low: 20.5 mm}`, got none")
            return self._measured(limits)
        return None

    def _measured(self, limits: dict[tuple[str, str], Written]) -> Formula | None:
        dims = [each.quantity.unit.dims for each in limits.values()]
        found = self._parsed("measure", dims)
        if found is not None and found.dims is None:
            self._complain(("measure",), "measure: expected a number, got a condition; that stands after `require`")
        elif found is not None and self._asked("measure", found):
            fit = [self._fits(each, found) for each in limits.values()]
            return found if all(fit) else None
        return None

    def _condition(self, field: str, level: str) -> Formula | None:
        """The condition of a field; None where there is none, or where it is none."""
        if field not in self._rule:
            return None
        found = self._parsed(field, ())
        if found is None:
            return None
        if found.dims is not None:
            self._complain((field,), f"{field}: expected a condition, such as `area > 20 px²`, got a number")
        elif level and found.levels != {level}:
            self._complain(
                (field,), f"{field}: expected a condition on measurements of one {level}, got '{found.text}'"
            )
        elif self._asked(field, found):
            return found
        return None

    def _parsed(self, field: str, beside: Any) -> Formula | None:
        text = self._get(field, None)
        if text is None:
            return None
        try:
            return formula(text, self._known, beside)
        except SlipError as slip:
            self._document.complain_at(self._at(field, slip.column), f"{field}: {slip}")
        return None

    def _at(self, field: str, column: int) -> Mark:
        """Where a column of an expression stands in the file; its beginning, where it has several lines."""
        mark = self._document.mark((*self._path, field))
        lines = self._document.lines.get(mark.file, [])
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        begin = line[mark.column - 1 : mark.column]
        if begin in ("|", ">"):
            return mark
        return mark._replace(column=mark.column + column + (begin in ("'", '"')))

    def _asked(self, field: str, found: Formula) -> bool:
        """Whether anything has all that an expression needs."""
        if not found.terms:
            self._complain((field,), f"{field}: expected a measurement, got '{found.text}', which is always the same")
        elif "part" in found.levels and any(t.level == "frame" and t.text != "rate" for t in found.terms.values()):
            names = [next(t.text for t in found.terms.values() if t.level == level) for level in ("part", "frame")]
            self._complain((field,), f"{field}: '{names[0]}' is of a part, '{names[1]}' of a frame: nothing has both")
        else:
            return True
        return False

    def _fits(self, limit: Written, found: Formula) -> bool:
        """Whether a limit has a unit that its measurement can be told in."""
        dims, unit, end = found.dims or ONE, limit.quantity.unit, limit.path[-1]
        term = found.terms.get(found.text.strip())
        named = term is not None and term.measure.name != term.measure.stem
        if unit.name == "%" and found.whole:
            text = f"expected a whole number, got '{limit.text}'"
        elif unit == PLAIN and dims != ONE and not named:
            text = f"expected a number and its unit, such as {limit.text} {base(dims).name}, got '{limit.text}'"
        elif unit != PLAIN and unit.dims != dims:
            text = f"expected {plainly(dims)}, got '{limit.text}': '{found.text}' is {measured_in(dims)}"
        else:
            return True
        self._complain(limit.path, f"{end}: {text}")
        return False

    def _range(self, side: str, limits: dict[tuple[str, str], Written], found: Formula) -> tuple[float, float]:
        low, high = (
            self._base(limits.get((side, end)), found, inf) for end, inf in (("low", -math.inf), ("high", math.inf))
        )
        return low, high

    def _shown(self, side: str, limits: dict[tuple[str, str], Written], unit: Unit) -> Told:
        low, high = (limits.get((side, end)) for end in ("low", "high"))
        return tuple(  # type: ignore[return-value]  # two of them
            each and (float(each.quantity.value) if each.quantity.unit == PLAIN else each.quantity.to(unit))
            for each in (low, high)
        )

    def _base(self, limit: Written | None, found: Formula, otherwise: float) -> float:
        if limit is None:
            return otherwise
        unit = base(found.dims or ONE)
        return float(limit.quantity.value) if limit.quantity.unit == PLAIN else limit.quantity.to(unit)

    def _ordered(
        self, limits: dict[tuple[str, str], Written], fail: tuple[float, float], warn: tuple[float, float]
    ) -> None:
        """Low is below high, and what warns lies within what does not fail."""
        for side, (low, high) in (("fail", fail), ("warn", warn)):
            if low > high:
                most = limits[side, "high"].text
                self._complain(
                    (side, "low"), f"low: expected at most `high`, which is {most}, got {limits[side, 'low'].text}"
                )
        if ("warn", "low") in limits and warn[0] < fail[0]:
            self._complain(("warn", "low"), f"low: below {limits['fail', 'low'].text} it fails already")
        if ("warn", "high") in limits and warn[1] > fail[1]:
            self._complain(("warn", "high"), f"high: above {limits['fail', 'high'].text} it fails already")

    def _guard(self, found: Formula, fail: tuple[float, float]) -> Guard | None:
        """The uncertainty, in a unit that can be held against the limits."""
        said = self._get("uncertainty", None)
        if said is None:
            return None
        known, dims = quantity(said), found.dims
        if known is None or known.value < 0:
            self._complain(
                ("uncertainty",), f"uncertainty: expected a number with its unit, such as 0.1 mm, got '{said}'"
            )
        elif dims is None or fail == (-math.inf, math.inf):
            self._complain(("uncertainty",), "uncertainty: expected `fail` with limits, which it draws in", key=True)
        elif known.unit.name == "%" and not found.whole:
            return Guard(float(known.value) / 100, "value")
        elif known.unit.dims == PX and dims == MM and "pixel_mm" in self._known:
            return Guard(known.to(UNITS["px"]), "pixel")
        elif self._fits(Written(("uncertainty",), said, known), found):
            guard = Guard(self._base(Written((), said, known), found, 0.0), "unit")
            if fail[1] - fail[0] <= 2 * guard.value:
                self._complain(("uncertainty",), f"uncertainty: {said} on both sides leaves nothing between the limits")
            return guard
        return None

    def _place(self) -> tuple[Corners | None, str | None]:
        """The zone and the prompt that a rule is about."""
        name, prompt = self._get("zone", None), self._get("prompt", None)
        if name is None:
            return None, prompt
        zone = self._zones.get(name)
        if zone is None:
            known = hint(name, self._zones) if self._zones else "; the book has no `zones`"
            self._complain(("zone",), f"unknown zone '{name}'{known}")
        if not isinstance(zone, dict) or not isinstance(corners := zone.get("corners"), list):
            return None, prompt
        there = zone.get("prompt")
        if isinstance(there, str) and prompt not in (None, there):
            self._complain(("prompt",), f"prompt: zone '{name}' is in the view of '{there}', got '{prompt}'")
        return tuple(tuple(each) for each in corners if isinstance(each, list)), there if prompt is None else prompt

    def _often(self) -> tuple[int, int]:
        said = self._get("often", None)
        found = re.fullmatch(r"(\d+) of (\d+)", said) if isinstance(said, str) else None
        if found is None:
            return 1, 1
        n, m = int(found[1]), int(found[2])
        if n > m:
            self._complain(("often",), f"often: expected at most as many as there are, got '{said}'")
        return n, m

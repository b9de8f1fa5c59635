"""What an expression of a rule book means: which measurements its names are, and whether their units go together."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nodes.transforms.measures import FUNCTIONS, Level, Measure, stems
from nodes.transforms.quantity import BASES, ONE, Dims, Quantity, base, called
from pipeline.conform import hint

GIVEN = "_q"  # what a number with a unit is called while Python reads the text
PURE: dict[str, Callable[..., float]] = {"abs": abs, "max": max, "min": min}
TAKES = "expected measurements, numbers with units, + - * /, comparisons, and, or, not, " + ", ".join(
    f"{name}(…)" for name in (*FUNCTIONS, *PURE)
)


class SlipError(Exception):
    """A fault of an expression, at a column of it, counted from 0."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(text)
        self.column = column


class Term(NamedTuple):
    """A name in an expression: a measurement as it is, or `total` and the like of it over all regions."""

    measure: Measure
    function: str = ""

    @property
    def level(self) -> Level:
        """What one has it of."""
        return "frame" if self.function else self.measure.level

    @property
    def text(self) -> str:
        """As people write it."""
        return f"{self.function}({self.measure.name})" if self.function else self.measure.name


class Meaning:
    """Walks over an expression once: what it means, in which dimensions, and what it needs."""

    def __init__(
        self,
        known: dict[str, Measure],
        given: Sequence[Quantity],
        places: Sequence[int],
        beside: Iterable[Dims],
        tree: ast.Expression,
    ) -> None:
        self._known, self._given, self._places = known, given, places
        self._ways: dict[type[ast.expr], Callable[[Any], Dims | None]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.Compare: self._compared,
            ast.BoolOp: self._all,
            ast.Call: self._call,
        }
        self._stems = stems(known.values())
        self.terms: dict[str, Term] = {}
        said = [*beside, *(each.unit.dims for each in given), *self._named(tree)]
        self._systems = {BASES[i] for dims in said for i in (0, 1) if dims[i]}

    def dims(self, node: ast.expr) -> Dims | None:
        """What a piece of the expression gives; None for a condition."""
        read = self._ways.get(type(node))
        if read is None:
            raise self.slip(node, TAKES)
        return read(node)

    def given(self, name: str) -> Quantity | None:
        """The quantity that a name stands for."""
        number = name.removeprefix(GIVEN)
        known = name.startswith(GIVEN) and number.isdecimal() and int(number) < len(self._given)
        return self._given[int(number)] if known else None

    def found(self, node: ast.Name) -> Measure:
        """The measurement that a name means."""
        if node.id in self._known:
            return self._known[node.id]
        several = self._stems.get(node.id, [])
        if not several:
            names = [name for each in self._known.values() if each.kind != "truth" for name in (each.stem, each.name)]
            raise self.slip(node, f"unknown measurement '{node.id}'{hint(node.id, names)}")
        meant = [each for each in several if {BASES[i] for i in (0, 1) if each.dims[i]} == self._systems]
        if len(several) > 1 and len(meant) != 1:
            names_ = " or ".join(f"'{each.name}'" for each in several)
            raise self.slip(
                node, f"'{node.id}' is measured in {' and in '.join(base(s.dims).name for s in several)}: say {names_}"
            )
        return meant[0] if len(several) > 1 else several[0]

    def _named(self, tree: ast.Expression) -> Iterator[Dims]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in self._known:
                yield self._known[node.id].dims

    def _constant(self, node: ast.Constant) -> Dims:
        if type(node.value) not in (int, float) or not math.isfinite(node.value):  # type: ignore[arg-type]
            raise self.slip(node, TAKES)
        return ONE

    def _name(self, node: ast.Name) -> Dims | None:
        if (given := self.given(node.id)) is not None:
            return given.unit.dims
        measure = self.found(node)
        self.terms[measure.name] = Term(measure)
        return None if measure.kind == "truth" else measure.dims

    def _unary(self, node: ast.UnaryOp) -> Dims | None:
        if isinstance(node.op, ast.Invert):
            raise self.slip(node, TAKES)
        if isinstance(node.op, ast.Not):
            self._truth(node.operand)
            return None
        return self._number(node.operand)

    def _binary(self, node: ast.BinOp) -> Dims:
        match node.op:
            case ast.Add() | ast.Sub():
                return self._same([node.left, node.right])
            case ast.Mult() | ast.Div():
                sign = 1 if isinstance(node.op, ast.Mult) else -1
                pairs = zip(self._number(node.left), self._number(node.right), strict=True)
                a, b, c, d = (left + sign * right for left, right in pairs)
                return a, b, c, d
            case ast.Mod():
                raise self.slip(node, "`%` is per cent and stands behind a number; there is no remainder")
        raise self.slip(node, TAKES)

    def _compared(self, node: ast.Compare) -> None:
        if not all(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq | ast.NotEq) for op in node.ops):
            raise self.slip(node, TAKES)
        self._same([node.left, *node.comparators])

    def _all(self, node: ast.BoolOp) -> None:
        for each in node.values:
            self._truth(each)

    def _call(self, node: ast.Call) -> Dims:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in (*PURE, *FUNCTIONS) or node.keywords:
            raise self.slip(node, TAKES)
        if name in PURE:
            wanted = "one value" if name == "abs" else "several values"
            if (len(node.args) == 1) != (name == "abs") or not node.args:
                raise self.slip(node, f"{name}(…): expected {wanted}, got {len(node.args)}")
            return self._same(node.args)
        only = node.args[0] if len(node.args) == 1 else node
        measure = self.found(only) if isinstance(only, ast.Name) and self.given(only.id) is None else None
        if measure is None or measure.level != "region" or measure.kind == "truth":
            raise self.slip(only, f"{name}(…): expected one measurement of regions, such as {name}(area)")
        self.terms[f"{name}_{measure.name}"] = Term(measure, name)
        return measure.dims

    def _number(self, node: ast.expr) -> Dims:
        if (dims := self.dims(node)) is None:
            raise self.slip(node, "expected a number, got a condition")
        return dims

    def _truth(self, node: ast.expr) -> None:
        if (dims := self.dims(node)) is not None:
            raise self.slip(node, f"expected a condition, got a number ({called(dims)}): compare it with something")

    def _same(self, nodes: Sequence[ast.expr]) -> Dims:
        first = self._number(nodes[0])
        for node in nodes[1:]:
            if (dims := self._number(node)) != first:
                raise self.slip(node, f"expected {_in(first)}, got {_in(dims)}: units do not go together")
        return first

    def slip(self, node: ast.AST, text: str) -> SlipError:
        """The fault, at the place of a piece of the expression."""
        return SlipError(self._places[min(getattr(node, "col_offset", 0), len(self._places) - 1)], text)


def _in(dims: Dims) -> str:
    return base(dims).name if dims != ONE else "a plain number"

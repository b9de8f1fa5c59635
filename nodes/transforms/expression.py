"""Expressions of a rule book: `length / width < 3 and area > 20 mm²`, checked when the book is read.

Python's own parser reads them, one walk over its tree decides names, units and levels and knows the column of every
fault, `evalidate` holds the tree against its list of harmless nodes once more and compiles it: a compiled expression
costs half a microsecond. Engines with a language of their own (CEL, rule-engine) cost 20 times that and 11 to 31 MB.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from nodes.transforms.meaning import GIVEN, PURE, Meaning, SlipError, Term
from nodes.transforms.measures import FUNCTIONS, Level, Measure
from nodes.transforms.quantity import NUMBER, UNITS, Dims, Quantity, base, quantity

LONGEST = 500  # characters; so nothing can be nested deeper than it can be walked
HARMLESS = [
    *("Expression", "Constant", "Name", "Load", "Call", "BinOp", "Add", "Sub", "Mult", "Div", "UnaryOp", "USub"),
    *("UAdd", "Not", "BoolOp", "And", "Or", "Compare", "Lt", "LtE", "Gt", "GtE", "Eq", "NotEq"),
]
_NAMES = "|".join(sorted((re.escape(name) for name in UNITS), key=len, reverse=True))
_WITH_UNIT = re.compile(
    rf"(?<![\w.])({NUMBER.removeprefix('[+-]?')})\s*({_NAMES}|[uμ]m[2²]?|(?:mm|cm|px|m)(?:\^?2)|deg)(?![\w²^])"
)


class Formula(NamedTuple):
    """An expression that can be evaluated.

    Attributes:
        text: As it stands in the book.
        dims: What kind of number it gives; None where it is a condition.
        terms: The measurements in it, by their names there.
        whole: A whole number without unit: it has no per cent.
        alone: One of its terms as it is.
        run: Its value, from those of its terms in base units.
    """

    text: str
    dims: Dims | None
    terms: dict[str, Term]
    whole: bool
    alone: bool
    run: Callable[[dict[str, float]], float]

    @property
    def levels(self) -> frozenset[Level]:
        """What it must be asked of."""
        return frozenset(term.level for term in self.terms.values())


def formula(text: str, known: dict[str, Measure], beside: Iterable[Dims] = ()) -> Formula:
    """Read an expression.

    Args:
        text: The expression.
        known: What can be measured, by full name.
        beside: Dimensions of the limits it is held against: they say which unit of a name is meant.

    Raises:
        SlipError: If it is none, or its units do not go together.
    """
    if len(text) > LONGEST:
        raise SlipError(0, f"expected at most {LONGEST} characters, got {len(text)}")
    try:
        return _read(text, known, beside)
    except (MemoryError, RecursionError):
        raise SlipError(0, "not an expression: nested too deeply") from None


def _read(text: str, known: dict[str, Measure], beside: Iterable[Dims]) -> Formula:
    plain, given, places = _without_units(text)
    tree = _parsed(plain, places)
    reader = Meaning(known, given, places, beside, tree)
    dims = reader.dims(tree.body)
    whole = isinstance(tree.body, ast.Name) and all(t.measure.kind == "count" for t in reader.terms.values())
    full = _Rewriter(reader).visit(tree)
    return Formula(text, dims, reader.terms, whole, isinstance(full.body, ast.Name), _compiled(full))


def _without_units(text: str) -> tuple[str, list[Quantity], list[int]]:
    """The text as Python can read it, the quantities that stood in it, and where each character stood."""
    given: list[Quantity] = []
    plain, places, at = "", [], 0
    for found in _WITH_UNIT.finditer(text):
        name = f"{GIVEN}{len(given)}"
        known = quantity(found[0])
        assert known is not None
        given.append(known)
        plain += text[at : found.start()] + name
        places += [*range(at, found.start()), *[found.start()] * len(name)]
        at = found.end()
    plain += text[at:]
    return "".join(" " if c.isspace() else c for c in plain), given, [*places, *range(at, len(text) + 1)]


def _parsed(plain: str, places: list[int]) -> ast.Expression:
    for column, letter in enumerate(plain):
        if not letter.isascii():
            raise SlipError(places[column], f"expected an expression, got '{letter}'")
    lead = len(plain) - len(plain.lstrip())
    try:
        tree = ast.parse(plain.lstrip(), mode="eval")
    except SyntaxError as error:
        column = min((error.offset or len(plain) + 1) - 1 + lead, len(places) - 1)
        raise SlipError(places[column], f"not an expression: {error.msg}") from None
    except ValueError as error:
        raise SlipError(0, f"not an expression: {error}") from None
    del places[:lead]
    return tree


def _compiled(tree: ast.Expression) -> Callable[[dict[str, float]], float]:
    if isinstance(tree.body, ast.Name):
        name = tree.body.id
        return lambda values: values[name]
    code = _checked(tree)
    return lambda values: float(eval(code, _nothing(), values))  # noqa: S307 - two lists of harmless nodes passed it


def _checked(tree: ast.Expression) -> Any:
    from evalidate import EvalException, Expr

    try:
        return Expr(ast.unparse(tree), _model()).code
    except EvalException as error:
        raise SlipError(0, f"not an expression: {error}") from None


@cache
def _model() -> Any:
    from evalidate import EvalModel

    return EvalModel(nodes=HARMLESS, allowed_functions=[*PURE])


@cache
def _nothing() -> dict[str, Any]:
    return {"__builtins__": {}, **PURE}


class _Rewriter(ast.NodeTransformer):
    """Puts numbers where quantities stood, and the full name where a short one stood."""

    def __init__(self, reader: Meaning) -> None:
        self._reader = reader

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A quantity or a measurement."""
        if (given := self._reader.given(node.id)) is not None:
            return ast.Constant(given.to(base(given.unit.dims)))
        return ast.Name(self._reader.found(node).name, ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`total(area)` is a name of its own; `abs(…)` stays a call."""
        assert isinstance(node.func, ast.Name)
        if node.func.id in FUNCTIONS:
            assert isinstance(node.args[0], ast.Name)
            return ast.Name(f"{node.func.id}_{self._reader.found(node.args[0]).name}", ast.Load())
        return ast.Call(node.func, [self.visit(each) for each in node.args], [])

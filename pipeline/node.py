"""Turn a plain function into a node: its signature is its manifest.

Before the star stands the inbox, after the star stand the parameters.

| first argument                        | returns                              | it is |
|---|---|---|
| none (may ask for `camera`, `session`, `clock`) | `Iterator[Out]`            | source |
| `In`                                  | `Out` · `Out | None` · `Iterator[Out]` | map · filter · flat-map |
| `Iterator[In]`                        | `Iterator[Out]`                      | stateful transform |
| `Iterator[In]` or `Iterator[list[In]]` | `None`                              | sink; `list` asks for micro-batches |
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections import abc
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from pipeline.clock import Clock
from pipeline.errors import NodeError
from pipeline.records import Image, Record

F = TypeVar("F", bound=Callable[..., Any])
Shape = Literal["source", "map", "stream"]

SEAT = {"camera": str, "session": str, "clock": Clock}


class Batch(msgspec.Struct, frozen=True):
    """When a micro-batch closes: at `records` or after `seconds`, whichever comes first."""

    records: int = 256
    seconds: float = 1.0


class Flaw(NamedTuple):
    """Why a node cannot run with the parameters it is given.

    Attributes:
        path: Where in them it stands: `("prompts", "rim", "size")`.
        text: What was expected, what was found, and what to do.
    """

    path: tuple[str | int, ...]
    text: str


class Mention(NamedTuple):
    """A prompt that parameters speak of.

    Attributes:
        prompt: Its name.
        path: Where in them it stands, or the file that speaks of it.
        mark: Where in that file: its name, line and column, from 1.
    """

    prompt: str
    path: tuple[str | int, ...]
    mark: tuple[str, int, int] | None = None


class Need(NamedTuple):
    """Something that a node before must give, or all that it says is that it was not there.

    Attributes:
        what: As that node calls it among its offers.
        path: Where in the parameters it is asked for, or the file that asks for it.
        text: What was expected, and what to do.
        mark: Where in that file: its name, line and column, from 1.
    """

    what: str
    path: tuple[str | int, ...]
    text: str
    mark: tuple[str, int, int] | None = None


Check = Callable[[Any], abc.Iterable[Flaw]]
Prompts = Callable[[Any], abc.Iterable[str]]
Mentions = Callable[[Any], abc.Iterable[Mention]]
Needs = Callable[[Any], abc.Iterable[Need]]
Offers = Callable[[Any], abc.Iterable[str]]
Lacks = Callable[[Any, abc.Collection[str]], abc.Iterable[Mention]]
Tells = Callable[[Any], abc.Iterable[str]]


class Spec(msgspec.Struct, frozen=True):
    """What a node takes, gives and can be told; read off its signature.

    Attributes:
        name: Name in topologies.
        fn: The function itself, unchanged.
        takes: Record types of its inbox; empty for a source.
        gives: Record types it yields; empty for a sink.
        params: A frozen struct of its parameters; unknown fields are refused.
        shape: `source`, `map` (called once per record) or `stream` (fed an iterator).
        batch: When micro-batches close, for an inbox of lists.
        per: `camera` where each camera needs a run of its own: local variables are its state.
        live: A source that cannot be made to wait: frames it may not hand over are lost.
        commits: A sink that is done with a record only after it has kept it: what is on its way to it must not be lost.
        passing: Record types among those that it takes of which this is not so.
        seat: Which of `camera`, `session`, `clock` a source asks for.
        check: Says what types cannot: why its parameters, each legal by itself, cannot be together.
        tells: What follows from its parameters, in lines that people read in the plan.
        prompts: Of a source: the prompts that its frames carry; None where nobody knows them before it runs.
        mentions: Prompts that its parameters speak of, and that a source before it must have.
        lacks: Prompts of its cameras that its parameters must speak of, and do not.
        needs: What a node before it must offer.
        offers: What it gives that is not always there; of a source that does not say, anything may be.
        itself: What it must take from its giver itself, where a node before it gives that; and what is amiss without.
    """

    name: str
    fn: Callable[..., Any]
    takes: frozenset[type[Record]]
    gives: frozenset[type[Record]]
    params: type[msgspec.Struct]
    shape: Shape
    batch: Batch | None
    per: Literal["camera"] | None
    live: bool
    commits: bool
    seat: tuple[str, ...]
    passing: frozenset[type[Record]] = frozenset()
    check: Check | None = None
    tells: Tells | None = None
    prompts: Prompts | None = None
    mentions: Mentions | None = None
    lacks: Lacks | None = None
    needs: Needs | None = None
    offers: Offers | None = None
    itself: tuple[type[Record], str] | None = None

    @property
    def kind(self) -> Literal["source", "transform", "sink"]:
        """What it is to a topology."""
        if self.shape == "source":
            return "source"
        return "transform" if self.gives else "sink"

    @property
    def watched(self) -> tuple[str, ...]:
        """Parameters that name a file which it watches itself: when that changes, nothing needs to begin anew."""
        fields = msgspec.structs.fields(self.params)
        return tuple(field.name for field in fields if any(map(_watched, typing.get_args(field.type))))

    @property
    def doc(self) -> dict[str, str]:
        """The docstring: its text under `""`, then one sentence per parameter."""
        return sentences(self.fn, "Args")


def sentences(documented: object, section: str) -> dict[str, str]:
    """A docstring: its text under `""`, then what a section of it, such as `Args`, says of each name."""
    body, _, listed = (inspect.getdoc(documented) or "").partition(f"\n{section}:\n")
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", listed, re.MULTILINE)
    return {"": body.strip()} | {name: re.sub(r"\s+", " ", said) for name, said in found}


def node(
    *,
    per: Literal["camera"] | None = None,
    live: bool = False,
    batch: Batch | None = None,
    commits: bool = True,
    passing: abc.Collection[type[Record]] = (),
    check: Check | None = None,
    tells: Tells | None = None,
    prompts: Prompts | None = None,
    mentions: Mentions | None = None,
    lacks: Lacks | None = None,
    needs: Needs | None = None,
    offers: Offers | None = None,
    itself: tuple[type[Record], str] | None = None,
) -> Callable[[F], F]:
    """Mark a function as a node and return it unchanged.

    Args:
        per: One run per camera; a sink with `per` is light enough for the camera's own lane.
        live: For a source that cannot wait.
        batch: For an inbox of lists; the default closes at 256 records or 1 s.
        commits: For a sink that takes lists: whether it keeps them. Edges to one that does not may drop.
        passing: For a sink that commits: types of records that it only passes on. Edges that carry no others may drop.
        check: Called by `kensa check` with the parameters of each camera; every flaw is told at its place in the file.
        tells: Called by `kensa plan` with the parameters of each camera; its lines stand below the node.
        prompts: Called by `kensa check` with the parameters of each camera of a source: what its prompts are called.
        mentions: Called likewise: which prompts they speak of; one that no source before it has is told at its place.
        lacks: Called by `kensa check` likewise, with the prompts that its cameras have: of which of them its parameters
            should speak and do not, and where they would. Without them nothing can be said of what is seen there.
        needs: Called by `kensa check` likewise: what a node before it must offer; what none does is told at its place.
        offers: Called by `kensa check` likewise: what it gives that is not always there.
        itself: Records that must not come by hearsay alone, and what is amiss where they do.

    Raises:
        NodeError: If the signature is not a node's.
    """

    def mark(fn: F) -> F:
        spec = read(fn, per=per, live=live, batch=batch, commits=commits)
        more: dict[str, Any] = {"check": check, "tells": tells, "prompts": prompts, "mentions": mentions}
        more |= {"lacks": lacks, "needs": needs, "offers": offers, "passing": frozenset(passing), "itself": itself}
        fn.spec = msgspec.structs.replace(spec, **more)  # type: ignore[attr-defined]
        return fn

    return mark


def read(
    fn: Callable[..., Any],
    *,
    per: Literal["camera"] | None = None,
    live: bool = False,
    batch: Batch | None = None,
    commits: bool = True,
) -> Spec:
    """Read a node's spec off its signature.

    Raises:
        NodeError: If the signature has two inboxes, an unannotated parameter,
            or something other than a record in its inbox or outbox.
    """
    parameters = _annotated(fn)
    before = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    after = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    gives, _, _ = _unpack(fn, _returns(fn))
    spec = partial(Spec, name=fn.__name__, fn=fn, gives=gives, params=_struct(fn, after), per=per, live=live)
    if all(p.name in SEAT for p in before):
        seat = tuple(p.name for p in before)
        return _private(spec(takes=frozenset(), shape="source", batch=None, commits=False, seat=seat))
    if len(before) != 1:
        raise NodeError(
            f"{fn.__name__}: expected one inbox before the star, found {len(before)}; put parameters after `*`"
        )
    takes, streams, batched = _unpack(fn, before[0].annotation)
    closes = (batch or Batch()) if batched else None
    keeps = commits and batched and not gives
    return _private(spec(takes=takes, shape="stream" if streams else "map", batch=closes, commits=keeps, seat=()))


def _watched(meta: object) -> bool:
    return isinstance(meta, msgspec.Meta) and bool((meta.extra or {}).get("watched"))


def _private(spec: Spec) -> Spec:
    """A node that cannot give pictures where nobody asked for them."""
    if Image not in spec.gives:
        return spec
    if spec.shape != "source" and Image not in spec.takes:
        raise NodeError(f"{spec.name}: gives Image and takes none: expected pictures from a source alone")
    switch = next((field for field in msgspec.structs.fields(spec.params) if field.name == "images"), None)
    if spec.shape == "source" and (switch is None or switch.type is not bool or switch.default is not False):
        raise NodeError(f"{spec.name}: gives Image, so expected the parameter `images: bool = False` after the star")
    return spec


def _annotated(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    found = [*inspect.signature(fn, eval_str=True).parameters.values()]
    for p in found:
        if p.annotation is p.empty:
            raise NodeError(
                f"{fn.__name__}: parameter '{p.name}' has no annotation; a node's signature is its manifest"
            )
    return found


def _returns(fn: Callable[..., Any]) -> Any:
    annotation = inspect.signature(fn, eval_str=True).return_annotation
    if annotation is inspect.Signature.empty:
        raise NodeError(f"{fn.__name__}: no return annotation; a sink returns None")
    return annotation


def _struct(fn: Callable[..., Any], after: list[inspect.Parameter]) -> type[msgspec.Struct]:
    fields = [(p.name, p.annotation) if p.default is p.empty else (p.name, p.annotation, p.default) for p in after]
    return msgspec.defstruct(fn.__name__, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def _unpack(fn: Callable[..., Any], annotation: Any) -> tuple[frozenset[type[Record]], bool, bool]:
    """Split an annotation into its records, and whether they come streamed and batched."""
    if annotation is None or annotation is types.NoneType:
        return frozenset(), False, False
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (abc.Iterator, abc.Iterable, abc.Generator):
        records, _, batched = _unpack(fn, args[0])
        return records, True, batched
    if origin is list:
        return _unpack(fn, args[0])[0], False, True
    if origin in (types.UnionType, typing.Union):
        kinds = [_unpack(fn, a)[0] for a in args if a is not types.NoneType]
        return frozenset[type[Record]]().union(*kinds), False, False
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return frozenset({annotation}), False, False
    raise NodeError(f"{fn.__name__}: expected a record type in inbox and outbox, found {annotation!r}")

"""What a node asks of those before it: prompts that it speaks of, or should speak of, and what they must offer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.checking.draft import Draft
from pipeline.checking.variants import at, params
from pipeline.faults import Mark, listed, meant
from pipeline.node import Mention, Spec
from pipeline.records import Record

OF_SOURCES = {"encoder"}  # what only sources offer


def prompts(draft: Draft) -> None:
    """A prompt that parameters speak of is one that a source before them has, where those are known."""
    for name, spec in draft.specs.items():
        if spec.mentions is None or (known := _prompts(draft, name)) is None:
            continue
        for camera, given in params(draft, name):
            for said in spec.mentions(given):
                if said.prompt not in known:
                    near = meant(said.prompt, known) or f"; there {_are(sorted(known - {''}))}"
                    text = f"no camera before '{name}' has the prompt '{said.prompt}'{near}"
                    path = (*at(draft, name, camera, said.path), *said.path)
                    draft.document.complain_at(Mark(*said.mark) if said.mark else draft.document.mark(path), text)


def lacking(draft: Draft) -> None:
    """Parameters speak of every prompt that a camera has, where they must."""
    for name, spec in draft.specs.items():
        for variant, given in params(draft, name) if spec.lacks else ():
            if _misspelt(draft, name, spec, given):
                continue
            rows = draft.rows[name]
            cameras = [variant] if variant else [each for each in draft.cameras if each not in rows]
            told = set[str]()
            for camera in cameras:
                known = (_prompts(draft, name, camera) or set()) - told
                for said in spec.lacks(given, known) if spec.lacks and known else ():
                    told.add(said.prompt)
                    _lack(draft, name, variant, camera, said)


def offered(draft: Draft) -> None:
    """What a node needs is offered before it, as far as every source says what it offers."""
    for name, spec in draft.specs.items():
        for variant, given in params(draft, name) if spec.needs else ():
            for need in spec.needs(given) if spec.needs else ():
                if not any(_offers(draft, node, need.what) for node in _before(draft, name)):
                    path = (*at(draft, name, variant, need.path), *need.path)
                    mark = Mark(*need.mark) if need.mark else draft.document.mark(path)
                    draft.document.complain_at(mark, need.text)


def itself(draft: Draft) -> None:
    """What a node must take from its giver itself it does take from there, where a node before it gives that."""
    for name, spec in draft.specs.items():
        kind, amiss = spec.itself or (None, "")
        feeds = draft.inputs(name)
        givers = [node for node in _before(draft, name) if kind in _gives(draft, node)]
        if kind and givers and not {*feeds} & {*givers}:
            text = f"'{name}' hears only from {listed(feeds)} what '{givers[0]}' gives, {kind.__name__}: {amiss}"
            fix = f"expected `from: [{', '.join([givers[0], *feeds])}]`"
            draft.complain(("nodes", name, "from"), f"{text}; {fix}")


def _gives(draft: Draft, name: str) -> frozenset[type[Record]]:
    return draft.specs[name].gives if name in draft.specs else frozenset()


def _offers(draft: Draft, name: str, what: str) -> bool:
    """Whether a node may give something, with the parameters of any camera; one that could not be read may."""
    spec = draft.specs.get(name)
    if spec is None:
        return True
    if spec.offers is None:
        return spec.kind == "source" and what in OF_SOURCES
    told = [given for _, given in params(draft, name)]
    return not told or any(what in spec.offers(given) for given in told)


def _before(draft: Draft, name: str) -> Iterator[str]:
    """Every node that a node's records come from, those that nobody knows too."""
    seen, ways = {name}, [*draft.inputs(name)]
    while ways:
        if (node := ways.pop()) not in seen:
            seen.add(node)
            ways += draft.inputs(node) if node in draft.specs else []
            yield node


def _misspelt(draft: Draft, name: str, spec: Spec, given: Any) -> bool:
    """Whether parameters speak of a prompt that no camera has: that is told, and most likely is the one that lacks."""
    known = _prompts(draft, name) or set()
    return spec.mentions is not None and any(said.prompt not in known for said in spec.mentions(given))


def _lack(draft: Draft, name: str, variant: str, camera: str, said: Mention) -> None:
    what = f"the prompt '{said.prompt}'" if said.prompt else "the whole view"
    path = (*at(draft, name, variant, said.path), *said.path)
    text = f"'{name}' has nothing for {what} of '{camera}': what is seen there would be NO_READ; add it, or '*'"
    draft.document.complain_at(Mark(*said.mark) if said.mark else draft.document.mark(path), text)


def _prompts(draft: Draft, name: str, camera: str = "") -> set[str] | None:
    """The prompts of every source that a node's records come from; None where one of them does not say.

    Args:
        draft: The topology.
        name: The node.
        camera: Of this camera alone; of all where it is left out.
    """
    found = set[str]()
    for node in _before(draft, name):
        spec = draft.specs.get(node)
        if spec is None or spec.kind != "source":
            continue
        if spec.prompts is None:
            return None
        own = camera if camera in draft.rows[node] else ""
        for variant, given in params(draft, node):
            if not camera or variant == own:
                found.update(spec.prompts(given))
    return found or None


def _are(names: list[str]) -> str:
    return f"are {listed(names)}" if names else "is none"

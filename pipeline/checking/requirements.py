"""What a topology must keep so that it can run: each requirement looks at a draft and notes its faults."""

from __future__ import annotations

import graphlib
from collections.abc import Callable
from typing import get_args, get_origin

import msgspec

from pipeline import words
from pipeline.checking.draft import Draft, kinds
from pipeline.checking.upstream import itself, lacking, offered, prompts
from pipeline.checking.variants import at, params
from pipeline.faults import meant
from pipeline.node import Spec
from pipeline.records import Image

Requirement = Callable[[Draft], None]


def hosts(draft: Draft) -> None:
    """There are hosts with cameras, and other hosts can tell them apart."""
    if not draft.named("hosts"):
        draft.complain(("hosts",), "no hosts: expected `hosts: {NAME: {cameras: [cam-1, …]}}`", key=True)
    elif draft.hosts and not any(draft.raw("hosts", name).get("cameras") for name in draft.hosts):
        draft.complain(("hosts",), "no cameras: expected `cameras: [cam-1, …]` on at least one host", key=True)
    places: dict[tuple[str, int], str] = {}
    for name, host in draft.hosts.items():
        first = places.setdefault((host.address, host.port), name)
        if first != name:
            text = f"'{name}' has the address of '{first}', {host.address}: expected another address or another `port`"
            draft.complain(("hosts", name, "address"), text)


def wiring(draft: Draft) -> None:
    """Each camera is wired to one host, and the camera table names only such cameras."""
    seen: dict[str, str] = {}
    for name, host in draft.hosts.items():
        for place, camera in enumerate(host.cameras):
            if camera in seen:
                again = "named twice" if seen[camera] == name else f"on '{seen[camera]}' already"
                draft.complain(
                    ("hosts", name, "cameras", place), f"camera '{camera}' is {again}; it is wired to one host"
                )
            seen.setdefault(camera, name)
    for camera in draft.table:
        if camera not in seen:
            text = f"camera '{camera}' has no host{meant(camera, seen) or '; add it to the `cameras` of one'}"
            draft.complain(("cameras", camera), text, key=True)


def nodes(draft: Draft) -> None:
    """There are nodes, a source among them."""
    if not draft.named("nodes"):
        draft.complain(("nodes",), "no nodes: expected `nodes: {NAME: {use: …, from: …}}`", key=True)
    known = draft.specs.values()
    if known and len(known) == len(draft.entries) and not any(spec.kind == "source" for spec in known):
        draft.complain(
            ("nodes",), "no source: expected at least one node that takes nothing, such as `synthetic`", key=True
        )


def inputs(draft: Draft) -> None:
    """Each node has the inputs it needs, and none that it cannot have."""
    for name, spec in draft.specs.items():
        raw = draft.raw("nodes", name)
        if spec.kind == "source" and "from" in raw:
            draft.complain(
                ("nodes", name, "from"), f"'{name}' is a source: it takes nothing, so remove `from`", key=True
            )
        elif spec.kind != "source" and not raw.get("from"):
            draft.complain(("nodes", name), f"'{name}' takes {kinds(spec.takes)}: expected `from: NODE`", key=True)
    for name in draft.entries:
        _known_feeds(draft, name)


def _known_feeds(draft: Draft, name: str) -> None:
    seen: set[str] = set()
    for feed, path in draft.feeds(name):
        if feed not in draft.named("nodes"):
            draft.complain(path, f"no node called '{feed}' in this topology{meant(feed, draft.entries)}")
        elif feed in seen:
            draft.complain(path, f"'{feed}' feeds '{name}' twice")
        seen.add(feed)


def types(draft: Draft) -> None:
    """What one node gives, the next one takes."""
    for name, spec in draft.specs.items():
        for feed, path in draft.feeds(name):
            before = draft.specs.get(feed)
            if before and spec.kind != "source" and not before.gives & spec.takes:
                draft.complain(path, f"'{feed}' gives {kinds(before.gives)}, but '{name}' takes {kinds(spec.takes)}")


def circles(draft: Draft) -> None:
    """Records flow one way."""
    feeds = {name: draft.inputs(name) for name in draft.entries}
    while True:
        try:
            return graphlib.TopologicalSorter(feeds).prepare()
        except graphlib.CycleError as error:
            circle = [str(name) for name in error.args[1]]
        first = min(circle, key=[*feeds].index)
        turn = circle.index(first)
        round_ = [*circle[turn:-1], *circle[:turn], first]
        path = next(path for feed, path in draft.feeds(round_[1]) if feed == first)
        draft.complain(path, f"expected records to flow one way, got the circle {' → '.join(round_)}")
        feeds[round_[1]] = [feed for feed in feeds[round_[1]] if feed != first]


def places(draft: Draft) -> None:
    """Each node runs somewhere."""
    for name, entry in draft.entries.items():
        if entry.at is None:
            continue
        path = ("nodes", name, "at")
        spec = draft.specs.get(name)
        if entry.at not in draft.named("hosts"):
            draft.complain(path, f"no host called '{entry.at}'{meant(entry.at, draft.hosts)}")
        elif spec and spec.kind == "source" and entry.at in draft.hosts and not draft.hosts[entry.at].cameras:
            text = f"'{name}' runs nowhere, and nobody feeds what follows it: host '{entry.at}' has no cameras"
            draft.complain(path, text)


def parameters(draft: Draft) -> None:
    """What has no default is given."""
    for name, spec in draft.specs.items():
        for field in msgspec.structs.fields(spec.params):
            if field.required and not _given(draft, name, field.encode_name):
                text = f"'{name}' needs `{field.encode_name}`: expected {words.wanted(field.type)} under `with`"
                draft.complain(("nodes", name), text, key=True)


def together(draft: Draft) -> None:
    """A node can run with the parameters that each camera gives it, as far as all of them could be read."""
    for name, spec in draft.specs.items():
        for camera, given in params(draft, name) if spec.check else ():
            for flaw in spec.check(given) if spec.check else ():
                draft.complain((*at(draft, name, camera, flaw.path), *flaw.path), flaw.text)


def cameras(draft: Draft) -> None:
    """What a node is told camera by camera is about cameras that there are: keys whose `Meta.extra` has `camera`."""
    for name, spec in draft.specs.items():
        for field in msgspec.structs.fields(spec.params):
            by_camera = get_origin(field.type) is dict and words.asked(get_args(field.type)[0]).get("camera")
            for camera in draft.params[name].get(field.encode_name, ()) if by_camera else ():
                if camera not in draft.cameras:
                    path = ("nodes", name, "with", field.encode_name, camera)
                    draft.complain(
                        path, f"no camera called '{camera}' on any host{meant(camera, draft.cameras)}", key=True
                    )


def private(draft: Draft) -> None:
    """Pictures are asked for at each camera that may give them, so that nobody asks for more than he knows of."""
    for name, spec in draft.specs.items():
        if Image in spec.gives and spec.kind == "source" and draft.params[name].get("images") is True:
            text = (
                f"'{name}' serves every camera: expected `images: true` at those whose pictures may leave their "
                f"source, as in `cameras: {{{next(iter(draft.cameras), 'cam-1')}: {{{name}: {{images: true}}}}}}`"
            )
            draft.complain(("nodes", name, "with", "images"), text)


def _given(draft: Draft, name: str, param: str) -> bool:
    """Whether a parameter is given to all cameras, or to each of them."""
    rows = [draft.table.get(camera, {}).get(name) for camera in draft.cameras]
    by_camera = bool(rows) and all(isinstance(row, dict) and param in row for row in rows)
    raw = draft.raw("nodes", name).get("with", {})
    return by_camera or not isinstance(raw, dict) or param in raw


def table(draft: Draft) -> None:
    """The camera table speaks of nodes that run per camera."""
    for camera, row in draft.table.items():
        for name in row:
            path = ("cameras", camera, name)
            spec = draft.specs.get(name)
            if name not in draft.named("nodes"):
                draft.complain(path, f"no node called '{name}' in this topology{meant(name, draft.entries)}", key=True)
            elif spec and shared(spec):
                draft.complain(
                    path, f"'{name}' sees all cameras at once: it cannot have parameters for '{camera}'", key=True
                )


def shared(spec: Spec) -> bool:
    """Whether one run of a node serves all cameras."""
    return spec.kind != "source" and spec.per is None and (spec.shape == "stream" or spec.kind == "sink")


def queues(draft: Draft) -> None:
    """Each queue has a policy there is, and stands where a queue can be."""
    for name, entry in draft.entries.items():
        path = ("nodes", name, "queue")
        spec = draft.specs.get(name)
        for word in ("spool", "survives"):
            if getattr(entry.queue, word) is not None and entry.queue.policy not in (None, "spool"):
                text = f"'{entry.queue.policy}' uses no disk: expected 'spool', or leave `{word}` out"
                draft.complain((*path, word), text, key=True)
        if entry.queue.policy == "latest" and entry.queue.messages is not None:
            text = "'latest' keeps one record per camera: leave `messages` out"
            draft.complain((*path, "messages"), text)
        if spec and spec.kind == "source":
            for word in ("queue", "isolate"):
                if word in draft.raw("nodes", name):
                    draft.complain(("nodes", name, word), f"'{name}' is a source: {SOURCE[word]}", key=True)


SOURCE = {
    "queue": "nothing waits in front of it; write `queue` on the node that takes from it",
    "isolate": "it runs in its camera's own lane; write `isolate` on the node that takes from it",
}

GRAPH: tuple[Requirement, ...] = (hosts, wiring, nodes, inputs, types, circles, places)
SAID: tuple[Requirement, ...] = (parameters, table, queues, together, cameras, private)
WORDS: tuple[Requirement, ...] = (*SAID, prompts, lacking, offered, itself)

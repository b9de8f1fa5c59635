"""What may leave a node: the kinds of its signature, and of these no picture where the topology does not ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from pipeline.errors import NodeError
from pipeline.node import Spec
from pipeline.plan import NodeRun
from pipeline.records import Image, Record


def veiled(spec: Spec, run: NodeRun, cameras: Sequence[str]) -> Spec:
    """A source as its lane may run it: unless the topology says `images: true` at its camera, it gives no pictures.

    This is the one door: behind it are the nodes of the lane, its edges, the recorder and whoever taps.
    """
    if spec.shape != "source" or Image not in spec.gives or (cameras and all(map(run.images, cameras))):
        return spec
    return replace(spec, gives=spec.gives - {Image})


def undeclared(node: str, kind: type, gives: Iterable[type[Record]]) -> NodeError:
    """A record that its node may not give."""
    known = " or ".join(sorted(each.__name__ for each in gives)) or "nothing"
    why = ": no picture leaves a source unless the topology says `images: true` at its camera" * (kind is Image)
    return NodeError(f"node '{node}' gave {kind.__name__}, expected {known}{why}")

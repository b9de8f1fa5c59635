"""From a node's spec to the step that runs it."""

from __future__ import annotations

from pipeline.node import Spec
from pipeline.plan import NodeRun
from pipeline.runtime.batches import Batches
from pipeline.runtime.step import Calls, Map, Step, Stream
from pipeline.runtime.turn import Turn


def build(run: NodeRun, spec: Spec, turn: Turn) -> Step:
    """The step that runs one node of a lane; for a source see `begin` in `pipeline.runtime.step`."""
    calls = Calls(run, spec)
    if spec.shape == "map":
        return Map(run.node, calls, spec.gives)
    if spec.batch is not None:
        return Batches(run.node, calls, per=spec.per is not None, batch=spec.batch, turn=turn)
    return Stream(run.node, calls, per=spec.per is not None)

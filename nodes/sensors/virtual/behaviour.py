"""How a virtual IMX500 behaves: its pace, and every fault of a real one as a switch that is off."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from nodes.sensors.orientation import Turned

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0)]


class Behaviour(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a virtual sensor does like a real one, and what it does wrong.

    Frames are counted from 1 at each start.

    Attributes:
        dnn_ms: How long the network runs; longer than a frame, and only some frames have an inference.
        dsp_ms: How long what comes after it runs.
        jitter_ms: Standard deviation of the first.
        noise: Standard deviation of a pixel, of 255.
        cold_s: How long a network goes up that the bridge has not yet stored: minutes on a real one.
        warm_s: How long one goes up that it has: seconds on a real one.
        buffers: Frames that wait for the host; it loses the rest.
        repeats: After this many inferences of a crop they come again, and nothing is computed: for load, not for
            truth; 0 is never.
        late_every: Each frame with a multiple of this number has no inference; 0 is none.
        blind: Frames after a start that have none.
        ae_settle: Frames until exposure and white balance have settled.
        gap_every: After each such number of frames some never arrive; 0 is none.
        gap: How many those are.
        stall_after: After this frame the sensor stands still; 0 is never.
        stall_s: For how long; 0 is until it is started anew.
        settle: Frames after a change of ROI that still show the old one.
        torn: Whether the frame after those has the new corner and the old size.
        counts: What `frameCount` counts; nobody has measured a real one.
        count_from: The first frame's number; after 255 comes 0.
        bits: Of an output's numbers; 0 is as the network says.
        layout: Bytes of the output's description: 708 before libcamera 0.6, which then has no `frameCount`.
        turned: How the mask lies: in one of eight ways.
        lens_s: The lens is turned through its focus and back in so many seconds; only the figure of merit says so. 0
            leaves it sharp.
        busy: Whether somebody else streams from it, so that it takes no network.
        forgets_s: After how many seconds without a stream it forgets its network, as older kernels do; 0 is never.
        missing: What is not there: the camera's node, or any camera at all.
        dies_after: How often the bridge can be opened before the host must be rebooted; 0 is always.
        cold_c: Temperature at the start.
        warm_c: Temperature in the end.
        warming_s: After this time two thirds of the way are done.
    """

    dnn_ms: Share = 14.3
    dsp_ms: Share = 1.2
    jitter_ms: Share = 0.05
    noise: Share = 2.0
    cold_s: Share = 0.0
    warm_s: Share = 0.0
    buffers: Annotated[int, Meta(ge=1)] = 12
    repeats: Count = 0
    late_every: Count = 0
    blind: Count = 0
    ae_settle: Count = 20
    gap_every: Count = 0
    gap: Annotated[int, Meta(ge=1)] = 1
    stall_after: Count = 0
    stall_s: Share = 1.0
    settle: Count = 2
    torn: bool = False
    counts: Literal["frames", "inferences"] = "frames"
    count_from: Annotated[int, Meta(ge=0, le=255)] = 0
    bits: Literal[0, 8, 16] = 0
    layout: Literal[708, 712] = 712
    turned: Turned = ""
    lens_s: Share = 0.0
    busy: bool = False
    forgets_s: Share = 0.0
    missing: Literal["", "node", "manager"] = ""
    dies_after: Count = 0
    cold_c: float = 28.0
    warm_c: float = 46.0
    warming_s: Annotated[float, Meta(gt=0)] = 300.0

"""The real picamera2 reads what the virtual sensor writes: to the bit, and with the library's own refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nodes.sensors import tensors
from nodes.sensors.virtual.belt import BeltScene, belt
from tests.nodes.virtual import Stepped, quick
from tests.standins import picamera2

library: Any = picamera2()
# The library's own: it names schemas in ways that newer versions of others frown upon.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def _parser() -> Any:
    """The library's class without a device."""
    chip = library.devices.IMX500.__new__(library.devices.IMX500)
    chip.device_fd = None
    chip._IMX500__cfg = {"network_file": "", "input_tensor": {}}  # noqa: SLF001 - its own tests do the same
    return chip


def test_the_library_reads_every_frame_as_the_adapter_does() -> None:
    """Masks, shapes and run times; a late inference is None for both."""
    camera = Stepped(quick(late_every=4, noise=3, jitter_ms=0.1), scene=BeltScene(belt("conformance"))).start()
    camera.clock.wait_until(camera.clock.now_ns() + 10**10)
    for frame in camera.frames(12):
        run, told = tensors.inference(frame), _parser().get_outputs(frame)
        assert (run is None) == (told is None)
        if run is not None:
            assert np.array_equal(told[0], tensors.outputs(run)[0])
            assert _parser().get_output_shapes(frame) == [[96, 96]]
            assert library.devices.IMX500.get_kpi_info(frame) == tuple(us / 1000 for us in frame["CnnKpiInfo"])


def test_the_library_refuses_the_older_layout() -> None:
    """In the words that a technician will find in a log."""
    frame = Stepped(quick(layout=708)).start().frame()
    with pytest.raises(ValueError, match="tensor info length 708 does not match expected size 712"):
        _parser().get_outputs(frame)


def test_everything_is_of_pythons_own_types() -> None:
    """As libcamera's bindings give it: tuples of numbers, no numpy."""
    frame = Stepped().start(input_tensor=True).frame()
    kinds = {type(value) for value in frame.values()}
    assert kinds == {int, float, tuple}
    assert {type(each) for value in frame.values() if isinstance(value, tuple) for each in value} == {int, float}

"""The network of a virtual sensor: known answers, whole numbers before and after it, and what is refused."""

from __future__ import annotations

import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nodes.sensors.adapter import Adapter
from nodes.sensors.states import SensorError
from nodes.sensors.virtual.brightness import annotated, brightness
from nodes.sensors.virtual.encode import inference
from nodes.sensors.virtual.network import Network, builtin, read
from nodes.sensors.virtual.normaliser import Normaliser, signed
from nodes.sensors.virtual.setup import Setup, ready
from pipeline.clock import FakeClock
from pipeline.errors import NodeError

PIXELS = arrays(np.uint8, (8, 8, 3))


@given(PIXELS, st.integers(1, 254))
def test_what_is_brighter_than_the_threshold_is_inside(pixels: np.ndarray, threshold: int) -> None:
    """The answer is known: it is checked against whole numbers."""
    answer = Network(brightness(8, threshold), "known").answer(pixels)
    sums = pixels.astype(int).sum(axis=2) - 3 * threshold
    clear = np.abs(sums) > 3  # one step of brightness; less is rounded to the grid of the output
    assert np.array_equal((answer.outputs[0] > 0)[clear], (sums > 0)[clear])


@given(PIXELS, st.sampled_from([8, 16]))
def test_an_output_is_on_the_grid_of_the_sensors_numbers(pixels: np.ndarray, bits: int) -> None:
    """(q − shift) × scale with whole q of so many bits: nothing else comes out of a real one."""
    network = Network(annotated(brightness(8), {"kensa.scale": "0.5", "kensa.shift": "3"}), "grid", bits)
    scale = 0.5 / 2 ** (bits - 8)
    steps = network.answer(pixels).outputs[0] / scale + 3
    assert np.array_equal(steps, np.rint(steps))
    assert steps.min() >= -(2 ** (bits - 1))
    assert steps.max() <= 2 ** (bits - 1) - 1


def test_sixteen_bits_are_finer_than_eight() -> None:
    """The same range in 256 times as many steps."""
    pixels = np.full((8, 8, 3), 129, np.uint8)
    coarse, fine = (Network(brightness(8, 128.3), "n", bits).answer(pixels).outputs[0][0, 0] for bits in (8, 16))
    assert coarse == 0.25
    assert fine == pytest.approx(0.7 * 0.25, abs=0.001)


@given(arrays(np.uint8, (4, 6, 3)))
def test_official_packages_subtract_128(pixels: np.ndarray) -> None:
    """Gain 0x400 and offset 0x1800 are q = p − 128, plane by plane; unsigned ones are the pixels themselves."""
    assert np.array_equal(Normaliser().quantised(pixels), pixels.transpose(2, 0, 1).astype(int) - 128)
    plain = Normaliser(offset=(0, 0, 0), signed=False)
    assert np.array_equal(plain.quantised(pixels), pixels.transpose(2, 0, 1))


@given(arrays(np.uint8, (4, 6, 3)))
def test_what_the_network_read_can_be_restored(pixels: np.ndarray) -> None:
    """Nothing is lost by subtracting 128; blue may come first."""
    for normaliser in (Normaliser(), Normaliser(bgr=True), Normaliser(offset=(0, 0, 0), signed=False)):
        planes = normaliser.restored(normaliser.quantised(pixels)).transpose(1, 2, 0)
        assert np.array_equal(planes[..., ::-1] if normaliser.bgr else planes, pixels)


@given(st.integers(0, 255), st.integers(0, 0x7FF), st.integers(0, 0x1FFF))
def test_the_image_processors_arithmetic(pixel: int, gain: int, offset: int) -> None:
    """As documented: q = (((p × gain) >> 6) + offset) >> 4, the offset in 13 bits, the result in eight."""
    told = Normaliser(gain=(gain,) * 3, offset=(offset,) * 3).quantised(np.full((1, 1, 3), pixel, np.uint8))
    number = offset - 0x2000 if offset & 0x1000 else offset
    assert told.ravel()[0] == min(max((((pixel * gain) >> 6) + number) >> 4, -128), 127)
    assert signed(0x1800, 13) == -2048


def test_a_network_says_how_it_wants_its_pixels() -> None:
    """Mean and deviation, as ImageNet's: a pixel of the mean is 0."""
    notes = {"kensa.mean": "0.5, 0.5, 0.5", "kensa.std": "0.25, 0.25, 0.25"}
    network = Network(annotated(brightness(8, 0), notes), "normal")
    bright = network.answer(np.full((8, 8, 3), 255, np.uint8)).outputs[0]
    assert bright.max() == pytest.approx(min(2 * 255 * 0.25, 127 * 0.25)), "(1 − 0.5) ÷ 0.25 = 2, and clipped"


def test_a_wrong_note_is_named() -> None:
    """With the file, the key and what was expected."""
    with pytest.raises(NodeError, match=r"mine: metadata 'kensa\.…' of the ONNX file: .*`\$\.bits`|unknown field"):
        Network(annotated(brightness(8), {"kensa.bits": "many"}), "mine")
    with pytest.raises(NodeError, match="unknown field `bit`"):
        Network(annotated(brightness(8), {"kensa.bit": "8"}), "mine")


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    """By onnxruntime's own words."""
    with pytest.raises(NodeError, match="mine: expected an ONNX network, but onnxruntime says"):
        Network(b"not a network", "mine")
    with pytest.raises(NodeError, match=r"no\.onnx: expected an ONNX file or 'brightness', found none"):
        read(tmp_path / "no.onnx")


def test_the_builtin_network_is_known_by_its_digest() -> None:
    """It has a file's identity without a file."""
    told = builtin()
    assert told.sha256 == hashlib.sha256(read(told.path)).hexdigest()


def test_sixteen_outputs_are_described_by_zeros() -> None:
    """As libcamera's own parser leaves it."""
    outputs = [np.zeros((2,), np.float32)] * 16
    told = inference("many", outputs, (96, 96), count=1, kpi=(1, 1), layout=712)["CnnOutputTensorInfo"]
    assert set(told[:708]) == {0}


def test_names_are_cut_to_their_field() -> None:
    """63 bytes and a zero."""
    told = inference("n" * 99, [np.zeros((2, 3), np.float32)], (96, 96), count=1, kpi=(1, 1), layout=712)
    assert bytes(told["CnnOutputTensorInfo"][:64]) == b"n" * 63 + b"\0"
    assert struct.unpack("<III", bytes(told["CnnInputTensorInfo"][64:76])) == (96, 96, 3)


def test_without_onnxruntime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of the libraries of real cameras, of which none is needed here."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    camera = ready(Setup(), "cam", FakeClock())
    sensor = Adapter(camera.hardware, camera.clock)
    sensor.open()
    with pytest.raises(SensorError) as caught:
        sensor.load(camera.package, lambda _done, _total: None)
    told = str(caught.value)
    assert "expected onnxruntime to run a virtual sensor, found none; install it: pip install 'kensa[virtual]'" in told
    assert told.endswith("; a virtual camera runs its network with it; in a checkout `make install` brings it")

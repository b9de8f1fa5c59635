"""The real modlib reads what we write, to the bit, and we read what it writes; its image processor equals ours."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from nodes.sensors.modlib import child, interchange
from nodes.sensors.modlib.devices import Triton
from nodes.sensors.modlib.network import network
from nodes.sensors.roi import ARRAY
from nodes.sensors.virtual.normaliser import Normaliser
from nodes.sources.parsed import Stamp, Teller
from pipeline.masks import Mask
from pipeline.records import Epoch, Frame, Gap, Layer, Roi
from tests.standins import packets
from tests.standins.around_modlib import SIDE, Requests, modlib, written_at

library: Any = modlib()
# The library's own, of names in threading and in logging.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LABELS = {"part": 0, "pit": 7, "scratch": 254}
NOON = 1_795_348_800_123_456_000  # 2026-11-22, 12:00 UTC
IDS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40), elements=st.integers(0, 255))
SECONDS = st.integers(0, 2**32 - 1)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame: layers that lie upon one another, with and without a crop."""
    size = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    names = draw(st.lists(st.sampled_from([*LABELS]), unique=True))
    layers = tuple(Layer(name, Mask.from_dense(draw(arrays(np.bool_, size)))) for name in names)
    x, y = draw(st.integers(0, 1000)), draw(st.integers(0, 1000))
    roi = draw(st.none() | st.builds(Roi, st.just(x), st.just(y), st.integers(1, 3000), st.integers(1, 2000)))
    t_ns, seq, epoch = draw(st.integers(0, 2**61)), draw(st.integers(0, 10**9)), draw(EPOCHS)
    return Frame(camera="c", session="s", seq=seq, t_ns=t_ns, size=size, layers=layers, roi=roi, epoch=epoch)


EPOCHS: st.SearchStrategy[Epoch] = st.sampled_from(["settled", "unknown", "settling"])


@given(IDS, SECONDS)
def test_segments_equal_the_librarys_to_the_bit(ids: NDArray[np.uint8], seconds: int) -> None:
    """The same image of numbers, the same second: the same JSON."""
    with written_at(seconds):
        theirs = library.frame.Segments(mask=ids).json()
    assert json.dumps(interchange.segments(ids, seconds)) == json.dumps(theirs)


@given(frames())
def test_a_line_is_what_the_librarys_recorder_writes(frame: Frame) -> None:
    """The real `Frame` reads our line, and its recorder writes it again, byte for byte."""
    from modlib.devices.playback import JsonCodec

    line = interchange.frame(frame, LABELS, ARRAY).decode() + "\n"
    again = io.StringIO()
    with written_at(frame.t_ns // 1_000_000_000):
        JsonCodec.encode(library.Frame.from_json(json.loads(line)), again)
    assert again.getvalue() == line


@given(frames())
def test_the_library_finds_our_masks(frame: Frame) -> None:
    """Pixel by pixel, each label under its number, the later one on top; none while a crop settles."""
    read = library.Frame.from_json(json.loads(interchange.frame(frame, LABELS, ARRAY)))
    if frame.epoch == "settling":
        assert (read.new_detection, read.detections) == (False, None)
        return
    seen = np.full(frame.size, 255)
    for layer in sorted(frame.layers, key=lambda layer: [*LABELS].index(layer.label)):
        seen[layer.mask.dense] = LABELS[layer.label]
    assert np.array_equal(read.detections.mask, seen)
    assert read.frame_count == frame.seq
    assert read.roi is None or round(read.roi.left * ARRAY[0]) == (frame.roi and frame.roi.x)


@given(IDS.filter(lambda ids: bool((ids != 255).any())))
def test_we_find_the_librarys_masks(ids: NDArray[np.uint8]) -> None:
    """What the real `Segments` writes comes out as a layer for each number, equal to its own `get_mask`."""
    theirs = library.frame.Segments(mask=ids)
    said = {"detections": theirs.json(), "detection_type": "Segments"}
    told = interchange.Told("2026-11-22T12:00:00", 64, 48, new_detection=True, **said)
    found = interchange.found(told, {number: name for name, number in LABELS.items()})
    assert found.size == ids.shape
    assert len(found.layers) == theirs.n_segments
    for number, layer in zip(theirs.indices, found.layers, strict=True):
        assert layer.label == next((name for name, each in LABELS.items() if each == number), str(number))
        assert np.array_equal(layer.mask.dense, theirs.get_mask(number))


class Quantised:
    """A network as modlib's image processor wants to know it."""

    def __init__(self, normaliser: Normaliser, size: tuple[int, int] = (1, 1)) -> None:
        self.color_format = "BGR" if normaliser.bgr else "RGB"
        self.input_tensor_size, self.preserve_aspect_ratio = size, True
        dtype = np.int8 if normaliser.signed else np.uint8
        shifts = {"norm_shift": [4, 4, 4], "div_shift": 6, "dtype": dtype}
        self.info = {"input_tensor": {"norm_val": normaliser.offsets, "div_val": normaliser.gains, **shifts}}


@st.composite
def normalisers(draw: st.DrawFn) -> Normaliser:
    """Any registers whose results are numbers that the network has."""
    signed = draw(st.booleans())
    low, high = (-128, 127) if signed else (0, 255)
    gains, offsets = [], []
    for _ in range(3):
        gain = draw(st.integers(-1020, 1020))
        ends = sorted(((255 * gain) >> 6, 0))
        least, most = max(-4096, low * 16 - ends[0]), min(4095, high * 16 + 15 - ends[1])
        gains.append(gain & 0xFFF)
        offsets.append(draw(st.integers(least, most)) & 0x1FFF)
    return Normaliser(_three(gains), _three(offsets), signed, draw(st.booleans()))


def _three(values: list[int]) -> tuple[int, int, int]:
    return values[0], values[1], values[2]


def _exact(normaliser: Normaliser, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The formula without any limit."""
    planes = (pixels[..., ::-1] if normaliser.bgr else pixels).astype(np.int64)
    return ((((planes * normaliser.gains) >> 6) + normaliser.offsets) >> 4).transpose(2, 0, 1)


@given(arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(3))), normalisers())
def test_the_image_processors_agree(pixels: NDArray[np.uint8], normaliser: Normaliser) -> None:
    """Random pixels, random registers, either sign, either order of colours: the same numbers, to the bit."""
    from modlib.devices.imx500 import isp

    planes = (pixels[..., ::-1] if normaliser.bgr else pixels).transpose(2, 0, 1)
    theirs = isp.isp_normalize_and_quantscale(planes.copy(), Quantised(normaliser))
    ours = normaliser.quantised(pixels)
    assert ours.dtype == theirs.dtype
    assert ours.tobytes() == theirs.tobytes()


@given(arrays(np.uint8, (4, 32, 3)), normalisers())
def test_whole_input_tensors_agree(pixels: NDArray[np.uint8], normaliser: Normaliser) -> None:
    """From a picture of the network's size on: colours, planes and numbers, as the library would inject them."""
    from modlib.devices.imx500 import isp

    theirs, _ = isp.prepare_tensor_like_isp(pixels, Quantised(normaliser, (32, 4)), src_color_format="RGB")
    assert normaliser.quantised(pixels).tobytes() == theirs.tobytes()


@given(arrays(np.uint8, (2, 2, 3)), st.tuples(*[st.integers(0, 0xFFF)] * 3), st.tuples(*[st.integers(0, 0x1FFF)] * 3))
def test_where_a_number_is_too_large_the_library_wraps(
    pixels: NDArray[np.uint8], gain: tuple[int, int, int], offset: tuple[int, int, int]
) -> None:
    """No network asks for that; then bright would be dark there, and is as bright as can be here."""
    from modlib.devices.imx500 import isp

    normaliser = Normaliser(gain, offset)
    exact = _exact(normaliser, pixels)
    theirs = isp.isp_normalize_and_quantscale(pixels.transpose(2, 0, 1).copy(), Quantised(normaliser))
    assert np.array_equal(theirs, exact.astype(np.int8))
    assert np.array_equal(normaliser.quantised(pixels), exact.clip(-128, 127))


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_registers_mean_the_same(order: str, tmp_path: Path) -> None:
    """What the library reads in a package is what our registers say, signs too; of BGR it takes others."""
    gains, offsets = (0x400, 0xC00, 0x123), (0x1800, 0x0010, 0x1FFF)
    first, second = ("K00", "K22") if order == "RGB" else ("K02", "K20")
    names = dict(zip((first, "K11", second, "K03", "K13", "K23"), (*gains, *offsets), strict=True))
    notes = {f"inputTensorNorm_{name}": f"0x{value:04X}" for name, value in names.items()}
    path = tmp_path / "net.rpk"
    path.write_bytes(packets.package(notes={**notes, "inputTensorFormat": order}))
    made = network(Triton(network="", info="", input=(1, 1), outputs=((1, 1),), colours=_order(order)))
    made.model_type, made.model_file = "rpk_packaged", str(path)
    try:
        made._get_network_info()  # noqa: SLF001 - what its devices call
    except (OSError, AttributeError) as error:
        pytest.skip(f"modlib needs the system's libarchive, apt install libarchive13: {error}")
    told = made.info["input_tensor"]
    normaliser = Normaliser(gains, offsets)
    assert (told["div_val"], told["norm_val"]) == (normaliser.gains, normaliser.offsets)
    assert (told["norm_shift"], told["div_shift"], told["dtype"]) == ([4, 4, 4], 6, np.int8)


def _order(order: str) -> Any:
    return order


@given(arrays(np.uint8, (1, 3, 5, 1), elements=st.integers(0, 254)))
def test_classes_are_what_the_librarys_own_step_makes_of_them(classes: NDArray[np.uint8]) -> None:
    """0 is the background, whether they come as bytes or as floats; scores are compared."""
    from modlib.models.post_processors import pp_segment

    made = network(Triton(network="", info="", input=(5, 3), outputs=((5, 3),), masks="classes"))
    theirs = pp_segment([classes.squeeze().astype(np.int64)]).mask
    for kind in (np.uint8, np.float32):
        assert np.array_equal(made.post_process([classes.astype(kind)]).mask, theirs)
    with pytest.raises(TypeError, match=r"^expected output 0 to be height × width, found outputs \[\(3,\)\]$"):
        made.post_process([np.zeros(3)])


@pytest.fixture
def camera() -> Iterator[Any]:
    """The real Triton, as far as it goes without one: its memory, its parser, its buffer of frames."""
    told = Triton(network="", info="", input=(SIDE, SIDE), outputs=((SIDE, SIDE),))
    made = _begun(library.Triton(), network(told))
    yield made
    made.stop()


def _begun(made: Any, model: Any) -> Any:
    """What `start` does before it looks for a camera."""
    model.info = {"input_tensor": {"width": SIDE, "height": SIDE}, "output_tensor_sizes": [(SIDE, SIDE)]}
    made.model = model
    made._initiate_roi()  # noqa: SLF001 - see above
    made._verify_roi()  # noqa: SLF001 - see above
    made._initiate(  # noqa: SLF001 - see above
        headless=made.headless, enable_input_tensor=False, frame_rate=30.0, roi_it=made.roi_it, roi_hires=made.roi_hires
    )
    return made


@pytest.mark.slow
def test_a_triton_as_records(camera: Any) -> None:
    """Tensors that the camera's own parser reads are masks; a late one is a gap, though the library attaches a mask."""
    random = np.random.default_rng(1).normal(size=(3, SIDE, SIDE)).astype(np.float32)
    requests, drops = Requests(camera), child.Drops()
    child.counted(drops)
    teller, told = Teller("c", "s", {0: "part"}, ""), list[Any]()
    for scores in (random[0], None, random[1]):
        requests.give(scores)
        camera._process_requests()  # noqa: SLF001 - what its thread calls
        frame = camera.get_frame()
        assert frame.detections is not None, "the library has a mask for every frame"
        message = child.message(frame, drops.take())
        told += teller.tell(message, interchange.told(message.frame), Stamp(NOON, "arrival"))
    assert [type(record) for record in told] == [Frame, Gap, Frame]
    assert (told[1].seq, told[1].reason) == (1, "late")
    for record, scores in zip((told[0], told[2]), random, strict=False):
        assert np.array_equal(record.layers[0].mask.dense, scores > 0)
        assert (record.epoch, record.timing) == ("unknown", "arrival")
        assert record.roi == Roi(80, 0, 480, 480), "the middle of 640 × 480, in the shape of the network's input"


@pytest.mark.slow
def test_what_the_library_throws_away_is_counted(camera: Any) -> None:
    """It drops requests when several wait, and frames that nobody fetched; it tells so in its log alone."""
    drops, requests = child.Drops(), Requests(camera)
    child.counted(drops)
    scores = np.ones((SIDE, SIDE), np.float32)
    for _ in range(3):
        requests.give(scores)
    camera._process_requests()  # noqa: SLF001 - what its thread calls
    for _ in range(2):
        requests.give(scores)
        camera._process_requests()  # noqa: SLF001 - what its thread calls
    message = child.message(camera.get_frame(), drops.take())
    assert message.dropped == 4, "two of three requests, two of three frames"
    gap, frame = Teller("c", "s", {0: "part"}, "").tell(message, interchange.told(message.frame), Stamp(0, "arrival"))
    assert isinstance(gap, Gap)
    assert (gap.seq, gap.last, gap.reason, frame.seq) == (0, 3, "sensor", 4)


@pytest.mark.slow
def test_a_headless_triton_dies_at_its_first_frame() -> None:
    """Why we do not ask for that: the library makes a picture of nothing."""
    import cv2

    model = network(Triton(network="", info="", input=(SIDE, SIDE), outputs=((SIDE, SIDE),)))
    made = _begun(library.Triton(headless=True), model)
    Requests(made).give(np.ones((SIDE, SIDE), np.float32))
    with pytest.raises((cv2.error, ValueError)):
        made._process_requests()  # noqa: SLF001 - what its thread calls
    made.stop()


def test_without_a_network_the_library_fails_in_words_of_its_own(tmp_path: Path) -> None:
    """Why a client always has one here."""
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    client = library.InterpreterClient(source=library.Images(tmp_path), endpoint="http://127.0.0.1:9")
    with pytest.raises(UnboundLocalError, match="roi"):
        next(iter(client))

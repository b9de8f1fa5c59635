"""What modlib wants to know of a network: how it is fed, and what its outputs mean."""

from __future__ import annotations

from typing import Any

from nodes.sensors.modlib.devices import Interpreter, Triton
from nodes.sensors.modlib.interchange import BACKGROUND


def network(told: Triton | Interpreter) -> Any:
    """A `Model` of modlib, whose masks are `Segments`."""
    from modlib.models import Model, Segments

    class Network(Model):  # type: ignore[misc]
        def pre_process(self, image: Any, *_: Any) -> Any:
            assert isinstance(told, Interpreter), "a camera feeds its network itself"
            return fed(told, self, image)

        def post_process(self, outputs: Any) -> Any:
            return Segments(mask=numbers(told, plane(outputs, told.output)))

    return Network(color_format=told.colours)


def fed(told: Interpreter, model: Any, image: Any) -> tuple[Any, Any, Any]:
    """The middle of a BGR picture in the size of the network, the tensor that it reads, and which part it is."""
    from modlib.devices.imx500.isp import isp_resize_and_crop
    from modlib.models import FRAMEWORK_FORMAT, model_preprocess

    seen, tensor, roi = model_preprocess(
        image,
        resize_fn=lambda picture: isp_resize_and_crop(picture, model),
        src_color_format="BGR",
        model_color_format=told.colours,
        norm_mean=told.mean,
        norm_std=told.deviation,
        framework_format=FRAMEWORK_FORMAT.CHW if told.planes else FRAMEWORK_FORMAT.HWC,
    )
    return seen, tensor.astype("float32"), roi


def plane(outputs: Any, number: int) -> Any:
    """The output that is an image, (H, W).

    Raises:
        TypeError: If it is none.
    """
    shapes = [array.shape for array in outputs]
    image = outputs[number].squeeze() if number < len(outputs) else None
    if image is None or image.ndim != 2:
        raise TypeError(f"expected output {number} to be height × width, found outputs {shapes}")
    return image


def numbers(told: Triton | Interpreter, image: Any) -> Any:
    """The image of ids that an output means, (H, W) uint8.

    modlib's own `pp_segment` writes −1 for the background before it makes bytes of floats, which is 255 on some
    processors and 0 on others.
    """
    import numpy as np

    if told.masks == "classes":
        return np.where(image == 0, BACKGROUND, image).astype(np.uint8)
    return np.where(image > told.threshold, 0, BACKGROUND).astype(np.uint8)

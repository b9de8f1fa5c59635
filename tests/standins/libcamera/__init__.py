"""As much of libcamera's Python bindings as the real picamera2 asks of them."""

from types import SimpleNamespace

from .camera import (
    Camera,
    CameraConfiguration,
    CameraManager,
    FrameBuffer,
    FrameMetadata,
    PixelFormat,
    Request,
    SensorConfiguration,
)
from .geometry import Point, Rectangle, Size
from .words import ColorSpace, ControlId, ControlType, Orientation, StreamRole, Transform, controls, properties

__all__ = [
    "Camera",
    "CameraConfiguration",
    "CameraManager",
    "ColorSpace",
    "ControlId",
    "ControlType",
    "FrameBuffer",
    "FrameMetadata",
    "Orientation",
    "PixelFormat",
    "Point",
    "Rectangle",
    "Request",
    "SensorConfiguration",
    "Size",
    "StreamRole",
    "Transform",
    "controls",
    "properties",
]
_libcamera = SimpleNamespace(ColorSpace=ColorSpace, Transform=Transform)

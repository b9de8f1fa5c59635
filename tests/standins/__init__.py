"""What the real picamera2 needs and no registry has: libcamera's bindings, kms, and a kernel with IMX500 sub-devices.

Nothing of picamera2 itself is replaced: its own code reads our metadata, writes our ioctls and runs our requests.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest


def picamera2() -> Any:
    """The real picamera2 from the registry, upon our stand-ins for libcamera and pykms.

    Raises:
        ModuleNotFoundError: If it is not installed: `pip install --no-deps picamera2`.
    """
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import picamera2.devices  # it imports libcamera and pykms
        except OSError as error:
            pytest.skip(f"picamera2 needs the system's libarchive, apt install libarchive13: {error}")

    return picamera2

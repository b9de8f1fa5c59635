"""What stands around the real modlib in tests: an interpreter server, requests of a Triton camera, a stopped clock.

Nothing of modlib itself is replaced.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from nodes.sensors.virtual.brightness import brightness

SIDE = 96
BINNED = (672, 504)  # (width, height) of the picture that the camera sends for one of 640 × 480


def modlib() -> Any:
    """The real modlib from the registry; its import may not change the logs of whoever runs the tests."""
    kept, level = logging.root.handlers[:], logging.root.level
    found = pytest.importorskip("modlib.devices", reason="modlib is for Linux with Python 3.11 to 3.13")
    logging.root.handlers[:] = kept
    logging.root.setLevel(level)
    return found


@contextmanager
def written_at(seconds: int) -> Iterator[None]:
    """Stop the clock that gzip writes into its headers."""
    with mock.patch.object(gzip, "time", SimpleNamespace(time=lambda: float(seconds))):
        yield


class Server:
    """An interpreter server as modlib's client speaks to it, with a real network behind it.

    Attributes:
        asked: Every request: its method and its path.
        told: What `/init` was told.
        refuses: Whether it knows no network.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: dict[str, Any] = {}
        self.refuses = False
        self._network = onnxruntime.InferenceSession(brightness(SIDE), providers=["CPUExecutionProvider"])
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.answer(self)

            do_GET = do_DELETE = do_POST  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append(f"{request.command} {request.path}")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        status, content = self._content(request.path, request.headers, body)
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _content(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        match path.split("/")[1]:
            case "init":
                self.told = json.loads(body)
                return (400, b"no such network") if self.refuses else (200, b'{"session_id": "one"}')
            case "input_tensor_size":
                return 200, json.dumps({"input_tensor_size": [SIDE, SIDE]}).encode()
            case "infer":
                return 200, self._inferred(headers, body)
        return 200, b""

    def _inferred(self, headers: Message, body: bytes) -> bytes:
        form = BytesParser().parsebytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
        parts: Any = form.get_payload()
        tensor = np.load(io.BytesIO(parts[0].get_payload(decode=True)), allow_pickle=False)
        found = io.BytesIO()
        np.savez(found, *self._network.run(None, {"image": tensor}))
        return found.getvalue()

    def stop(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class Requests:
    """Requests as the C++ half of a Triton camera puts them into the memory that it shares with modlib."""

    def __init__(self, camera: Any) -> None:
        self._camera, self._slot = camera, 0

    def give(self, scores: NDArray[np.float32] | None) -> None:
        """One request; without scores its inference is late. It is processed when the library is asked to."""
        allocator = self._camera._allocator  # noqa: SLF001 - where the C++ half writes
        pool, slot = allocator._request_pool, self._slot  # noqa: SLF001 - as above
        self._slot += 1
        request = pool.requests[slot]
        request.image.width, request.image.height, request.image.num_channels = *BINNED, 3
        request.image.data_offset, request.image.data_size = pool.image_buffer_offset, pool.image_size
        request.output_tensor.data_size = 0
        if scores is not None:
            _written(
                allocator, request.output_tensor, pool.output_tensor_offset + slot * pool.output_tensor_size, scores
            )
        pool.in_use[slot] = True
        self._camera._rh.py_callback(slot)  # noqa: SLF001 - as above


def _written(allocator: Any, output: Any, offset: int, scores: NDArray[np.float32]) -> None:
    info = output.info[0]
    output.num_tensors, info.tensor_data_num, info.num_dimensions = 1, scores.size, scores.ndim
    info.size[: scores.ndim] = scores.shape
    output.data_offset, output.data_size = offset, scores.nbytes
    allocator.mmap()[offset : offset + scores.nbytes] = scores.tobytes(order="F")

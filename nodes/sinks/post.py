"""Post to a URL, and understand the answer."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from nodes.delivery.answers import LaterError, RefusedError
from pipeline.errors import NodeError

PASSING = (408, 425, 429)  # the client errors that time heals
Send = Callable[[bytes, dict[str, str]], None]


class _Stay(HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without its event."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def sender(url: str, timeout: float, ca: str = "") -> Send:
    """What posts some bytes with some headers.

    Args:
        url: Where to post; http or https.
        timeout: Longest wait for the connection and for each part of the answer, s.
        ca: File with the certificates to trust; empty for those of the system.

    Returns:
        A function that raises RefusedError where the answer will not change, and OSError where it may: LaterError
        where the receiver says when.

    Raises:
        NodeError: If the certificates cannot be read.
    """
    opener = _opener(ca)

    def send(body: bytes, headers: dict[str, str]) -> None:
        try:
            opener.open(Request(url, body, headers), timeout=timeout).close()  # noqa: S310 - the type is an http URL
        except HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in PASSING:
                raise RefusedError(f"{url} answered {error.code} {error.reason}") from error
            raise LaterError(str(error), _wish(error.headers.get("Retry-After", ""))) from error
        except HTTPException as error:
            raise ConnectionError(f"{url} did not answer in HTTP: {error!r}") from error

    return send


def _opener(ca: str) -> OpenerDirector:
    try:
        return build_opener(_Stay, HTTPSHandler(context=ssl.create_default_context(cafile=ca or None)))
    except OSError as error:
        raise NodeError(f"cannot read the certificates in {ca}: {error.strerror or error}") from error


def _wish(text: str) -> float:
    """How long `Retry-After` asks to wait, s: it is a number of seconds, or a date."""
    with suppress(ValueError, TypeError):
        return max(0.0, float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0

"""Post one event to a URL."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from nodes.sinks.courier import Post, RefusedError
from nodes.sinks.events import decode

PASSING = (408, 425, 429)  # the client errors that time heals


class _Stay(HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without its event."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def poster(url: str, timeout: float) -> Post:
    """What posts a line, named by its event's id so that the receiver can tell a repetition.

    Args:
        url: Where to post; http or https.
        timeout: Longest wait for the connection and for each part of the answer, s.
    """
    opener = build_opener(_Stay)

    def post(line: bytes) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": decode(line).id}
        try:
            opener.open(Request(url, line, headers), timeout=timeout).close()  # noqa: S310 - the type is an http URL
        except HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in PASSING:
                raise RefusedError(f"{url} answered {error.code} {error.reason}") from error
            raise
        except HTTPException as error:
            raise ConnectionError(f"{url} did not answer in HTTP: {error!r}") from error

    return post

"""Sign what is posted, after Standard Webhooks: HMAC-SHA256 over id, time and body. https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from pipeline.errors import NodeError

PREFIX = "whsec_"
LEAST, MOST = 24, 64  # bytes of a secret, as the standard has it
TOLERANCE_S = 300  # a signature that is older, or younger, may be a repetition by a stranger


class ForgedError(Exception):
    """A message that whoever knows the secret did not send, or not now."""


def secret(path: str) -> bytes:
    """The key in a file: `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        NodeError: If there is none; what stands there is not repeated.
    """
    try:
        text = Path(path).read_text(encoding="ascii").strip()
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except OSError as error:
        raise NodeError(f"cannot read the secret in {path}: {error.strerror}") from error
    except (ValueError, binascii.Error) as error:
        raise NodeError(f"{path}: expected `{PREFIX}` and base64 of {LEAST} to {MOST} bytes") from error
    if not LEAST <= len(key) <= MOST:
        raise NodeError(f"{path}: expected a secret of {LEAST} to {MOST} bytes, found {len(key)}")
    return key


def sign(key: bytes, message: str, when: int, body: bytes) -> str:
    """The signature of a message.

    Args:
        key: The secret.
        message: Its id.
        when: When it is sent, seconds since the Unix epoch.
        body: What is posted.
    """
    said = f"{message}.{when}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()


def verify(key: bytes, headers: dict[str, str], body: bytes, now: float) -> None:
    """See that a message is from whoever knows the secret, and of now.

    Args:
        key: The secret.
        headers: `webhook-id`, `webhook-timestamp` and `webhook-signature`, by their names in small letters.
        body: What was posted.
        now: Seconds since the Unix epoch.

    Raises:
        ForgedError: If it is not.
    """
    try:
        message, when = headers["webhook-id"], int(headers["webhook-timestamp"])
        signatures = headers["webhook-signature"].split()
    except (KeyError, ValueError) as error:
        raise ForgedError(f"expected webhook-id, webhook-timestamp and webhook-signature, found no {error}") from error
    if abs(now - when) > TOLERANCE_S:
        raise ForgedError(f"expected a message of the last {TOLERANCE_S} s, found one of {now - when:,.0f} s ago")
    wanted = sign(key, message, when, body)
    if not any(hmac.compare_digest(wanted.encode(), each.encode()) for each in signatures):
        raise ForgedError("expected a signature made with the secret, found none that fits")

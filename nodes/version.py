"""What a book of rules or alarms is known by."""

from __future__ import annotations

from pipeline.digests import blake2s
from pipeline.located import Document

DIGITS = 12  # of a book's digest


def version(document: Document) -> str:
    """Digest of what a file says, 12 hexadecimal digits; how its lines end does not count."""
    return blake2s("\n".join(document.lines[document.name]).encode(), digest_size=DIGITS // 2).hexdigest()

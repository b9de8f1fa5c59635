"""BLAKE2 (RFC 7693) without OpenSSL: `hashlib` loads that, 3.3 MB in each process of a line.

This is the module of the interpreter that `hashlib` itself falls back on; `random` of the standard library does the
same.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b, blake2s
except ImportError:  # an interpreter that keeps it elsewhere
    from hashlib import blake2b, blake2s

__all__ = ["blake2b", "blake2s"]

"""What the C library does with memory that is given back."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
LARGE = 1 << 25  # bytes: the largest bound of a piece that every glibc takes


def keep(free: int, piece: int = LARGE) -> None:
    """Let what was given back be what is asked for next, without asking the kernel, which clears each page anew.

    Only glibc can be told so; others are left as they are.

    Args:
        free: Bytes that are kept at most, less than 2 GiB.
        piece: Bytes of the largest array that this is done for; where glibc is older than 2.35, `LARGE` at most.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, free)
        for bound in (LARGE, piece):  # an older one says no to more, and keeps what it was told before
            libc.mallopt(M_MMAP_THRESHOLD, bound)

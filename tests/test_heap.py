"""Memory that was given back is what is asked for next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys
import numpy as np
from pipeline.heap import keep

def faults():
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(1 << 22)  # 32 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun

if sys.argv[1:]:
    keep(1 << 30, 1 << 26)
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to keep")
def test_what_was_given_back_is_not_asked_for_again() -> None:
    """An array as large as one before costs a fault for each of its pages, or none."""
    assert _faults() >= 16  # the kernel may give pages of two megabytes
    assert _faults("kept") == 0


def _faults(*words: str) -> int:
    command = [sys.executable, "-c", FAULTS, *words]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

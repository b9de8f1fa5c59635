"""Coverage-guided fuzzing with atheris: `python -m tests.fuzz SECONDS [TARGET …]`; without targets, all of them.

Every target has a process of its own with a bound on its memory. What it found interesting is kept under
`out/fuzz/TARGET` and is where the next run begins; what broke something lies beside it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

OUT = Path("out", "fuzz")
MEMORY_MB = 1024  # of a whole process; the interpreter with its instruments takes about a tenth
LONGEST = 1 << 16  # bytes of an input


def main(seconds: str, *names: str) -> int:
    """Fuzz one target after the other; returns how many of them broke."""
    broken = [name for name in names or TARGETS if _run(name, seconds)]
    sys.stdout.write(f"broken: {', '.join(broken) or 'none'}\n")
    return len(broken)


def _run(name: str, seconds: str) -> int:
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LONGEST}", "-timeout=10"]
    places = [f"-artifact_prefix={OUT}/{name}-", "-print_final_stats=1", "-verbosity=0", str(corpus)]
    sys.stdout.write(f"{name}: {seconds} s\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "tests.fuzz.one", name, *options, *places], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

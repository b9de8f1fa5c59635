"""What a failure of a device of modlib means, and what a technician should do about it."""

from __future__ import annotations

from nodes.sensors.advice import Row
from nodes.sensors.states import State

NO_LIBRARY = (
    "modlib is not installed: run `pip install 'kensa[modlib]'`, on Linux with Python 3.11 to 3.13; beside "
    "`kensa[vision]` it needs the versions of deploy/locks/all.txt"
)
SILENT = (
    "the device stands still: Kensa begins it anew; if this repeats, look at the camera's or the server's own log, its "
    "power and its cable"
)


def _row(*words: str, advice: str) -> Row:
    return Row(words, State.NEEDS_REOPEN, advice)


ROWS = (
    _row(
        "no device connected",
        advice="no Triton camera answers: check its power and its cable, that camera and host are in the same network "
        "(Arena's `IpConfigUtility -l` lists cameras), that no firewall stops UDP, and that no other program holds it",
    ),
    _row("arena sdk", advice="this modlib was built without LUCID's Arena SDK: install the one from the registry"),
    _row("no module named", "cannot open shared object", "libarchive", advice=NO_LIBRARY),
    _row("recording file not found", advice="check `playback.path`"),
    _row("network file not found", "info file not found", advice="check `triton.network` and `triton.info`"),
    _row(
        "connection refused",
        "max retries",
        "connection aborted",
        advice="no interpreter server answers there: start it, and check `interpreter.endpoint`",
    ),
    _row(
        "status: ",
        "model loading failed",
        "failed to set network info",
        "client error",
        "server error",
        "session_id",
        advice="the interpreter server refuses: its log says why; `interpreter.init` must say which network to load, "
        "as its manual asks",
    ),
    _row(
        "object has no attribute 'shape'",
        advice="an image or the video cannot be read as such: take it out of `interpreter.images`, or convert it",
    ),
    _row("to be height", advice="choose the output that is a mask by `output`"),
    _row("without a frame", advice="the recording, folder or video is empty: check its path"),
)

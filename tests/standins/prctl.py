"""python-prctl as far as picamera2 names it: the registry has it only as source that needs libcap's headers."""


def set_pdeathsig(_: int) -> None:
    """Nothing here starts ffmpeg."""

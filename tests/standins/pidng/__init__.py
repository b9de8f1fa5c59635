"""pidng as far as picamera2 names it: the registry has it only as source that needs a compiler; nobody writes DNG."""

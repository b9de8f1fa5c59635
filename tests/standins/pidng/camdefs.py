"""What a DNG file would say of a camera."""


class Picamera2Camera:
    """Never made here."""

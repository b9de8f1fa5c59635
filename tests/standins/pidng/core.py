"""What would write a DNG file."""


class PICAM2DNG:
    """Never made here."""

"""Golden masks: what a good part looks like, in YAML; made once by `kensa golden`, and never changed by hand.

The digest covers every word that changes what the mask says, so a verdict that names it names these very pixels.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from pipeline.conform import Conform
from pipeline.conversion import convert
from pipeline.digests import blake2s
from pipeline.errors import KensaError, MaskError
from pipeline.located import Document, read
from pipeline.masks import Mask
from pipeline.records import Roi
from pipeline.wording import written

Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="a day such as 2026-11-22")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$", description="12 hexadecimal digits")]
Side = Annotated[int, Meta(ge=1, le=1 << 14)]
Size = Annotated[tuple[Side, Side], Meta(description="[height, width], px")]
Crop = Annotated[tuple[int, int, int, int], Meta(description="[x, y, width, height], sensor px")]
Count = Annotated[int, Meta(ge=1, description="masks")]
TOLD = ("id", "date", "label", "prompt", "size", "roi", "counts")


class GoldenError(KensaError):
    """A golden mask that cannot be used or made; the text holds every fault with its place."""


class Golden(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a good part looks like.

    Attributes:
        id: What measurements and verdicts call it.
        date: When it was made.
        digest: Of all that it says of the part.
        size: (height, width) of the view.
        counts: Its pixels, as COCO compressed run lengths, down the columns.
        label: Which regions it is compared with.
        prompt: Under which prompt it was seen; empty for the whole view.
        roi: The crop of the sensor in which it was seen, where that is known.
        masks: How many masks it is the majority of.
        source: Where those come from.
        by: Who made it.
    """

    id: Label
    date: Day
    digest: Digest
    size: Size
    counts: str
    label: Label = "part"
    prompt: str = ""
    roi: Crop | None = None
    masks: Count = 1
    source: str = ""
    by: Label | None = None

    @property
    def mask(self) -> Mask:
        """Its pixels.

        Raises:
            MaskError: If the run lengths do not fill the view.
        """
        return Mask.from_counts(self.size, self.counts.encode(errors="surrogatepass"))

    @property
    def crop(self) -> Roi | None:
        """The crop of the sensor in which it was seen."""
        return None if self.roi is None else Roi(*self.roi)

    @property
    def name(self) -> str:
        """What a verdict calls it."""
        return f"{self.id} {self.digest}"


def made(mask: Mask, **told: Any) -> Golden:
    """A golden mask of these pixels; the other fields but the digest are given."""
    bare = Golden(digest="0" * 12, size=mask.size, counts=mask.counts.decode(), **told)
    return msgspec.structs.replace(bare, digest=digest(bare))


def digest(golden: Golden) -> str:
    """12 hexadecimal digits that differ as soon as a pixel, the name or the view does."""
    said = msgspec.json.encode([getattr(golden, name) for name in TOLD])
    return blake2s(said, digest_size=6).hexdigest()


def open_golden(path: str) -> Golden:
    """Read a golden mask.

    Raises:
        GoldenError: If it cannot be read or is not what was made.
    """
    document = read_golden(path)
    if document.faults:
        raise GoldenError(document.show())
    return convert(document.data, Golden)


def read_golden(path: str) -> Document:
    """Read a golden mask as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    if document.faults:
        return document
    if document.data is None:
        document.complain((), "expected a golden mask, as `kensa golden` makes it, got an empty file")
        return document
    Conform(document)(document.data, Golden, ())
    _judge(document)
    return document


def text(golden: Golden) -> str:
    """The golden mask as YAML."""
    return written(msgspec.to_builtins(golden), width=110)


def _judge(document: Document) -> None:
    """What types cannot say: the day exists, the pixels fill the view, and nobody has changed them."""
    if document.faults:
        return
    golden = convert(document.data, Golden)
    try:
        date.fromisoformat(golden.date)
    except ValueError as error:
        document.complain(("date",), f"date: expected a day such as 2026-11-22, got '{golden.date}': {error}")
    try:
        area = golden.mask.area
    except MaskError as error:
        document.complain(("counts",), f"counts: expected run lengths that fill the view: {error}")
        return
    if not area:
        document.complain(("counts",), "counts: expected a mask that shows something, got an empty one")
    if golden.digest != (wanted := digest(golden)):
        document.complain(
            ("digest",),
            f"digest: expected {wanted}, got {golden.digest}: the file is not what was made; "
            "make another with `kensa golden`",
        )

"""What a training run is: a YAML file, read whole, with every fault told at its place."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from model.data.coco import Coco
from model.data.folder import Folder
from model.data.sample import Look, Source
from model.procedural.source import Procedural
from pipeline.conform import Conform
from pipeline.digests import blake2s
from pipeline.errors import KensaError
from pipeline.located import BROKEN, Document, read

Count = Annotated[int, Meta(ge=1, le=1 << 31, description="count")]
Steps = Annotated[int, Meta(ge=0, le=1 << 31, description="steps")]
Seed = Annotated[int, Meta(ge=0, le=1 << 31, description="a whole number")]
Share = Annotated[float, Meta(ge=0, lt=1, description="0…1")]
Rate = Annotated[float, Meta(gt=0, le=1, description="a step size")]
Beside = Annotated[str, Meta(min_length=1, description="a path", extra={"beside": True})]

FORMS = ("made", "coco", "folder")
LATER = {"hand": 0.0, "start": None}  # fields that came after others: where they say nothing they change no digest


class ConfigError(KensaError):
    """A configuration that cannot be used; the text holds every fault with its place."""


class Made(Struct, frozen=True, forbid_unknown_fields=True):
    """Scenes of the generator.

    Attributes:
        seed: Another seed, other scenes: those that judge need one of their own.
        count: How many different ones there are.
        kinds: Which kinds; all where this is left out.
        hand: Share of the masks that are drawn as people draw them, wider than what is seen; the others are exact.
    """

    seed: Seed = 0
    count: Count = 1 << 20
    kinds: tuple[str, ...] = ()
    hand: Annotated[float, Meta(ge=0, le=1, description="0…1")] = 0.0


class Marked(Struct, frozen=True, forbid_unknown_fields=True):
    """Annotations of COCO or LVIS, and the folder of their pictures."""

    annotations: Beside
    images: Beside


class Masked(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders of pictures and of masks.

    Attributes:
        images: The pictures.
        masks: PNG files of the same names.
        kind: What the masks mean.
        apart: Whether each connected piece is an object of its own.
    """

    images: Beside
    masks: Beside
    kind: str = "object"
    apart: bool = True


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """Where samples come from: one of `made`, `coco` and `folder`; and how they are prompted."""

    made: Made | None = None
    coco: Marked | None = None
    folder: Masked | None = None
    look: Look = Look()


class Sam2(Struct, frozen=True, forbid_unknown_fields=True):
    """SAM2, which is a package of its own.

    Attributes:
        checkpoint: Its weights.
        config: Name of its configuration in the package.
    """

    checkpoint: Beside
    config: str = "configs/sam2.1/sam2.1_hiera_t.yaml"


class Taught(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to learn from, too: one of `network` and `sam2`.

    Attributes:
        network: A file of another network of ours, `best.pt` of its own run.
        sam2: Or SAM2.
        weight: How much it is believed where it is right, 0…1.
        kept: A file that keeps its answers, so that it is asked once of each sample.
    """

    network: Beside | None = None
    sam2: Sam2 | None = None
    weight: Annotated[float, Meta(ge=0, le=1, description="0…1")] = 0.5
    kept: Beside | None = None

    @property
    def digest(self) -> str:
        """Of its weights."""
        return _digest((self.sam2.checkpoint if self.sam2 else self.network) or "")


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """A training run.

    Attributes:
        network: Name of a network, see `kensa-model networks`.
        train: What it learns from.
        validate: What it is judged by after each epoch.
        teacher: Whom it learns from, too.
        start: A network of the same name that it begins with, `best.pt` of its own run; otherwise weights of chance.
        seed: Of its first weights, and of the order of samples.
        epochs: How often it is judged.
        samples: Seen in each epoch.
        batch: Samples of one step.
        rate: Step size of AdamW after the warm-up; it falls along a cosine.
        decay: Of the weights, per step and step size.
        warmup: Steps in which the rate grows from nothing.
        average: How much of the mean of weights is kept in each step: the network that is judged is that mean.
        save: Steps between two checkpoints within an epoch.
        workers: Processes that make samples beside the one that trains.
        mixed: Whether products are taken in bfloat16; where this is left out, on a GPU they are. Processors that have
            instructions for it train half as fast again; others go on in float32.
    """

    network: str
    train: Annotated[tuple[Data, ...], Meta(min_length=1)]
    validate: Annotated[tuple[Data, ...], Meta(min_length=1)]
    teacher: Taught | None = None
    start: Beside | None = None
    seed: Seed = 0
    epochs: Count = 10
    samples: Count = 20_000
    batch: Count = 32
    rate: Rate = 1e-3
    decay: Share = 0.01
    warmup: Steps = 500
    average: Share = 0.999
    save: Count = 500
    workers: Annotated[int, Meta(ge=0, le=256, description="processes")] = 0
    mixed: bool | None = None

    @property
    def steps(self) -> int:
        """Of one epoch."""
        return max(1, self.samples // self.batch)

    @property
    def digest(self) -> str:
        """The same for all runs that must come out the same: of the words, and of the weights that they name."""
        same = msgspec.to_builtins(msgspec.structs.replace(self, workers=0, save=1))
        others = [self.teacher.digest] if self.teacher else []
        others += [_digest(self.start)] if self.start else []
        return blake2s(msgspec.json.encode(_said(same)) + "".join(others).encode(), digest_size=6).hexdigest()


def _digest(path: str) -> str:
    try:
        with Path(path).open("rb") as weights:
            return file_digest(weights, "blake2s").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: expected the weights that the configuration names: {error.strerror}") from error


def _said(told: Any) -> Any:
    """The same without what came later and says nothing."""
    if isinstance(told, dict):
        return {key: _said(value) for key, value in told.items() if LATER.get(key, ...) != value}
    return [*map(_said, told)] if isinstance(told, list | tuple) else told


def open_config(path: Path) -> Config:
    """Read a configuration.

    Raises:
        ConfigError: If it cannot be read or does not say what a configuration says.
    """
    document = read(path)
    data = BROKEN if document.faults else Conform(document)(document.data, Config, ())
    if isinstance(data, dict):
        _judge(document, data)
    if document.faults:
        raise ConfigError(document.show())
    return msgspec.convert(data, Config)


def _judge(document: Document, data: dict[str, Any]) -> None:
    """What no type says: each of the data has one form, and nothing is judged by what it was learned from."""
    teacher = data.get("teacher")
    if isinstance(teacher, dict) and len({"network", "sam2"} & {*teacher}) != 1:
        document.complain(("teacher",), "expected one of `network` and `sam2`")
    known: set[tuple[str, Any]] = set()
    for part in ("train", "validate"):
        named = data.get(part)
        for place, each in enumerate(named if isinstance(named, list) else ()):
            forms = {*FORMS} & {*each} if isinstance(each, dict) else {*FORMS}
            if isinstance(each, dict) and len(forms) != 1:
                document.complain((part, place), "expected one of `made`, `coco` and `folder`")
            elif part == "train":
                known |= _origin(each)
            elif known & _origin(each):
                document.complain((part, place), "expected other data than in `train`: a seed or files of its own")


def _origin(data: Any) -> set[tuple[str, Any]]:
    """What would be the same samples again."""
    keys = {"made": ("seed", 0), "coco": ("annotations", None), "folder": ("masks", None)}
    held = {form: data.get(form) for form in FORMS} if isinstance(data, dict) else {}
    return {(form, named.get(*keys[form])) for form, named in held.items() if isinstance(named, dict)}


def sources(data: Sequence[Data]) -> list[Source]:
    """What a configuration names.

    Raises:
        DataError: If it is not there, or nothing in it can be used.
    """
    return [_source(each) for each in data]


def _source(data: Data) -> Source:
    if data.coco:
        return Coco(Path(data.coco.annotations), Path(data.coco.images), data.look)
    if data.folder:
        folder = data.folder
        return Folder(Path(folder.images), Path(folder.masks), folder.kind, data.look, apart=folder.apart)
    made = data.made or Made()
    return Procedural(made.seed, made.count, made.kinds, data.look, made.hand)

"""Samples that nobody had to photograph: made from a number, each time the same."""

from __future__ import annotations

import math

import numpy as np

from model.data.sample import DataError, Look, Sample, inside
from model.procedural.camera import taken
from model.procedural.frame import Frame, coarse, framed
from model.procedural.hand import drawn
from model.procedural.kinds import KINDS, LEAST, MOST, Maker
from model.procedural.scene import WORLD, Scene
from model.procedural.surface import Fields
from model.prompt import SIDE, Crop, box_of, cut_mask
from nodes.sensors.prompts import Box
from pipeline.faults import listed, meant

SMALLEST = 24  # pixels of a mask: what is smaller cannot be learned from
TRIES = 16


class Procedural:
    """Crops of inspection scenes.

    Args:
        seed: Another seed, other scenes and other surfaces.
        count: How many there are.
        kinds: Which; all of them where this is left out.
        look: How what is meant is prompted.
        hand: Share of the masks that are drawn as people draw them, see `model.procedural.hand`; the others are exact.

    Raises:
        DataError: If there is no such kind.
    """

    def __init__(
        self, seed: int = 0, count: int = 1 << 20, kinds: tuple[str, ...] = (), look: Look | None = None,
        hand: float = 0.0,
    ) -> None:  # fmt: skip
        for kind in kinds:
            if kind not in KINDS:
                raise DataError(f"kind '{kind}': expected {listed(KINDS)}{meant(kind, KINDS)}")
        self._seed, self._count, self._look = seed, count, look or Look()
        self._kinds = kinds or tuple(KINDS)
        self._fields, self._hand = Fields(seed), hand

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def sample(self, index: int, dice: np.random.Generator) -> Sample:
        """One of them: its scene and its photograph follow from the number alone, its prompt from the dice as well."""
        kind = self._kinds[index % len(self._kinds)]
        for again in range(TRIES):
            chance = np.random.default_rng([self._seed, index, again])
            scene = KINDS[kind](Maker(chance, self._fields, _length(chance)))
            found = self._look_at(scene, kind, chance, dice)
            if found.mask.sum() >= SMALLEST:
                return found
        raise DataError(f"sample {index}: expected a {kind} of at least {SMALLEST} px, found none in {TRIES} scenes")

    def _look_at(self, scene: Scene, kind: str, chance: np.random.Generator, dice: np.random.Generator) -> Sample:
        outline = scene.outline()
        by_hand = bool(self._hand and chance.random() < self._hand and outline.any())
        outline = (drawn(outline, chance) if by_hand else outline) > 0
        frame = framed(box_of(outline), chance) if outline.any() else Frame()
        outline &= frame.within(Crop(0, 0, WORLD), WORLD)
        if not outline.any():
            return Sample(np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), bool), kind, 0, 0, (0, 0, 0, 0))
        box: Box = self._look.box(outline, dice)
        crop = self._look.crop(box)
        meant = cut_mask(outline, crop) if by_hand else scene.mask(crop)
        rivals = sum(_holds(crop, *each) for each in scene.rivals)
        picture, mask = coarse(taken(scene.seen(crop), chance), meant, chance)
        within = frame.within(crop)
        shown, area = picture * within[..., None], int(np.count_nonzero(outline))
        return Sample(shown, mask & within, kind, area, rivals, inside(box, crop))


def _length(dice: np.random.Generator) -> float:
    """Sizes come by ratio: as many from 24 to 48 px as from 48 to 96."""
    return math.exp(dice.uniform(math.log(LEAST), math.log(MOST)))


def _holds(crop: Crop, x: float, y: float) -> bool:
    return 0 <= x - crop.left < crop.side and 0 <= y - crop.top < crop.side

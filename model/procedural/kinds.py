"""What can be meant: parts, and eight things that can be wrong with a surface."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from model.procedural.scene import WORLD, Layer, Scene
from model.procedural.shapes import Points, Shape, Stroke, blob, bracket, draw, moved, star, superellipse, walk
from model.procedural.surface import Colour, Fields, Material
from model.prompt import Crop

Place = tuple[float, float]

MIDDLE: Place = (WORLD / 2, WORLD / 2)
LEAST, MOST = 24.0, 340.0  # length of what is meant, px
TORN = 0.4  # of all pits
RIVALS = 9  # that are tried; those that would touch another are left out
VIEW = 96  # side of the drawing by which that is judged
TOUCH = np.ones((5, 5), np.uint8)


class Maker(NamedTuple):
    """What a scene is made with.

    Attributes:
        dice: Where the chance comes from.
        fields: Where surfaces come from.
        length: Of what is meant, px.
    """

    dice: np.random.Generator
    fields: Fields
    length: float

    def material(self, unlike: Material | None = None, least: float = 24.0) -> Material:
        """A surface, as bright as nothing that it must be told from."""
        return self.fields.material(self.dice, _colour(self.dice, unlike.colour if unlike else None, least))

    def turn(self) -> float:
        """Any direction, rad."""
        return float(self.dice.uniform(0, math.tau))

    def several(self, made: Callable[[Maker, Place], Shape]) -> tuple[list[Shape], list[Place]]:
        """What is meant, in the middle, and others like it of other sizes around it; none touches another."""
        shapes, places = [made(self, MIDDLE)], [MIDDLE]
        view = Crop(int(MIDDLE[0] - 1.5 * self.length), int(MIDDLE[1] - 1.5 * self.length), int(3 * self.length))
        full = draw(shapes[0], view, VIEW)
        for _ in range(int(self.dice.integers(1, RIVALS + 1)) if self.dice.random() < 0.6 else 0):
            angle, away = self.turn(), self.length * self.dice.uniform(0.35, 1.1)
            place = MIDDLE[0] + away * math.cos(angle), MIDDLE[1] + away * math.sin(angle)
            shape = made(self._replace(length=self.length * self.dice.uniform(0.2, 0.9)), place)
            drawn = draw(shape, view, VIEW)
            if not (cv2.dilate(drawn, TOUCH) & full).any():
                full |= drawn
                shapes.append(shape)
                places.append(place)
        return shapes, places

    def scene(self, ground: Material, layers: list[Layer], target: Shape, places: list[Place]) -> Scene:
        """What came of it."""
        return Scene(ground, layers, target, places[1:], self.turn())


def part(maker: Maker) -> Scene:
    """Parts on a ground, in one of which somebody is interested."""
    ground = maker.material()
    same, (shapes, places) = maker.material(ground), maker.several(_part)
    shadow, relief = float(maker.dice.choice([0.0, 0.35, 0.6])), maker.dice.uniform(0, 60)
    made = [same if maker.dice.random() < 0.7 else maker.material(ground) for _ in shapes]
    layers = [Layer(*each, shadow=shadow, relief=relief) for each in zip(shapes, made, strict=True)]
    if maker.dice.random() < 0.4:
        layers.append(_mark(maker, shapes[0]))
    return maker.scene(ground, layers, shapes[0], places)


def pit(maker: Maker) -> Scene:
    """Holes: dark inside, bright on the rim that looks at the lamp; some are torn, and show what is below."""
    ground, dark, relief = maker.material(), -maker.dice.uniform(15, 90), -maker.dice.uniform(20, 130)
    layer, ragged = Layer(Shape(), light=dark, relief=relief), 0.2
    if maker.dice.random() < TORN:
        below = maker.fields.material(maker.dice, ground.colour * np.float32(maker.dice.uniform(0.35, 0.75)))
        alpha, ragged = maker.dice.uniform(0.6, 1), maker.dice.uniform(0.2, 0.5)
        layer = Layer(Shape(), below, relief=relief / 2, alpha=alpha, soft=maker.length * maker.dice.uniform(0, 0.03))
    return _flawed(maker, lambda each, place: _blob(each, place, ragged), layer, ground)


def scratch(maker: Maker) -> Scene:
    """Straight or bent lines, brighter or darker than the surface."""
    light = maker.dice.uniform(25, 110) * maker.dice.choice([-1, 1])
    layer = Layer(Shape(), light=light, relief=maker.dice.uniform(0, 40), soft=0.4)
    return _flawed(maker, lambda each, place: _line(each, place, bend=0.04, width=(0.018, 0.06)), layer)


def crack(maker: Maker) -> Scene:
    """Lines that wander, branch and end in nothing, darker than the surface."""
    layer = Layer(Shape(), light=-maker.dice.uniform(30, 120), soft=0.3)
    return _flawed(maker, _cracked, layer)


def stain(maker: Maker) -> Scene:
    """Something that was spilt: another colour, edges that fade, the surface still to be seen."""
    shade = maker.dice.uniform(0.4, 0.82) if maker.dice.random() < 0.7 else maker.dice.uniform(1.25, 1.7)
    red, green, blue = (float(each) for each in shade * maker.dice.normal(1, 0.12, 3))
    layer = Layer(Shape(), tint=(red, green, blue), soft=maker.length * maker.dice.uniform(0.01, 0.06))
    return _flawed(maker, lambda each, place: _blob(each, place, 0.45), layer)


def chip(maker: Maker) -> Scene:
    """A piece that broke out of a part's edge; what is meant is what is missing."""
    radius = maker.length * maker.dice.uniform(0.8, 2.4)
    outline = moved(_outline(maker, radius), (0, 0), maker.turn(), maker.dice.uniform(1, 1.6))
    edge = outline[maker.dice.integers(len(outline))]
    whole = Shape((outline + np.float32(MIDDLE[0]) - edge,))
    bite = _blob(maker, MIDDLE, 0.3)
    ground = maker.material()
    made = maker.material(ground, 32)
    layers = [Layer(whole._replace(without=bite), made, relief=maker.dice.uniform(0, 60))]
    if maker.dice.random() < 0.5:  # the break itself is seen
        broken = maker.material(made, 20)
        layers.append(Layer(bite._replace(within=whole), broken, relief=-maker.dice.uniform(0, 50)))
    return maker.scene(ground, layers, bite._replace(within=whole), [MIDDLE])


def missing(maker: Maker) -> Scene:
    """A coat that is not everywhere: what is under it is seen."""
    coat = maker.material()
    under = maker.material(coat)
    layer = Layer(Shape(), under, relief=-maker.dice.uniform(0, 70))

    def bare(each: Maker, place: Place) -> Shape:
        return _blob(each, place, 0.3) if each.dice.random() < 0.6 else _part(each, place, hole=0)

    return _flawed(maker, bare, layer, coat)


def blot(maker: Maker) -> Scene:
    """Too much ink: a drop or a smear beside what was to be printed, of the same colour."""
    ground = maker.material()
    ink = _ink(maker, ground)
    thin = maker.dice.random() < 0.3
    drops, places = maker.several(
        lambda each, place: _line(each, place, 0.1, (0.08, 0.2)) if thin else _blob(each, place, 0.35)
    )
    meant = Shape(_printed(maker), without=_grown(maker, places))
    layers = [Layer(meant, ink), *(Layer(drop, ink, alpha=maker.dice.uniform(0.7, 1)) for drop in drops)]
    return maker.scene(ground, layers, drops[0], places)


def void(maker: Maker) -> Scene:
    """Too little ink: a gap in a printed bar or field."""
    ground = maker.material()
    ink = _ink(maker, ground)
    size = maker.length * maker.dice.uniform(0.7, 2.5)
    field = moved(superellipse(8, size), MIDDLE, maker.turn(), maker.dice.uniform(1, 3))
    gap = _blob(maker, MIDDLE, 0.35)._replace(within=Shape((field,)))
    return maker.scene(ground, [Layer(Shape((field,), without=gap), ink)], gap, [MIDDLE])


KINDS: dict[str, Callable[[Maker], Scene]] = {
    "part": part,
    "pit": pit,
    "scratch": scratch,
    "crack": crack,
    "stain": stain,
    "chip": chip,
    "missing": missing,
    "blot": blot,
    "void": void,
}


def _flawed(maker: Maker, made: Callable[[Maker, Place], Shape], layer: Layer, ground: Material | None = None) -> Scene:
    """One kind of flaw, once or several times, on a surface or on a part."""
    flaws, places = maker.several(made)
    surface, layers = ground or maker.material(), []
    if maker.dice.random() < 0.35:  # on a part that ends within the view
        radius = maker.length * maker.dice.uniform(0.9, 2.0)
        shape = Shape((moved(superellipse(maker.dice.uniform(2, 8), radius), MIDDLE, maker.turn()),))
        layers, surface = [Layer(shape, surface, shadow=0.3, relief=30.0)], maker.material(surface)
        flaws = [flaw._replace(within=shape) for flaw in flaws]
    return maker.scene(surface, [*layers, *(layer._replace(shape=flaw) for flaw in flaws)], flaws[0], places)


def _blob(maker: Maker, place: Place, rough: float) -> Shape:
    stretch = float(math.exp(abs(maker.dice.normal(0, 0.4))))
    radius = maker.length / 2 / math.sqrt(stretch)
    return Shape((moved(blob(maker.dice, radius, rough), place, maker.turn(), stretch),))


def _line(maker: Maker, place: Place, bend: float, width: Place) -> Shape:
    points = walk(maker.dice, maker.length, bend, 12)
    wide = maker.length * maker.dice.uniform(*width) * (0.7 + 0.6 * maker.dice.random(12))
    return Shape(strokes=(Stroke(points - points.mean(0) + np.array(place, np.float32), wide.astype(np.float32)),))


def _cracked(maker: Maker, place: Place) -> Shape:
    points = walk(maker.dice, maker.length * 1.2, 0.35, 18)
    points = points - points.mean(0) + np.array(place, np.float32)
    wide = maker.length * maker.dice.uniform(0.018, 0.045)
    strokes = [Stroke(points, (wide * np.linspace(1.2, 0.6, 18)).astype(np.float32))]
    for _ in range(maker.dice.integers(0, 4)):
        branch = walk(maker.dice, maker.length * maker.dice.uniform(0.15, 0.45), 0.35, 8)
        begin = points[maker.dice.integers(3, 16)]
        strokes.append(Stroke(branch + begin, (wide * np.linspace(0.8, 0.5, 8)).astype(np.float32)))
    return Shape(strokes=tuple(strokes))


def _part(maker: Maker, place: Place, hole: float = 0.35) -> Shape:
    """A part: some outline, drawn out and turned; with some chance it has a hole."""
    turn, stretch, radius = maker.turn(), float(maker.dice.uniform(1, 2.2)), maker.length / 2
    outline = moved(_outline(maker, radius / math.sqrt(stretch)), place, turn, stretch)
    bore = radius * 0.36 / math.sqrt(stretch)
    if maker.dice.random() >= hole or np.hypot(*(outline - np.array(place, np.float32)).T).min() < 1.6 * bore:
        return Shape((outline,))  # what is too narrow for a hole would be two parts
    return Shape((outline,), holes=(moved(superellipse(maker.dice.uniform(1.5, 6), bore), place, turn, stretch),))


def _outline(maker: Maker, radius: float) -> Points:
    dice = maker.dice
    match dice.integers(4):
        case 0:
            return superellipse(dice.uniform(1.2, 8), radius)
        case 1:
            return star(int(dice.integers(3, 13)), radius, dice.choice([0.0, dice.uniform(0.1, 0.4)]))
        case 2:
            return bracket(dice, radius)
    return blob(dice, radius, 0.15)


def _mark(maker: Maker, shape: Shape) -> Layer:
    """Something on a part that is not meant."""
    spot = _line(maker._replace(length=maker.length * 0.5), MIDDLE, 0.2, (0.03, 0.2))
    return Layer(spot._replace(within=shape), light=maker.dice.uniform(-60, 60))


def _ink(maker: Maker, ground: Material) -> Material:
    return Material(_colour(maker.dice, ground.colour, 45), 4.0, ground.grain)


def _printed(maker: Maker) -> tuple[Points, ...]:
    """Bars and rings in rows, as labels and circuits have them."""
    pitch, turn = maker.length * maker.dice.uniform(0.4, 1.1), maker.turn()
    bars = []
    for row in range(-3, 4):
        for column in range(-3, 4):
            if maker.dice.random() < 0.7:
                bar = moved(
                    superellipse(8, pitch * 0.3), (column * pitch, row * pitch), 0, maker.dice.uniform(0.4, 2.4)
                )
                bars.append(moved(bar, MIDDLE, turn))
    return tuple(bars)


def _grown(maker: Maker, places: list[Place]) -> Shape:
    """Where nothing is printed, so that a drop is told from the print."""
    around = maker.length * 0.8
    return Shape(tuple(superellipse(2, around) + np.array(place, np.float32) for place in places))


def _colour(dice: np.random.Generator, unlike: Colour | None, least: float) -> Colour:
    """A colour; where there is another it differs from it in brightness by at least so much."""
    level = dice.uniform(25, 225)
    if unlike is not None and abs(level - unlike.mean()) < least:
        level += math.copysign(least, level - unlike.mean())
    hue = dice.normal(0, 0.3 if dice.random() < 0.25 else 0.06, 3)
    colour: Colour = (level * np.exp(hue - hue.mean())).clip(8, 245).astype(np.float32)
    return colour

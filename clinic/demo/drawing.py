"""The drawings of the demo practice: a leafy stem for each number, in Pillow.

Everything is drawn at three times its size and reduced, because Pillow's polygons have hard edges.
The same seed and size give the same picture on every machine. Nothing here knows of Django, so that
`script/render-demo-clips` can use it with Pillow alone.
"""

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

OVERSIZE = 3


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """Returns the sRGB colour, three numbers 0..255, of an oklch one (lightness 0..1, hue in degrees).

    The matrices are those of Björn Ottosson's OKLab; what lies outside sRGB is clipped.
    """
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _channel(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _channel(linear: float) -> int:
    linear = min(1.0, max(0.0, linear))
    encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * encoded)


PINE = oklch(0.36, 0.052, 168)
PAPER = oklch(0.985, 0.011, 85)
CLAY, SAGE, SAND, FERN, RUST = (
    oklch(0.80, 0.050, 45),
    oklch(0.72, 0.050, 160),
    oklch(0.88, 0.040, 80),
    oklch(0.60, 0.060, 165),
    oklch(0.70, 0.080, 40),
)
LEAVES = [CLAY, SAGE, SAND, FERN, RUST]
GROUNDS = [oklch(0.92, 0.025, hue) for hue in (50, 70, 150)]
# Under portraits and places, so that nobody mistakes one for an article's plate.
WALLS = [oklch(0.84, 0.035, 160), oklch(0.86, 0.04, 60), oklch(0.82, 0.03, 100)]


def curve(*points: Point, steps: int = 40) -> list[Point]:
    """Returns `steps` + 1 points along the quadratic (three points) or cubic (four points) Bézier curve."""
    degree = len(points) - 1
    weights = [math.comb(degree, index) for index in range(degree + 1)]
    line = []
    for step in range(steps + 1):
        t = step / steps
        shares = [weight * t**index * (1 - t) ** (degree - index) for index, weight in enumerate(weights)]
        line.append(
            (
                sum(share * x for share, (x, _) in zip(shares, points, strict=True)),
                sum(share * y for share, (_, y) in zip(shares, points, strict=True)),
            )
        )
    return line


class Plate:
    """A picture being drawn, in units of its final pixels."""

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        self.width, self.height = width, height
        self._picture = Image.new("RGB", (width * OVERSIZE, height * OVERSIZE), ground)
        # Mode RGBA on an RGB picture blends what is drawn, instead of replacing what is there.
        self._pen = ImageDraw.Draw(self._picture, "RGBA")

    def shape(self, outline: Sequence[Point], colour: Colour, opacity: float = 1) -> None:
        corners = [(x * OVERSIZE, y * OVERSIZE) for x, y in outline]
        self._pen.polygon(corners, fill=(*colour, round(255 * opacity)))

    def line(self, points: Sequence[Point], thickness: float, colour: Colour = PINE, opacity: float = 1) -> None:
        """Draws one polygon round the line: blended pieces that overlap would show at every joint."""
        left, right = [], []
        for index, (x, y) in enumerate(points):
            before, after = points[max(0, index - 1)], points[min(len(points) - 1, index + 1)]
            run, rise = after[0] - before[0], after[1] - before[1]
            far = math.hypot(run, rise) or 1
            aside_x, aside_y = -rise / far * thickness / 2, run / far * thickness / 2
            left.append((x + aside_x, y + aside_y))
            right.append((x - aside_x, y - aside_y))
        self.shape(left + right[::-1], colour, opacity)

    def disc(self, x: float, y: float, radius: float, colour: Colour, opacity: float = 1) -> None:
        box = [(x - radius) * OVERSIZE, (y - radius) * OVERSIZE, (x + radius) * OVERSIZE, (y + radius) * OVERSIZE]
        self._pen.ellipse(box, fill=(*colour, round(255 * opacity)))

    def arch(self, left: float, top: float, width: float, foot: float, colour: Colour, opacity: float = 1) -> None:
        """Fills a door with a round head, `width` wide, from `top` down to `foot`."""
        radius = width / 2
        head = [
            (left + radius - radius * math.cos(turn), top + radius - radius * math.sin(turn))
            for turn in (math.pi * step / 80 for step in range(81))
        ]
        self.shape([(left, foot), *head, (left + width, foot)], colour, opacity)

    def finished(self) -> Image.Image:
        return self._picture.reduce(OVERSIZE)


def stem(seed: int, width: int, height: int, grown: float = 1, sway: float = 0) -> Image.Image:
    """Returns the plate of an article, treatment or offer, `width` x `height` pixels, RGB.

    `grown` (0..1) is how far the stem has risen and `sway` (-1..1) how far it leans: frames of a film.
    """
    chance = random.Random(seed)
    colours = chance.sample(LEAVES, len(LEAVES))
    # Not wider than pages may crop from a landscape plate: they show the middle of it upright, too.
    span = min(width, height * 1.25)
    sun_x, sun_y = width / 2 + span * chance.uniform(-0.15, 0.15), height * chance.uniform(0.35, 0.6)
    foot = width / 2 + span * chance.uniform(-0.05, 0.1)
    plate = Plate(width, height, chance.choice(GROUNDS))
    plate.disc(sun_x, sun_y, min(width, height) * 0.34, colours[0], 0.75)
    _grow(plate, chance, colours[1:4], foot, height, (span, height), grown, sway)
    return plate.finished()


def portrait(seed: int, width: int, height: int) -> Image.Image:
    """Returns the plate of a person, `width` x `height` pixels, RGB: a stem in an arch, not a made-up face."""
    chance = random.Random(seed)
    colours = chance.sample(LEAVES, len(LEAVES))
    plate = Plate(width, height, WALLS[seed % len(WALLS)])
    arch_width = min(width * 0.68, height * 0.62)
    left, top = (width - arch_width) / 2, height * 0.14
    plate.arch(left, top, arch_width, height, PAPER)
    plate.disc(width / 2, top + arch_width * 0.5, arch_width * 0.33, colours[0], 0.75)
    # Leaves as long as those of a wider picture: they fill the arch and just stay inside it.
    box = (arch_width * 1.3, height - top - arch_width * 0.1)
    _grow(plate, chance, colours[1:4], width * chance.uniform(0.49, 0.53), height, box, 1, 0)
    return plate.finished()


def place(seed: int, width: int, height: int) -> Image.Image:
    """Returns the plate of a location, `width` x `height` pixels, RGB: a house front of arches, and a stem."""
    chance = random.Random(seed)
    colours = chance.sample(LEAVES, len(LEAVES))
    plate = Plate(width, height, GROUNDS[seed % len(GROUNDS)])
    plate.disc(width * chance.uniform(0.2, 0.32), height * 0.34, height * 0.2, colours[0], 0.75)
    left, front, roof, street = width * 0.3, width * 0.56, height * 0.2, height * 0.86
    plate.shape([(left, street), (left, roof), (left + front, roof), (left + front, street)], PAPER)
    plate.shape(_strip(left - width * 0.012, roof - height * 0.03, front + width * 0.024, height * 0.03), SAND)
    _windows(plate, chance, colours, (left, roof, front, street - roof))
    plate.shape(_strip(0, street, width, height - street), FERN, 0.45)
    plate.line([(0, street), (width, street)], max(2, width / 420))
    _grow(plate, chance, colours[1:4], width * 0.17, street, (width * 0.36, height * 0.58), 1, 0)
    return plate.finished()


def _strip(left: float, top: float, width: float, height: float) -> list[Point]:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def _windows(
    plate: Plate, chance: random.Random, colours: list[Colour], box: tuple[float, float, float, float]
) -> None:
    """Draws three arched windows above and two windows beside a door below, in the front `box`."""
    left, top, width, height = box
    opening = width * 0.17
    door = chance.choice([0, 1, 2])
    for column in range(3):
        start = left + width * (0.14 + 0.275 * column)
        glass = colours[1 + column]
        plate.arch(start, top + height * 0.12, opening, top + height * 0.44, glass, 0.6)
        is_door = column == door
        plate.arch(
            start, top + height * (0.56 if is_door else 0.58), opening, top + height * (1 if is_door else 0.9),
            PINE if is_door else glass, 1 if is_door else 0.6,
        )  # fmt: skip
        if not is_door:
            middle = start + opening / 2
            plate.line([(middle, top + height * 0.58), (middle, top + height * 0.9)], max(1, width / 420), PINE, 0.5)


def _grow(
    plate: Plate,
    chance: random.Random,
    colours: Sequence[Colour],
    foot: float,
    bottom: float,
    box: tuple[float, float],
    grown: float,
    sway: float,
) -> None:
    """Draws a stem with nine leaves upwards from (`foot`, `bottom`), in proportion to `box` (width, height)."""
    width, height = box

    def lean(y: float) -> float:
        # The foot stands still; what is higher moves further, as a real stem does.
        return sway * width * 0.02 * ((bottom - y) / height) ** 2

    def bent(points: Sequence[Point]) -> list[Point]:
        return [(x + lean(y), y) for x, y in points]

    spine = curve(
        (foot, bottom),
        (foot - width * 0.10, bottom - height * 0.30),
        (foot + width * 0.12, bottom - height * 0.55),
        (foot - width * 0.02, bottom - height * 0.88),
        steps=100,
    )
    risen = spine[: max(2, round(101 * _eased(grown * 1.25)))]
    breadth = chance.uniform(0.85, 1.35)
    plate.line(bent(risen), max(2, width / 220))
    for number in range(9):
        rise = 0.16 + number * 0.085
        side = -1 if number % 2 else 1
        x, y = min(spine, key=lambda point: abs(point[1] - (bottom - height * rise)))
        length, up = width * (0.30 - 0.022 * number) * chance.uniform(0.85, 1.1), height * 0.11 * breadth
        opacity = 0.55 + 0.4 * chance.random()
        # A leaf begins when the stem has passed its place.
        unfolded = _eased((grown - _when(rise / 0.9) / 1.25) / 0.2)
        if unfolded > 0:
            leaf = (x, y, side * length * unfolded, up * unfolded)
            _leaf(plate, leaf, colours[number % 3], opacity, max(1, width / 420), bent)


def _leaf(
    plate: Plate,
    leaf: tuple[float, float, float, float],
    colour: Colour,
    opacity: float,
    vein: float,
    bent: Callable[[Sequence[Point]], list[Point]],
) -> None:
    """Draws one leaf: where it leaves the stem, how far it reaches to the side (signed) and up."""
    x, y, reach, up = leaf
    tip = (x + reach, y - up)
    upper = curve((x, y), (x + reach * 0.35, y - up * 1.35), tip)
    lower = curve(tip, (x + reach * 0.7, y + up * 0.12), (x, y))
    plate.shape(bent(upper + lower), colour, opacity)
    plate.line(bent(curve((x, y), (x + reach * 0.5, y - up * 0.62), tip)), vein, PINE, 0.7)


def _eased(share: float) -> float:
    """Slow at both ends, 0..1: a plant does not start or stop with a jerk."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def _when(height: float) -> float:
    """The share that `_eased` turns into `height`."""
    return 0.5 - math.sin(math.asin(1 - 2 * height) / 3)

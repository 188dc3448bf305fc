"""The pictures of generated posters: compositions of simple shapes in an area of 400 x 600.

Each takes random numbers that depend on the film alone, and leaves the lower third for the title.
"""

import math
from collections.abc import Callable, Iterator
from random import Random

from .palettes import Palette, mixed

WIDTH, HEIGHT = 400, 600
Composition = Callable[[Random, Palette], Iterator[str]]


def horizon(rng: Random, colours: Palette) -> Iterator[str]:
    """A sun behind ranges of mountains."""
    x, y, radius = rng.randint(110, 290), rng.randint(150, 230), rng.randint(70, 115)
    yield f'<circle cx="{x}" cy="{y}" r="{radius + 26}" fill="{colours.accent}" opacity=".18"/>'
    yield f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colours.accent}"/>'
    layers = 4
    for layer in range(layers):
        base, height = 270 + layer * 62, 110 - layer * 14
        step = rng.randint(48, 80)
        points = [
            f"{at + rng.randint(-14, 14)},{base - rng.randint(0, height)}"
            for at in range(-step, WIDTH + 2 * step, step)
        ]
        colour = mixed(colours.far, colours.near, layer / (layers - 1))
        yield f'<path d="M-90 {HEIGHT}L{" ".join(points)} 490 {HEIGHT}z" fill="{colour}"/>'


def rays(rng: Random, colours: Palette) -> Iterator[str]:
    """Rays from a disc."""
    x, y, count = rng.randint(140, 260), rng.randint(210, 300), rng.choice((11, 14, 18))
    start = rng.random()
    wedges = []
    for number in range(count):
        first = (number + start) * 2 * math.pi / count
        last = first + math.pi / count
        corners = (f"{x + 800 * math.cos(angle):.0f} {y + 800 * math.sin(angle):.0f}" for angle in (first, last))
        wedges.append(f"M{x} {y}L{'L'.join(corners)}z")
    yield f'<path d="{"".join(wedges)}" fill="{colours.glow}" opacity=".5"/>'
    radius = rng.randint(72, 104)
    for grown, colour in ((34, colours.near), (20, colours.far), (0, colours.accent)):
        yield f'<circle cx="{x}" cy="{y}" r="{radius + grown}" fill="{colour}"/>'
    points = rng.choice((5, 5, 8, 12))
    star = " ".join(
        f"{x + size * math.sin(angle):.0f},{y - size * math.cos(angle):.0f}"
        for point in range(2 * points)
        for angle, size in ((point * math.pi / points, radius * (0.74 if point % 2 == 0 else 0.3)),)
    )
    yield f'<polygon points="{star}" fill="{colours.near}"/>'


def orbits(rng: Random, colours: Palette) -> Iterator[str]:
    """A planet with its orbits among stars."""
    stars = "".join(f"M{rng.randint(0, 400)} {rng.randint(0, 420)}h.1" for _ in range(70))
    yield _dots(stars, colours.ink, 1.8, 0.8)
    yield _dots("".join(f"M{rng.randint(0, 400)} {rng.randint(0, 400)}h.1" for _ in range(14)), colours.ink, 3.6, 0.9)
    x, y, radius, tilt = rng.randint(130, 270), rng.randint(190, 270), rng.randint(78, 118), rng.randint(-32, 32)
    for number in range(1, 4):
        rx, ry = radius + number * 52, radius * 0.3 + number * 22
        yield (
            f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry:.0f}" fill="none" stroke="{colours.accent}" '
            f'stroke-width="1.5" opacity="{0.75 - number * 0.17:.2f}" transform="rotate({tilt} {x} {y})"/>'
        )
    yield f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colours.glow}"/>'
    shade = radius * 2
    yield f'<clipPath id="p"><circle cx="{x}" cy="{y}" r="{radius}"/></clipPath><g clip-path="url(#p)">'
    for band in range(3):
        top = y - radius + rng.randint(10, 40) + band * radius * 0.6
        yield (
            f'<path d="M{x - radius} {top:.0f}q{radius} {rng.randint(14, 34)} {shade} 0v16q{-radius} 30 {-shade} 0z" '
            f'fill="{colours.accent}" opacity=".{rng.randint(25, 60)}"/>'
        )
    yield "</g>"
    moon_x, moon_y = rng.choice((x // 3, 400 - (400 - x) // 3)), y - rng.randint(90, 130)
    yield f'<circle cx="{moon_x}" cy="{moon_y}" r="{rng.randint(12, 22)}" fill="{colours.accent}"/>'


def skyline(rng: Random, colours: Palette) -> Iterator[str]:
    """A city by night, with lights in its windows."""
    x, y = rng.randint(90, 310), rng.randint(100, 170)
    yield f'<circle cx="{x}" cy="{y}" r="{rng.randint(48, 78)}" fill="{colours.accent}"/>'
    for layer, (lowest, highest) in enumerate(((190, 300), (260, 370), (330, 430))):
        colour = mixed(colours.far, colours.near, layer / 2)
        houses, windows, left = "", "", -10
        while left < WIDTH:
            width, top = rng.randint(34, 74), rng.randint(lowest, highest)
            houses += f"M{left} {top}h{width}V{HEIGHT}h-{width}z"
            if rng.random() < 0.3:
                houses += f"M{left + width // 2 - 2} {top - 30}h4v30h-4z"
            for row in range(top + 14, min(top + 130, 500), 18):
                for column in range(left + 8, left + width - 8, 13):
                    if rng.random() < 0.22:
                        windows += f"M{column} {row}h5v8h-5z"
            left += width + rng.choice((0, 0, 6))
        yield f'<path d="{houses}" fill="{colour}"/><path d="{windows}" fill="{colours.accent}" opacity=".8"/>'


def spiral(rng: Random, colours: Palette) -> Iterator[str]:
    """Squares or circles turned into a whirl."""
    x, y, turn = rng.randint(160, 240), rng.randint(200, 260), rng.choice((-1, 1)) * rng.randint(5, 11)
    is_round = rng.random() < 0.4
    for number in range(15):
        size = 430 - number * 28
        colour = (colours.far, colours.glow, colours.near)[number % 3] if number < 14 else colours.accent
        if is_round:
            shift = number * turn // 2
            yield f'<circle cx="{x + shift}" cy="{y - abs(shift) // 2}" r="{size * 0.62:.0f}" fill="{colour}"/>'
        else:
            yield (
                f'<rect x="{x - size}" y="{y - size}" width="{2 * size}" height="{2 * size}" fill="{colour}" '
                f'transform="rotate({number * turn} {x} {y})"/>'
            )


def stripes(rng: Random, colours: Palette) -> Iterator[str]:
    """Broad diagonal stripes that a disc lies on."""
    slope, left = rng.choice((-1, 1)), -260
    yield f'<g transform="translate(200 300) scale({slope} 1) skewX(-32) translate(-200 -300)">'
    palette = [colours.far, colours.glow, colours.accent, colours.near]
    while left < 660:
        width = rng.choice((18, 30, 46, 70, 96))
        yield f'<path d="M{left} -20h{width}v640h-{width}z" fill="{rng.choice(palette)}"/>'
        left += width + rng.choice((8, 14, 30))
    yield "</g>"
    x, y, radius = rng.randint(130, 270), rng.randint(180, 260), rng.randint(84, 120)
    yield f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colours.near}"/>'
    yield f'<path d="M{x - radius} {y}a{radius} {radius} 0 0 1 {2 * radius} 0z" fill="{colours.accent}"/>'


def tiles(rng: Random, colours: Palette) -> Iterator[str]:
    """A wall of geometric tiles."""
    shapes = (
        "M0 0h100a100 100 0 0 1-100 100z",
        "M100 0v100a100 100 0 0 1-100-100z",
        "M0 100a50 50 0 0 1 100 0z",
        "M0 0a50 50 0 0 0 100 0z",
        "M50 0a50 50 0 1 0 .1 0z",
        "M0 0h100l-100 100z",
        "M0 0h50v50h50v50h-50v-50h-50z",
        "M50 8l42 42-42 42-42-42z",
    )
    colour_pairs = [
        (colours.far, colours.accent),
        (colours.near, colours.accent),
        (colours.accent, colours.near),
        (colours.glow, colours.far),
        (colours.near, colours.far),
        (colours.far, colours.glow),
    ]
    for row in range(4):
        for column in range(4):
            back, front = rng.choice(colour_pairs)
            yield f'<g transform="translate({column * 100} {row * 100})"><path d="M0 0h100v100h-100z" fill="{back}"/>'
            yield f'<path d="{rng.choice(shapes)}" fill="{front}"/></g>'


def trunks(rng: Random, colours: Palette) -> Iterator[str]:
    """Bare trees before a moon."""
    x, y, radius = rng.randint(120, 280), rng.randint(140, 230), rng.randint(70, 110)
    yield f'<circle cx="{x}" cy="{y}" r="{radius + 40}" fill="{colours.glow}" opacity=".5"/>'
    yield f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colours.accent}"/>'
    for layer, count in enumerate((13, 9, 5)):
        trees = ""
        for number in range(count):
            left = number * 430 // count + rng.randint(-24, 14)
            width, lean = 6 + layer * 8 + rng.randint(0, 6), rng.randint(-14, 14)
            trees += f"M{left} {HEIGHT}L{left + lean} -10h{width * 0.7:.0f}L{left + width * 1.5:.0f} {HEIGHT}z"
            for _ in range(layer + 1):
                height, reach = rng.randint(60, 300), rng.choice((-1, 1)) * rng.randint(26, 60)
                at = left + lean * (HEIGHT - height) / 610 + width * 0.4
                trees += f"M{at:.0f} {height}l{reach} {-rng.randint(44, 80)}l{-reach} {rng.randint(84, 104)}z"
        yield f'<path d="{trees}" fill="{mixed(colours.far, colours.near, layer / 2)}"/>'


def waves(rng: Random, colours: Palette) -> Iterator[str]:
    """Waves under a low sun."""
    x, y = rng.randint(110, 290), rng.randint(130, 180)
    for ring, opacity in ((130, ".15"), (96, ".3"), (64, "1")):
        yield f'<circle cx="{x}" cy="{y}" r="{ring}" fill="{colours.accent}" opacity="{opacity}"/>'
    length = rng.choice((100, 134, 200))
    for layer in range(8):
        base, rise, shift = 190 + layer * 36, rng.randint(12, 24), rng.randint(0, length)
        path = f"M{-shift - length} {base}" + f"q{length / 4:g} {-rise} {length / 2:g} 0t{length / 2:g} 0" * (
            (WIDTH + 2 * length) // length + 1
        )
        share = layer / 7
        colour = mixed(colours.glow, colours.far, share * 2) if share < 0.5 else mixed(colours.far, colours.near, share)
        yield f'<path d="{path}V{HEIGHT}H-400z" fill="{colour}"/>'


def stage(rng: Random, colours: Palette) -> Iterator[str]:
    """Spotlights on a stage, between curtains."""
    y = rng.randint(345, 375)
    for source, target in (
        (rng.randint(20, 120), rng.randint(180, 230)),
        (rng.randint(280, 380), rng.randint(170, 220)),
    ):
        yield f'<path d="M{source} -10L{target - 105} {y}h210z" fill="{colours.glow}" opacity=".55"/>'
    yield f'<ellipse cx="200" cy="{y}" rx="130" ry="26" fill="{colours.accent}"/>'
    yield f'<path d="M196 {y - 6}v-150h8v150z" fill="{colours.near}"/>'
    yield f'<rect x="184" y="{y - 206}" width="32" height="62" rx="16" fill="{colours.near}"/>'
    yield f'<ellipse cx="200" cy="{y - 4}" rx="40" ry="8" fill="{colours.near}"/>'
    for side in (1, -1):
        folds = "".join(
            f"M{number * 26} -10h26q{rng.randint(-16, 4)} 240 {-number * 9} 430h-26z" for number in range(4)
        )
        yield f'<g transform="translate({0 if side > 0 else WIDTH} 0) scale({side} 1)">'
        yield f'<path d="M-10 -10h112q-26 260-62 450h-50z" fill="{colours.far}"/>'
        yield f'<path d="{folds}" fill="{colours.near}" opacity=".35"/></g>'


def _dots(path: str, colour: str, width: float, opacity: float) -> str:
    """Points of a path as discs."""
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" opacity="{opacity}"/>'

"""The body map with its legend and a bar for each group, as one drawing that becomes SVG or pixels.

A drawing is a list of polygons and words in pixels; colours are #rrggbb. The body is that of `annotations.bodymap`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from annotations import bodymap

WIDTH, HEIGHT = 700, 600
INK, SOFT, GROUND, BODY, TRACK = "#1c2128", "#6b7480", "#ffffff", "#d9dde3", "#eceff3"
UNSEEN = "#c3c8d0"
"""Colour of a group about which nothing is said."""

STOPS = ("#f4ece4", "#fdd49e", "#fc8d59", "#d7301f", "#7f0000")
"""The colour scale, evenly from nothing to its top."""

FAMILY = "DejaVu Sans"
FINER = 2
"""Pixels are drawn so much smaller and averaged: OpenCV's own soft edges make letters fat."""
_BITS = 4


@dataclass(frozen=True, eq=False)
class Polygon:
    """`corners` [N, 2]; `muscle` is the group that it shows, "" for none, `title` what a pointer on it is told."""

    corners: np.ndarray
    colour: str
    muscle: str = ""
    title: str = ""


@dataclass(frozen=True)
class Words:
    """A line of text at the height of its base line; `anchor` is start, middle or end."""

    text: str
    x: float
    y: float
    size: float
    colour: str = INK
    anchor: str = "start"
    bold: bool = False


Drawing = Sequence[Polygon | Words]


@functools.lru_cache(maxsize=4096)
def colour(share: float) -> str:
    """A place on the scale, 0 to 1, as #rrggbb; NaN is UNSEEN."""
    if np.isnan(share):
        return UNSEEN
    stops = np.array([_rgb(stop) for stop in STOPS], float)
    at = np.clip(share, 0, 1) * (len(stops) - 1)
    mixed = [np.interp(at, np.arange(len(stops)), channel) for channel in stops.T]
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def chart(
    probabilities: Mapping[str, float], names: Mapping[str, str], title: str, note: str, top: float = 1.0
) -> list[Polygon | Words]:
    """Front and back, scale and bars, HEIGHT × WIDTH; `top` is the probability at the end of the scale.

    `probabilities` and `names` are by slug; NaN is for what is not known.
    """
    words = {
        slug: f"{names[slug]}: " + ("not known" if np.isnan(value) else f"{value:.0%}")
        for slug, value in probabilities.items()
    }
    shares = {slug: value / top for slug, value in probabilities.items()}
    return [
        _box(0, 0, WIDTH, HEIGHT, GROUND),
        Words(title, 20, 34, 17, bold=True),
        Words(note, 20, 56, 12, SOFT),
        *_body(bodymap.FRONT, 4, 84, 1.13, shares, words),
        *_body(bodymap.BACK, 198, 84, 1.13, shares, words),
        *_scale(40, 566, 340, top),
        *_bars(432, 92, shares, names, words),
    ]


def _body(
    side: bodymap.Side, x: float, y: float, scale: float, shares: Mapping[str, float], words: Mapping[str, str]
) -> list[Polygon | Words]:
    def placed(shape: str) -> list[np.ndarray]:
        half = bodymap.corners(shape)
        return [np.array([x, y]) + scale * places for places in (half, bodymap.mirrored(half))]

    shapes: list[Polygon | Words] = [Polygon(corners, BODY) for corners in placed(bodymap.OUTLINE)]
    shapes.append(Words(side.name, x + scale * bodymap.MIDDLE, y - 6, 12, SOFT, "middle"))
    for slug, paths in side.shapes.items():
        fill = colour(shares.get(slug, np.nan))
        shapes += [Polygon(corners, fill, slug, words.get(slug, slug)) for path in paths for corners in placed(path)]
    return shapes


@functools.cache
def _scale(x: float, y: float, width: float, top: float) -> list[Polygon | Words]:
    steps = 68
    step = width / steps
    cells = [_box(x + i * step, y, step + 0.5, 10, colour((i + 0.5) / steps)) for i in range(steps)]
    ticks = [Words(f"{top * i / 4:.0%}", x + width * i / 4, y + 26, 11, SOFT, "middle") for i in range(5)]
    return [*cells, *ticks]


def _bars(
    x: float, y: float, shares: Mapping[str, float], names: Mapping[str, str], words: Mapping[str, str]
) -> list[Polygon | Words]:
    shapes: list[Polygon | Words] = []
    for row, (slug, share) in enumerate(shares.items()):
        top = y + row * 24.5
        known = not np.isnan(share)
        shapes.append(Words(names[slug], x + 112, top + 11, 12, INK if known else SOFT, "end"))
        shapes.append(_box(x + 120, top, 100, 14, TRACK))
        if known:
            shapes.append(_box(x + 120, top, 100 * min(1.0, share), 14, colour(share), slug, words[slug]))
        shapes.append(Words(words[slug].rpartition(" ")[2] if known else "–", x + 258, top + 11, 11, SOFT, "end"))
    return shapes


def _box(x: float, y: float, width: float, height: float, fill: str, muscle: str = "", title: str = "") -> Polygon:
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], float)
    return Polygon(corners, fill, muscle, title)


def svg(drawing: Drawing) -> str:
    """The drawing as a file of its own; each group's polygons carry `data-muscle` and a title."""
    shapes = "\n".join(_svg_words(one) if isinstance(one, Words) else _svg_polygon(one) for one in drawing)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="{FAMILY}, Verdana, sans-serif">\n{shapes}\n</svg>\n'
    )


def _svg_polygon(one: Polygon) -> str:
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in one.corners)
    muscle = f' data-muscle="{escape(one.muscle)}"' if one.muscle else ""
    title = f"<title>{escape(one.title)}</title>" if one.title else ""
    return f'<polygon points="{corners}" fill="{one.colour}"{muscle}>{title}</polygon>'


def _svg_words(one: Words) -> str:
    weight = ' font-weight="bold"' if one.bold else ""
    return (
        f'<text x="{one.x:.1f}" y="{one.y:.1f}" font-size="{one.size:g}" fill="{one.colour}" '
        f'text-anchor="{one.anchor}"{weight}>{escape(one.text)}</text>'
    )


def pixels(drawing: Drawing) -> np.ndarray:
    """The drawing as uint8 RGB [HEIGHT, WIDTH, 3]."""
    picture = np.zeros((FINER * HEIGHT, FINER * WIDTH, 3), np.uint8)
    for one in drawing:
        outlines = _letters(one) if isinstance(one, Words) else [one.corners]
        fixed = [np.round((FINER * outline - 0.5) * 2**_BITS).astype(np.int32) for outline in outlines]
        if fixed:
            cv2.fillPoly(picture, fixed, _rgb(one.colour), cv2.LINE_8, _BITS)
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


@functools.lru_cache(maxsize=1024)
def _letters(one: Words) -> list[np.ndarray]:
    """Outlines of the letters, holes among them: filled together, even-odd."""
    outlines, width = _outlines(one.text, one.size, one.bold)
    left = one.x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[one.anchor]
    return [np.array([left, one.y]) + outline * np.array([1, -1]) for outline in outlines]


def _outlines(text: str, size: float, bold: bool) -> tuple[list[np.ndarray], float]:
    """Outlines [N, 2] with y upwards from the base line, and the width of the text."""
    if not text.strip():
        return [], 0.0
    font = FontProperties(family=FAMILY, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        path = TextPath((0, 0), text.replace("$", r"\$"), size=size, prop=font)
    return [outline for outline in map(np.asarray, path.to_polygons()) if len(outline) > 2], float(
        path.get_extents().x1
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

"""The 20 muscle groups drawn on a body from the front and from the back; our own drawing.

A shape is the smooth closed curve through its points, "x y" each, of which those with a ! are corners. Shapes are drawn
for the half right of the middle, then mirrored. They become SVG for a page, each group a `<g data-muscle="slug">` that
it can make clickable and colour, or polygons for pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 200, 400
MIDDLE = WIDTH / 2


@dataclass(frozen=True)
class Side:
    """One side of the body: the shapes of each group that can be seen from there."""

    name: str
    shapes: Mapping[str, tuple[str, ...]]


OUTLINE = (
    "99 7! 109.5 9.5 116 18.5 116.8 28.5 118.8 29.5 118.3 36 115.5 40 113 46.5 108.3 52.5 108.2 58.5 109.8 63.5 "
    "116.5 68.5 127 71.8 137.5 74 146 79.5 151 88.5 152 99 154 111 157 123 158.8 134 163.5 147 167.5 161 169.8 176 "
    "171.3 189 175.2 197 177 206 177.4 216 175.6 225.5 172 230.5 168.3 227.5 166.8 219 165.3 213.5 162.3 216.5 "
    "159.3 214 159.8 204 160.7 196 159.2 189 154 176 148.3 161 145.3 148 143.8 138 140.8 128 136.6 114 133.8 106! "
    "133.8 117 132.3 131 129 146 128 156 130 167 134 181 136.7 197 137.2 213 135.3 233 131.5 254 128.8 267 "
    "128.6 278 130.5 290 131.6 303 129.6 320 125.6 337 122.8 353 122.8 362 126 370 131.5 378 135 384 133.5 389 "
    "124.5 391 114.5 390 110 385.5 109.8 375 110.8 364 110.8 354 108.5 339 105.8 323 104.8 306 106.5 290 107.3 278 "
    "106 266 103 248 100.7 229 99 213!"
)

HEAD = "99 10.5! 107.5 12 113.3 20 114 29 112.5 38.5 109 45.5 104.5 50 99 51.5!"
FOREARM = (
    "154.6 137! 159 141 163.2 151 166.2 164 168 178 168.6 187! 164.8 186 162.3 172 158.8 156.5 155 146",
    "146.3 140.5! 151.5 143 155.8 153 159.2 165.5 161.8 178 162.6 187! 160.5 186.5 156 175 151 161.5 147.8 150",
)
HAND = (
    "161.6 190.6! 169.4 190.6! 173.2 198 175 207 175.3 216 173.8 224.5 171.8 228 169.9 225.5 168.6 217.5 166.6 211.3 "
    "163.6 209 161.6 213.4 160.9 211.5 161.5 204 162.4 197"
)

FRONT = Side(
    "front",
    {
        "neck-and-head": (HEAD, "99 54.6! 105.6 53.4! 106 59 107.6 65 104 71.5 99 74.5!"),
        "upper-back": ("109.6 66.2 117 70.8 127.5 73.6! 118.5 75.2 108.2 74.4 106.4 71.2",),
        "chest": (
            "101 80.5! 110 77.6 121 77.8 127.8 82.4 131.4 91 131.7 99.5 126 106.2 116 109 106.5 107.6 101 102.5!",
        ),
        "shoulder": (
            "124.6 76.2! 134 75.6 142.8 79.6 148.6 88 150 99 148.6 106! 142.6 101 136.8 95.2 133.3 87 129.6 80.8",
        ),
        "biceps": (
            "136.8 99.8! 142.2 104 147.3 109.4 150.8 118.5 153.3 128.5 152.6 134.8 148.4 133.6 144.6 127.5 "
            "141.2 119 138.3 109.5",
        ),
        "triceps": ("150.4 107! 152.6 114.5 155 124 156.4 132.5! 154.6 128.5 152.4 119",),
        "forearms": FOREARM,
        "wrists": (HAND,),
        "obliques": (
            "120.2 111! 126 109.2 131.8 105.4! 131.8 117.5 130.8 125! 125 122.4 120.6 122.6!",
            "120.6 125! 125 124.8 130.4 127.4! 129 137 127 146! 123 142.8 119.2 143!",
            "119 145.6! 122.8 145.4 126.6 148.6! 126 156.5 128.2 167! 123.6 168.6 119.8 164.5!",
        ),
        "upper-abdominis": (
            "101.2 110.6! 110 112 117.6 111.4! 118.2 118 117.8 124.6! 109 126.2 101.2 126.2!",
            "101.2 128.6! 109 128.6 117.6 127! 117 135 116.5 141.8! 109 143.6 101.2 143.6!",
        ),
        "lower-abdominis": (
            "101.2 146! 109 146 116.3 144.2! 116.4 152 116.9 159! 109 160.6 101.2 160.6!",
            "101.2 163! 109 163 117.1 161.4! 118.4 169 114 180.5 107.6 190.5 101.2 197.5!",
        ),
        "outer-thigh": (
            "128.9 171! 132.7 182 135.1 197 135.4 213.5 133.6 232 130.7 250! 131 232 130.9 212 129 193 126.3 180",
        ),
        "quadriceps": (
            "122.4 182.5! 126.4 196 127.6 213 125.9 232 122 250 118.2 258! 115.2 245 114 226.5 115.2 208.5 118.4 194",
            "128.4 196! 129.6 211 129.6 231 128.2 248 125.7 260.5 122.4 264 121.2 258.5 125 245 127.9 229",
            "112.7 229! 113.7 243.5 116.6 257 118.6 263.8 114.4 267 109.9 263.4 108 252 109.4 239",
        ),
        "inner-thigh": (
            "119.6 184.5! 115.6 196 112.8 211 111.2 226.5 107.8 245 106.4 246.5 103.5 230 101.8 214.5 104 203.5 "
            "110.5 194.5",
        ),
        "calves": (
            "127.8 285! 130 296 129.4 311 126 327 123.4 336! 124.2 318 125.8 301",
            "108.3 289! 106.6 304 107.6 320 110.4 337! 112 331 110.7 315 110.2 300",
        ),
        "feet-and-ankles": (
            "115.4 280.5! 120.6 283 124.4 293 123.8 308 121.6 326 120 345 119.2 352! 114.6 352! 114 338 "
            "112.5 318 112.5 298",
            "114.2 355.4! 119.8 355.4! 120.6 364 124.2 372 129.4 379 132.6 384.6 131 387.4 124 388.8 116 387.8 "
            "112.3 384.4 112.4 374 113.6 364",
        ),
    },
)
BACK = Side(
    "back",
    {
        "neck-and-head": (
            "99 10.5! 107.5 12 113.3 20 114 29 112.5 38.5 108.6 46.5 99 49!",
            "99 52.2! 106 50.4! 106 56.5 107.2 62.6! 99 64.5!",
        ),
        "upper-back": (
            "101 67! 108 65.4 114.5 70.4 122.5 73.6 130.6 75.2! 124.4 81 119 90 114 104 108 121 101 138.5!",
        ),
        "shoulder": (
            "133 75.8! 141.5 78.2 148 86 150.2 96.5 149 105.5! 142 101.6 136.4 96.2 134.6 87",
            "131 79.2! 132.6 87.5 133.6 96.5 127.5 99 119 98.2! 121.6 90 126 83",
        ),
        "triceps": (
            "144.6 105! 149.4 107 152.6 114.5 155.2 124 156.4 132! 152.6 131.4 149.4 123 146.4 113.5",
            "136.6 99.2! 142.2 104 144.6 113.5 147.6 123.5 151 133! 149 137.2 145.6 135 142.2 126.5 138.8 114",
        ),
        "forearms": FOREARM,
        "wrists": (HAND,),
        "latissimus": (
            "117.2 102.6! 121 100.6 127.5 101.6 133.2 99.4! 133.4 112 131.8 127 128.4 141 125 149.6! "
            "117.6 146.8 110.6 139.8 106.8 132 110.8 120.5",
        ),
        "lower-back": ("101 143.5! 105.2 135.6! 110 143 116.8 149.4! 114.8 160 110.4 170 101 176.5!",),
        "obliques": ("119 150.8! 125 152.4! 126.2 160 128.6 168.6! 121 169.6 115.2 168.6 117.4 159",),
        "gluteus": (
            "101 181! 106.6 175.6 115 174 124 177.8 130.6 186.6 133.4 197.4 131.8 206.4 124.2 212.6 113 214 "
            "104.2 210.6 101 204!",
            "112.4 171.6! 121 172 129 171.2! 133.2 184.5! 128 178.6 121 174.2",
        ),
        "outer-thigh": ("134 201! 135.4 213 134 231 131 250! 131.4 232 131.8 211!",),
        "hamstring": (
            "119.4 216.4! 126.4 215 130.2 211.8! 130 229 128.6 248 126.8 264 124.6 273! 122 266 120.6 250 119.2 232",
            "110.4 216.6! 117.6 216.8! 118 234 118.8 251 118 264 114 275! 111 272 109.4 256 108.4 236",
        ),
        "inner-thigh": ("101.2 209.4! 104 213.6 108.6 216.4! 106.9 235 107.6 255! 105.4 247 102.8 230",),
        "calves": (
            "110.6 281! 115.6 279.6 117.4 290 117.2 304 115 317.4 110.6 321.6 106.9 312 106.5 297",
            "119.2 279.6! 124.2 279 128.2 286 130 299 128.6 311 124.4 318 120.4 314.6 118.8 303 118.8 290",
            "110.6 325.4! 115.6 321.2 119.2 317.6 124 321.6! 125.4 326 122.2 338 120.2 347! 113.4 347! 111.6 338",
        ),
        "feet-and-ankles": (
            "113.2 350.4! 120.4 350.4! 121 362 122.2 371 121.2 380 122 386.8! 116.6 388.8 111.6 386.4 111.4 375 "
            "112.8 362",
            "124.2 374! 129 380 132.6 385 130.4 388 124.6 388.4! 123.8 381",
        ),
    },
)
SIDES = (FRONT, BACK)


def svg(side: Side, names: Mapping[str, str], shares: Mapping[str, float] | None = None) -> str:
    """One side as an `<svg>`; `names` gives each group's title, `shares` (0 to 1) the strength of its colour.

    Without `shares` the style sheet of the page colours the groups: classes `body` and `muscle`.
    """
    groups = "".join(_group(slug, shapes, names[slug], shares) for slug, shapes in side.shapes.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bodymap" viewBox="20 0 160 {HEIGHT}" role="group" '
        f'aria-label="{side.name} of the body"><g class="body" fill="#8884">{_both(OUTLINE)}</g>{groups}</svg>'
    )


@functools.cache
def corners(shape: str, steps: int = 6) -> np.ndarray:
    """[N, 2] of the polygon that stands for a shape: `steps` lines from one of its points to the next."""
    share = np.linspace(0, 1, steps, endpoint=False)[:, None]
    left = 1 - share
    return np.concatenate(
        [
            left**3 * start + 3 * left**2 * share * a + 3 * left * share**2 * b + share**3 * end
            for start, a, b, end in _curves(shape)
        ]
    )


def mirrored(places: np.ndarray) -> np.ndarray:
    """[N, 2] on the other half of the body."""
    return np.array([WIDTH, 0]) + places * np.array([-1, 1])


def _curves(shape: str) -> list[np.ndarray]:
    """Bézier curves [4, 2] from each point to the next: a Catmull-Rom spline, in which a corner counts twice."""
    numbers = shape.replace("!", " !").split()
    points: list[list[float]] = []
    for number in numbers:
        if number == "!":
            points.append(points[-1])
        elif points and len(points[-1]) == 1:
            points[-1].append(float(number))
        else:
            points.append([float(number)])
    found = np.array(points)
    before, after = np.roll(found, 1, axis=0), np.roll(found, -1, axis=0)
    slopes = (after - before) / 6
    curves = np.stack([found, found + slopes, after - np.roll(slopes, -1, axis=0), after], axis=1)
    return [curve for curve in curves if not np.array_equal(curve[0], curve[3])]


def _group(slug: str, shapes: tuple[str, ...], name: str, shares: Mapping[str, float] | None) -> str:
    colour = "" if shares is None else f' fill="#c8102e" fill-opacity="{shares.get(slug, 0.0):.3f}"'
    drawn = "".join(_both(shape) for shape in shapes)
    return f'<g class="muscle" data-muscle="{escape(slug)}"{colour}><title>{escape(name)}</title>{drawn}</g>'


def _both(shape: str) -> str:
    curves = _curves(shape)
    bends = " ".join("C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in curve[1:]) for curve in curves)
    path = f"M{curves[0][0][0]:.1f} {curves[0][0][1]:.1f} {bends} Z"
    return f'<path d="{path}"/><path d="{path}" transform="matrix(-1 0 0 1 {WIDTH} 0)"/>'

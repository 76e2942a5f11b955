"""The 20 muscle groups drawn on a body from the front and from the back, as SVG; our own drawing.

Each group is a `<g data-muscle="slug">` on every side it can be seen from, so that a page can make it clickable or
colour it, by a label or by a probability.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 200, 400
MIDDLE = WIDTH / 2


@dataclass(frozen=True)
class Side:
    """One side of the body: a group's shapes as SVG paths, drawn for the half right of the middle, then mirrored."""

    name: str
    shapes: Mapping[str, tuple[str, ...]]


OUTLINE = (
    "M100 8 C113 8 120 18 119 32 C118 43 113 50 110 54 L111 66 C120 72 136 72 143 81 C150 90 149 104 152 120 "
    "L157 146 C162 165 166 182 168 200 C173 208 174 218 170 228 C165 231 160 226 159 214 L157 202 C150 186 145 168 141 "
    "150 L135 122 C134 140 130 152 130 166 C133 182 138 196 137 220 C136 244 131 262 129 278 C132 296 131 316 125 340 "
    "L121 366 C126 376 133 382 132 388 C124 392 112 391 109 386 L108 366 C107 340 105 316 107 290 C106 270 103 240 "
    "100 214 Z"
)
FRONT = Side(
    "front",
    {
        "neck-and-head": ("M100 11 C111 11 117 19 116 32 C115 42 110 49 107 53 L108 66 L100 68 Z",),
        "chest": ("M101 78 L120 77 C130 82 133 92 131 104 C122 112 109 112 101 106 Z",),
        "shoulder": ("M122 76 C136 74 145 82 147 98 L146 105 C140 100 136 97 134 92 C131 84 127 80 122 76 Z",),
        "biceps": ("M137 101 C142 104 147 108 148 113 L152 138 C148 143 143 141 142 138 C139 126 137 114 137 101 Z",),
        "forearms": ("M143 145 C149 147 153 146 156 149 C161 164 164 178 165 189 L158 192 C151 176 146 162 143 145 Z",),
        "wrists": ("M158 195 L166 192 C168 199 172 207 171 216 C170 224 167 228 164 226 C161 218 162 208 158 195 Z",),
        "obliques": ("M119 114 C124 113 129 111 132 107 C132 128 128 146 128 166 L120 172 C119 150 119 132 119 114 Z",),
        "upper-abdominis": (
            "M101 110 C107 114 113 114 116 113 L116 128 L101 128 Z",
            "M101 131 L116 131 L116 147 L101 147 Z",
        ),
        "lower-abdominis": ("M101 150 L116 150 L117 173 C113 184 107 193 101 198 Z",),
        "outer-thigh": ("M130 172 C135 190 136 206 135 226 C134 240 132 252 130 258 C130 230 128 202 126 184 Z",),
        "quadriceps": ("M123 184 C127 208 128 236 127 262 C124 272 114 274 110 268 C108 248 107 226 112 202 Z",),
        "inner-thigh": ("M120 182 C113 194 107 212 107 244 C104 230 102 218 102 206 C108 200 114 192 120 182 Z",),
        "calves": (
            "M123 284 C129 298 128 318 123 340 L119 344 C119 322 119 302 123 284 Z",
            "M109 290 C112 306 112 326 111 344 C109 326 108 306 109 290 Z",
        ),
        "feet-and-ankles": (
            "M114 284 L119 284 C115 304 116 324 117 348 L119 367 C124 377 130 382 130 387 C123 389 114 388 "
            "111 385 L110 366 L114 346 Z",
        ),
    },
)
BACK = Side(
    "back",
    {
        "neck-and-head": ("M100 11 C111 11 117 19 116 32 C115 42 110 48 106 52 L106 60 L100 62 Z",),
        "upper-back": (
            "M101 65 L107 62 C112 70 121 73 127 77 C131 84 132 92 131 100 C122 98 116 104 110 112 L101 130 Z",
        ),
        "shoulder": ("M130 77 C141 77 147 88 147 104 C142 102 138 98 135 94 C134 88 132 82 130 77 Z",),
        "triceps": ("M136 99 C142 104 147 107 148 113 L153 140 C149 145 144 144 142 140 C139 126 136 112 136 99 Z",),
        "forearms": ("M143 147 C149 149 153 148 156 151 C161 165 164 178 165 189 L158 192 C151 176 146 162 143 147 Z",),
        "wrists": ("M158 195 L166 192 C168 199 172 207 171 216 C170 224 167 228 164 226 C161 218 162 208 158 195 Z",),
        "latissimus": (
            "M113 113 C118 105 125 101 132 104 C133 122 128 138 121 150 L109 138 C107 128 109 120 113 113 Z",
        ),
        "lower-back": ("M101 135 L106 136 L118 151 L116 170 L101 174 Z",),
        "obliques": ("M122 153 C126 148 128 143 130 138 C128 148 128 158 129 167 L120 170 Z",),
        "gluteus": ("M101 178 C108 174 116 172 125 174 C131 184 132 198 128 208 C118 216 107 214 101 208 Z",),
        "outer-thigh": (
            "M129 172 C135 188 136 206 135 226 C134 240 132 252 130 260 C131 240 130 224 130 210 C134 198 133 "
            "184 129 172 Z",
        ),
        "hamstring": (
            "M110 216 C117 217 123 215 127 212 C128 232 127 254 125 274 C121 280 114 280 110 274 C108 254 109 "
            "234 110 216 Z",
        ),
        "inner-thigh": ("M102 213 L107 215 C106 230 106 244 107 256 C104 244 102 228 102 213 Z",),
        "calves": ("M111 282 C115 285 121 285 125 282 C130 298 127 320 121 342 L112 342 C107 320 106 300 111 282 Z",),
        "feet-and-ankles": ("M112 346 L120 346 L119 366 C123 374 128 380 129 386 C122 389 114 388 111 385 L111 366 Z",),
    },
)
SIDES = (FRONT, BACK)


def svg(side: Side, names: Mapping[str, str], shares: Mapping[str, float] | None = None) -> str:
    """One side as an `<svg>`; `names` gives each group's title, `shares` (0 to 1) the strength of its colour.

    Without `shares` the style sheet of the page colours the groups: classes `body` and `muscle`.
    """
    groups = "".join(_group(slug, paths, names[slug], shares) for slug, paths in side.shapes.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bodymap" viewBox="20 0 160 {HEIGHT}" role="group" '
        f'aria-label="{side.name} of the body"><g class="body" fill="#8884">{_both(OUTLINE)}</g>{groups}</svg>'
    )


def points(path: str, steps: int = 8) -> np.ndarray:
    """[N, 2] corners of the polygon that a path of this module (M, L, C, Z, all absolute) draws; a curve is `steps`
    lines."""
    share = np.linspace(0, 1, steps + 1)[1:, None]
    found: list[np.ndarray] = []
    for command, numbers in re.findall(r"([MLC])([^MLCZ]*)", path):
        given = np.array(re.findall(r"-?[\d.]+", numbers), float).reshape(-1, 2)
        if command == "C":
            for a, b, end in given.reshape(-1, 3, 2):
                start = found[-1][-1:]
                left = 1 - share
                found.append(left**3 * start + 3 * left**2 * share * a + 3 * left * share**2 * b + share**3 * end)
        else:
            found.append(given)
    return np.concatenate(found)


def mirrored(places: np.ndarray) -> np.ndarray:
    """[N, 2] on the other half of the body."""
    return np.array([WIDTH, 0]) + places * np.array([-1, 1])


def _group(slug: str, paths: tuple[str, ...], name: str, shares: Mapping[str, float] | None) -> str:
    colour = "" if shares is None else f' fill="#c8102e" fill-opacity="{shares.get(slug, 0.0):.3f}"'
    drawn = "".join(_both(path) for path in paths)
    return f'<g class="muscle" data-muscle="{escape(slug)}"{colour}><title>{escape(name)}</title>{drawn}</g>'


def _both(path: str) -> str:
    return f'<path d="{path}"/><path d="{path}" transform="matrix(-1 0 0 1 {WIDTH} 0)"/>'

"""Colours of a person: skin, hair, clothes, shoes and a simple face, painted on the parts by place.

Colours are sRGB from 0 to 1. Places are in the frame of the part and are compared as shares of the standing height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.sample.body import FRAME, Part

Colour = tuple[float, float, float]

TOPS = ("tank", "tee", "long")
BOTTOMS = ("shorts", "leggings")
PATTERNS = ("plain", "stripes", "panels", "band")

_EDGE = 0.002
"""Half width of a seam, as a share of the height."""
_EYE: Colour = (0.93, 0.93, 0.92)
_PUPIL: Colour = (0.13, 0.09, 0.07)
_SOLE: Colour = (0.93, 0.92, 0.90)


@dataclass(frozen=True)
class Outfit:
    """What a person looks like; `top`, `bottom` and `pattern` are of TOPS, BOTTOMS and PATTERNS."""

    skin: Colour
    hair: Colour
    top: str
    top_colour: Colour
    pattern: str
    accent: Colour
    bottom: str
    bottom_colour: Colour
    shoes: Colour


def paint(outfit: Outfit, part: Part, place: np.ndarray, height: float) -> np.ndarray:
    """Colours [3, N] of places [3, N] (metres, in the part's frame) on one part."""
    x, y, z = place / np.float32(height)
    if part.frame == FRAME["head"]:
        return _head(outfit, part.name, x, y, z)
    if part.name in ("ribs", "belly", "shoulders", "trapezius", "neck"):
        return _upper_trunk(outfit, part.name, x, y, z)
    if part.name in ("upper-arm", "sleeve", "forearm"):
        return _arm(outfit, part.name, x, y, z)
    if part.name in ("pelvis", "seat", "shorts", "thigh", "shank"):
        return _leg(outfit, part.name, x, y, z)
    if part.name in ("heel", "shoe"):
        shoe = _mix(_plain(outfit.shoes, x), outfit.accent, _within(z, 0.02, 0.045) * _above(y, -0.02))
        return _mix(shoe, _SOLE, 1 - _above(y, -0.031))
    return _plain(outfit.skin, x)


def _upper_trunk(outfit: Outfit, part: str, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    if part == "neck":
        return _plain(outfit.skin, x)
    colour = _top(outfit, x, y + (0.095 if part != "belly" else 0), z)
    if part == "belly":
        return _mix(colour, _folded(outfit.bottom_colour, x, y, z), 1 - _above(y, 0.0))
    depth = {"tank": 0.030, "tee": 0.014, "long": 0.008}[outfit.top]
    neckline = _above(y - 0.9 * np.abs(x), 0.125 - depth) * _above(z, 0.004)
    colour = _mix(colour, outfit.skin, neckline)
    if outfit.top == "tank":
        bare = _above(np.abs(x), 0.066) * _above(y, 0.06 if part == "ribs" else 0)
        colour = _mix(colour, outfit.skin, bare)
    return colour


def _top(outfit: Outfit, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The top's cloth with its pattern; y from the waist."""
    cloth = _folded(outfit.top_colour, x, y, z)
    if outfit.pattern == "stripes":
        return _mix(cloth, outfit.accent, _above(np.sin(y * (2 * np.pi / 0.045)), 0.35, 0.15))
    if outfit.pattern == "panels":
        return _mix(cloth, outfit.accent, _above(np.abs(x), 0.056))
    if outfit.pattern == "band":
        return _mix(cloth, outfit.accent, _within(y, 0.125, 0.160))
    return cloth


def _arm(outfit: Outfit, part: str, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    if outfit.top == "long" or (outfit.top == "tee" and part == "sleeve"):
        hem = _within(y, -0.116, -0.098) if part == "sleeve" else _within(y, -0.15, -0.135)
        return _mix(_folded(outfit.top_colour, x, y, z), outfit.accent, hem * (outfit.pattern != "plain"))
    return _plain(outfit.skin, x)


def _leg(outfit: Outfit, part: str, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    cloth = _folded(outfit.bottom_colour, x, y, z)
    if part in ("pelvis", "seat"):
        return cloth
    stripe = _within(z, -0.009, 0.006) * (outfit.pattern in ("panels", "stripes"))
    cloth = _mix(cloth, outfit.accent, stripe)
    skin = _plain(outfit.skin, x)
    if part == "shorts":
        return cloth
    if part == "thigh":
        return cloth if outfit.bottom == "leggings" else skin
    if outfit.bottom == "leggings":
        return _mix(cloth, outfit.skin, 1 - _above(y, -0.205))
    return _mix(skin, _SOLE, 1 - _above(y, -0.212))


def _head(outfit: Outfit, part: str, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    if part == "hair":
        return _folded(outfit.hair, x, y, z)
    skin = _plain(outfit.skin, x)
    if part in ("nose", "ear"):
        return skin * np.float32(0.95)
    front = _above(z, 0.01)
    side = np.abs(x)
    skin = _mix(skin, outfit.hair, front * _within(side, 0.009, 0.028) * _within(y - 0.15 * side, 0.072, 0.0765))
    skin = _mix(skin, _EYE, front * _ellipse(side - 0.018, y - 0.0615, 0.0085, 0.0052))
    skin = _mix(skin, _PUPIL, front * _ellipse(side - 0.018, y - 0.0615, 0.0046, 0.0050))
    red, green, blue = outfit.skin
    lips = (0.80 * red, 0.58 * green, 0.58 * blue)
    skin = _mix(skin, lips, front * _ellipse(x, y - 0.024 - 6 * x * x, 0.0145, 0.0042))
    hairline = 0.026 + 0.075 * np.clip((z + 0.018) / 0.05, 0, 1)
    return _mix(skin, outfit.hair, _above(y - hairline, 0.0, 0.004) * (part == "skull"))


def _plain(colour: Colour, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.float32)[:, None], (3, len(like)))


def _folded(colour: Colour, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Cloth with soft folds, so that it has some texture to track."""
    fold = np.sin(95 * y + 60 * x + 2 * np.sin(70 * z + 30 * x)) * np.sin(85 * x - 50 * z + 40 * y)
    return _plain(colour, x) * (1 + np.float32(0.07) * fold)


def _mix(below: np.ndarray, above: Colour | np.ndarray, share: np.ndarray) -> np.ndarray:
    over = above if isinstance(above, np.ndarray) else np.array(above, dtype=np.float32)[:, None]
    return below + (over - below) * share


def _above(value: np.ndarray, threshold: float, edge: float = _EDGE) -> np.ndarray:
    """1 above the threshold, 0 below, soft in between."""
    return np.clip((value - threshold) * np.float32(0.5 / edge) + np.float32(0.5), 0, 1)


def _within(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return _above(value, low) * (1 - _above(value, high))


def _ellipse(x: np.ndarray, y: np.ndarray, a: float, b: float) -> np.ndarray:
    return np.clip(1.5 - 1.5 * ((x / a) ** 2 + (y / b) ** 2) + 0.5, 0, 1)

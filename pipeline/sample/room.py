"""Where a workout happens: a box with a floor, out-of-focus things on its walls, and a mat, lit from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.sample.camera import Camera

Colour = tuple[float, float, float]

FLOORS = ("boards", "plain", "tiles", "grass")

_MAT_HALF = (0.36, 1.02)


@dataclass(frozen=True)
class Decor:
    """A soft-edged rectangle on a wall: `wall` 0 to 3, place and half size in metres, sRGB colour."""

    wall: int
    across: float
    up: float
    half_width: float
    half_height: float
    colour: Colour
    softness: float


@dataclass(frozen=True)
class Room:
    """A box of `half` metres to each side of its middle; `floor_pattern` is of FLOORS.

    Walls go from `wall_low` to `wall_high` around `wall_break` metres. The light comes from `light_azimuth` and
    `light_elevation` degrees.
    """

    half: float
    height: float
    wall_low: Colour
    wall_high: Colour
    wall_break: float
    ceiling: Colour
    floor: Colour
    floor_pattern: str
    mat: Colour
    decor: tuple[Decor, ...]
    light_azimuth: float
    light_elevation: float

    @property
    def light(self) -> np.ndarray:
        """Direction to the light, a unit vector."""
        around, up = np.radians(self.light_azimuth), np.radians(self.light_elevation)
        return np.array([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)])


@dataclass(frozen=True)
class Backdrop:
    """The empty room as a camera sees it: `colour` [H, W, 3] in the linear space of `to_linear`, and `floor`
    [2, H, W], the x and z of the floor in each pixel (inf where it shows none)."""

    colour: np.ndarray
    floor: np.ndarray


def to_linear(colour: np.ndarray) -> np.ndarray:
    """sRGB from 0 to 1 → a space in which light adds up (gamma 2)."""
    return colour * colour


def to_display(colour: np.ndarray) -> np.ndarray:
    """The inverse of `to_linear`, as uint8."""
    return (np.sqrt(np.clip(colour, 0, 1)) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def backdrop(room: Room, camera: Camera, mat_centre: tuple[float, float], mat_azimuth: float) -> Backdrop:
    """Looks at the empty room; the mat lies around a place of the floor (x, z), its long side along an azimuth."""
    width, height = camera.width, camera.height
    u, v = camera.rays(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5)
    axes = camera.axes.astype(np.float32)
    ray = [axes[0, k] * u + axes[1, k] * v + axes[2, k] for k in range(3)]
    sizes = ((-room.half, room.half), (0.0, room.height), (-room.half, room.half))
    with np.errstate(divide="ignore"):
        exits = [
            np.where(d > 0, high - camera.position[k], camera.position[k] - low).astype(np.float32) / np.abs(d)
            for k, (d, (low, high)) in enumerate(zip(ray, sizes, strict=True))
        ]
    depth = np.minimum(np.minimum(exits[0], exits[1]), exits[2])
    x, y, z = (np.float32(camera.position[k]) + depth * ray[k] for k in range(3))
    on_x, level = depth == exits[0], depth == exits[1]
    floor = level & (ray[1] < 0)

    colour = _walls(
        room, np.where(on_x, z, x), y, np.where(on_x, np.where(ray[0] > 0, 0, 1), np.where(ray[2] > 0, 2, 3))
    )
    colour = np.where(level[..., None], np.array(room.ceiling, dtype=np.float32), colour)
    ground = _floor(room, x, z, mat_centre, mat_azimuth)
    colour = np.where(floor[..., None], ground, colour)
    vignette = 1 - np.float32(0.35) * (u * u + v * v)
    nowhere = np.float32(np.inf)
    return Backdrop(
        to_linear(colour * vignette[..., None]).astype(np.float32),
        np.stack([np.where(floor, x, nowhere), np.where(floor, z, nowhere)]),
    )


def _walls(room: Room, across: np.ndarray, up: np.ndarray, wall: np.ndarray) -> np.ndarray:
    share = _step(up - room.wall_break, 0.12 + 0.02 * room.half)
    colour = _blend(np.array(room.wall_low, dtype=np.float32), room.wall_high, share)
    grain = np.sin(1.9 * across + 1.3 * np.sin(1.1 * up)) * np.sin(2.3 * up + np.sin(1.7 * across))
    colour = colour * (1 + np.float32(0.025) * grain[..., None])
    for thing in room.decor:
        inside = _box(across - thing.across, up - thing.up, thing.half_width, thing.half_height, thing.softness)
        colour = _blend(colour, thing.colour, inside * (wall == thing.wall))
    # Corners and the foot of a wall get less light.
    near = np.minimum(room.half - np.abs(across), up) / (0.15 * room.half)
    return colour * (np.float32(0.86) + np.float32(0.14) * np.clip(near, 0, 1))[..., None]


def _floor(room: Room, x: np.ndarray, z: np.ndarray, mat_centre: tuple[float, float], mat_azimuth: float) -> np.ndarray:
    grain = np.sin(5.1 * x + 2 * np.sin(2.3 * z)) * np.sin(4.7 * z + 2 * np.sin(3.1 * x))
    tone = 1 + 0.02 * grain
    if room.floor_pattern == "boards":
        row = np.floor(x / 0.18)
        tone += 0.05 * np.sin(12.9898 * row + 78.233 * np.floor(z / 1.4 + 0.37 * row))
        tone -= 0.12 * _step(0.008 - np.abs(x - 0.18 * np.round(x / 0.18)), 0.008)
    elif room.floor_pattern == "tiles":
        gap = np.minimum(np.abs(x - 0.6 * np.round(x / 0.6)), np.abs(z - 0.6 * np.round(z / 0.6)))
        tone -= 0.10 * _step(0.010 - gap, 0.010)
    elif room.floor_pattern == "grass":
        tone += 0.07 * np.sin(31 * x + 3 * np.sin(17 * z)) * np.sin(29 * z + 3 * np.sin(19 * x))
    colour = np.array(room.floor, dtype=np.float32) * tone[..., None]
    cosine, sine = np.cos(np.radians(mat_azimuth)), np.sin(np.radians(mat_azimuth))
    right = (x - mat_centre[0]) * cosine - (z - mat_centre[1]) * sine
    ahead = (x - mat_centre[0]) * sine + (z - mat_centre[1]) * cosine
    mat = np.array(room.mat, dtype=np.float32)
    rim = _box(right, ahead, _MAT_HALF[0] - 0.03, _MAT_HALF[1] - 0.03, 0.006)
    rim = rim - _box(right, ahead, _MAT_HALF[0] - 0.045, _MAT_HALF[1] - 0.045, 0.006)
    mat_colour = mat * (1 + 0.015 * np.sin(60 * ahead)[..., None] + 0.25 * rim[..., None])
    colour = _blend(colour, mat_colour, _box(right, ahead, *_MAT_HALF, 0.008))
    far = np.maximum(np.abs(x), np.abs(z)) / room.half
    return colour * (1 - 0.25 * _step(far - 0.85, 0.15))[..., None]


def _blend(below: np.ndarray, above: Colour | np.ndarray, share: np.ndarray) -> np.ndarray:
    return below + (np.asarray(above, dtype=np.float32) - below) * share[..., None].astype(np.float32)


def _step(value: np.ndarray, softness: float) -> np.ndarray:
    """0 to 1 over twice the softness around zero, smooth."""
    t = np.clip(value / (2 * softness) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float, softness: float) -> np.ndarray:
    return _step(half_width - np.abs(x), softness) * _step(half_height - np.abs(y), softness)

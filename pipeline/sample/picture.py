"""One frame of a shot: the person, shaded and anti-aliased, with a shadow, before the backdrop."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.sample.camera import Camera
from pipeline.sample.outfit import Outfit, paint
from pipeline.sample.raycast import NOTHING, Shape, View, cast_grid, cast_points, surface, view
from pipeline.sample.room import Backdrop, to_display, to_linear

SUBSAMPLES = ((0.125, 0.375), (0.375, -0.125), (-0.125, -0.375), (-0.375, 0.125))
"""Where a pixel on an edge is sampled, in pixels from its centre (a rotated grid)."""

_KEY, _SKY, _GROUND = 0.78, 0.52, 0.26
"""Strengths of the light, and of what comes from above and from below."""
_SHADOWS = ((0.42, 0.10, 0.30), (0.30, 0.55, 0.80))
"""The light's shadow and the dimness below things: strength, then softness by height and by radius."""
_DIMNESS_HEIGHT = 0.35
"""Metres over which the dimness below things fades."""
_SMALLEST_SHADOW = 0.022


@dataclass(frozen=True)
class Stage:
    """What stays the same during a shot."""

    shape: Shape
    outfit: Outfit
    camera: Camera
    backdrop: Backdrop
    light: np.ndarray
    exposure: np.ndarray = field(default_factory=lambda: np.ones(3))
    """By how much the camera multiplies red, green and blue light."""


@dataclass(frozen=True)
class Picture:
    """A frame: `image` [H, W, 3] uint8, and at each pixel's centre the `depth` in metres and the `part` (NOTHING
    where the backdrop shows)."""

    image: np.ndarray
    depth: np.ndarray
    part: np.ndarray


def draw(stage: Stage, rotation: np.ndarray, origin: np.ndarray) -> Picture:
    """Draws the person in one pose: frames' `rotation` [17, 3, 3] and `origin` [17, 3]."""
    camera = stage.camera
    seen = view(stage.shape, camera, rotation, origin)
    depth, part = cast_grid(seen, camera)
    colour = stage.backdrop.colour.copy()
    window = _covered(seen, camera)
    _darken_floor(colour, stage, rotation, origin)

    edge = np.zeros(part.shape, dtype=bool)
    edge[window] = _edges(part[window])
    rows, columns = np.nonzero(edge)
    fine = [(columns + 0.5 + dx, rows + 0.5 + dy) for dx, dy in SUBSAMPLES]
    x = np.concatenate([x for x, _ in fine]).astype(np.float32)
    y = np.concatenate([y for _, y in fine]).astype(np.float32)
    fine_depth, fine_part = cast_points(seen, camera, x, y)
    hit = fine_part != NOTHING

    inner_rows, inner_columns = np.nonzero((part != NOTHING) & ~edge)
    lit = _shade(
        stage,
        seen,
        rotation,
        origin,
        np.concatenate([inner_columns.astype(np.float32) + np.float32(0.5), x[hit]]),
        np.concatenate([inner_rows.astype(np.float32) + np.float32(0.5), y[hit]]),
        np.concatenate([depth[inner_rows, inner_columns], fine_depth[hit]]),
        np.concatenate([part[inner_rows, inner_columns], fine_part[hit]]),
    )
    samples = np.tile(colour[rows, columns], (len(SUBSAMPLES), 1))
    samples[hit] = lit[len(inner_rows) :]
    colour[rows, columns] = samples.reshape(len(SUBSAMPLES), -1, 3).mean(axis=0)
    colour[inner_rows, inner_columns] = lit[: len(inner_rows)]
    return Picture(to_display(colour * stage.exposure.astype(np.float32)), depth, part)


def _covered(seen: View, camera: Camera) -> tuple[slice, slice]:
    """The rows and columns that may show the person."""
    low = np.clip(np.floor(seen.boxes[:, :2].min(axis=0)) - 2, 0, None).astype(int)
    high = np.clip(np.ceil(seen.boxes[:, 2:].max(axis=0)) + 2, 0, [camera.width, camera.height]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _edges(part: np.ndarray) -> np.ndarray:
    """Pixels whose part differs from that of a neighbour to the side, above or below."""
    edge = np.zeros(part.shape, dtype=bool)
    across, along = part[:, 1:] != part[:, :-1], part[1:] != part[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= along
    edge[:-1] |= along
    return edge


def _shade(
    stage: Stage,
    seen: View,
    rotation: np.ndarray,
    origin: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    depth: np.ndarray,
    part: np.ndarray,
) -> np.ndarray:
    """Linear colours [N, 3] of hits on parts."""
    body, camera = stage.shape.body, stage.camera
    u, v = camera.rays(x, y)
    lit = np.empty((len(x), 3), dtype=np.float32)
    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.arange(len(body.parts) + 1))
    light = stage.light.astype(np.float32)
    for index, piece in enumerate(body.parts):
        chosen = order[starts[index] : starts[index + 1]]
        if not len(chosen):
            continue
        turn = rotation[piece.frame].astype(np.float32)
        a, b, d = u[chosen], v[chosen], depth[chosen]
        place = to_frame(camera, rotation[piece.frame], origin[piece.frame], a, b, d)
        normal = turn @ surface(seen, index, a, b, d)
        normal /= np.sqrt((normal * normal).sum(axis=0))
        key = np.maximum((light @ normal) * np.float32(0.85) + np.float32(0.15), 0)
        sky = (normal[1] + 1) / 2
        brightness = _KEY * key + _GROUND + (_SKY - _GROUND) * sky
        albedo = to_linear(paint(stage.outfit, piece, place, body.build.height))
        lit[chosen] = (albedo * brightness.astype(np.float32)).T
    return lit


def to_frame(
    camera: Camera, rotation: np.ndarray, origin: np.ndarray, u: np.ndarray, v: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Where rays end after `depth`, in the axes of a frame [3, N]."""
    across = (camera.axes @ rotation).T.astype(np.float32)
    start = ((camera.position - origin) @ rotation).astype(np.float32)
    return (across[:, :2] @ np.stack([u, v]) + across[:, 2:]) * depth + start[:, None]


def _darken_floor(colour: np.ndarray, stage: Stage, rotation: np.ndarray, origin: np.ndarray) -> None:
    """Multiplies the floor by the shadows of the parts, as capsules thrown along the light and straight down."""
    body = stage.shape.body
    radius = (body.radius * body.stretch.mean(axis=1, keepdims=True)).max(axis=1)
    large = np.flatnonzero(radius > _SMALLEST_SHADOW)
    frames = body.frame[large]
    ends = origin[frames][:, None] + np.einsum("pij,pkj->pki", rotation[frames], body.ends[large])
    height = np.maximum(ends[..., 1], 0)
    shade = np.ones(colour.shape[:2], dtype=np.float32)
    for direction, (strength, by_height, by_radius) in zip((stage.light, np.array([0, 1.0, 0])), _SHADOWS, strict=True):
        thrown = ends - direction * (height / direction[1])[..., None]
        softness = by_radius * radius[large] + by_height * height.mean(axis=1)
        fade = np.exp(-height.min(axis=1) / _DIMNESS_HEIGHT) if direction[1] == 1 else np.ones(len(large))
        layer = np.ones_like(shade)
        for k in range(len(large)):
            _throw(layer, stage, thrown[k][:, [0, 2]], radius[large][k], softness[k], strength * fade[k])
        shade *= layer
    colour *= shade[..., None]


def _throw(
    shade: np.ndarray, stage: Stage, segment: np.ndarray, radius: float, softness: float, strength: float
) -> None:
    """Lowers `shade` to 1 - strength inside a capsule on the floor, its axis `segment` [2, 2] (x, z)."""
    outside = radius + softness
    corners = np.array([(x, 0.0, z) for x in _span(segment[:, 0], outside) for z in _span(segment[:, 1], outside)])
    pixels = stage.camera.project(corners)
    if pixels[:, 2].min() < 0.1:
        return
    limits = [stage.camera.width, stage.camera.height]
    x0, y0 = np.clip(np.floor(pixels[:, :2].min(axis=0)), 0, limits).astype(int)
    x1, y1 = np.clip(np.ceil(pixels[:, :2].max(axis=0)), 0, limits).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    floor = stage.backdrop.floor[:, y0:y1, x0:x1]
    start, along = segment[0].astype(np.float32), (segment[1] - segment[0]).astype(np.float32)
    x, z = floor[0] - start[0], floor[1] - start[1]
    with np.errstate(invalid="ignore"):
        place = np.clip((x * along[0] + z * along[1]) / np.float32(along @ along + 1e-9), 0, 1)
        distance = np.sqrt((x - place * along[0]) ** 2 + (z - place * along[1]) ** 2)
        inside = np.clip((outside - distance) / np.float32(2 * softness), 0, 1)
    dark = 1 - np.float32(strength) * np.nan_to_num(inside * inside * (3 - 2 * inside))
    np.minimum(shade[y0:y1, x0:x1], dark, out=shade[y0:y1, x0:x1])


def _span(values: np.ndarray, margin: float) -> tuple[float, float]:
    return float(values.min() - margin), float(values.max() + margin)

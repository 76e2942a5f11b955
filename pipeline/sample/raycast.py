"""Which part of a body a camera ray meets first, exactly: ray against round cone, in closed form.

All in float32. A ray is given by its right and down components for a forward component of 1 (`Camera.rays`), so that
the distance along it is the depth in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.sample.body import Body
from pipeline.sample.camera import Camera

NOTHING = -1
"""Part index where a ray meets none."""


@dataclass(frozen=True)
class Shape:
    """The parts of a body in their own spaces, where each is a round cone along z from the origin.

    `inward` [P, 3, 3] takes vectors of the part's frame there, `length` [P] is the distance of the sphere centres,
    `radius` [P, 2] their radii, `slope` [P] the sine of the half opening angle.
    """

    body: Body
    inward: np.ndarray
    length: np.ndarray
    radius: np.ndarray
    slope: np.ndarray


@dataclass(frozen=True)
class View:
    """The parts of a shape as one camera sees them in one pose.

    A ray (u, v, 1) has the direction `directions[p] @ (u, v, 1)` and the start `starts[p]` in part p's own space;
    `boxes` [P, 4] are pixel bounds (x0, y0, x1, y1) outside of which no ray meets the part.
    """

    shape: Shape
    directions: np.ndarray
    starts: np.ndarray
    boxes: np.ndarray


def make_shape(body: Body) -> Shape:
    """Works out the spaces of the parts."""
    ends = body.ends / body.stretch[:, None]
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    z = along / length[:, None]
    helper = np.eye(3)[np.abs(z).argmin(axis=1)]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x, axis=1)[:, None]
    inward = np.stack([x, np.cross(z, x), z], axis=1) / body.stretch[:, None, :]
    return Shape(body, inward, length, body.radius, (body.radius[:, 0] - body.radius[:, 1]) / length)


def view(shape: Shape, camera: Camera, rotation: np.ndarray, origin: np.ndarray) -> View:
    """The shape in one pose: frames' `rotation` [17, 3, 3] and `origin` [17, 3]."""
    frame, ends = shape.body.frame, shape.body.ends
    rotations, origins = rotation[frame], origin[frame]
    inward = shape.inward @ np.swapaxes(rotations, 1, 2)
    world = origins[:, None] + np.einsum("pij,pkj->pki", rotations, ends)
    starts = np.einsum("pij,pj->pi", inward, camera.position - world[:, 0])
    reach = shape.radius * shape.body.stretch.max(axis=1, keepdims=True)
    x, y, depth = np.moveaxis(camera.project(world), -1, 0)
    # 1.15 covers the perspective widening of spheres away from the middle of the picture.
    margin = 1.15 * camera.focal * reach / (depth - reach) + 1
    boxes = np.stack(
        [(x - margin).min(axis=1), (y - margin).min(axis=1), (x + margin).max(axis=1), (y + margin).max(axis=1)], axis=1
    )
    directions = inward @ camera.axes.T
    return View(shape, directions.astype(np.float32), starts.astype(np.float32), boxes.astype(np.float32))


def cast_grid(seen: View, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Depth (inf where there is nothing) and part at every pixel centre, [H, W] each."""
    depth = np.full((camera.height, camera.width), np.inf, dtype=np.float32)
    part = np.full(depth.shape, NOTHING, dtype=np.int16)
    u, v = camera.rays(
        np.arange(camera.width, dtype=np.float32) + 0.5, np.arange(camera.height, dtype=np.float32)[:, None] + 0.5
    )
    limits = np.array([camera.width, camera.height] * 2)
    boxes = np.clip(np.round(seen.boxes).astype(int), 0, limits)
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        if x0 < x1 and y0 < y1:
            hit = _entry(seen, index, u[x0:x1], v[y0:y1])
            window = (slice(y0, y1), slice(x0, x1))
            nearer = hit < depth[window]
            np.copyto(depth[window], hit, where=nearer)
            np.copyto(part[window], index, where=nearer)
    return depth, part


def cast_points(seen: View, camera: Camera, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth (inf where there is nothing) and part at pixel positions, [N] each."""
    depth = np.full(x.shape, np.inf, dtype=np.float32)
    part = np.full(x.shape, NOTHING, dtype=np.int16)
    u, v = camera.rays(x, y)
    for index, (x0, y0, x1, y1) in enumerate(seen.boxes):
        inside = np.flatnonzero((x > x0) & (x < x1) & (y > y0) & (y < y1))
        if len(inside):
            hit = _entry(seen, index, u[inside], v[inside])
            nearer = hit < depth[inside]
            depth[inside[nearer]] = hit[nearer]
            part[inside[nearer]] = index
    return depth, part


def _entry(seen: View, index: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Depth at which rays enter one part, inf where they miss it."""
    g = seen.directions[index]
    dx, dy, dz = (g[k, 0] * u + g[k, 1] * v + g[k, 2] for k in range(3))
    ox, oy, oz = seen.starts[index]
    ra, rb = (np.float32(r) for r in seen.shape.radius[index])
    length, slope = np.float32(seen.shape.length[index]), np.float32(seen.shape.slope[index])
    cosine2 = 1 - slope * slope

    # The infinite cone: cosine² (x² + y²) = (ra - slope z)².
    across = dx * dx + dy * dy
    toward = ox * dx + oy * dy
    rest = ra - slope * oz
    a = cosine2 * across - (slope * dz) ** 2
    b = cosine2 * toward + slope * rest * dz
    c = cosine2 * (ox * ox + oy * oy) - rest * rest
    with np.errstate(invalid="ignore", divide="ignore"):
        t = -(b + np.sqrt(b * b - a * c)) / a
        z = oz + t * dz
        side = (z > ra * slope) & (z < length + rb * slope)
    entry = np.where(side, t, np.inf)

    # The two caps.
    along = across + dz * dz
    for end, radius in ((np.float32(0), ra), (length, rb)):
        b = toward + (oz - end) * dz
        c = ox * ox + oy * oy + (oz - end) ** 2 - radius * radius
        root = b * b - along * c
        t = -(b + np.sqrt(np.maximum(root, 0))) / along
        np.minimum(entry, t, out=entry, where=root > 0)
    return entry


def surface(seen: View, index: int, u: np.ndarray, v: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Outward normals in the part's frame [3, N], not of unit length, where rays meet one part."""
    g, shape = seen.directions[index], seen.shape
    point = (g[:, :2] @ np.stack([u, v]) + g[:, 2:]) * depth + seen.starts[index][:, None]
    ra, slope = shape.radius[index, 0], shape.slope[index]
    # Every point of the surface touches the sphere around this place of the axis.
    centre = np.clip((point[2] - ra * slope) / (1 - slope * slope), 0, shape.length[index])
    point[2] -= centre.astype(np.float32)
    return shape.inward[index].T.astype(np.float32) @ point

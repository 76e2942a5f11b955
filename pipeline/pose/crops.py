"""From boxes to the network's crops, and from its heatmaps back to joints in pixels of the frame.

As released with AlphaPose (Fang et al., TPAMI 2023): a box is widened to the crop's aspect, then by a quarter.
"""

from __future__ import annotations

import cv2
import numpy as np

MARGIN = 1.25
MEANS = (0.406, 0.457, 0.480)
"""Subtracted from red, green and blue: the released weights were trained with this order."""


def regions(boxes: np.ndarray, aspect: float) -> np.ndarray:
    """Boxes [N, 4] (x0, y0, x1, y1) → regions [N, 4] (centre x, y, width, height) of width / height `aspect`."""
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    width = np.maximum(size[:, 0], size[:, 1] * aspect)
    return np.stack([centre[:, 0], centre[:, 1], MARGIN * width, MARGIN * width / aspect], axis=1)


def crop(frame: np.ndarray, region: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Frame [H, W, 3] uint8 RGB → float32 [3, height, width] of `size` (width, height), black outside the frame."""
    scale = size[0] / region[2]
    # Centres of pixels lie at halves here, at whole numbers in OpenCV.
    shift = np.divide(size, 2) - scale * (region[:2] - 0.5)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    picture = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray((picture.astype(np.float32) / 255 - np.array(MEANS, np.float32)).transpose(2, 0, 1))


def argmax(heatmaps: np.ndarray) -> np.ndarray:
    """Heatmaps [N, V, H, W] → [N, V, 3]: x and y in cells, and the largest value as the score.

    The place is moved a quarter of a cell towards the larger neighbour; at the border it stays.
    """
    people, joints, height, width = heatmaps.shape
    flat = heatmaps.reshape(people, joints, -1)
    y, x = np.divmod(flat.argmax(2), width)
    inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    n, v = np.indices(x.shape)
    left, right = np.clip(x - 1, 0, None), np.clip(x + 1, None, width - 1)
    above, below = np.clip(y - 1, 0, None), np.clip(y + 1, None, height - 1)
    dx = np.sign(heatmaps[n, v, y, right] - heatmaps[n, v, y, left])
    dy = np.sign(heatmaps[n, v, below, x] - heatmaps[n, v, above, x])
    return np.stack([x + 0.25 * dx * inner, y + 0.25 * dy * inner, flat.max(2)], axis=2).astype(np.float32)


def integral(heatmaps: np.ndarray) -> np.ndarray:
    """As `argmax`, for weights trained with symmetric integral regression: the mean place under the sigmoid.

    The score is the largest sigmoid; dividing by the sum afterwards keeps it free of the person's size.
    """
    likely = 1 / (1 + np.exp(-heatmaps.astype(np.float64)))
    share = likely / likely.sum((2, 3), keepdims=True)
    x = (share.sum(2) * np.arange(heatmaps.shape[3])).sum(2)
    y = (share.sum(3) * np.arange(heatmaps.shape[2])).sum(2)
    return np.stack([x, y, likely.max((2, 3))], axis=2).astype(np.float32)


def to_frame(joints: np.ndarray, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Joints [N, V, 3] in cells of heatmaps of `size` (width, height) → in pixels of the frame; scores in 0..1."""
    centre, extent = places[:, None, :2], places[:, None, 2:]
    points = (joints[..., :2] - np.divide(size, 2)) / size * extent + centre
    return np.concatenate([points, np.clip(joints[..., 2:], 0, 1)], axis=2).astype(np.float32)

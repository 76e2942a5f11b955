"""Flow as a picture: direction is colour, speed is saturation (Baker et al., IJCV 2011)."""

from __future__ import annotations

import numpy as np

_CORNERS = np.array([0, 15, 21, 25, 36, 49, 55]) / 55
"""Where red, yellow, green, cyan, blue, magenta and red again lie on the wheel, as shares of a turn: more
room where the eye tells more colours apart."""

_COLOURS = np.array([(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 0, 0)])


def picture(flow: np.ndarray, radius: float | None = None) -> np.ndarray:
    """A field [H, W, 2] in pixels per frame → uint8 RGB [H, W, 3].

    Still pixels are white; to the right is red, downwards yellow, to the left blue, upwards violet.
    `radius` is the speed with full colour, by default the largest in the field; faster pixels are darkened.
    """
    x, y = flow[..., 0], flow[..., 1]
    speed = np.hypot(x, y)
    share = speed / max(radius or float(speed.max(initial=0)), 1e-6)
    turn = np.arctan2(y, x) / (2 * np.pi) % 1
    colour = np.stack([np.interp(turn, _CORNERS, channel) for channel in _COLOURS.T], axis=-1)
    pale = 255 - np.minimum(share, 1)[..., None] * (255 - colour)
    return np.rint(np.where(share[..., None] > 1, 0.75 * colour, pale)).astype(np.uint8)

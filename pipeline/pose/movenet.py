"""MoveNet MultiPose Lightning: up to six people in a frame, 17 COCO joints each, on one CPU core.

Model card: https://www.kaggle.com/models/google/movenet (Apache-2.0). Input is uint8 RGB whose sides are
multiples of 32; output is [1, 6, 56]: 17 × (y, x, score), the box (y0, x0, y1, x1) and the score of the
person, all coordinates as fractions of the input's sides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.pose.people import Person

STRIDE = 32

PERSON_SCORE = 0.15
"""Least score of the person. On pictures without people (noise, shapes, empty rooms, landscapes) it stays
below 0.15; second readings of one person are near 0.01; people who exercise in full view have 0.25 to 0.7."""


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies on the network's canvas: sizes (width, height) of both, the picture's corner."""

    canvas: tuple[int, int]
    picture: tuple[int, int]
    corner: tuple[int, int]

    @staticmethod
    def fit(width: int, height: int, longer_side: int) -> Letterbox:
        """Keeps the aspect. The shorter side of the canvas is the multiple of 32 nearest to the aspect's."""
        scale = longer_side / max(width, height)
        canvas = [max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (width, height)]
        scale = min(canvas[0] / width, canvas[1] / height)
        picture = max(1, round(width * scale)), max(1, round(height * scale))
        corner = (canvas[0] - picture[0]) // 2, (canvas[1] - picture[1]) // 2
        return Letterbox((canvas[0], canvas[1]), picture, corner)

    def put(self, frame: np.ndarray) -> np.ndarray:
        """The canvas with the frame on it and black around it, [height, width, 3] uint8."""
        canvas = np.zeros((self.canvas[1], self.canvas[0], 3), np.uint8)
        method = cv2.INTER_AREA if self.picture[0] < frame.shape[1] else cv2.INTER_LINEAR
        picture = cv2.resize(frame, self.picture, interpolation=method)
        x, y = self.corner
        canvas[y : y + self.picture[1], x : x + self.picture[0]] = picture
        return canvas

    def back(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """Points [..., 2] (x, y as fractions of the canvas) in pixels of a frame of this size."""
        inside = points * self.canvas - self.corner
        return (inside * (width, height) / self.picture).astype(np.float32)


class MoveNet:
    """Finds the people in a frame: `MoveNet(path)(frame)`. Holds one interpreter; not for several threads."""

    def __init__(self, model: Path, longer_side: int) -> None:
        self._longer_side = longer_side
        self._interpreter = Interpreter(str(model), num_threads=1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._canvas: tuple[int, int] | None = None

    def __call__(self, frame: np.ndarray) -> list[Person]:
        """Frame [H, W, 3] uint8 RGB → the people in it, joints and boxes in its pixels."""
        height, width = frame.shape[:2]
        letterbox = Letterbox.fit(width, height, self._longer_side)
        rows = self._run(letterbox.put(frame))
        joints = rows[:, :51].reshape(-1, 17, 3)
        places = letterbox.back(joints[..., 1::-1], width, height)
        corners = letterbox.back(rows[:, 51:55].reshape(-1, 2, 2)[..., ::-1], width, height)
        return [
            Person(np.concatenate([places[i], joints[i, :, 2:]], axis=1), corners[i].reshape(4))
            for i in np.flatnonzero(rows[:, 55] >= PERSON_SCORE)
        ]

    def _run(self, canvas: np.ndarray) -> np.ndarray:
        """[6, 56], see the top of this file; for a canvas of a new size memory is planned again."""
        size = canvas.shape[0], canvas.shape[1]
        if size != self._canvas:
            self._interpreter.resize_tensor_input(self._input, [1, *canvas.shape], strict=True)
            with muted_stderr():
                self._interpreter.allocate_tensors()
            self._canvas = size
        self._interpreter.set_tensor(self._input, canvas[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


@contextmanager
def muted_stderr() -> Iterator[None]:
    """Keeps what LiteRT's C++ side says on file descriptor 2 (the name of its delegate) off the terminal."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

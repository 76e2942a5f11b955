"""BlazePose (Bazarevsky et al., 2020): one person, 33 joints, followed from frame to frame on one CPU core.

A detector gives the middle of the hips and a point that spans the body's circle; a turned square around them goes
to the landmark network, whose own two such points give the next frame's square. Where it is unsure, the detector
looks again. Networks and constants: modules pose_detection and
pose_landmark of https://github.com/google-ai-edge/mediapipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.pose.movenet import muted_stderr
from pipeline.pose.people import Person

DETECTOR_SIDE = 224
LANDMARK_SIDE = 256
MIN_SCORE = 0.5
"""Least score of a detection, and of a person in the square."""
MARGIN = 1.25
GRIDS = ((28, 2), (14, 2), (7, 6))
"""Cells of a side of the detector's maps, and its anchors in each cell."""


@dataclass(frozen=True)
class Square:
    """A turned square in the frame: centre and side in pixels, angle in radians."""

    centre: np.ndarray
    side: float
    angle: float

    @staticmethod
    def around(hips: np.ndarray, edge: np.ndarray) -> Square:
        """The body's circle has its centre in the hips and passes through `edge`, which is to be at the top."""
        dx, dy = edge - hips
        angle = np.pi / 2 - np.arctan2(-dy, dx)
        return Square(hips, 2 * MARGIN * float(np.hypot(dx, dy)), float(angle))

    def matrix(self, size: int) -> np.ndarray:
        """From places in a picture of `size` pixels of this square to the frame's, [2, 3]."""
        scale = self.side / size
        turn = scale * np.array([[np.cos(self.angle), -np.sin(self.angle)], [np.sin(self.angle), np.cos(self.angle)]])
        return np.column_stack([turn, self.centre - turn @ [size / 2, size / 2]])

    def cut(self, frame: np.ndarray, size: int) -> np.ndarray:
        """The square's picture [size, size, 3], black outside the frame."""
        matrix = self.matrix(size)
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
        return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


class BlazePose:
    """Follows one person; holds two interpreters, not for several threads."""

    def __init__(self, detector: Path, landmarks: Path) -> None:
        self._detector, self._landmarks = _interpreter(detector), _interpreter(landmarks)
        self._anchors = _anchors()

    def follow(self, frames: np.ndarray) -> list[list[Person]]:
        """Frames [T, H, W, 3] uint8 RGB → none or one person in each."""
        people: list[list[Person]] = []
        square: Square | None = None
        for frame in frames:
            person = None
            if square is not None:
                person, square = self._read(frame, square)
            if person is None and (start := self._detect(frame)) is not None:
                person, square = self._read(frame, start)
            people.append([person] if person else [])
        return people

    def _detect(self, frame: np.ndarray) -> Square | None:
        height, width = frame.shape[:2]
        whole = Square(np.array([width / 2, height / 2]), float(max(width, height)), 0.0)
        picture = whole.cut(frame, DETECTOR_SIDE).astype(np.float32) / 127.5 - 1
        boxes, scores = _run(self._detector, picture, ("12", "1"))
        best = int(scores[:, 0].argmax())
        if scores[best, 0] < -np.log(1 / MIN_SCORE - 1):
            return None
        points = boxes[best, 4:8].reshape(2, 2) + self._anchors[best] * DETECTOR_SIDE
        hips, edge = _moved(points, whole.matrix(DETECTOR_SIDE))
        return Square.around(hips, edge)

    def _read(self, frame: np.ndarray, square: Square) -> tuple[Person | None, Square | None]:
        picture = square.cut(frame, LANDMARK_SIDE).astype(np.float32) / 255
        rows, present = _run(self._landmarks, picture, ("195", "1"))
        if present.ravel()[0] < MIN_SCORE:
            return None, None
        rows = rows.reshape(39, 5)
        places = _moved(rows[:, :2], square.matrix(LANDMARK_SIDE))
        scores = 1 / (1 + np.exp(-rows[:33, 3:]))
        joints = np.concatenate([places[:33], scores.min(1, keepdims=True)], axis=1).astype(np.float32)
        box = np.concatenate([places[:33].min(0), places[:33].max(0)]).astype(np.float32)
        return Person(joints, box), Square.around(places[33], places[34])


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _anchors() -> np.ndarray:
    """Centres [2254, 2] of the detector's anchors, as fractions of its input."""
    rows = []
    for cells, count in GRIDS:
        y, x = np.indices((cells, cells))
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        rows.append(np.repeat(centres, count, axis=0))
    return np.concatenate(rows)


def _interpreter(path: Path) -> Interpreter:
    interpreter = Interpreter(str(path), num_threads=1)
    with muted_stderr():
        interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Interpreter, picture: np.ndarray, sizes: tuple[str, str]) -> list[np.ndarray]:
    """The outputs whose last sides are `sizes`, without the batch."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
    interpreter.invoke()
    outputs = {str(one["shape"][-1]): one["index"] for one in interpreter.get_output_details() if len(one["shape"]) < 4}
    return [interpreter.get_tensor(outputs[size])[0] for size in sizes]

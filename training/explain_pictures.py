"""The pictures of an explanation: heat laid over frames and joints, captions above, marks beside.

A sheet of text is drawn once and has cells, one for each branch and moment, that pictures are pasted into: some
moments side by side for a still, one after another for a film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.pose.layouts import Layout
from pipeline.pose.overlay import draw_heat
from training.data import square
from training.marks import Mark, Marked

AREA = 480 * 270
"""Pixels of a frame in a film; a still's are half as wide and high."""

MOMENTS = 6
"""Frames of a still."""

HOT = (colormaps["inferno"](np.linspace(0.1, 1, 256))[:, :3] * 255).astype(np.uint8)
"""RGB of 256 steps from cold to hot."""

COVER = 0.8
"""How much of the frame the hottest place hides; others less, in proportion."""

OUTSIDE = 0.4
"""Brightness of what lies outside the square that a video model sees."""

MARKS = {Mark.HIT: ("✓", "#12813f"), Mark.MISSED: ("○", "#b36b00"), Mark.FALSE: ("✗", "#c62828")}
INK, SOFT = "#1c2128", "#5b6470"

DPI, LINE, ASCENT, GAP, MARGIN, BESIDE = 100, 20, 12, 4, 16, 230
"""In pixels: an inch of the text, its line, that line's part above the letters' foot, between cells, around the sheet,
and the marks' column."""


@dataclass(frozen=True)
class Strip:
    """One branch of one run: its caption, and pictures [N, H, W, 3] uint8 of size `cell_size`."""

    caption: str
    pictures: np.ndarray


@dataclass(frozen=True)
class Block:
    """One run: its name, its strips, and its marks beside them."""

    title: str
    strips: Sequence[Strip]
    marks: Sequence[Marked]


def cell_size(width: int, height: int) -> tuple[int, int]:
    """Width and height, even, of the clip's frames in a film; wide and tall clips get the same area."""
    scale = (AREA / (width * height)) ** 0.5
    return round(width * scale / 4) * 4, round(height * scale / 4) * 4


def over_square(frames: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Heat [N, S, S] in 0..1 over the centre square of frames [N, H, W, 3]; what the model does not see is darker."""
    height, width = frames.shape[1:3]
    left, top, side = square(width, height, 0.5)
    shown = (frames * OUTSIDE).astype(np.uint8)
    for picture, frame, values in zip(shown, frames, heat, strict=True):
        scaled = cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR)
        cover = COVER * scaled[..., None]
        seen = frame[top : top + side, left : left + side] * (1 - cover) + coloured(scaled) * cover
        picture[top : top + side, left : left + side] = seen.round()
    return shown


def over_joints(frames: np.ndarray, joints: np.ndarray, heat: np.ndarray, layout: Layout) -> np.ndarray:
    """Skeletons [N, V, 3] in pixels on frames [N, H, W, 3], each joint as large and hot as heat [N, V] in 0..1 says."""
    parts = zip(frames, joints, heat, strict=True)
    return np.stack([draw_heat(frame, skeleton, layout, h, coloured(h)) for frame, skeleton, h in parts])


def coloured(heat: np.ndarray) -> np.ndarray:
    """Values in 0..1 → uint8 RGB [..., 3]."""
    return HOT[(heat.clip(0, 1) * 255).astype(int)]


def still(head: Sequence[str], blocks: Sequence[Block]) -> np.ndarray:
    """One picture [H, W, 3] RGB: MOMENTS of each strip, evenly over it; the first line of `head` is a title."""
    count = len(blocks[0].strips[0].pictures)
    chosen = [int((i + 0.5) * count / MOMENTS) for i in range(MOMENTS)]
    height, width = (n // 2 for n in blocks[0].strips[0].pictures.shape[1:3])
    picture, rows = _sheet(head, blocks, width, height, MOMENTS)
    for strip, (x, y) in zip(_strips(blocks), rows, strict=True):
        for column, moment in enumerate(chosen):
            small = cv2.resize(strip.pictures[moment], (width, height), interpolation=cv2.INTER_AREA)
            _paste(picture, small, x + column * (width + GAP), y)
    return picture


def film(head: Sequence[str], blocks: Sequence[Block]) -> Iterator[np.ndarray]:
    """The same as frames [H, W, 3] RGB of even size, each with one moment of all strips."""
    count, height, width = blocks[0].strips[0].pictures.shape[:3]
    picture, rows = _sheet(head, blocks, width, height, 1)
    for moment in range(count):
        for strip, (x, y) in zip(_strips(blocks), rows, strict=True):
            _paste(picture, strip.pictures[moment], x, y)
        yield picture


def _strips(blocks: Sequence[Block]) -> list[Strip]:
    return [strip for block in blocks for strip in block.strips]


def _paste(picture: np.ndarray, cell: np.ndarray, x: int, y: int) -> None:
    picture[y : y + cell.shape[0], x : x + cell.shape[1]] = cell


def _sheet(
    head: Sequence[str], blocks: Sequence[Block], width: int, height: int, columns: int
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The text on white, and for each strip the left upper corner of its first cell of `width` and `height`."""
    beside = MARGIN + columns * (width + GAP) + MARGIN
    texts = [(MARGIN, MARGIN + i * LINE, line, INK if i == 0 else SOFT, i == 0) for i, line in enumerate(head)]
    corners, y = [], MARGIN + len(head) * LINE + LINE // 2
    for block in blocks:
        texts.append((MARGIN, y, block.title, INK, True))
        for i, marked in enumerate(block.marks):
            sign, colour = MARKS[marked.mark]
            line = y + (i + 1) * LINE
            texts.append((beside, line, f"{sign}  {marked.muscle}", colour, False))
            texts.append((beside + BESIDE - 70, line, f"{marked.probability:.2f}", colour, False))
        bottom = y + (1 + len(block.marks)) * LINE
        y += LINE
        for strip in block.strips:
            texts.append((MARGIN, y, strip.caption, SOFT, False))
            corners.append((MARGIN, y + LINE))
            y += LINE + height + GAP
        y = max(y, bottom) + LINE // 2
    size = beside + BESIDE, y + MARGIN
    return _drawn(texts, (size[0] + size[0] % 2, size[1] + size[1] % 2)), corners


def _drawn(texts: Sequence[tuple[int, int, str, str, bool]], size: tuple[int, int]) -> np.ndarray:
    """Lines of text (x and y of its left upper corner, words, colour, whether bold) on white: [H, W, 3] RGB."""
    width, height = size
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for x, y, words, colour, bold in texts:
        place, weight = (x / width, 1 - (y + ASCENT) / height), "bold" if bold else "normal"
        # Names may hold a dollar sign, which begins no formula.
        figure.text(*place, words, color=colour, weight=weight, fontsize=9, va="baseline", parse_math=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()

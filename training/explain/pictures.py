"""The pictures of an explanation: heat laid over frames and joints, captions above, marks beside.

A sheet of text is drawn once and has cells, one for each branch and moment, that pictures are pasted into: some
moments side by side for a still, one after another for a film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.pose.layouts import Layout
from pipeline.pose.overlay import draw_heat
from training.data import square
from training.explain.marks import Mark, Marked

AREA = 480 * 270
"""Pixels of a frame in a film; a still's are half as wide and high."""

MOMENTS = 6
"""Frames of a still."""

ABREAST = 2
"""Strips side by side in a film."""

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
    rows = [[[strip] for strip in block.strips] for block in blocks]
    picture, corners = _sheet(head, blocks, rows, (MOMENTS * (width + GAP), height))
    for strip, (x, y) in corners:
        for column, moment in enumerate(chosen):
            small = cv2.resize(strip.pictures[moment], (width, height), interpolation=cv2.INTER_AREA)
            _paste(picture, small, x + column * (width + GAP), y)
    return picture


def film(head: Sequence[str], blocks: Sequence[Block]) -> Iterator[np.ndarray]:
    """The same as frames [H, W, 3] RGB of even size, one a moment; the branches of a run side by side."""
    count, height, width = blocks[0].strips[0].pictures.shape[:3]
    rows = [[block.strips[i : i + ABREAST] for i in range(0, len(block.strips), ABREAST)] for block in blocks]
    picture, corners = _sheet(head, blocks, rows, (width + GAP, height))
    for moment in range(count):
        for strip, (x, y) in corners:
            _paste(picture, strip.pictures[moment], x, y)
        yield picture


def _paste(picture: np.ndarray, cell: np.ndarray, x: int, y: int) -> None:
    picture[y : y + cell.shape[0], x : x + cell.shape[1]] = cell


class _Text(NamedTuple):
    """A line of words; x and y in pixels of its left upper corner."""

    x: int
    y: int
    words: str
    colour: str
    bold: bool = False


def _sheet(
    head: Sequence[str], blocks: Sequence[Block], rows: Sequence[Sequence[Sequence[Strip]]], cell: tuple[int, int]
) -> tuple[np.ndarray, list[tuple[Strip, tuple[int, int]]]]:
    """The text on white, even in size, and the left upper corner of each strip's pictures, `cell` wide and high.

    `rows` are those of each block.
    """
    beside = MARGIN + max(len(row) for part in rows for row in part) * cell[0] + MARGIN
    texts = [_Text(MARGIN, MARGIN + i * LINE, line, SOFT if i else INK, not i) for i, line in enumerate(head)]
    corners: list[tuple[Strip, tuple[int, int]]] = []
    y = MARGIN + len(head) * LINE + LINE // 2
    for block, own in zip(blocks, rows, strict=True):
        texts.append(_Text(MARGIN, y, block.title, INK, True))
        texts += _marks(block.marks, beside, y + LINE)
        bottom = y + LINE * (1 + len(block.marks))
        y += LINE
        for row in own:
            for column, strip in enumerate(row):
                x = MARGIN + column * cell[0]
                texts.append(_Text(x, y, strip.caption, SOFT))
                corners.append((strip, (x, y + LINE)))
            y += LINE + cell[1] + GAP
        y = max(y, bottom) + LINE // 2
    return _drawn(texts, (beside + BESIDE) // 2 * 2, (y + MARGIN) // 2 * 2), corners


def _marks(marks: Sequence[Marked], x: int, y: int) -> Iterator[_Text]:
    for i, marked in enumerate(marks):
        sign, colour = MARKS[marked.mark]
        yield _Text(x, y + i * LINE, f"{sign}  {marked.muscle}", colour)
        yield _Text(x + BESIDE - 70, y + i * LINE, f"{marked.probability:.2f}", colour)


def _drawn(texts: Sequence[_Text], width: int, height: int) -> np.ndarray:
    """Text on white, [H, W, 3] RGB."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for text in texts:
        place, weight = (text.x / width, 1 - (text.y + ASCENT) / height), "bold" if text.bold else "normal"
        # Names may hold a dollar sign, which begins no formula.
        figure.text(*place, text.words, color=text.colour, weight=weight, size=9, va="baseline", parse_math=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()

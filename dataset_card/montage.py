"""One clip as one picture: its modalities as rows, moments of it as columns."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataset_card.figures import fixed_style
from dataset_card.pictures import CAPTIONS, moments, of_clip
from dataset_card.version import Version
from pipeline.errors import Failure, UserError

MOMENTS = 5
SHORT_SIDE = 144
"""Of each picture, in pixels."""

GAP, MARGIN, DPI = 6, 110, 100
"""Pixels between pictures and, at the left, for the captions; pixels per inch of the text."""


def draw(version: Version, key: str) -> bytes:
    """PNG of the clip with this key, or of the first one if it is empty. Raises UserError for an unknown key."""
    row = _row(version, key)
    strips: dict[str, list[np.ndarray]] = {}
    for modality, images in of_clip(version, row, moments(version, row, MOMENTS), SHORT_SIDE).items():
        if isinstance(images, Failure):
            raise UserError(f"{version.root}: {modality} of {version.dataset.keys[row]}: {images.detail}")
        strips[modality] = images
    if not strips:
        raise UserError(f"{version.root}: no modality to show; this copy has labels alone")
    return _png(strips)


def _row(version: Version, key: str) -> int:
    if not key:
        return 0
    if key not in version.dataset.keys:
        raise UserError(
            f"--key: no clip {key!r} in {version.root}; keys are in index.parquet, like {version.dataset.keys[0]}"
        )
    return version.dataset.keys.index(key)


def _png(strips: dict[str, list[np.ndarray]]) -> bytes:
    """Pictures pixel by pixel on a white ground, the caption of each row beside it."""
    height, width = next(iter(strips.values()))[0].shape[:2]
    total = (MARGIN + MOMENTS * (width + GAP), len(strips) * (height + GAP) + GAP)
    with fixed_style():
        figure = Figure(figsize=(total[0] / DPI, total[1] / DPI), dpi=DPI)
        FigureCanvasAgg(figure)
        for number, (modality, images) in enumerate(strips.items()):
            bottom = total[1] - (number + 1) * (height + GAP)
            for column, image in enumerate(images):
                figure.figimage(image, MARGIN + column * (width + GAP), bottom, origin="upper")
            place = ((MARGIN - 10) / total[0], (bottom + height / 2) / total[1])
            figure.text(*place, CAPTIONS[modality], ha="right", va="center", fontsize=9, color="#1c2128")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()

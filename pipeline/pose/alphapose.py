"""FastPose on clips: boxes → crops in batches over frames and people → heatmaps → joints → one skeleton a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipeline.pose import crops
from pipeline.pose.fastpose import HEATMAP, INPUT, load
from pipeline.pose.nms import suppress
from pipeline.pose.people import Person

BATCH = 64
"""Crops at a time."""


class AlphaPose:
    """Holds the network, on the GPU in bf16 where there is one."""

    def __init__(self, weights: Path, decoding: str) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network, self.layout = load(weights, self._device)
        self._decode = crops.integral if decoding == "integral" else crops.argmax

    def __call__(self, frames: np.ndarray, boxes: Sequence[np.ndarray]) -> list[list[Person]]:
        """Frames [T, H, W, 3] uint8 RGB and boxes [N, 4] of each → the people in each, in its pixels."""
        places = [crops.regions(found, INPUT[0] / INPUT[1]) for found in boxes]
        wanted = [(number, i) for number, found in enumerate(places) for i in range(len(found))]
        people: list[list[Person]] = [[] for _ in frames]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            pictures = np.stack([crops.crop(frames[number], places[number][i], INPUT) for number, i in batch])
            joints = self._decode(self._heatmaps(pictures))
            joints = crops.to_frame(joints, np.stack([places[number][i] for number, i in batch]), HEATMAP)
            for (number, i), points in zip(batch, joints, strict=True):
                people[number].append(Person(points, boxes[number][i]))
        return [suppress(found) for found in people]

    @torch.inference_mode()
    def _heatmaps(self, pictures: np.ndarray) -> np.ndarray:
        half = self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
            heatmaps = self._network(torch.from_numpy(pictures).to(self._device))
        result: np.ndarray = heatmaps.float().cpu().numpy()
        return result

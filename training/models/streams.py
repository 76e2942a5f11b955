"""What a skeleton network sees of the joints: positions, bones, and the motion of either.

The four streams are those of two-stream networks (Shi et al., "Two-Stream Adaptive Graph Convolutional
Networks", CVPR 2019; "Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional
Networks", TIP 2020): a network is trained for each, and their predictions are averaged. On joints in the plane a
difference takes the mean of the two scores, as PYSKL does (Duan et al., MM 2022), and is zero where one of the
two joints was not seen.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.pose.layouts import Layout
from training.models.layouts import DEPTH

STREAMS = ("joint", "bone", "joint-motion", "bone-motion")


def as_stream(joints: Tensor, layout: Layout, stream: str) -> Tensor:
    """One of STREAMS from joints [B, C, T, V, M], of the same shape."""
    scored = layout.name not in DEPTH
    x = bones(joints, layout, scored) if stream.startswith("bone") else joints
    return motion(x, scored) if stream.endswith("motion") else x


def bones(joints: Tensor, layout: Layout, scored: bool) -> Tensor:
    """Each joint seen from its parent in the layout's tree; zero at the root."""
    parents = list(range(len(layout.joints)))
    for child, parent in layout.edges:
        parents[child] = parent
    found = difference(joints, joints[:, :, :, parents], scored)
    moving = torch.tensor([child != parent for child, parent in enumerate(parents)], device=joints.device)
    return found * moving[:, None]


def motion(x: Tensor, scored: bool) -> Tensor:
    """From each frame to the next; zero in the last."""
    return functional.pad(difference(x[:, :, 1:], x[:, :, :-1], scored), (0, 0, 0, 0, 0, 1))


def difference(end: Tensor, start: Tensor, scored: bool) -> Tensor:
    """end - start of [B, C, …]; where the last channel is a score, it is the mean of both."""
    if not scored:
        return end - start
    seen = (end[:, -1:] != 0) & (start[:, -1:] != 0)
    score = (end[:, -1:] + start[:, -1:]) / 2
    return torch.cat((end[:, :-1] - start[:, :-1], score), dim=1) * seen

"""What the graph networks on skeletons share: how a skeleton enters, temporal layers, and how it is classified.

Shapes: B clips, M people, C channels, T frames, V joints; people are folded into the batch, N = B M.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models.layouts import layout_named
from training.models.output import Output
from training.models.streams import STREAMS, as_stream


@dataclass(frozen=True)
class SkeletonConfig:
    """What every graph network is told."""

    classes: int = 20
    """Size of the classification layer; 0 for none."""
    channels: int = 3
    """Numbers per joint: x, y, score."""
    layout: str = "coco-17"
    """Joint layout of the input."""
    people: int = 1
    """M, the most people in a clip."""
    stream: str = "joint"
    """What the network sees, made from the joints: joint, bone, joint-motion or bone-motion."""
    dropout: float = 0.0
    """Before the classification layer; ST-GCN has it in every block."""

    def __post_init__(self) -> None:
        layout_named(self.layout)
        if self.classes < 0 or min(self.channels, self.people) < 1:
            raise UserError("skeleton model: channels and people must be at least 1, classes at least 0")
        if self.stream not in STREAMS:
            raise UserError(f"skeleton model: stream must be one of {', '.join(STREAMS)}, not {self.stream!r}")
        if not 0 <= self.dropout < 1:
            raise UserError("skeleton model: dropout must be from 0 to below 1")

    @property
    def joints(self) -> int:
        """V."""
        return len(layout_named(self.layout).joints)


def skeleton_rows(skeleton: Tensor, config: SkeletonConfig) -> Tensor:
    """A clip's joints as the network sees them: [B, C, T, V, M] → [B, M, V, C, T].

    Where there are fewer people than the network is made for, the others are zero, as in the published data.
    Raises UserError for another layout, other channels or more people.
    """
    _, c, _, v, m = skeleton.shape
    if (c, v) != (config.channels, config.joints) or m > config.people:
        expected = (config.channels, config.joints, config.people)
        raise UserError(f"made for (channels, joints, people) = {expected}, the skeletons have {(c, v, m)}")
    people = functional.pad(skeleton, (0, config.people - m))
    return as_stream(people, layout_named(config.layout), config.stream).permute(0, 4, 3, 1, 2)


def conv_bn(channels: int, width: int, *, relu: bool = False) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), *([nn.ReLU()] if relu else []))


Temporal = Callable[[int, int, int], nn.Module]
"""Width, stride, dilation → a convolution over frames."""


class MultiScaleTemporalConv(nn.Module):
    """Four branches over frames: two dilations of `temporal`, max pooling, and frames alone.

    [N, C, T, V] → [N, C, T / stride, V]; each branch has a quarter of the channels.
    """

    def __init__(self, width: int, stride: int, temporal: Temporal, dilations: Sequence[int] = (1, 2)) -> None:
        super().__init__()
        inner = width // (len(dilations) + 2)
        self.branches = nn.ModuleList(
            nn.Sequential(*conv_bn(width, inner, relu=True), temporal(inner, stride, dilation))
            for dilation in dilations
        )
        pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.branches.append(nn.Sequential(*conv_bn(width, inner, relu=True), pool, nn.BatchNorm2d(inner)))
        self.branches.append(nn.Sequential(nn.Conv2d(width, inner, 1, (stride, 1)), nn.BatchNorm2d(inner)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ResidualConv(nn.Module):
    """The shortcut of a block that changes width or stride; [N, C, T, V] → [N, D, T / stride, V]."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 1, (stride, 1))
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class GraphBlock(nn.Module):
    """Joints, then frames, beside a shortcut that the first block goes without.

    [N, C, T, V] → [N, D, T / stride, V]; the block of CTR-GCN and HD-GCN under their names.
    """

    def __init__(self, gcn: nn.Module, tcn: nn.Module, channels: int, width: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.gcn1, self.tcn1 = gcn, tcn
        self.shortcut = shortcut
        if shortcut:
            same = channels == width and stride == 1
            self.residual = nn.Identity() if same else ResidualConv(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tcn1(self.gcn1(x))  # [N, D, T / stride, V]
        return torch.relu(y + self.residual(x) if self.shortcut else y)


def numbered_blocks(model: nn.Module, count: int) -> list[GraphBlock]:
    """l1, l2, …: as CTR-GCN and HD-GCN name their blocks."""
    return [getattr(model, f"l{i + 1}") for i in range(count)]


def normalised_rows(rows: Tensor, norm: nn.Module) -> Tensor:
    """Each person's every joint and channel normalised by itself: [B, M, V, C, T] → [B M, C, T, V]."""
    b, m, v, c, t = rows.shape
    return norm(rows.reshape(b, m * v * c, t)).reshape(b * m, v, c, t).permute(0, 2, 3, 1)


def classify_graph(x: Tensor, people: int, head: Callable[[Tensor], Tensor]) -> Output:
    """Averages the last map [N, D, T', V] over frames, joints and people and classifies it."""
    per_person = x.unflatten(0, (-1, people))  # [B, M, D, T', V]
    features = per_person.mean(dim=(1, 3, 4))  # [B, D]
    return Output(
        logits={"skeleton": head(features)},
        features={"skeleton": features, "skeleton.map": per_person.permute(0, 2, 3, 4, 1)},
    )


def initialise(module: nn.Module) -> None:
    """The start that HD-GCN and CTR-GCN use: He-normal convolutions."""
    match module:
        case nn.Conv2d() | nn.Conv1d():
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        case nn.Linear():
            nn.init.normal_(module.weight, 0, math.sqrt(2 / module.out_features))
            nn.init.zeros_(module.bias)
        case _:
            pass

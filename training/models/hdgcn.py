"""HD-GCN: Lee et al., "Hierarchically Decomposed Graph Convolutional Networks for Skeleton-Based Action
Recognition", ICCV 2023. Parameter names are those of the authors' code, so that their checkpoints load.

Shapes: B clips, M people, C channels, T frames, V joints; people are folded into the batch, N = B M.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.pose.layouts import Layout
from training.models.graph import (
    GraphBlock,
    MultiScaleTemporalConv,
    SkeletonConfig,
    classify_graph,
    conv_bn,
    initialise,
    normalised_rows,
    numbered_blocks,
    skeleton_rows,
)
from training.models.layouts import layout_named, root
from training.models.output import Inputs, Output


def tree_levels(layout: Layout, centre: int, most: int = 0) -> tuple[tuple[int, ...], ...]:
    """Joints by their distance in edges from the joint `centre`: the default hierarchy of HD-GCN.

    With `most`, there are at most so many levels, and all joints further out are in the last.
    """
    levels: list[tuple[int, ...]] = [(centre,)]
    seen = {centre}
    while len(seen) < len(layout.joints):
        last = set(levels[-1])
        beside = {b for edge in layout.edges for a, b in (edge, edge[::-1]) if a in last} - seen
        if len(levels) + 1 == most:
            beside = set(range(len(layout.joints))) - seen
        levels.append(tuple(sorted(beside)))
        seen |= beside
    return tuple(levels)


def hierarchy_graph(groups: Sequence[Sequence[int]], joints: int) -> Tensor:
    """HD-GCN's adjacency [L, 3, V, V], one layer for each pair of neighbouring groups (its section 3.2).

    The three subsets are the joints themselves, every joint of the upper group to every joint of the lower
    one, and the way back; the last two have columns that sum to one.
    """
    graph = torch.zeros(len(groups) - 1, 3, joints, joints)
    for layer, (upper, lower) in zip(graph, pairwise(groups), strict=True):
        for joint in (*upper, *lower):
            layer[0, joint, joint] = 1.0
        for above in upper:
            for below in lower:
                layer[1, below, above] = 1.0 / len(lower)
                layer[2, above, below] = 1.0 / len(upper)
    return graph


class EdgeConv(nn.Module):
    """Features of each node and its nearest nodes in feature space (Wang et al., ToG 2019).

    [N, C, V] → [N, D, V].
    """

    def __init__(self, channels: int, width: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.conv = nn.Sequential(
            nn.Conv2d(2 * channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)
        )

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.transpose(1, 2)  # [N, V, C]
        squares = nodes.square().sum(2)  # [N, V]
        nearness = 2 * nodes @ x - squares[:, :, None] - squares[:, None, :]  # [N, V, V], minus squared distance
        nearest = nearness.topk(min(self.neighbours, x.shape[2]), dim=-1).indices  # [N, V, k]
        batch = torch.arange(x.shape[0], device=x.device)[:, None, None]
        around = nodes[batch, nearest]  # [N, V, k, C]
        own = nodes[:, :, None].expand_as(around)
        pairs = torch.cat((around - own, own), dim=3).permute(0, 3, 1, 2)  # [N, 2C, V, k]
        return self.conv(pairs).amax(dim=3)  # [N, D, V]


class HierarchyAttention(nn.Module):
    """A-HA: weighs the hierarchy's layers by the joints they hold, [N, C, L, T, V] → [N, C, T, V]."""

    def __init__(self, channels: int, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        inner = channels // 4
        self.members = [[*upper, *lower] for upper, lower in pairwise(groups)]
        self.conv_down = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU())
        self.edge_conv = EdgeConv(inner, inner, neighbours=3)
        self.aggregate = nn.Conv1d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        peaks = self.conv_down(x.amax(dim=3))  # [N, C/4, L, V]
        layers = [peaks[:, :, i, members].mean(dim=2) for i, members in enumerate(self.members)]
        weight = self.aggregate(self.edge_conv(torch.stack(layers, dim=2)))  # [N, C, L]
        return (x * weight.sigmoid()[..., None, None]).sum(dim=2)  # [N, C, T, V]


class HierarchicalGraphConv(nn.Module):
    """HD-GCN's spatial part: every layer of the hierarchy by itself, then summed or weighed by A-HA.

    [N, C, T, V] → [N, D, T, V]; an inner width is D / 4.
    """

    def __init__(self, channels: int, width: int, groups: Sequence[Sequence[int]], joints: int, aha: bool) -> None:
        super().__init__()
        self.PA = nn.Parameter(hierarchy_graph(groups, joints))
        layers, subsets = self.PA.shape[:2]
        inner = width // (subsets + 1)
        self.conv_down = nn.ModuleList(conv_bn(channels, inner, relu=True) for _ in range(layers))
        self.conv = nn.ModuleList()
        for _ in range(layers):
            subset_convs = [conv_bn(inner, inner) for _ in range(subsets)]
            self.conv_d = nn.ModuleList([*subset_convs, EdgeConv(inner, inner, neighbours=5)])
            self.conv.append(self.conv_d)  # the authors' state dict names the last layer twice
        if aha:
            self.aha = HierarchyAttention(width, groups)
        self.down = nn.Identity() if channels == width else conv_bn(channels, width)
        self.bn = nn.BatchNorm2d(width)
        self.with_aha = aha

    def forward(self, x: Tensor) -> Tensor:
        frames = x.shape[2]
        layers = []
        for graph, down, convs in zip(self.PA, self.conv_down, self.conv, strict=True):
            *subset_convs, edge_conv = convs.children()
            low = down(x)  # [N, D/4, T, V]
            parts = [conv(low @ subset.T) for subset, conv in zip(graph, subset_convs, strict=True)]
            near = edge_conv(low.mean(dim=2))  # [N, D/4, V]
            parts.append(near[:, :, None].expand(-1, -1, frames, -1))
            layers.append(torch.cat(parts, dim=1))  # [N, D, T, V]
        stack = torch.stack(layers, dim=2)  # [N, D, L, T, V]
        out = self.aha(stack) if self.with_aha else stack.sum(dim=2)
        return torch.relu(self.bn(out) + self.down(x))


class TemporalConv(nn.Module):
    """A convolution over frames with its bias kept apart, then batch norm; [N, C, T, V] → [N, C, T / stride, V]."""

    def __init__(self, width: int, stride: int, dilation: int, kernel: int = 5) -> None:
        super().__init__()
        pad = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(width, width, (kernel, 1), (stride, 1), (pad, 0), (dilation, 1), bias=False)
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x) + self.bias)


@dataclass(frozen=True)
class HDGCNConfig(SkeletonConfig):
    centre: int = -1
    """The joint on top of the hierarchy (the paper's centre of mass); -1 for the root of the layout's tree."""
    groups: tuple[tuple[int, ...], ...] = ()
    """The hierarchy from the centre outwards, joints from 0; empty for the tree levels below the centre."""
    most_groups: int = 0
    """Most tree levels; joints further out join the last. 0: as many as the tree has."""
    widths: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
    """Channels of each block, multiples of 4; where they change, frames are halved."""
    aha: bool = True
    """Attention-guided hierarchy aggregation in every block but the first; else the layers are summed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        joints = self.joints
        if not -1 <= self.centre < joints:
            raise UserError(f"hdgcn: centre must be a joint of {self.layout}, 0 to {joints - 1}")
        if self.groups and (len(self.groups) < 2 or sorted(sum(self.groups, ())) != list(range(joints))):
            raise UserError(f"hdgcn: groups must be two or more that hold each joint of {self.layout} once")
        if self.most_groups not in (0, *range(2, joints + 1)):
            raise UserError("hdgcn: most_groups must be 0 or at least 2")
        if not self.widths or any(width < 4 or width % 4 for width in self.widths):
            raise UserError("hdgcn: widths must be multiples of 4")

    def hierarchy(self) -> tuple[tuple[int, ...], ...]:
        """The groups that are used."""
        layout = layout_named(self.layout)
        return self.groups or tree_levels(layout, root(layout) if self.centre == -1 else self.centre, self.most_groups)


COCO = HDGCNConfig()
"""Four hierarchy layers on COCO-17: 1.289 M parameters."""

NTU = HDGCNConfig(classes=60, layout="ntu-25-hands", centre=0, most_groups=7, people=2)
"""The authors' on NTU RGB+D: their centres of mass 1, 2 and 21 are here 0, 1 and 20."""

TINY = HDGCNConfig(widths=(16, 16, 32, 64))
"""For a CPU."""


class HDGCN(nn.Module):
    modalities = ("skeleton",)

    def __init__(self, config: HDGCNConfig) -> None:
        super().__init__()
        groups = config.hierarchy()
        self.config = config
        self.data_bn = nn.BatchNorm1d(config.people * config.joints * config.channels)
        for i, (channels, width) in enumerate(pairwise((config.channels, *config.widths))):
            stride = 2 if i and channels != width else 1
            gcn = HierarchicalGraphConv(channels, width, groups, config.joints, config.aha and i > 0)
            tcn = MultiScaleTemporalConv(width, stride, TemporalConv)
            self.add_module(f"l{i + 1}", GraphBlock(gcn, tcn, channels, width, stride, shortcut=i > 0))
        self.drop_out = nn.Dropout(config.dropout)
        self.fc = nn.Linear(config.widths[-1], config.classes) if config.classes else nn.Identity()
        self.apply(initialise)
        for module in self.modules():
            if isinstance(module, HierarchicalGraphConv):
                nn.init.constant_(module.bn.weight, 1e-6)  # the graph's part begins near zero

    def blocks(self) -> list[GraphBlock]:
        return numbered_blocks(self, len(self.config.widths))

    def embed(self, skeleton: Tensor) -> Tensor:
        """Normalises each joint's channels over the clips: [B, C, T, V, M] → [B M, C, T, V]."""
        return normalised_rows(skeleton_rows(skeleton, self.config), self.data_bn)

    def forward(self, inputs: Inputs) -> Output:
        x = self.embed(inputs["skeleton"])  # [N, C, T, V]
        for block in self.blocks():
            x = block(x)  # [N, D, T', V]
        return classify_graph(x, self.config.people, self._classify)

    def _classify(self, features: Tensor) -> Tensor:
        return self.fc(self.drop_out(features))

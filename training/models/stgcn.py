"""ST-GCN: Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition",
AAAI 2018. Parameter names are those of the authors' code, so that their checkpoints load.

Shapes: B clips, M people, C channels, T frames, V joints, K subsets of neighbours; N = B M.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.pose.layouts import Layout
from training.models.graph import SkeletonConfig, classify_graph, skeleton_rows
from training.models.layouts import layout_named, root
from training.models.output import Inputs, Output

PARTITIONS = ("uniform", "spatial")


def partition_graph(layout: Layout, partition: str) -> Tensor:
    """Neighbours by subset, [K, V, V] with columns that sum to one over all subsets (its section 3.3).

    uniform: one subset. spatial: the joint itself, neighbours as far from the centre or further than it, and
    nearer ones. As in the authors' code distances are counted up to one edge: beyond the centre's own
    neighbours all joints are equally far.
    """
    joints = len(layout.joints)
    linked = torch.eye(joints)
    for child, parent in layout.edges:
        linked[child, parent] = linked[parent, child] = 1
    share = linked / linked.sum(dim=0)  # entry [j, i]: from joint j to joint i
    if partition == "uniform":
        return share[None]
    centre = root(layout)
    far = torch.full((joints,), 2).masked_fill(linked[centre] > 0, 1)
    far[centre] = 0
    itself = torch.eye(joints, dtype=torch.bool)
    further = far[:, None] < far[None, :]
    return torch.stack((share * itself, share * (~itself & ~further), share * further))


class SpatialConv(nn.Module):
    """A 1 x 1 convolution for each subset, summed over the neighbours: [N, C, T, V] → [N, D, T, V]."""

    def __init__(self, channels: int, width: int, subsets: int) -> None:
        super().__init__()
        self.subsets = subsets
        self.conv = nn.Conv2d(channels, width * subsets, 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        x = self.conv(x).unflatten(1, (self.subsets, -1))  # [N, K, D, T, V]
        return torch.einsum("nkdtv,kvw->ndtw", x, graph)


class STGCNBlock(nn.Module):
    """[N, C, T, V] → [N, D, T / stride, V]; nine frames are seen at once."""

    def __init__(
        self, channels: int, width: int, stride: int, subsets: int, dropout: float, shortcut: bool, kernel: int = 9
    ) -> None:
        super().__init__()
        self.gcn = SpatialConv(channels, width, subsets)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, (kernel, 1), (stride, 1), (kernel // 2, 0)),
            nn.BatchNorm2d(width),
            nn.Dropout(dropout),
        )
        self.shortcut = shortcut
        if shortcut and (channels, stride) == (width, 1):
            self.residual: nn.Module = nn.Identity()
        elif shortcut:
            self.residual = nn.Sequential(nn.Conv2d(channels, width, 1, (stride, 1)), nn.BatchNorm2d(width))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        y = self.tcn(self.gcn(x, graph))  # [N, D, T / stride, V]
        return torch.relu(y + self.residual(x) if self.shortcut else y)


@dataclass(frozen=True)
class STGCNConfig(SkeletonConfig):
    partition: str = "uniform"
    """Subsets of neighbours: uniform, the authors' default and the paper's size, or spatial, their configurations'."""
    widths: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
    """Channels of each block; where they change, frames are halved."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partition not in PARTITIONS:
            raise UserError(f"stgcn: partition must be one of {', '.join(PARTITIONS)}, not {self.partition!r}")
        if not self.widths or min(self.widths) < 1:
            raise UserError("stgcn: widths must be at least 1")


COCO = STGCNConfig(dropout=0.5)
"""Uniform partition on COCO-17: 2.635 M parameters; dropout as in the authors' configurations."""

KINETICS = STGCNConfig(classes=400, layout="openpose-18", people=2, partition="spatial", dropout=0.5)
"""The authors' on Kinetics-skeleton."""

TINY = STGCNConfig(widths=(16, 16, 32, 64))
"""For a CPU."""


class STGCN(nn.Module):
    modalities = ("skeleton",)

    def __init__(self, config: STGCNConfig) -> None:
        super().__init__()
        self.config = config
        graph = partition_graph(layout_named(config.layout), config.partition)
        self.A: Tensor
        self.register_buffer("A", graph)
        self.data_bn = nn.BatchNorm1d(config.joints * config.channels)
        self.st_gcn_networks = nn.ModuleList()
        for i, (channels, width) in enumerate(pairwise((config.channels, *config.widths))):
            stride = 2 if i and channels != width else 1
            dropout = config.dropout if i else 0.0
            self.st_gcn_networks.append(STGCNBlock(channels, width, stride, len(graph), dropout, shortcut=i > 0))
        self.edge_importance = nn.ParameterList(torch.ones_like(graph) for _ in config.widths)
        self.fcn = nn.Conv2d(config.widths[-1], config.classes, 1) if config.classes else nn.Identity()

    def forward(self, inputs: Inputs) -> Output:
        rows = skeleton_rows(inputs["skeleton"], self.config)  # [B, M, V, C, T]
        x = self.data_bn(rows.flatten(2, 3).flatten(0, 1))  # [N, V C, T]: all people are normalised alike
        x = x.unflatten(1, rows.shape[2:4]).permute(0, 2, 3, 1)  # [N, C, T, V]
        for block, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = block(x, self.A * importance)  # [N, D, T', V]
        return classify_graph(x, self.config.people, self._classify)

    def _classify(self, features: Tensor) -> Tensor:
        """[B, D] → [B, classes]; the authors' layer is a convolution."""
        return self.fcn(features[:, :, None, None]).flatten(1)

"""CTR-GCN: Chen et al., "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action
Recognition", ICCV 2021. Parameter names are those of the authors' code, so that their checkpoints load.

Shapes: B clips, M people, C channels, T frames, V joints, R channels of the relations; N = B M.
"""

from __future__ import annotations

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
from training.models.layouts import layout_named
from training.models.output import Inputs, Output


def tree_graph(layout: Layout) -> Tensor:
    """The joints themselves, edges towards the root, and edges away from it; [3, V, V].

    Entry [k, v, u] is what joint v takes from joint u; columns of the last two sum to one.
    """
    joints = len(layout.joints)
    graph = torch.zeros(3, joints, joints)
    graph[0] = torch.eye(joints)
    for child, parent in layout.edges:
        graph[1, parent, child] = graph[2, child, parent] = 1
    return graph / graph.sum(dim=1, keepdim=True).clamp(min=1)


class RefinedGraphConv(nn.Module):
    """CTR-GC: each channel has its own graph, the shared one refined by the joints' features (its section 3.2).

    [N, C, T, V] → [N, D, T, V]; the relations have an eighth of the channels.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        relations = max(channels // 8, 8)
        self.conv1 = nn.Conv2d(channels, relations, 1)
        self.conv2 = nn.Conv2d(channels, relations, 1)
        self.conv3 = nn.Conv2d(channels, width, 1)
        self.conv4 = nn.Conv2d(relations, width, 1)

    def forward(self, x: Tensor, graph: Tensor, alpha: Tensor) -> Tensor:
        a, b = self.conv1(x).mean(dim=2), self.conv2(x).mean(dim=2)  # [N, R, V]
        relation = torch.tanh(a[..., :, None] - b[..., None, :])  # [N, R, V, V]
        refined = self.conv4(relation) * alpha + graph  # [N, D, V, V]
        return torch.einsum("nduv,ndtv->ndtu", refined, self.conv3(x))


class SpatialConv(nn.Module):
    """The sum of one CTR-GC for each subset of the graph, beside a shortcut; [N, C, T, V] → [N, D, T, V]."""

    def __init__(self, channels: int, width: int, graph: Tensor) -> None:
        super().__init__()
        self.PA = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.convs = nn.ModuleList(RefinedGraphConv(channels, width) for _ in graph)
        self.bn = nn.BatchNorm2d(width)
        self.down = nn.Identity() if channels == width else conv_bn(channels, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = [conv(x, graph, self.alpha) for conv, graph in zip(self.convs, self.PA, strict=True)]
        return torch.relu(self.bn(torch.stack(parts).sum(dim=0)) + self.down(x))


class TemporalConv(nn.Module):
    """A convolution over frames and batch norm; [N, C, T, V] → [N, C, T / stride, V]."""

    def __init__(self, width: int, stride: int, dilation: int, kernel: int = 5) -> None:
        super().__init__()
        pad = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(width, width, (kernel, 1), (stride, 1), (pad, 0), (dilation, 1))
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


@dataclass(frozen=True)
class CTRGCNConfig(SkeletonConfig):
    widths: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
    """Channels of each block, multiples of 4; where they change, frames are halved."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths or any(width < 4 or width % 4 for width in self.widths):
            raise UserError("ctrgcn: widths must be multiples of 4")


COCO = CTRGCNConfig()
"""On COCO-17: 1.426 M parameters."""

NTU = CTRGCNConfig(classes=60, layout="ntu-25", people=2)
"""The authors' on NTU RGB+D."""

TINY = CTRGCNConfig(widths=(16, 16, 32, 64))
"""For a CPU."""


class CTRGCN(nn.Module):
    modalities = ("skeleton",)

    def __init__(self, config: CTRGCNConfig) -> None:
        super().__init__()
        self.config = config
        graph = tree_graph(layout_named(config.layout))
        self.data_bn = nn.BatchNorm1d(config.people * config.joints * config.channels)
        for i, (channels, width) in enumerate(pairwise((config.channels, *config.widths))):
            stride = 2 if i and channels != width else 1
            tcn = MultiScaleTemporalConv(width, stride, TemporalConv)
            block = GraphBlock(SpatialConv(channels, width, graph), tcn, channels, width, stride, shortcut=i > 0)
            self.add_module(f"l{i + 1}", block)
        self.drop_out = nn.Dropout(config.dropout)
        self.fc = nn.Linear(config.widths[-1], config.classes) if config.classes else nn.Identity()
        self.apply(initialise)
        for module in self.modules():
            if isinstance(module, SpatialConv):
                nn.init.constant_(module.bn.weight, 1e-6)  # the graph's part begins near zero

    def forward(self, inputs: Inputs) -> Output:
        x = normalised_rows(skeleton_rows(inputs["skeleton"], self.config), self.data_bn)  # [N, C, T, V]
        for block in numbered_blocks(self, len(self.config.widths)):
            x = block(x)  # [N, D, T', V]
        return classify_graph(x, self.config.people, self._classify)

    def _classify(self, features: Tensor) -> Tensor:
        return self.fc(self.drop_out(features))

"""FastPose of AlphaPose (Fang et al., TPAMI 2023): crops of people → heatmaps, in plain torch.

SE-ResNet-50 (squeeze and excitation in the first block of each stage), then two "dense upsampling convolutions" by
pixel shuffle. Parameters have the names of the released checkpoints, without deformable convolutions.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from pipeline.pose.layouts import COCO_17, HALPE_26, Layout

INPUT = (192, 256)
"""Width and height of a crop in pixels."""

HEATMAP = (48, 64)
"""Width and height of a heatmap in cells."""


class Excitation(nn.Module):
    """Weighs channels by what all of the picture says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class Bottleneck(nn.Module):
    """A residual block of ResNet-50; the first of a stage changes the size and has the excitation."""

    def __init__(self, inside: int, channels: int, stride: int, first: bool) -> None:
        super().__init__()
        outside = 4 * channels
        self.conv1 = nn.Conv2d(inside, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.se = Excitation(outside) if first else None
        self.downsample = (
            nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)) if first else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = functional.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.se is not None and self.downsample is not None:
            out, x = self.se(out), self.downsample(x)
        return functional.relu(out + x)


def _stage(inside: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    later = [Bottleneck(4 * channels, channels, 1, first=False) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(inside, channels, stride, first=True), *later)


class Backbone(nn.Module):
    """SE-ResNet-50 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, blocks=3, stride=1)
        self.layer2 = _stage(256, 128, blocks=4, stride=2)
        self.layer3 = _stage(512, 256, blocks=6, stride=2)
        self.layer4 = _stage(1024, 512, blocks=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))  # [N, 64, 128, 96]
        x = functional.max_pool2d(x, 3, 2, padding=1)  # [N, 64, 64, 48]
        x = self.layer1(x)  # [N, 256, 64, 48]
        x = self.layer2(x)  # [N, 512, 32, 24]
        x = self.layer3(x)  # [N, 1024, 16, 12]
        return self.layer4(x)  # [N, 2048, 8, 6]


class Upsampling(nn.Module):
    """Twice the size by four times the channels ("DUC", Wang et al., WACV 2018)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(functional.relu(self.bn(self.conv(x))), 2)


class FastPose(nn.Module):
    """Crops [N, 3, 256, 192] → heatmaps [N, V, 64, 48], no activation."""

    def __init__(self, joints: int = 17) -> None:
        super().__init__()
        self.preact = Backbone()
        self.duc1 = Upsampling(512, 1024)
        self.duc2 = Upsampling(256, 512)
        self.conv_out = nn.Conv2d(128, joints, 3, padding=1)

    def features(self, x: Tensor) -> Tensor:
        """The input of the last convolution, [N, 128, 64, 48]."""
        x = self.preact(x)  # [N, 2048, 8, 6]
        x = functional.pixel_shuffle(x, 2)  # [N, 512, 16, 12]
        x = self.duc1(x)  # [N, 256, 32, 24]
        return self.duc2(x)  # [N, 128, 64, 48]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.features(x))


def load(path: Path, device: torch.device) -> tuple[FastPose, Layout]:
    """The network with a released checkpoint, in evaluation mode, and its layout by the number of heatmaps.

    Raises UserError for a file that holds another network or more than tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        joints = len(state["conv_out.weight"])
        layout = next(layout for layout in (COCO_17, HALPE_26) if len(layout.joints) == joints)
        network = FastPose(joints)
        network.load_state_dict(state)
    except (OSError, RuntimeError, KeyError, TypeError, StopIteration, EOFError, pickle.UnpicklingError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: no checkpoint of FastPose with ResNet-50, 17 or 26 joints ({words})") from None
    return network.eval().to(device), layout

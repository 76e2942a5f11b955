"""Convolutional networks on clips, all on ResNet-50.

C2D and I3D: Wang et al., "Non-local Neural Networks", CVPR 2018. Slow and SlowFast: Feichtenhofer et al.,
"SlowFast Networks for Video Recognition", ICCV 2019. Parameter names are those of PySlowFast.

Shapes: B clips, C channels, T H W frames, height, width. A pathway is one network over the clip; SlowFast has
two, the first slow and wide, the second fast and narrow, with lateral connections into the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pipeline.errors import UserError
from training.models.fitting import inflated
from training.models.layers import CHANNELS, Head, known_modality
from training.models.output import Inputs, Output
from training.models.pretrained import Fitted
from training.models.resnet3d_names import own_name

STAGE_STRIDES = (1, 2, 2, 2)
"""In height and width, of the first block of each stage."""


@dataclass(frozen=True)
class ResNet3DConfig:
    classes: int = 20
    """Size of the classification layer."""
    modality: str = "rgb"
    """What the model reads: rgb, rgbdiff or flow."""
    width: int = 64
    """Channels of the (slow) stem; stages have 4, 8, 16 and 32 times as many."""
    depths: tuple[int, ...] = (3, 4, 6, 3)
    """Blocks of the four stages."""
    kernels: tuple[tuple[int, ...], ...] = ((1,), (1,), (1,), (3,), (3,))
    """Frames under the kernel of the stem and of each stage's blocks in turn (repeated)."""
    time_pool: int = 1
    """Frames joined into one by a pooling after the first stage."""
    fast_kernels: tuple[tuple[int, ...], ...] = ()
    """Of the fast pathway; empty: there is none."""
    alpha: int = 4
    """The slow pathway sees one frame of so many."""
    beta: int = 8
    """The fast pathway has one channel where the slow one has so many."""
    dropout: float = 0.5
    """Before the classification layer."""
    recompute: bool = False
    """Compute each block again in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_modality("resnet3d", self.modality)
        if min(self.classes, self.width, self.time_pool, self.alpha, self.beta) < 1:
            raise UserError("resnet3d: classes, width, time_pool, alpha and beta must be at least 1")
        if len(self.depths) != 4 or min(self.depths) < 1:
            raise UserError("resnet3d: depths must be four numbers of at least 1")
        for kernels in (self.kernels, self.fast_kernels) if self.fast_kernels else (self.kernels,):
            if len(kernels) != 5 or any(size < 1 or size % 2 == 0 for stage in kernels for size in stage):
                raise UserError("resnet3d: kernels must be odd sizes for the stem and the four stages")


C2D = ResNet3DConfig(kernels=((1,), (1,), (1,), (1,), (1,)), time_pool=2)
"""C2D R50 8×8: 23.5 M parameters."""

I3D = ResNet3DConfig(kernels=((5,), (3,), (3, 1), (3, 1), (1, 3)), time_pool=2)
"""I3D R50 8×8: 27.3 M."""

SLOW = ResNet3DConfig()
"""Slow R50 8×8: 31.7 M."""

SLOWFAST = ResNet3DConfig(fast_kernels=((5,), (3,), (3,), (3,), (3,)))
"""SlowFast R50 8×8 on 32 frames: 33.7 M."""

TINY = ResNet3DConfig(width=8, depths=(1, 1, 1, 1), dropout=0.0, fast_kernels=SLOWFAST.fast_kernels, beta=4)
"""A SlowFast for a CPU."""


def convolution(inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int) -> nn.Conv3d:
    """Without bias, padded to keep the size; the stride is of height and width."""
    pad = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), pad, bias=False)


class Stem(nn.Module):
    """[B, C, T, H, W] → [B, D, T, H / 4, W / 4]."""

    def __init__(self, channels: int, width: int, frames: int) -> None:
        super().__init__()
        self.conv = convolution(channels, width, (frames, 7, 7), 2)
        self.bn = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn(self.conv(x)))
        return functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))


class Bottleneck(nn.Module):
    """Over time and down, over space, up again: [B, C, T, H, W] → [B, D, T, H, W]."""

    def __init__(self, inputs: int, inner: int, outputs: int, frames: int, stride: int) -> None:
        super().__init__()
        self.a = convolution(inputs, inner, (frames, 1, 1), 1)
        self.a_bn = nn.BatchNorm3d(inner)
        self.b = convolution(inner, inner, (1, 3, 3), stride)
        self.b_bn = nn.BatchNorm3d(inner)
        self.c = convolution(inner, outputs, (1, 1, 1), 1)
        self.c_bn = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.a_bn(self.a(x)))
        x = functional.relu(self.b_bn(self.b(x)))
        return self.c_bn(self.c(x))


class ResBlock(nn.Module):
    """relu(shortcut + bottleneck)."""

    def __init__(self, inputs: int, outputs: int, frames: int, stride: int) -> None:
        super().__init__()
        self.projects = inputs != outputs or stride != 1
        if self.projects:
            self.branch1 = convolution(inputs, outputs, (1, 1, 1), stride)
            self.branch1_bn = nn.BatchNorm3d(outputs)
        self.branch2 = Bottleneck(inputs, outputs // 4, outputs, frames, stride)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.branch1_bn(self.branch1(x)) if self.projects else x
        return functional.relu(skip + self.branch2(x))


class Lateral(nn.Module):
    """From the fast pathway into the slow one: slow [B, C, T, H, W], fast [B, F, αT, H, W] → [B, C + 2 F, T, H, W]."""

    def __init__(self, fast: int, alpha: int) -> None:
        super().__init__()
        self.conv_f2s = nn.Conv3d(fast, 2 * fast, (7, 1, 1), (alpha, 1, 1), (3, 0, 0), bias=False)
        self.bn = nn.BatchNorm3d(2 * fast)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        return torch.cat((slow, functional.relu(self.bn(self.conv_f2s(fast)))), dim=1)


class ResNet3D(nn.Module):
    def __init__(self, config: ResNet3DConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = (config.modality,)
        widths = (config.width, *(config.width * 4 * 2**stage for stage in range(4)))
        fast_widths = tuple(width // config.beta for width in widths) if config.fast_kernels else (0,) * 5
        channels = CHANNELS[config.modality]
        stems = {"pathway0_stem": Stem(channels, widths[0], config.kernels[0][0])}
        if config.fast_kernels:
            stems["pathway1_stem"] = Stem(channels, fast_widths[0], config.fast_kernels[0][0])
        self.s1 = nn.ModuleDict(stems)
        for stage in range(4):
            joined = widths[stage] + 2 * fast_widths[stage]
            blocks = make_blocks(0, joined, widths[stage + 1], config.kernels[stage + 1], config.depths[stage], stage)
            if config.fast_kernels:
                self.add_module(f"s{stage + 1}_fuse", Lateral(fast_widths[stage], config.alpha))
                pair = fast_widths[stage], fast_widths[stage + 1]
                blocks |= make_blocks(1, *pair, config.fast_kernels[stage + 1], config.depths[stage], stage)
            self.add_module(f"s{stage + 2}", nn.ModuleDict(blocks))
        self.head = Head(widths[-1] + fast_widths[-1], config.classes, config.dropout)
        initialise(self)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, inputs: Inputs) -> Output:
        name = self.config.modality
        video = inputs[name].contiguous(memory_format=torch.channels_last_3d)  # [B, C, T, H, W]
        last = self.two_pathways(video) if self.config.fast_kernels else [self.one_pathway(video)]
        features = torch.cat([x.mean(dim=(2, 3, 4)) for x in last], dim=1)  # [B, D]
        slow, *fast = last
        maps = [slow, *(functional.avg_pool3d(x, (self.config.alpha, 1, 1)) for x in fast)]  # at the slow rate
        return Output({name: self.head(features)}, {name: features, f"{name}.map": torch.cat(maps, dim=1)})

    def one_pathway(self, x: Tensor) -> Tensor:
        x = self.s1["pathway0_stem"](x)  # [B, D, T, H / 4, W / 4]
        for stage in range(2, 6):
            x = self.stage(stage, 0, x)  # [B, D', T', H / 2^stage, W / 2^stage]
            if stage == 2 and self.config.time_pool > 1:
                x = functional.max_pool3d(x, (self.config.time_pool, 1, 1))
        return x

    def two_pathways(self, video: Tensor) -> list[Tensor]:
        count = video.shape[2]
        frames = torch.linspace(0, count - 1, count // self.config.alpha, device=video.device).long()
        slow = self.s1["pathway0_stem"](video.index_select(2, frames))  # [B, D, T / α, H / 4, W / 4]
        fast = self.s1["pathway1_stem"](video)  # [B, D / β, T, H / 4, W / 4]
        for stage in range(2, 6):
            slow = self.get_submodule(f"s{stage - 1}_fuse")(slow, fast)  # [B, D + 2 D / β, T / α, …]
            slow, fast = self.stage(stage, 0, slow), self.stage(stage, 1, fast)
        return [slow, fast]

    def stage(self, stage: int, pathway: int, x: Tensor) -> Tensor:
        for name, block in self.get_submodule(f"s{stage}").named_children():
            if name.startswith(f"pathway{pathway}_"):
                # A compiler decides by itself what to keep, and does not follow the statistics' context.
                again = self.config.recompute and torch.is_grad_enabled() and not torch.compiler.is_compiling()
                x = recomputed(block, x) if again else block(x)
        return x

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        """PySlowFast's files, those it took over from Caffe2, and 2-D ResNet-50 of ImageNet, inflated."""
        own = self.state_dict()
        return {key: inflated(own_name(key), value, own) for key, value in weights.items()}


def make_blocks(
    pathway: int, inputs: int, outputs: int, kernels: tuple[int, ...], depth: int, stage: int
) -> dict[str, ResBlock]:
    """One stage of a pathway by name; the first block changes width and size."""
    widths = pairwise((inputs, *(outputs,) * depth))
    return {
        f"pathway{pathway}_res{i}": ResBlock(*pair, kernels[i % len(kernels)], STAGE_STRIDES[stage] if i == 0 else 1)
        for i, pair in enumerate(widths)
    }


def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """`block(x)`, made again in the backward pass, when batch norm must not count the batch a second time."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), statistics_kept(block)

    result: Tensor = checkpoint(block, x, use_reentrant=False, context_fn=contexts)
    return result


@contextmanager
def statistics_kept(block: nn.Module) -> Iterator[None]:
    """Batch norms normalise as ever, but their running statistics stay."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm3d)]
    before = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    try:
        yield
    finally:  # the second pass is broken off where all that is needed is there
        for norm, buffers in zip(norms, before, strict=True):
            for name, value in buffers.items():
                norm.get_buffer(name).copy_(value)


def initialise(model: nn.Module) -> None:
    """As PySlowFast: He's normal numbers, and blocks that begin as their shortcut."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm3d) and name.endswith("branch2.c_bn"):
            nn.init.zeros_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)

"""VideoMAE V2: Wang et al., "VideoMAE V2: Scaling Video Masked Autoencoders with Dual Masking", CVPR 2023.

The encoder alone, a plain vision transformer over tubes of patches, as it is fine-tuned. Parameter names are
those of the official implementation.

Shapes: B clips, L = T H W tubes, D channels, h heads of d channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models.fitting import resampled
from training.models.layers import CHANNELS, MLP, DropPath, Size, known_modality, run_block
from training.models.output import Inputs, Output
from training.models.pretrained import Fitted


@dataclass(frozen=True)
class VideoMAEConfig:
    classes: int = 20
    """Size of the classification layer."""
    modality: str = "rgb"
    """What the model reads: rgb, rgbdiff or flow."""
    frames: int = 16
    """Frames of a clip for which the position table is made; for another number it is interpolated."""
    size: int = 224
    """Height and width of a frame, likewise."""
    patch: Size = (2, 16, 16)
    """Frames, height and width of a tube."""
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    """Rate of dropped residual branches in the last block; rises linearly from 0 in the first."""
    dropout: float = 0.5
    """Before the classification layer."""
    recompute: bool = False
    """Compute each block again in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_modality("videomae", self.modality)
        if min(self.classes, self.dim, self.depth, self.heads, *self.patch, *self.grid) < 1:
            raise UserError("videomae: classes, dim, depth and heads must be at least 1, and a clip at least a patch")
        if self.dim % self.heads:
            raise UserError("videomae: dim must be a multiple of heads")

    @property
    def grid(self) -> Size:
        """Tubes of a clip."""
        return self.frames // self.patch[0], self.size // self.patch[1], self.size // self.patch[2]


B = VideoMAEConfig()
"""VideoMAE V2-B, 16 frames: 86.2 M parameters."""

TINY = VideoMAEConfig(frames=8, size=64, dim=48, depth=3, heads=3, mlp_ratio=2.0, drop_path=0.0, dropout=0.0)
"""For a CPU."""


class Attention(nn.Module):
    """Multi-head attention whose keys have no bias; [B, L, D] → [B, L, D]."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat((self.q_bias, torch.zeros_like(self.q_bias), self.v_bias))
        qkv = functional.linear(x, self.qkv.weight, bias)  # [B, L, 3 D]
        q, k, v = qkv.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B, h, L, d] each
        out = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """[B, L, D] → [B, L, D]."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class TubeEmbed(nn.Module):
    """Tubes by one strided convolution: [B, C, T, H, W] → [B, D, T', H', W']."""

    def __init__(self, channels: int, dim: int, patch: Size) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, dim, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class VideoMAE(nn.Module):
    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = (config.modality,)
        self.patch_embed = TubeEmbed(CHANNELS[config.modality], config.dim, config.patch)
        self.register_buffer("positions", sinusoids(config.grid, config.dim), persistent=False)
        rates = torch.linspace(0, config.drop_path, config.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(config.dim, config.heads, config.mlp_ratio, rate) for rate in rates)
        self.fc_norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.dim, config.classes)
        self.apply(initialise)

    def forward(self, inputs: Inputs) -> Output:
        name = self.config.modality
        patches = self.patch_embed(inputs[name])  # [B, D, T, H, W]
        x = patches.flatten(2).transpose(1, 2)  # [B, L, D]
        x = x + resampled(self.get_buffer("positions"), self.config.grid, patches.shape[2:]).to(x.dtype)
        for block in self.blocks:
            x = run_block(block, x, recompute=self.config.recompute)
        features = self.fc_norm(x.mean(dim=1))  # [B, D]
        spatial = x.transpose(1, 2).unflatten(2, patches.shape[2:])  # [B, D, T, H, W]
        return Output({name: self.head(self.dropout(features))}, {name: features, f"{name}.map": spatial})

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        """Fine-tuned files as they are; of pre-trained ones the encoder, whose last norm fine-tuning replaces."""
        return {key: fitted(key, value) for key, value in weights.items()}


def fitted(key: str, value: Tensor) -> Fitted | str:
    name = key.removeprefix("backbone.").removeprefix("encoder.")
    if name.startswith(("decoder.", "encoder_to_decoder.", "mask_token")):
        return "of the pre-training's decoder"
    if name in ("norm.weight", "norm.bias"):
        return "the mean of the tubes has a norm of its own (fc_norm)"
    if name == "pos_embed":
        return "computed by the model"
    return Fitted(name, value)


def sinusoids(grid: Size, dim: int) -> Tensor:
    """The fixed position table [L, D]: sine and cosine of the place in the sequence (Vaswani et al., 2017)."""
    places = np.arange(np.prod(grid))[:, None] / 10000 ** (2 * (np.arange(dim) // 2) / dim)
    places[:, 0::2], places[:, 1::2] = np.sin(places[:, 0::2]), np.cos(places[:, 1::2])
    return torch.tensor(places, dtype=torch.float32)


def initialise(module: nn.Module) -> None:
    """Truncated normal numbers of deviation 0.02; the classification layer a thousandth of it."""
    match module:
        case nn.Linear():
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        case VideoMAE():
            with torch.no_grad():
                module.head.weight.mul_(0.001)
        case _:
            pass

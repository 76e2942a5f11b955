"""Hiera: Ryali et al., "Hiera: A Hierarchical Vision Transformer without the Bells-and-Whistles", ICML 2023.

Parameter names are those of the official implementation. Patches are brought into an order in which those that
are pooled together lie a fixed step apart, and so do those of one mask unit: pooling and attention within units
are then plain reshapes.

Shapes: B clips, L patches (fewer after each pooling), D channels, h heads of d channels, U mask units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models.fitting import resampled
from training.models.layers import CHANNELS, MLP, DropPath, Head, Size, known_modality, run_block
from training.models.output import Inputs, Output
from training.models.pretrained import Fitted


@dataclass(frozen=True)
class HieraConfig:
    classes: int = 20
    """Size of the classification layer."""
    modality: str = "rgb"
    """What the model reads: rgb, rgbdiff or flow."""
    frames: int = 16
    """Frames of a clip for which the position tables are made; for another number they are interpolated."""
    size: int = 224
    """Height and width of a frame, likewise; a multiple of 32 pixels with the published patches."""
    patch_kernel: Size = (3, 7, 7)
    patch_stride: Size = (2, 4, 4)
    dim: int = 96
    """Channels of the first stage; each further one doubles them, and the heads."""
    heads: int = 1
    stages: tuple[int, ...] = (2, 3, 16, 3)
    """Blocks of each stage; each but the first begins by pooling 2 × 2 patches."""
    local_stages: int = 2
    """Stages whose attention stays within mask units."""
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    """Rate of dropped residual branches in the last block; rises linearly from 0 in the first."""
    dropout: float = 0.5
    """Before the classification layer."""
    recompute: bool = False
    """Compute each block again in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_modality("hiera", self.modality)
        if min(self.classes, self.dim, self.heads, *self.stages, *self.patch_stride, *self.grid) < 1:
            raise UserError("hiera: classes, dim, heads and stages must be at least 1, and a clip at least a patch")
        if self.dim % self.heads or not 0 <= self.local_stages <= len(self.stages):
            raise UserError("hiera: dim must be a multiple of heads, local_stages at most the number of stages")
        check_grid(self.grid, self.poolings)

    @property
    def grid(self) -> Size:
        """Patches of a clip."""
        return tuple(n // s for n, s in zip((self.frames, self.size, self.size), self.patch_stride, strict=True))  # type: ignore[return-value]

    @property
    def poolings(self) -> int:
        return len(self.stages) - 1


def check_grid(grid: Size, poolings: int) -> None:
    """Raises UserError if height or width can't be halved as often as the stages do."""
    if grid[1] % 2**poolings or grid[2] % 2**poolings:
        raise UserError(f"hiera: {grid[1]} × {grid[2]} patches can't be halved {poolings} times; use another size")


B = HieraConfig()
"""Hiera-B, 16 frames of 224 pixels: 50.8 M parameters."""

TINY = HieraConfig(frames=8, size=64, dim=16, stages=(1, 1, 2, 1), mlp_ratio=2.0, drop_path=0.0, dropout=0.0)
"""For a CPU."""


def unrolled(x: Tensor, poolings: int) -> Tensor:
    """Patches on their grid [B, T, H, W, D] in the order of the model, [B, L, D].

    The place within the first pooling's 2 × 2 counts most, then that within the second's, and so on; last the
    mask unit. Pooling then joins a quarter with the next, and tokens of one unit lie U apart.
    """
    x = x[:, None]  # [B, 1, T, H, W, D]
    for _ in range(poolings):
        x = x.unflatten(4, (-1, 2)).unflatten(3, (-1, 2))  # [B, P, T, H / 2, 2, W / 2, 2, D]
        x = x.permute(0, 1, 4, 6, 2, 3, 5, 7).flatten(1, 3)  # [B, 4 P, T, H / 2, W / 2, D]
    return x.flatten(1, 4)


def pooled(x: Tensor) -> Tensor:
    """The maximum of each four patches, which lie a quarter of the sequence apart: [..., L, D] → [..., L / 4, D]."""
    return x.unflatten(-2, (4, -1)).amax(dim=-3)


class UnitAttention(nn.Module):
    """Multi-head attention, within `units` groups of patches or over all; queries may be pooled."""

    def __init__(self, dim: int, width: int, heads: int, pools: bool, local: bool) -> None:
        super().__init__()
        self.heads, self.pools, self.local = heads, pools, local
        self.qkv = nn.Linear(dim, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, units: int) -> Tensor:
        groups = units if self.local else 1
        qkv = self.qkv(x).unflatten(1, (-1, groups)).unflatten(3, (3, self.heads, -1))  # [B, N, U, 3, h, d]
        q, k, v = qkv.permute(3, 0, 2, 4, 1, 5).flatten(1, 2)  # [B U, h, N, d] each
        out = functional.scaled_dot_product_attention(pooled(q) if self.pools else q, k, v)  # [B U, h, N', d]
        return self.proj(out.unflatten(0, (-1, groups)).permute(0, 3, 1, 2, 4).flatten(1, 2).flatten(2))  # [B, L', D]


class HieraBlock(nn.Module):
    """[B, L, D] → [B, L', D']; the first block of a stage pools and widens inside the attention."""

    def __init__(
        self, dim: int, width: int, heads: int, pools: bool, local: bool, mlp_ratio: float, drop_path: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = UnitAttention(dim, width, heads, pools, local)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, int(width * mlp_ratio))
        self.drop_path = DropPath(drop_path)
        self.pools = pools
        if pools:
            self.proj = nn.Linear(dim, width)

    def forward(self, x: Tensor, units: int) -> Tensor:
        normed = self.norm1(x)
        skip = pooled(self.proj(normed)) if self.pools else x  # [B, L', D']
        x = skip + self.drop_path(self.attn(normed, units))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Frames to patches by one strided convolution: [B, C, T, H, W] → [B, D, T', H', W']."""

    def __init__(self, channels: int, dim: int, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, dim, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class Hiera(nn.Module):
    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = (config.modality,)
        self.patch_embed = PatchEmbed(CHANNELS[config.modality], config.dim, config.patch_kernel, config.patch_stride)
        t, h, w = config.grid
        self.pos_embed_spatial = nn.Parameter(torch.zeros(1, h * w, config.dim))
        self.pos_embed_temporal = nn.Parameter(torch.zeros(1, t, config.dim))
        self.blocks = nn.ModuleList(make_blocks(config))
        width = config.dim * 2**config.poolings
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = Head(width, config.classes, config.dropout)
        self.apply(initialise)

    def positions(self, grid: Size) -> Tensor:
        """One vector a place and one a frame, added up: [T, H, W, D]."""
        t, h, w = self.config.grid
        spatial = resampled(self.pos_embed_spatial[0], (h, w), grid[1:])
        temporal = resampled(self.pos_embed_temporal[0], (t,), grid[:1])
        return spatial.unflatten(0, grid[1:]) + temporal[:, None, None]

    def forward(self, inputs: Inputs) -> Output:
        name, poolings = self.config.modality, self.config.poolings
        x = self.patch_embed(inputs[name]).movedim(1, 4)  # [B, T, H, W, D]
        grid: Size = (x.shape[1], x.shape[2], x.shape[3])
        check_grid(grid, poolings)
        last: Size = (grid[0], grid[1] // 2**poolings, grid[2] // 2**poolings)
        x = unrolled(x + self.positions(grid), poolings)  # [B, L, D]
        for block in self.blocks:
            x = run_block(block, x, math.prod(last), recompute=self.config.recompute)  # [B, L', D']
        features = self.norm(x.mean(dim=1))  # [B, D]
        spatial = x.transpose(1, 2).unflatten(2, last)  # all places within units are pooled: [B, D, T, H', W']
        return Output({name: self.head(features)}, {name: features, f"{name}.map": spatial})

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        """Fine-tuned files, and the encoder of pre-trained ones; positions of another size are interpolated."""
        return {key: self._fitted(key, value) for key, value in weights.items()}

    def _fitted(self, key: str, value: Tensor) -> Fitted | str:
        if key.startswith(("decoder_", "mask_token", "multi_scale_fusion_heads.")):
            return "of the pre-training's decoder"
        name = key.removeprefix("encoder_") if key.startswith("encoder_norm.") else key
        t, h, w = self.config.grid
        side = math.isqrt(value.shape[1]) if value.ndim == 3 else 0
        if name == "pos_embed_spatial" and side**2 == value.shape[1] and value.shape[1] != h * w:
            return Fitted(name, resampled(value[0], (side, side), (h, w))[None], f"from {side} × {side} to {h} × {w}")
        if name == "pos_embed_temporal" and value.shape[1] != t:
            table = resampled(value[0], (value.shape[1],), (t,))[None]
            return Fitted(name, table, f"from {value.shape[1]} to {t} frames of patches")
        return Fitted(name, value)


def make_blocks(config: HieraConfig) -> list[HieraBlock]:
    """The blocks; attention becomes global one block after the stage does, once its patches are pooled."""
    blocks: list[HieraBlock] = []
    rates = torch.linspace(0, config.drop_path, sum(config.stages), device="cpu").tolist()
    for stage, depth in enumerate(config.stages):
        width, heads = config.dim * 2**stage, config.heads * 2**stage
        for index in range(depth):
            pools = index == 0 and stage > 0
            local = (stage - 1 if pools else stage) < config.local_stages
            dim = width // 2 if pools else width
            blocks.append(HieraBlock(dim, width, heads, pools, local, config.mlp_ratio, rates[len(blocks)]))
    return blocks


def initialise(module: nn.Module) -> None:
    """Truncated normal numbers of deviation 0.02; the classification layer a thousandth of it."""
    match module:
        case nn.Linear() | nn.Conv3d():
            nn.init.trunc_normal_(module.weight, std=0.02)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
        case Hiera():
            nn.init.trunc_normal_(module.pos_embed_spatial, std=0.02)
            nn.init.trunc_normal_(module.pos_embed_temporal, std=0.02)
            with torch.no_grad():
                module.head.projection.weight.mul_(0.001)
        case _:
            pass

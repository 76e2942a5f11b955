"""MViTv2: Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection", CVPR 2022.

Parameter names are those of PySlowFast, so that its checkpoints load. In place of one class token there may
be any number of classification and distillation tokens (sections 4.2 and 4.3 of the MuscleMap paper). Tokens
stand in front of the patches, and take no part in pooling nor in the relative position terms.

Shapes: B clips, K tokens, L = T H W patches, h heads of d channels, D = h d.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models.fitting import inflated, resampled
from training.models.layers import CHANNELS, MLP, DropPath, Head, Size, known_modality, run_block
from training.models.mvit_names import own_name
from training.models.output import Inputs, Output
from training.models.pretrained import Fitted


@dataclass(frozen=True)
class MViTConfig:
    classes: int = 20
    """Size of the classification layer."""
    modality: str = "rgb"
    """What the model reads: rgb, rgbdiff or flow."""
    frames: int = 16
    """Frames of a clip; sets the size of the relative position tables."""
    size: int = 224
    """Height and width of a frame in pixels."""
    patch_kernel: Size = (3, 7, 7)
    patch_stride: Size = (2, 4, 4)
    dim: int = 96
    """Channels of the first block; each reduction doubles them."""
    depth: int = 16
    """Blocks."""
    reductions: tuple[int, ...] = (1, 3, 14)
    """Blocks, from 0, that halve height and width and double channels and heads."""
    key_stride: int = 8
    """Pooling of keys and values over height and width in the first block; halved at each reduction."""
    mlp_ratio: float = 4.0
    drop_path: float = 0.2
    """Rate of dropped residual branches in the last block; rises linearly from 0 in the first."""
    dropout: float = 0.5
    """Before the classification layer."""
    tokens: int = 1
    """Classification tokens; their mean is classified (eq. 1)."""
    distillation_tokens: int = 0
    """Tokens that are not classified; `trunk` uses them on demand."""
    recompute: bool = False
    """Compute each block again in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_modality("mvit", self.modality)
        if min(self.classes, self.frames, self.size, self.dim, self.depth, self.key_stride) < 1:
            raise UserError("mvit: classes, frames, size, dim, depth and key_stride must be at least 1")
        if self.tokens < 1 or self.distillation_tokens < 0:
            raise UserError("mvit: tokens must be at least 1, distillation_tokens at least 0")
        if any(not 0 < block < self.depth for block in self.reductions):
            raise UserError(f"mvit: reductions must be blocks from 1 to {self.depth - 1}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels after each block."""
        return tuple(self.dim * 2 ** sum(r <= block for r in self.reductions) for block in range(self.depth))


S = MViTConfig()
"""MViTv2-S, 16 frames: 34.2 M parameters."""

B = MViTConfig(frames=32, depth=24, reductions=(2, 5, 21), drop_path=0.3)
"""MViTv2-B, 32 frames: 50.9 M parameters."""

TINY = MViTConfig(
    frames=8,
    size=64,
    patch_stride=(2, 8, 8),
    dim=16,
    depth=5,
    reductions=(1, 2, 4),
    key_stride=4,
    mlp_ratio=2.0,
    drop_path=0.0,
    dropout=0.0,
)
"""For a CPU."""


def on_grid(x: Tensor, grid: Size) -> Tensor:
    """Patches of each head as a video: [B, h, L, d] → [B h, d, T, H, W]."""
    return x.flatten(0, 1).transpose(1, 2).unflatten(2, grid)


def relative_rows(table: Tensor, queries: int, keys: int) -> Tensor:
    """The rows of a relative position table for every pair along one axis, [queries, keys, d].

    Positions are counted on the finer of the two grids. A table made for another size is interpolated.
    """
    rows = 2 * max(queries, keys) - 1
    if len(table) != rows:
        table = functional.interpolate(table.T[None], size=rows, mode="linear")[0].T
    query_step, key_step = max(keys / queries, 1.0), max(queries / keys, 1.0)
    at_query = torch.arange(queries, device=table.device)[:, None] * query_step
    at_key = torch.arange(keys, device=table.device)[None, :] * key_step
    return table[(at_query - at_key + (keys - 1) * key_step).long()]


def key_places(grid: Size, tokens: int, like: Tensor) -> Tensor:
    """For each key its row, column and frame as three one-hot codes, zero for tokens: [K + L, H + W + T]."""
    t, h, w = grid
    rows = torch.eye(h, dtype=like.dtype, device=like.device)[None, :, None].expand(t, h, w, h)
    columns = torch.eye(w, dtype=like.dtype, device=like.device)[None, None].expand(t, h, w, w)
    frames = torch.eye(t, dtype=like.dtype, device=like.device)[:, None, None].expand(t, h, w, t)
    places = torch.cat((rows, columns, frames), dim=3).flatten(0, 2)
    return functional.pad(places, (0, 0, tokens, 0))


class PoolingAttention(nn.Module):
    """Multi-head attention whose queries, keys and values are pooled, with decomposed relative positions."""

    def __init__(self, dim: int, width: int, heads: int, grid: Size, query_stride: Size, key_stride: Size) -> None:
        super().__init__()
        d = width // heads
        self.heads, self.scale = heads, 1 / math.sqrt(d)
        self.qkv = nn.Linear(dim, 3 * width)
        self.proj = nn.Linear(width, width)
        self.pool_q = nn.Conv3d(d, d, 3, query_stride, 1, groups=d, bias=False)
        self.pool_k = nn.Conv3d(d, d, 3, key_stride, 1, groups=d, bias=False)
        self.pool_v = nn.Conv3d(d, d, 3, key_stride, 1, groups=d, bias=False)
        self.norm_q = nn.LayerNorm(d, eps=1e-6)
        self.norm_k = nn.LayerNorm(d, eps=1e-6)
        self.norm_v = nn.LayerNorm(d, eps=1e-6)
        t, h, w = (max(n // q, n // k) for n, q, k in zip(grid, query_stride, key_stride, strict=True))
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * h - 1, d))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * w - 1, d))
        self.rel_pos_t = nn.Parameter(torch.zeros(2 * t - 1, d))

    def forward(self, x: Tensor, grid: Size, tokens: int) -> tuple[Tensor, Size]:
        # x [B, K + L, D]
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B, h, K + L, d] each
        q, query_grid = self._pool(q, self.pool_q, self.norm_q, grid, tokens)  # [B, h, K + Lq, d]
        k, key_grid = self._pool(k, self.pool_k, self.norm_k, grid, tokens)  # [B, h, K + Lk, d]
        v, _ = self._pool(v, self.pool_v, self.norm_v, grid, tokens)
        out = self._attend(q, k, v, query_grid, key_grid, tokens)  # [B, h, K + Lq, d]
        out = torch.cat((out[:, :, :tokens], out[:, :, tokens:] + q[:, :, tokens:]), dim=2)  # residual pooling
        return self.proj(out.transpose(1, 2).flatten(2)), query_grid  # [B, K + Lq, D]

    def _pool(self, x: Tensor, pool: nn.Module, norm: nn.Module, grid: Size, tokens: int) -> tuple[Tensor, Size]:
        places = on_grid(x[:, :, tokens:], grid)  # [B h, d, T, H, W]
        if places.dtype == torch.bfloat16 and places.device.type == "cpu":
            # For other strides oneDNN (torch 2.13) leaves some of the weights' gradient unset.
            places = places.contiguous()
        pooled = pool(places)  # [B h, d, T', H', W']
        t, h, w = pooled.shape[2:]
        patches = pooled.flatten(2).transpose(1, 2).unflatten(0, (-1, self.heads))  # [B, h, L', d]
        return norm(torch.cat((x[:, :, :tokens], patches), dim=2)), (t, h, w)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, query_grid: Size, key_grid: Size, tokens: int) -> Tensor:
        """softmax(q k / √d + position terms) v, without ever holding the [Lq, Lk] matrix.

        A position term depends on the query and on the key's row, column or frame alone. It is therefore a
        dot product of the query's terms with a one-hot code of the key's place, and both can be appended to q
        and k.
        """
        grid_q = q[:, :, tokens:].unflatten(2, query_grid)  # [B, h, T, H, W, d]
        axes = zip((self.rel_pos_t, self.rel_pos_h, self.rel_pos_w), query_grid, key_grid, strict=True)
        rows_t, rows_h, rows_w = (relative_rows(table, of_q, of_k) for table, of_q, of_k in axes)
        terms = torch.cat(
            (
                torch.einsum("bnthwd,hkd->bnthwk", grid_q, rows_h),
                torch.einsum("bnthwd,wkd->bnthwk", grid_q, rows_w),
                torch.einsum("bnthwd,tkd->bnthwk", grid_q, rows_t),
            ),
            dim=5,
        ).flatten(2, 4)  # [B, h, Lq, H + W + T]
        terms = functional.pad(terms, (0, 0, tokens, 0))  # [B, h, K + Lq, H + W + T]
        places = key_places(key_grid, tokens, terms).expand(*k.shape[:2], -1, -1)
        d, extra = v.shape[3], terms.shape[3]
        fill = -(d + extra) % 8  # the fast kernels want equal widths, multiples of 8
        query = functional.pad(torch.cat(((q * self.scale).to(terms.dtype), terms), dim=3), (0, fill))
        key = functional.pad(torch.cat((k.to(terms.dtype), places), dim=3), (0, fill))
        value = functional.pad(v.to(terms.dtype), (0, extra + fill))
        return functional.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :d]


class MViTBlock(nn.Module):
    """[B, K + L, D] → [B, K + L', D']; a reduction pools the queries and widens inside the attention."""

    def __init__(
        self,
        dim: int,
        width: int,
        heads: int,
        grid: Size,
        query_stride: Size,
        key_stride: Size,
        mlp_ratio: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = PoolingAttention(dim, width, heads, grid, query_stride, key_stride)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, int(width * mlp_ratio))
        self.drop_path = DropPath(drop_path)
        self.widens = dim != width
        if self.widens:
            self.proj = nn.Linear(dim, width)
        self.pools = max(query_stride) > 1
        kernel = tuple(s + 1 if s > 1 else s for s in query_stride)
        self.pool_skip = nn.MaxPool3d(kernel, query_stride, tuple(k // 2 for k in kernel))

    def forward(self, x: Tensor, grid: Size, tokens: int) -> tuple[Tensor, Size]:
        normed = self.norm1(x)
        attended, new_grid = self.attn(normed, grid, tokens)  # [B, K + L', D']
        skip = self.proj(normed) if self.widens else x  # [B, K + L, D']
        if self.pools:
            patches = self.pool_skip(skip[:, tokens:].transpose(1, 2).unflatten(2, grid))  # [B, D', T, H', W']
            skip = torch.cat((skip[:, :tokens], patches.flatten(2).transpose(1, 2)), dim=1)  # [B, K + L', D']
        x = skip + self.drop_path(attended)
        return x + self.drop_path(self.mlp(self.norm2(x))), new_grid


class PatchEmbed(nn.Module):
    """Frames to patches by one strided convolution: [B, C, T, H, W] → [B, D, T', H', W']."""

    def __init__(self, channels: int, dim: int, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, dim, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


@dataclass(frozen=True)
class Trunk:
    """What the blocks make of a clip."""

    tokens: list[Tensor]
    """After each block, [B, K, D]."""
    last: Tensor
    """Last tokens, after the final norm or at the width of the fusion, [B, K, D]."""
    map: Tensor
    """Last feature map: patches after the final norm, [B, D, T', H', W'], or nodes, [B, D, T', V, M]."""


class MViT(nn.Module):
    def __init__(self, config: MViTConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = (config.modality,)
        self.patch_embed = PatchEmbed(CHANNELS[config.modality], config.dim, config.patch_kernel, config.patch_stride)
        self.cls_token = nn.Parameter(torch.zeros(1, config.tokens, config.dim))
        if config.distillation_tokens:
            self.distillation_token = nn.Parameter(torch.zeros(1, config.distillation_tokens, config.dim))
        self.blocks = nn.ModuleList(make_blocks(config))
        self.norm = nn.LayerNorm(config.widths[-1], eps=1e-6)
        self.head = Head(config.widths[-1], config.classes, config.dropout)
        self.apply(initialise)

    def trunk(self, video: Tensor, distil: bool = False) -> Trunk:
        """Runs all blocks; with `distil` the distillation tokens stand behind the classification tokens."""
        patches = self.patch_embed(video)  # [B, D, T, H, W]
        t, h, w = patches.shape[2:]
        grid: Size = (t, h, w)
        tokens = torch.cat((self.cls_token, self.distillation_token), dim=1) if distil else self.cls_token
        count = tokens.shape[1]
        x = patches.flatten(2).transpose(1, 2)  # [B, L, D]
        x = torch.cat((tokens.expand(x.shape[0], -1, -1).to(x.dtype), x), dim=1)  # [B, K + L, D]
        after: list[Tensor] = []
        for block in self.blocks:
            x, grid = run_block(block, x, grid, count, recompute=self.config.recompute)  # [B, K + L', D']
            after.append(x[:, :count])
        x = self.norm(x)
        return Trunk(after, x[:, :count], x[:, count:].transpose(1, 2).unflatten(2, grid))

    def forward(self, inputs: Inputs) -> Output:
        name = self.config.modality
        run = self.trunk(inputs[name])  # [B, C, T, H, W]
        features = run.last.mean(dim=1)  # [B, D]: eq. 1
        return Output({name: self.head(features)}, {name: features, f"{name}.map": run.map})

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        """PySlowFast's and torchvision's files, and those of images, inflated; position tables of another size are
        interpolated."""
        own = self.state_dict()
        return {key: fitted(own_name(key), value, own) for key, value in weights.items()}


def fitted(name: str, value: Tensor, own: Mapping[str, Tensor]) -> Fitted:
    if ".rel_pos_" not in name or name not in own or len(own[name]) == len(value):
        return inflated(name, value, own)
    table = resampled(value, (len(value),), (len(own[name]),))
    return Fitted(name, table, f"distances from {len(value)} to {len(own[name])}")


def make_blocks(config: MViTConfig) -> list[MViTBlock]:
    """The blocks with their grids: each reduction halves height and width, and the pooling of the keys."""
    stride = config.patch_stride
    grid: Size = (config.frames // stride[0], config.size // stride[1], config.size // stride[2])
    key_stride, heads = config.key_stride, 1
    blocks = []
    for index, (dim, width) in enumerate(pairwise((config.dim, *config.widths))):
        reduces = index in config.reductions
        if reduces:
            key_stride, heads = max(key_stride // 2, 1), heads * 2
        query = (1, 2, 2) if reduces else (1, 1, 1)
        keys = (1, key_stride, key_stride)
        rate = config.drop_path * index / max(config.depth - 1, 1)
        blocks.append(MViTBlock(dim, width, heads, grid, query, keys, config.mlp_ratio, rate))
        if reduces:
            grid = (grid[0], grid[1] // 2, grid[2] // 2)
    return blocks


def initialise(module: nn.Module) -> None:
    """Truncated normal numbers of deviation 0.02, as PySlowFast."""
    match module:
        case nn.Linear():
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        case PoolingAttention():
            for table in (module.rel_pos_h, module.rel_pos_w, module.rel_pos_t):
                nn.init.trunc_normal_(table, std=0.02)
        case MViT():
            nn.init.trunc_normal_(module.cls_token, std=0.02)
            if module.config.distillation_tokens:
                nn.init.trunc_normal_(module.distillation_token, std=0.02)
        case _:
            pass

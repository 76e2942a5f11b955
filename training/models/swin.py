"""Video Swin: Liu et al., "Video Swin Transformer", CVPR 2022.

Parameter names are those of the official implementation.

Shapes: B clips, T H W patches, D channels, W' windows of N patches, h heads of d channels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models.fitting import inflated, resampled
from training.models.layers import CHANNELS, MLP, DropPath, Size, known_modality, run_block
from training.models.output import Inputs, Output
from training.models.pretrained import Fitted


@dataclass(frozen=True)
class SwinConfig:
    classes: int = 20
    """Size of the classification layer."""
    modality: str = "rgb"
    """What the model reads: rgb, rgbdiff or flow. Any length and size."""
    patch: Size = (2, 4, 4)
    """Frames, height and width of a patch."""
    window: Size = (8, 7, 7)
    """Patches that attend to each other; an axis with fewer is one window."""
    dim: int = 96
    """Channels of the first stage; each further one doubles them."""
    depths: tuple[int, ...] = (2, 2, 18, 2)
    """Blocks of each stage."""
    heads: tuple[int, ...] = (3, 6, 12, 24)
    """Of each stage."""
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    """Rate of dropped residual branches in the last block; rises linearly from 0 in the first."""
    dropout: float = 0.5
    """Before the classification layer."""
    recompute: bool = False
    """Compute each block again in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_modality("swin", self.modality)
        if min(self.classes, self.dim, *self.patch, *self.window, *self.depths, *self.heads) < 1:
            raise UserError("swin: classes, dim, patch, window, depths and heads must be at least 1")
        if len(self.depths) != len(self.heads) or any(self.dim * 2**i % n for i, n in enumerate(self.heads)):
            raise UserError("swin: heads must be one number a stage that divides its channels")


S = SwinConfig()
"""Video Swin-S: 49.5 M parameters."""

B = SwinConfig(dim=128, heads=(4, 8, 16, 32))
"""Video Swin-B: 87.7 M parameters."""

TINY = SwinConfig(
    window=(2, 4, 4), dim=16, depths=(2, 2), heads=(2, 4), patch=(2, 8, 8), mlp_ratio=2.0, drop_path=0.0, dropout=0.0
)
"""For a CPU."""


def table_rows(window: Size) -> Size:
    """Distances between two patches of a window along each axis."""
    return 2 * window[0] - 1, 2 * window[1] - 1, 2 * window[2] - 1


def pair_index(window: Size) -> Tensor:
    """The row of the position table for each pair of patches of a window, [N, N]."""
    places = torch.cartesian_prod(*(torch.arange(n) for n in window)).reshape(-1, 3)
    apart = places[:, None] - places[None] + torch.tensor(window) - 1  # [N, N, 3], from 0
    _, rows, columns = table_rows(window)
    return apart[..., 0] * rows * columns + apart[..., 1] * columns + apart[..., 2]


def windows(x: Tensor, window: Size) -> Tensor:
    """[B, T, H, W, D] → [B W', N, D]."""
    for axis, size in zip((3, 2, 1), reversed(window), strict=True):
        x = x.unflatten(axis, (-1, size))  # [B, T / t, t, H / h, h, W / w, w, D]
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(0, 3).flatten(1, 3)


def from_windows(x: Tensor, window: Size, grid: Size) -> Tensor:
    """[B W', N, D] → [B, T, H, W, D]."""
    counts = [n // size for n, size in zip(grid, window, strict=True)]
    x = x.unflatten(1, window).unflatten(0, (-1, *counts))
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).flatten(5, 6).flatten(3, 4).flatten(1, 2)


def sides(grid: Size, window: Size, shift: Size, like: Tensor) -> Tensor:
    """Where patches stood before the shift, as codes [W', N, 6]: c · c' is 300 for neighbours, else 200 or less.

    A shifted window may join the two ends of an axis, which are no neighbours. For each axis a code is 10 in one
    of two places. A score that is 100 lower leaves nothing after the softmax, as in the official mask.
    """
    codes = []
    for axis, (size, by) in enumerate(zip(grid, shift, strict=True)):
        wrapped = torch.arange(size, device=like.device) >= (size - by if by else size)
        code = torch.stack((wrapped, ~wrapped), dim=1).to(like.dtype) * 10
        shape = [1, 1, 1, 2]
        shape[axis] = size
        codes.append(code.reshape(shape).expand(*grid, 2))
    return windows(torch.cat(codes, dim=3)[None], window)


class WindowAttention(nn.Module):
    """Multi-head attention within windows, with a learnt bias for each distance; [B W', N, D] → [B W', N, D]."""

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: Size) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.zeros(math.prod(table_rows(window)), heads))
        self.register_buffer("relative_position_index", pair_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, places: Tensor | None) -> Tensor:
        """`places` [W', N, 6] keep apart what is in one shifted window but not adjacent."""
        n = x.shape[1]
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B W', h, N, d] each
        # A window cut short by the clip takes the first rows and columns, as the official code does.
        pairs = self.relative_position_index[:n, :n].flatten()
        bias = self.relative_position_bias_table[pairs].unflatten(0, (n, n)).movedim(2, 0)  # [h, N, N]
        d = v.shape[3]
        q = q * self.scale
        if places is not None:
            q, k, v = apart(q, k, v, places)
        bias = bias.to(q.dtype).expand(q.shape[0], -1, -1, -1)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)[..., :d]
        return self.proj(out.transpose(1, 2).flatten(2))


def apart(q: Tensor, k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """q, k [B W', h, N, d] with the codes of `places` appended, v with zeros: no mask of [W', N, N] is ever made."""
    fill = -(v.shape[3] + places.shape[2]) % 8  # the fast kernels want multiples of 8
    codes = functional.pad(places, (0, fill))[:, None].to(q.dtype)
    codes = codes.repeat(q.shape[0] // places.shape[0], 1, 1, 1).expand(-1, q.shape[1], -1, -1)
    return torch.cat((q, codes), dim=3), torch.cat((k, codes), dim=3), functional.pad(v, (0, codes.shape[3]))


class SwinBlock(nn.Module):
    """[B, T, H, W, D] → [B, T, H, W, D]."""

    def __init__(self, dim: int, heads: int, window: Size, shifts: bool, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.window, self.shifts = window, shifts
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attend(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def attend(self, x: Tensor) -> Tensor:
        t, h, w = x.shape[1:4]
        window, shift = self.fitting_window((t, h, w))
        over = [-n % size for n, size in zip((t, h, w), window, strict=True)]
        x = functional.pad(x, (0, 0, 0, over[2], 0, over[1], 0, over[0]))  # whole windows
        grid: Size = (x.shape[1], x.shape[2], x.shape[3])
        if any(shift):
            x = x.roll(tuple(-by for by in shift), dims=(1, 2, 3))
        places = sides(grid, window, shift, x) if any(shift) else None
        x = from_windows(self.attn(windows(x, window), places), window, grid)
        if any(shift):
            x = x.roll(shift, dims=(1, 2, 3))
        return x[:, :t, :h, :w]

    def fitting_window(self, grid: Size) -> tuple[Size, Size]:
        """The window and its shift; an axis with no more patches than the window is one window, not shifted."""
        window: Size = tuple(min(n, size) for n, size in zip(grid, self.window, strict=True))  # type: ignore[assignment]
        shift: Size = tuple(  # type: ignore[assignment]
            size // 2 if self.shifts and n > size else 0 for n, size in zip(grid, self.window, strict=True)
        )
        return window, shift


class PatchMerging(nn.Module):
    """Joins 2 × 2 patches: [B, T, H, W, D] → [B, T, H / 2, W / 2, 2 D]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # [B, T, H / 2, 2, W / 2, 2, D]
        x = x.permute(0, 1, 2, 4, 5, 3, 6).flatten(4)  # [B, T, H / 2, W / 2, 4 D], column before row
        return self.reduction(self.norm(x))


class Stage(nn.Module):
    """Blocks, every second with shifted windows, then the merging of patches; [B, T, H, W, D]."""

    def __init__(self, config: SwinConfig, index: int, rates: list[float]) -> None:
        super().__init__()
        dim = config.dim * 2**index
        self.recompute = config.recompute
        self.blocks = nn.ModuleList(
            SwinBlock(dim, config.heads[index], config.window, i % 2 == 1, config.mlp_ratio, rate)
            for i, rate in enumerate(rates)
        )
        self.downsample = PatchMerging(dim) if index + 1 < len(config.depths) else None

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = run_block(block, x, recompute=self.recompute)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbed(nn.Module):
    """[B, C, T, H, W] → [B, T', H', W', D]; an incomplete patch at the end is filled with zeros."""

    def __init__(self, channels: int, dim: int, patch: Size) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(channels, dim, patch, patch)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        over = [-n % size for n, size in zip(x.shape[2:], self.patch, strict=True)]
        x = functional.pad(x, (0, over[2], 0, over[1], 0, over[0]))
        return self.norm(self.proj(x).movedim(1, 4))


class Backbone(nn.Module):
    """[B, C, T, H, W] → [B, T', H', W', D]."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(CHANNELS[config.modality], config.dim, config.patch)
        rates = torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").split(config.depths)
        self.layers = nn.ModuleList(Stage(config, index, part.tolist()) for index, part in enumerate(rates))
        self.norm = nn.LayerNorm(config.dim * 2 ** (len(config.depths) - 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class ClassHead(nn.Module):
    """Dropout and the classification layer; [B, D] → [B, classes]."""

    def __init__(self, dim: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc_cls(self.dropout(x))


class VideoSwin(nn.Module):
    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = (config.modality,)
        self.backbone = Backbone(config)
        self.cls_head = ClassHead(config.dim * 2 ** (len(config.depths) - 1), config.classes, config.dropout)
        self.apply(initialise)

    def forward(self, inputs: Inputs) -> Output:
        name = self.config.modality
        x = self.backbone(inputs[name])  # [B, T, H, W, D]
        features = x.mean(dim=(1, 2, 3))  # [B, D]
        return Output({name: self.cls_head(features)}, {name: features, f"{name}.map": x.movedim(4, 1)})

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        """The official files, torchvision's Swin3D, and image Swin's; bias tables of another window interpolated."""
        own = self.state_dict()
        return {key: self._fitted(own_name(key), value, own) for key, value in weights.items()}

    def _fitted(self, name: str, value: Tensor, own: Mapping[str, Tensor]) -> Fitted | str:
        if name.endswith(("relative_position_index", "attn_mask")):
            same = name in own and own[name].shape == value.shape
            return Fitted(name, value) if same else "computed by the model"
        if not name.endswith("relative_position_bias_table"):
            return inflated(name, value, own)
        rows = table_rows(self.config.window)
        source = table_grid(len(value), rows)
        if source is None or source == rows:
            return Fitted(name, value)
        how = f"distances from {' × '.join(map(str, source))} to {' × '.join(map(str, rows))}"
        return Fitted(name, resampled(value, source, rows), how)


def table_grid(length: int, rows: Size) -> Size | None:
    """Of how many distances along each axis a bias table is, given ours; its windows are square, or as high as ours."""
    if length % (rows[1] * rows[2]) == 0:
        return length // (rows[1] * rows[2]), rows[1], rows[2]
    for frames in (rows[0], 1):
        side = math.isqrt(length // frames)
        if frames * side**2 == length:
            return frames, side, side
    return None


TORCHVISION = (
    (r"features\.(?P<n>\d+)\.(?P<b>\d+)\.mlp\.0\.(?P<leaf>\w+)", "backbone.layers.{stage}.blocks.{b}.mlp.fc1.{leaf}"),
    (r"features\.(?P<n>\d+)\.(?P<b>\d+)\.mlp\.3\.(?P<leaf>\w+)", "backbone.layers.{stage}.blocks.{b}.mlp.fc2.{leaf}"),
    (r"features\.(?P<n>\d+)\.(?P<b>\d+)\.(?P<leaf>.+)", "backbone.layers.{stage}.blocks.{b}.{leaf}"),
    (r"features\.(?P<n>\d+)\.(?P<leaf>.+)", "backbone.layers.{stage}.downsample.{leaf}"),
    (r"head\.(?P<leaf>weight|bias)", "cls_head.fc_cls.{leaf}"),
    (r"(?P<leaf>(?:patch_embed|layers|norm)\..+)", "backbone.{leaf}"),
)
"""Torchvision counts stages and mergings in one row; it and the image models have no `backbone.` in front."""


def own_name(key: str) -> str:
    for pattern, name in TORCHVISION:
        if match := re.fullmatch(pattern, key):
            parts = match.groupdict()
            return name.format(stage=int(parts.get("n") or 0) // 2, **parts)
    return key


def initialise(module: nn.Module) -> None:
    """Truncated normal numbers of deviation 0.02; 0.01 for the classification layer."""
    match module:
        case nn.Linear():
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        case WindowAttention():
            nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)
        case ClassHead():
            nn.init.normal_(module.fc_cls.weight, std=0.01)
        case _:
            pass

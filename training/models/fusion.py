"""How the classification and the distillation tokens of one branch become one set: MCTF, and what Table 5 compares.

Each is a module that takes both sets, [B, C, D], and returns one of that shape.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import MLP
from training.models.mvit import initialise

FUSIONS = ("mctf", "sum", "multiplication", "self-attention", "cross-attention", "none")


def fusion(name: str, dim: int, scale: float, dropout: float) -> nn.Module | None:
    """The fusion `name` of FUSIONS for tokens of `dim` channels; None for none."""
    match name:
        case "mctf":
            return MCTF(dim, scale, dropout)
        case "sum":
            return Sum()
        case "multiplication":
            return Multiplication()
        case "self-attention":
            return SelfAttention(dim, scale, dropout)
        case "cross-attention":
            return CrossAttention(dim, scale, dropout)
        case _:
            return None


class MCTF(nn.Module):
    """Equations 5 to 11 as printed.

    The printed attention has no scale and no heads; the scale is an argument here.
    """

    def __init__(self, dim: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.scale = scale
        self.norm_m, self.norm_r, self.norm_f = (nn.LayerNorm(dim, eps=1e-6) for _ in range(3))
        self.qkv_m, self.qkv_r = nn.Linear(dim, 3 * dim), nn.Linear(dim, 3 * dim)
        self.out_m = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("mm", "mr", "rm")})
        self.out_r = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("rr", "rm", "mr")})
        self.proj = nn.Linear(2 * dim, dim)  # P_f
        self.mlp = MLP(dim, dim)  # M_θ
        self.dropout = nn.Dropout(dropout)
        self.apply(initialise)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """DP(Att(Q, K, V)): [B, C, D]."""
        return self.dropout(attention(query, key, value, self.scale))

    def attention(self, m: Tensor, r: Tensor) -> Tensor:
        """CLS_f, eqs. 5 to 9."""
        query_m, key_m, value_m = self.qkv_m(m).chunk(3, dim=2)
        query_r, key_r, value_r = self.qkv_r(r).chunk(3, dim=2)
        queries, keys = {"m": query_m, "r": query_r}, {"m": key_m, "r": key_r}
        fused_m = [out(self.attend(queries[i[0]], keys[i[1]], value_m)) for i, out in self.out_m.items()]
        fused_r = [out(self.attend(queries[i[0]], keys[i[1]], value_r)) for i, out in self.out_r.items()]
        both = torch.cat((torch.stack(fused_m).sum(0), torch.stack(fused_r).sum(0)), dim=2)  # [B, C, 2 D]
        return self.proj(both)  # [B, C, D]

    def forward(self, m: Tensor, r: Tensor) -> Tensor:
        """Eqs. 10 and 11. The last line adds to cls_a, not to the fused tokens, as printed."""
        mean = (m + r) / 2  # cls_a
        fused = mean + self.attention(self.norm_m(m), self.norm_r(r))
        return mean + self.dropout(self.mlp(self.norm_f(fused)))


class Sum(nn.Module):
    def forward(self, m: Tensor, r: Tensor) -> Tensor:
        return m + r


class Multiplication(nn.Module):
    def forward(self, m: Tensor, r: Tensor) -> Tensor:
        return m * r


class SelfAttention(nn.Module):
    """A transformer block over both sets as one sequence, of which the classification tokens are kept."""

    def __init__(self, dim: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.block = AttentionBlock(dim, scale, dropout)

    def forward(self, m: Tensor, r: Tensor) -> Tensor:
        both = torch.cat((m, r), dim=1)  # [B, 2 C, D]
        return self.block(both, both)[:, : m.shape[1]]


class CrossAttention(nn.Module):
    """A transformer block in which the classification tokens ask and the distillation tokens answer."""

    def __init__(self, dim: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.block = AttentionBlock(dim, scale, dropout)

    def forward(self, m: Tensor, r: Tensor) -> Tensor:
        return self.block(m, r)


class AttentionBlock(nn.Module):
    """Attention of `asking` to `asked`, then an MLP, each with a norm before and a residual around it; one head."""

    def __init__(self, dim: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.scale = scale
        self.norm_asking, self.norm_asked, self.norm_mlp = (nn.LayerNorm(dim, eps=1e-6) for _ in range(3))
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        self.mlp = MLP(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.apply(initialise)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """[B, C, D] and [B, C', D] → [B, C, D]."""
        key, value = self.key_value(self.norm_asked(asked)).chunk(2, dim=2)
        found = attention(self.query(self.norm_asking(asking)), key, value, self.scale)
        x = asking + self.dropout(self.proj(found))
        return x + self.dropout(self.mlp(self.norm_mlp(x)))


def attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Queries [B, C, D], keys and values [B, C', D] → [B, C, D]."""
    return (query @ key.transpose(1, 2) * scale).softmax(dim=2) @ value

"""HD-GCN with classification and distillation tokens, the skeleton branch of TransM³E (section 4.2, figure 4).

Shapes: B clips, K tokens, D channels, T frames, V joints, M people.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.graph import ResidualConv
from training.models.hdgcn import HDGCN, HDGCNConfig
from training.models.layers import Head
from training.models.mvit import Trunk


class SkeletonBranch(nn.Module):
    """Tokens enter after the first block (eqs. 2 and 3), and leave at `width` channels."""

    def __init__(self, config: HDGCNConfig, tokens: int, distillation_tokens: int, width: int) -> None:
        super().__init__()
        self.backbone = HDGCN(replace(config, classes=0))
        widths = config.widths
        self.cls_token = nn.Parameter(torch.zeros(1, tokens, widths[0]))
        self.distillation_token = nn.Parameter(torch.zeros(1, distillation_tokens, widths[0]))
        self.project = nn.ModuleList(nn.Linear(c, c) for c in widths)  # P_m
        self.merge = nn.ModuleList(nn.Linear(c, c) for c in widths)  # P_s
        self.lift = nn.Linear(widths[-1], width)
        """Brings the tokens to the width of the fusion."""
        self.head = Head(width, config.classes, config.dropout)
        for token in (self.cls_token, self.distillation_token):
            nn.init.trunc_normal_(token, std=0.02)
        for layer in self.project:
            assert isinstance(layer, nn.Linear)
            nn.init.eye_(layer.weight)  # the branch begins as plain HD-GCN
            nn.init.zeros_(layer.bias)

    def trunk(self, skeleton: Tensor, distil: bool) -> Trunk:
        """Runs all blocks; with `distil` the distillation tokens stand behind the classification tokens.

        Eq. 3 names the classification tokens only. Then nothing of the clip would ever reach the distillation
        tokens, for P_m sees each token alone; so here they gain the same P_s of the nodes.
        """
        people = self.backbone.config.people
        x = self.backbone.embed(skeleton)  # [B M, C, T, V]
        tokens = torch.cat((self.cls_token, self.distillation_token), dim=1) if distil else self.cls_token
        tokens = tokens.expand(skeleton.shape[0], -1, -1)  # [B, K, D]
        after: list[Tensor] = []
        for block, project, merge in zip(self.backbone.blocks(), self.project, self.merge, strict=True):
            x = block(x)  # [B M, D, T', V]
            # P_m acts on each node alone: joining nodes and tokens before it and splitting them after, as eq.
            # 2 is written, is the same as applying it to either.
            x = project(x.movedim(1, 3)).movedim(3, 1)
            tokens = project(on_shortcut(block, tokens))  # [B, K, D]
            pooled = x.unflatten(0, (-1, people)).mean(dim=(1, 3, 4))  # [B, D]
            tokens = tokens + merge(pooled)[:, None]
            after.append(tokens)
        nodes = x.unflatten(0, (-1, people)).permute(0, 2, 3, 4, 1)  # [B, D, T', V, M]
        return Trunk(after, self.lift(tokens), nodes)


def on_shortcut(block: nn.Module, tokens: Tensor) -> Tensor:
    """Tokens [B, K, C] → [B, K, D] as nodes pass the block's shortcut, so that their width follows the nodes'."""
    shortcut = getattr(block, "residual", None)
    if not isinstance(shortcut, ResidualConv):
        return tokens
    return functional.linear(tokens, shortcut.conv.weight[:, :, 0, 0], shortcut.conv.bias)

"""TransM³E: section 4 of the MuscleMap paper (Peng et al., MM 2024).

Two branches, MViTv2 on video and HD-GCN on skeletons, each with C classification tokens (MCT). In the second
phase of training both get distillation tokens as well, the video's learn from the skeleton's (MCTKD), and in
each branch a fusion layer joins its two sets of tokens (MCTF). The prediction is the mean of the two
branches' activations.

Of the arrangements that give the paper's 55.4 M parameters this is the one with HD-GCN in four layers, P_m
and P_s at all ten blocks, a one-layer P_f, a fusion layer of width 768 in each branch and linear maps at
three distillation sites: 55.44 M.

Shapes: B clips, C classification tokens, R distillation tokens, D channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UserError
from training.models import hdgcn, mvit
from training.models.graph import ResidualConv
from training.models.hdgcn import HDGCN, HDGCNConfig
from training.models.mvit import Head, MViT, MViTConfig
from training.models.output import Inputs, Output

Site = tuple[int, int]
"""Where one term of the distillation is taken: after which block of the video and of the skeleton branch."""


@dataclass(frozen=True)
class TransM3EConfig:
    classes: int = 20
    """Muscle groups."""
    tokens: int = 20
    """C, the classification tokens of each branch; 1 is the model without MCT."""
    distillation_tokens: int = 20
    """R: C in MCTKD, 1 in plain KD."""
    distillation: str = "SP"
    """Sites of Table 4: SP after each reduction of the video's map, DE after every block, FL after the last; none."""
    axis: str = "channel"
    """Which axis the distributions of eq. 4 run along: channel or token (see `distillation_loss`)."""
    temperature: float = 1.0
    """Of both distributions of eq. 4; the paper names none."""
    gradient: str = "receiver"
    """receiver: the skeleton's tokens are a fixed target; both: they move towards the video's as well."""
    fusion: str = "mctf"
    """mctf, or none: the classification tokens alone are classified."""
    attention_scale: float = 0.0
    """Factor before the softmax of eqs. 6 and 7; 0 for 1 / √D. As printed: 1."""
    fusion_dropout: float = 0.1
    """DP of eqs. 6, 7 and 11."""
    video: MViTConfig = mvit.S
    """Its classes and tokens are set from above."""
    skeleton: HDGCNConfig = hdgcn.COCO
    """Its classification layer is replaced by the tokens'."""

    def __post_init__(self) -> None:
        _among("distillation", self.distillation, ("SP", "DE", "FL", "none"))
        _among("axis", self.axis, ("channel", "token"))
        _among("gradient", self.gradient, ("receiver", "both"))
        _among("fusion", self.fusion, ("mctf", "none"))
        if self.tokens < 1 or self.distillation_tokens not in (1, self.tokens):
            raise UserError("transm3e: distillation_tokens must be 1 or as many as tokens")
        if self.axis == "token" and self.distillation_tokens == 1 and self.distillation != "none":
            raise UserError("transm3e: a distribution over one token says nothing; use axis = channel")
        if self.temperature <= 0:
            raise UserError("transm3e: temperature must be above 0")


def _among(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"transm3e: {key} must be one of {', '.join(choices)}, not {value!r}")


PAPER = TransM3EConfig()

TINY = TransM3EConfig(video=mvit.TINY, skeleton=hdgcn.TINY)
"""For a CPU."""


class TransM3E(nn.Module):
    def __init__(self, config: TransM3EConfig) -> None:
        super().__init__()
        self.config = config
        video = replace(config.video, classes=config.classes, tokens=config.tokens)
        self.video = MViT(replace(video, distillation_tokens=config.distillation_tokens))
        width = config.video.widths[-1]
        self.skeleton = SkeletonBranch(config, width)
        self.modalities = (*self.video.modalities, "skeleton")
        self.sites = distillation_sites(config)
        widths = ((config.skeleton.widths[s], config.video.widths[v]) for v, s in self.sites)
        self.distillation_maps = nn.ModuleList(nn.Linear(sender, receiver) for sender, receiver in widths)
        if config.fusion == "mctf":
            scale = config.attention_scale or 1 / math.sqrt(width)
            self.video_fusion = Fusion(width, scale, config.fusion_dropout)
            self.skeleton_fusion = Fusion(width, scale, config.fusion_dropout)

    def forward(self, inputs: Inputs, joint: bool = True) -> Output:
        """Logits of each branch whose modality is in `inputs`.

        With `joint` all components work (the second phase, and testing). Without, each branch runs by itself
        on its classification tokens: the branches share no parameter, so one step trains both as if each were
        alone. The distillation needs both modalities; with one missing it is None.
        """
        logits: dict[str, Tensor] = {}
        features: dict[str, Tensor] = {}
        receivers: list[Tensor] = []
        senders: list[Tensor] = []
        name, count = self.config.video.modality, self.config.tokens
        if name in inputs:
            video = self.video.trunk(inputs[name], distil=joint)  # tokens [B, C + R, D]
            receivers = [tokens[:, count:] for tokens in video.tokens]
            fusion = self.video_fusion if joint and self.config.fusion == "mctf" else None
            features[name] = pooled_tokens(video.last, count, fusion)  # [B, D]
            features[f"{name}.map"] = video.map
            logits[name] = self.video.head(features[name])  # [B, classes]
        if "skeleton" in inputs:
            tokens, nodes = self.skeleton.trunk(inputs["skeleton"], distil=joint)  # each [B, C + R, D']
            senders = [after[:, count:] for after in tokens]
            fusion = self.skeleton_fusion if joint and self.config.fusion == "mctf" else None
            features["skeleton"] = pooled_tokens(self.skeleton.lift(tokens[-1]), count, fusion)  # [B, D]
            features["skeleton.map"] = nodes
            logits["skeleton"] = self.skeleton.head(features["skeleton"])  # [B, classes]
        distils = joint and bool(self.sites) and bool(receivers) and bool(senders)
        return Output(logits, features, self.distil(receivers, senders) if distils else None)

    def distil(self, receivers: list[Tensor], senders: list[Tensor]) -> Tensor:
        """Eq. 4, from the distillation tokens after every block of the two branches.

        The maps between unequal widths learn in either case; with gradient = receiver nothing before them
        does.
        """
        terms = []
        for (video_block, skeleton_block), widen in zip(self.sites, self.distillation_maps, strict=True):
            sender = senders[skeleton_block]
            sender = widen(sender.detach() if self.config.gradient == "receiver" else sender)
            terms.append(distillation_loss(receivers[video_block], sender, self.config.axis, self.config.temperature))
        return torch.stack(terms).mean()


def pooled_tokens(tokens: Tensor, count: int, fusion: nn.Module | None) -> Tensor:
    """The mean of the classification tokens (eq. 1), [B, D]; after the fusion with the others if there is one."""
    classification, distillation = tokens[:, :count], tokens[:, count:]
    if fusion is not None:
        classification = fusion(classification, distillation.expand_as(classification))
    return classification.mean(dim=1)


def distillation_loss(receiver: Tensor, sender: Tensor, axis: str, temperature: float) -> Tensor:
    """One term of eq. 4: KL(sender ‖ receiver) of tokens [B, R, D], averaged, times temperature².

    Along the channel axis by default: in eq. 3 all tokens of the skeleton gain the same vector, which a
    softmax along the token axis takes out again, so that such a sender would be the same for every clip.
    """
    dim = 2 if axis == "channel" else 1
    told = functional.log_softmax(sender.float() / temperature, dim=dim)
    heard = functional.log_softmax(receiver.float() / temperature, dim=dim)
    return (told.exp() * (told - heard)).sum(dim=dim).mean() * temperature**2


def distillation_sites(config: TransM3EConfig) -> tuple[Site, ...]:
    """The sites by name.

    Reductions of the video pair with the stages of equal width of the skeleton branch, last with last; every
    block pairs with the one at the same share of the other branch's depth.
    """
    depth, blocks = config.video.depth, len(config.skeleton.widths)
    widths = config.skeleton.widths
    match config.distillation:
        case "SP":
            ends = [i for i in range(blocks) if i + 1 == blocks or widths[i + 1] != widths[i]]
            pairs = min(len(ends), len(config.video.reductions))
            return tuple(zip(config.video.reductions[-pairs:], ends[-pairs:], strict=True))
        case "DE":
            return tuple((block, math.ceil((block + 1) * blocks / depth) - 1) for block in range(depth))
        case "FL":
            return ((depth - 1, blocks - 1),)
        case _:
            return ()


class SkeletonBranch(nn.Module):
    """HD-GCN with tokens that enter after its first block (eqs. 2 and 3, figure 4)."""

    def __init__(self, config: TransM3EConfig, width: int) -> None:
        super().__init__()
        self.backbone = HDGCN(replace(config.skeleton, classes=0))
        widths = config.skeleton.widths
        self.cls_token = nn.Parameter(torch.zeros(1, config.tokens, widths[0]))
        self.distillation_token = nn.Parameter(torch.zeros(1, config.distillation_tokens, widths[0]))
        self.project = nn.ModuleList(nn.Linear(c, c) for c in widths)  # P_m
        self.merge = nn.ModuleList(nn.Linear(c, c) for c in widths)  # P_s
        self.lift = nn.Linear(widths[-1], width)
        """Brings the tokens to the width of the fusion."""
        self.head = Head(width, config.classes, config.skeleton.dropout)
        for token in (self.cls_token, self.distillation_token):
            nn.init.trunc_normal_(token, std=0.02)
        for layer in self.project:
            assert isinstance(layer, nn.Linear)
            nn.init.eye_(layer.weight)  # the branch begins as plain HD-GCN
            nn.init.zeros_(layer.bias)

    def trunk(self, skeleton: Tensor, distil: bool) -> tuple[list[Tensor], Tensor]:
        """The tokens after each block [B, C (+ R), D], and the last nodes [B, D, T', V, M].

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
            nodes = x.unflatten(0, (-1, people)).mean(dim=(1, 3, 4))  # [B, D]
            tokens = tokens + merge(nodes)[:, None]
            after.append(tokens)
        return after, x.unflatten(0, (-1, people)).permute(0, 2, 3, 4, 1)


def on_shortcut(block: nn.Module, tokens: Tensor) -> Tensor:
    """Tokens [B, K, C] → [B, K, D] as nodes pass the block's shortcut, so that their width follows the nodes'."""
    shortcut = getattr(block, "residual", None)
    if not isinstance(shortcut, ResidualConv):
        return tokens
    return functional.linear(tokens, shortcut.conv.weight[:, :, 0, 0], shortcut.conv.bias)


class Fusion(nn.Module):
    """MCTF, eqs. 5 to 11 as printed: classification and distillation tokens [B, C, D] each → [B, C, D].

    The printed attention has no scale and no heads; the scale is an argument here, the default 1 / √D.
    """

    def __init__(self, dim: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.scale = scale
        self.norm_m, self.norm_r, self.norm_f = (nn.LayerNorm(dim, eps=1e-6) for _ in range(3))
        self.qkv_m, self.qkv_r = nn.Linear(dim, 3 * dim), nn.Linear(dim, 3 * dim)
        self.out_m = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("mm", "mr", "rm")})
        self.out_r = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("rr", "rm", "mr")})
        self.proj = nn.Linear(2 * dim, dim)  # P_f
        self.mlp = mvit.MLP(dim, dim)  # M_θ
        self.dropout = nn.Dropout(dropout)
        self.apply(mvit.initialise)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """DP(Att(Q, K, V)): [B, C, D]."""
        return self.dropout((query @ key.transpose(1, 2) * self.scale).softmax(dim=2) @ value)

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

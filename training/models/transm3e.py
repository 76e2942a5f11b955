"""TransM³E: section 4 of the MuscleMap paper (Peng et al., MM 2024).

Two branches, MViTv2 on video and HD-GCN on skeletons, each with C classification tokens (MCT). In the second
phase of training both get distillation tokens as well, the video's learn from the skeleton's (MCTKD), and in
each branch a fusion layer joins its two sets of tokens (MCTF). The prediction is the mean of the two
branches' activations. What Tables 3 to 6 compare this with are options.

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
from training.models.fusion import FUSIONS, fusion
from training.models.hdgcn import HDGCNConfig
from training.models.layers import CHANNELS, Head
from training.models.mvit import MViT, MViTConfig, Trunk
from training.models.output import Inputs, Output
from training.models.skeleton_branch import SkeletonBranch

Site = tuple[int, int]
"""Where one term of the distillation is taken: after which block of the video and of the auxiliary branch."""

JOINED = "joined"
"""The one output of late fusion."""


@dataclass(frozen=True)
class TransM3EConfig:
    classes: int = 20
    """Muscle groups."""
    auxiliary: str = "skeleton"
    """What the second branch reads: skeleton, or with an MViTv2 like the first one's rgb, rgbdiff or flow."""
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
    direction: str = "video"
    """Which branch learns from the other: video, auxiliary, or both (the mean of the two losses)."""
    fusion: str = "mctf"
    """Of classification and distillation tokens in each branch, Table 5: one of FUSIONS; none leaves the latter out."""
    attention_scale: float = 0.0
    """Factor before the softmax of eqs. 6 and 7; 0 for 1 / √D. As printed: 1."""
    fusion_dropout: float = 0.1
    """DP of eqs. 6, 7 and 11."""
    late: str = "none"
    """Late fusion, Table 6: sum, multiplication or concatenation of the branches' features before one classification
    layer; none averages the branches' activations."""
    video: MViTConfig = mvit.S
    """Its classes and tokens are set from above."""
    skeleton: HDGCNConfig = hdgcn.COCO
    """Its classification layer is replaced by the tokens'."""

    def __post_init__(self) -> None:
        _among("auxiliary", self.auxiliary, ("skeleton", *CHANNELS))
        _among("distillation", self.distillation, ("SP", "DE", "FL", "none"))
        _among("axis", self.axis, ("channel", "token"))
        _among("direction", self.direction, ("video", "auxiliary", "both"))
        _among("fusion", self.fusion, FUSIONS)
        _among("late", self.late, ("none", "sum", "multiplication", "concatenation"))
        if self.auxiliary == self.video.modality:
            raise UserError(f"transm3e: auxiliary and video.modality are both {self.auxiliary}; they must differ")
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
        self.modalities = (config.video.modality, config.auxiliary)
        width = config.video.widths[-1]
        self.video = video_branch(config, config.video.modality)
        self.auxiliary: MViT | SkeletonBranch
        if config.auxiliary == "skeleton":
            self.auxiliary = SkeletonBranch(config.skeleton, config.tokens, config.distillation_tokens, width)
        else:
            self.auxiliary = video_branch(config, config.auxiliary)
        self.sites = distillation_sites(config)
        senders, receivers = auxiliary_widths(config), config.video.widths
        self.distillation_maps = nn.ModuleList(nn.Linear(senders[a], receivers[v]) for v, a in self.sites)
        scale = config.attention_scale or 1 / math.sqrt(width)
        self.video_fusion = fusion(config.fusion, width, scale, config.fusion_dropout)
        self.auxiliary_fusion = fusion(config.fusion, width, scale, config.fusion_dropout)
        if config.late != "none":
            joined = 2 * width if config.late == "concatenation" else width
            self.joined_head = Head(joined, config.classes, config.video.dropout)

    def forward(self, inputs: Inputs, joint: bool = True) -> Output:
        """Logits of each branch whose modality is in `inputs`, or with late fusion of the branches together.

        With `joint` all components work (the second phase, and testing). Without, each branch runs by itself
        on its classification tokens: the branches share no parameter, so one step trains both as if each were
        alone. The distillation needs both modalities; with one missing it is None.
        """
        logits: dict[str, Tensor] = {}
        features: dict[str, Tensor] = {}
        runs: dict[str, Trunk] = {}
        branches = (self.video, self.video_fusion), (self.auxiliary, self.auxiliary_fusion)
        for name, (branch, fused) in zip(self.modalities, branches, strict=True):
            if name in inputs:
                runs[name] = branch.trunk(inputs[name], distil=joint)  # tokens [B, C + R, D]
                features[name] = pooled_tokens(runs[name].last, self.config.tokens, fused if joint else None)  # [B, D]
                logits[name] = branch.head(features[name])  # [B, classes]
        if joint and self.config.late != "none":
            logits = {JOINED: self.joined_head(self.join(features))}
        maps = {f"{name}.map": run.map for name, run in runs.items()}
        distils = joint and bool(self.sites) and len(runs) == 2
        distillation = self.distil(*(run.tokens for run in runs.values())) if distils else None
        return Output(logits, features | maps, distillation)

    def join(self, features: dict[str, Tensor]) -> Tensor:
        """Late fusion: features [B, D] of the branches → [B, D], or [B, 2 D] of the concatenation.

        A missing branch adds nothing: zeros in the concatenation.
        """
        found = list(features.values())
        match self.config.late:
            case "sum":
                return torch.stack(found).sum(dim=0)
            case "multiplication":
                return torch.stack(found).prod(dim=0)
            case _:
                return torch.cat([features.get(name, torch.zeros_like(found[0])) for name in self.modalities], dim=1)

    def distil(self, video: list[Tensor], auxiliary: list[Tensor]) -> Tensor:
        """Eq. 4, from the tokens after every block of the two branches.

        The one who is learnt from is a fixed target. The maps between unequal widths learn in either case.
        """
        terms = []
        for (v, a), widen in zip(self.sites, self.distillation_maps, strict=True):
            heard, told = (tokens[:, self.config.tokens :] for tokens in (video[v], auxiliary[a]))
            if self.config.direction != "auxiliary":
                terms.append(distillation_loss(heard, widen(told.detach()), self.config.axis, self.config.temperature))
            if self.config.direction != "video":
                terms.append(distillation_loss(widen(told), heard.detach(), self.config.axis, self.config.temperature))
        return torch.stack(terms).mean()


def video_branch(config: TransM3EConfig, modality: str) -> MViT:
    """MViTv2 with both sets of tokens."""
    return MViT(
        replace(
            config.video,
            classes=config.classes,
            modality=modality,
            tokens=config.tokens,
            distillation_tokens=config.distillation_tokens,
        )
    )


def pooled_tokens(tokens: Tensor, count: int, fused: nn.Module | None) -> Tensor:
    """The mean of the classification tokens (eq. 1), [B, D]; after the fusion with the others if there is one."""
    classification, distillation = tokens[:, :count], tokens[:, count:]
    if fused is not None:
        classification = fused(classification, distillation.expand_as(classification))
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


def auxiliary_widths(config: TransM3EConfig) -> tuple[int, ...]:
    """Channels of the second branch after each block."""
    return config.skeleton.widths if config.auxiliary == "skeleton" else config.video.widths


def distillation_sites(config: TransM3EConfig) -> tuple[Site, ...]:
    """The sites by name.

    Reductions of the video pair with the same ones of another video, or with the stages of equal width of the
    skeleton branch, last with last; every block pairs with the one at the same share of the other branch's depth.
    """
    widths = auxiliary_widths(config)
    depth, blocks = config.video.depth, len(widths)
    match config.distillation:
        case "SP" if config.auxiliary != "skeleton":
            return tuple((block, block) for block in config.video.reductions)
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

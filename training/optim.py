"""The optimizer and its learning rate (section 5.1; decay and schedule as in the released configuration)."""

from __future__ import annotations

import math

import torch
from torch import nn

from training.config import OptimConfig


def adamw(model: nn.Module, optim: OptimConfig) -> torch.optim.AdamW:
    """AdamW that decays matrices and kernels, not biases, norms and other vectors."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=optim.learning_rate)


def learning_rate(optim: OptimConfig, step: float, steps_per_epoch: int) -> float:
    """Of one step, counted from the start of the run: in each phase a linear warm-up, then half a cosine."""
    first = optim.epochs_branches * steps_per_epoch
    joint = step >= first
    done = step - first if joint else step
    total = (optim.epochs_joint if joint else optim.epochs_branches) * steps_per_epoch
    warmup = min(optim.warmup_epochs * steps_per_epoch, total)
    if done < warmup:
        return optim.learning_rate * min(1.0, (done + 1) / warmup)
    share = (done - warmup) / max(1.0, total - warmup)
    return optim.learning_rate * (optim.final_rate + (1 - optim.final_rate) * (1 + math.cos(math.pi * share)) / 2)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Moves `average` towards `model`: the exponential moving average of weights and of norms' statistics.

    Early on the decay is (1 + step) / (10 + step) if that is smaller, so that the first weights are soon forgotten.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, share)
        else:  # indices and counts have no mean
            kept.copy_(new)

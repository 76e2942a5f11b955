"""RandAugment for clips (Cubuk et al. 2020), as the released configuration's `rand-m7-n4-mstd0.5-inc1`.

For each clip `operations` are drawn, with repetition, from those in timm's list whose effect grows with the magnitude;
each is done with probability one half, at a strength drawn around `magnitude` of 10, alike in all frames. The geometric
ones are an affine map, for the view that all modalities share; those of colour are for RGB alone. Where this departs:
colour is done first and geometry after it, in one resampling with the rest of the view; shearing is about the centre;
ranges and histograms are those of the clip, so that it does not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from kornia import enhance
from torch import Tensor

from training.config import AugmentConfig

CHANCE = 0.5
"""Probability that a drawn operation is done."""
SPREAD = 0.5
"""Standard deviation of the magnitude."""


class Operation(NamedTuple):
    """What is done to one clip. `strength` in 0..1, `sign` is 1 or -1 for those that go both ways."""

    name: str
    strength: float
    sign: float


def draw_operations(config: AugmentConfig, clips: int, generator: torch.Generator) -> list[list[Operation]]:
    """The operations of each of B clips, in order."""
    shape = (clips, config.operations)
    which = torch.randint(len(NAMES), shape, generator=generator).tolist()
    done = (torch.rand(shape, generator=generator) < CHANCE).tolist()
    magnitude = config.magnitude + SPREAD * torch.randn(shape, generator=generator)
    strength = (magnitude / 10).clamp(0, 1).tolist()
    sign = (torch.randint(2, shape, generator=generator) * 2 - 1).tolist()
    return [
        [Operation(NAMES[which[i][j]], strength[i][j], sign[i][j]) for j in range(config.operations) if done[i][j]]
        for i in range(clips)
    ]


def geometry(chosen: list[Operation]) -> tuple[Tensor, Tensor]:
    """The clip's geometric operations as one map, matrix [2, 2] and offset [2], from new points to old (see `View`)."""
    matrix, offset = torch.eye(2), torch.zeros(2)
    for name, strength, sign in chosen:
        if name in GEOMETRY:
            step, shift = GEOMETRY[name](strength * sign)
            offset = matrix @ torch.tensor(shift) + offset
            matrix = matrix @ torch.tensor(step)
    return matrix, offset


def colour(clip: Tensor, chosen: list[Operation]) -> Tensor:
    """RGB [3, T, H, W] in 0..1 after the clip's operations of colour."""
    for name, strength, sign in chosen:
        if name in COLOUR:
            clip = COLOUR[name](clip, strength, sign).clamp(0, 1)
    return clip


Affine = tuple[tuple[tuple[float, float], tuple[float, float]], tuple[float, float]]
STILL = ((1.0, 0.0), (0.0, 1.0))


def _rotate(amount: float) -> Affine:
    angle = math.radians(30 * amount)
    return ((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))), (0.0, 0.0)


GEOMETRY: dict[str, Callable[[float], Affine]] = {
    "rotate": _rotate,
    "shear x": lambda amount: (((1.0, 0.3 * amount), (0.0, 1.0)), (0.0, 0.0)),
    "shear y": lambda amount: (((1.0, 0.0), (0.3 * amount, 1.0)), (0.0, 0.0)),
    "translate x": lambda amount: (STILL, (0.9 * amount, 0.0)),
    "translate y": lambda amount: (STILL, (0.0, 0.9 * amount)),
}
"""By an amount in -1..1: up to 30 degrees, 0.3, and 0.45 of a side, which is 2 long."""


def _whole(operation: Callable[[Tensor], Tensor], clip: Tensor) -> Tensor:
    """An operation on pictures, with all frames of the clip as one picture."""
    return operation(clip.flatten(1, 2)[None])[0].view_as(clip)


def _factor(strength: float, sign: float) -> float:
    return max(0.1, 1 + 0.9 * strength * sign)


def _posterize(clip: Tensor, strength: float, sign: float) -> Tensor:
    return enhance.posterize(clip, 4 - int(4 * strength))


def _solarize_add(clip: Tensor, strength: float, sign: float) -> Tensor:
    return torch.where(clip < 128 / 255, clip + 110 / 255 * strength, clip)


def _brightness(clip: Tensor, strength: float, sign: float) -> Tensor:
    return enhance.adjust_brightness_accumulative(clip, _factor(strength, sign))


def _contrast(clip: Tensor, strength: float, sign: float) -> Tensor:
    return _whole(lambda x: enhance.adjust_contrast_with_mean_subtraction(x, _factor(strength, sign)), clip)


def _saturation(clip: Tensor, strength: float, sign: float) -> Tensor:
    return _whole(lambda x: enhance.adjust_saturation_with_gray_subtraction(x, _factor(strength, sign)), clip)


def _sharpness(clip: Tensor, strength: float, sign: float) -> Tensor:
    return enhance.sharpness(clip.transpose(0, 1), _factor(strength, sign)).transpose(0, 1)


COLOUR: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "autocontrast": lambda clip, strength, sign: _whole(enhance.normalize_min_max, clip),
    "equalize": lambda clip, strength, sign: _whole(enhance.equalize, clip),
    "invert": lambda clip, strength, sign: 1 - clip,
    "posterize": _posterize,
    "solarize": lambda clip, strength, sign: enhance.solarize(clip, 1 - strength),
    "solarize add": _solarize_add,
    "saturation": _saturation,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
}
NAMES = (*GEOMETRY, *COLOUR)

"""What happens to a batch on the device before the model sees it: augmentation, then normalisation.

Geometry is one affine map a clip, applied to pictures, flow and skeleton alike, so that they stay on each
other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from kornia.augmentation import RandomErasing
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_saturation_with_gray_subtraction,
)
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from training.config import AugmentConfig
from training.randaugment import colour, draw_operations, geometry

MEAN, STD = 0.45, 0.225
"""Of all three colours, as the released MViTv2 weights expect."""


@dataclass(frozen=True)
class View:
    """How B clips are seen: point p of the new picture shows point `matrix` p + `offset` of the old.

    Points are (x, y) with the picture as [-1, 1], y down. `matrix` [B, 2, 2], `offset` [B, 2], `flip` [B] bool.
    """

    matrix: Tensor
    offset: Tensor
    flip: Tensor


def augment(inputs: dict[str, Tensor], config: AugmentConfig, mirror: tuple[int, ...], seed: int) -> dict[str, Tensor]:
    """Draws a view and colours for each clip from `seed` and applies them; the result is ready for the model.

    `inputs` as `training.data.Clips` gives them, batched. `mirror[v]` is joint v's partner in the mirror image.
    """
    some = next(iter(inputs.values()))
    generator = torch.Generator().manual_seed(seed)
    view = draw_view(config, len(some), generator)
    colours = _uniform(generator, 3, len(some), config.jitter).add(1).to(some.device)
    chosen = draw_operations(config, len(some), generator)
    view = moved_before(view, [geometry(operations) for operations in chosen])
    view = View(view.matrix.to(some.device), view.offset.to(some.device), view.flip.to(some.device))
    result = as_float(inputs)
    if "rgb" in result and config.operations:
        result["rgb"] = torch.stack([colour(*pair) for pair in zip(result["rgb"], chosen, strict=True)])
    if "rgb" in result and config.jitter:
        result["rgb"] = recolour(result["rgb"], colours)
    result = {m: seen(m, x, view, mirror) for m, x in result.items()}
    if "rgb" in result and config.erase:
        result["rgb"] = erased(result["rgb"], config.erase, seed)
    return normalise(result)


def prepare(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch as it is, ready for the model."""
    return normalise(as_float(inputs))


def as_float(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pictures from bytes to 0..1."""
    return {m: x.float() / 255 if x.dtype == torch.uint8 else x for m, x in inputs.items()}


def normalise(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """RGB to about zero mean and unit spread; differences, near zero already, to the same spread."""
    mean = {"rgb": MEAN, "rgbdiff": 0.0}
    return {m: (x - mean[m]) / STD if m in mean else x for m, x in inputs.items()}


def draw_view(config: AugmentConfig, clips: int, generator: torch.Generator) -> View:
    """One view for each of B clips."""
    flip = torch.rand(clips, generator=generator) < config.flip
    zoom = 1 / (1 + _uniform(generator, 1, clips, config.zoom)[0])
    offset = _uniform(generator, 2, clips, config.shift).T
    matrix = torch.diag_embed(torch.stack([torch.where(flip, -zoom, zoom), zoom], dim=1))
    return View(matrix, offset, flip)


def moved_before(view: View, maps: list[tuple[Tensor, Tensor]]) -> View:
    """The view of pictures that were moved first, each clip's by its matrix [2, 2] and offset [2], as a view's are."""
    matrix, offset = (torch.stack(parts) for parts in zip(*maps, strict=True))
    return View(matrix @ view.matrix, torch.einsum("bij,bj->bi", matrix, view.offset) + offset, view.flip)


def seen(modality: str, x: Tensor, view: View, mirror: tuple[int, ...]) -> Tensor:
    """One modality of B clips through a view."""
    if modality == "skeleton":
        return move_skeleton(x, view, mirror)
    moved = move_pictures(x, view)
    return torch.einsum("bij,bjthw->bithw", torch.linalg.inv(view.matrix), moved) if modality == "flow" else moved


def move_pictures(x: Tensor, view: View) -> Tensor:
    """[B, C, T, H, W] → the same shape; black outside the old picture."""
    batch, _, _, height, width = x.shape
    theta = torch.cat([view.matrix, view.offset[:, :, None]], dim=2)
    grid = affine_grid(theta, [batch, 1, height, width], align_corners=False)
    return grid_sample(x.flatten(1, 2), grid, align_corners=False).view_as(x)


def move_skeleton(x: Tensor, view: View, mirror: tuple[int, ...]) -> Tensor:
    """[B, 3, T, V, M] → the same shape; joints with score zero stay zero."""
    positions = x[:, :2] - view.offset[:, :, None, None, None]
    positions = torch.einsum("bij,bjtvm->bitvm", torch.linalg.inv(view.matrix), positions)
    moved = torch.cat([positions * (x[:, 2:] != 0), x[:, 2:]], dim=1)
    return torch.where(view.flip[:, None, None, None, None], moved[:, :, :, list(mirror)], moved)


def recolour(x: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast, saturation of RGB [B, 3, T, H, W] in 0..1 by `factors` [3, B], one a clip."""
    pictures = x.flatten(2, 3)
    pictures = adjust_brightness_accumulative(pictures, factors[0])
    pictures = adjust_contrast_with_mean_subtraction(pictures, factors[1])
    return adjust_saturation_with_gray_subtraction(pictures, factors[2]).view_as(x)


def erased(x: Tensor, probability: float, seed: int) -> Tensor:
    """RGB [B, 3, T, H, W] in 0..1 with one rectangle of some clips erased, in all frames (Zhong et al. 2020)."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # kornia draws from the global generator
        return RandomErasing(p=probability, value=MEAN)(x.flatten(1, 2)).view_as(x)


def _uniform(generator: torch.Generator, rows: int, clips: int, reach: float) -> Tensor:
    """[rows, clips] from -reach to reach."""
    return (torch.rand(rows, clips, generator=generator) * 2 - 1) * reach

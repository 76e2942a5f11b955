from __future__ import annotations

import math

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from training.config import AugmentConfig
from training.randaugment import COLOUR, GEOMETRY, NAMES, Operation, colour, draw_operations, geometry

STRENGTH = 0.7
FACTOR = 1 + 0.9 * STRENGTH


def smooth_clip(frames: int = 1) -> Tensor:
    """RGB [3, T, 32, 32] as bytes, each colour another ramp."""
    ramp = torch.linspace(20, 200, 32)
    plane = torch.stack([ramp[None].expand(32, 32), ramp[:, None].expand(32, 32), (ramp[None] + ramp[:, None]) / 2])
    return plane.byte()[:, None].expand(3, frames, 32, 32).contiguous()


PILLOW = {
    "autocontrast": ImageOps.autocontrast,
    "equalize": ImageOps.equalize,
    "invert": ImageOps.invert,
    "posterize": lambda picture: ImageOps.posterize(picture, 2),
    "solarize": lambda picture: ImageOps.solarize(picture, 77),
    "solarize add": lambda picture: picture.point(lambda value: value + 77 if value < 128 else value),
    "saturation": lambda picture: ImageEnhance.Color(picture).enhance(FACTOR),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(FACTOR),
    "brightness": lambda picture: ImageEnhance.Brightness(picture).enhance(FACTOR),
    "sharpness": lambda picture: ImageEnhance.Sharpness(picture).enhance(FACTOR),
}
"""What timm does at magnitude 7."""


@pytest.mark.parametrize("name", COLOUR)
def test_colours_are_those_of_pillow(name: str) -> None:
    clip = smooth_clip()
    expected = PILLOW[name](Image.fromarray(clip[:, 0].permute(1, 2, 0).numpy()))
    found = colour(clip / 255, [Operation(name, STRENGTH, 1.0)])[:, 0].permute(1, 2, 0) * 255
    expected = torch.tensor(list(expected.getdata())).view(32, 32, 3)
    assert (found - expected).abs().max() <= 1.5, "levels of 255"


@pytest.mark.parametrize("name", COLOUR)
def test_a_clip_does_not_flicker(name: str) -> None:
    """What is alike in two frames stays alike, though one of them has another range, mean and histogram."""
    clip = smooth_clip(2) / 255
    clip[:, 1, :, 16:] = 0.9
    done = colour(clip, [Operation(name, STRENGTH, -1.0)])
    assert torch.equal(done[:, 0, :, :14], done[:, 1, :, :14])
    assert done.min() >= 0 and done.max() <= 1


def test_geometry_by_hand() -> None:
    """A turn by 21 degrees, then a move of 0.315 of the side: the new centre shows the turned place."""
    turn, cos, sin = Operation("rotate", STRENGTH, 1.0), math.cos(math.radians(21)), math.sin(math.radians(21))
    matrix, offset = geometry([turn, Operation("invert", 1.0, 1.0), Operation("translate x", STRENGTH, -1.0)])
    assert matrix.flatten().tolist() == pytest.approx([cos, -sin, sin, cos])
    assert offset.tolist() == pytest.approx([-0.63 * cos, -0.63 * sin])
    matrix, offset = geometry([Operation("shear y", STRENGTH, -1.0)])
    assert matrix.flatten().tolist() == pytest.approx([1, 0, -0.21, 1]) and not offset.any()


def test_as_many_operations_and_as_strong_as_said() -> None:
    config = AugmentConfig(operations=4, magnitude=7.0)
    drawn = draw_operations(config, 5000, torch.Generator().manual_seed(0))
    assert drawn == draw_operations(config, 5000, torch.Generator().manual_seed(0))
    flat = [operation for operations in drawn for operation in operations]
    assert max(map(len, drawn)) == 4 and len(flat) == pytest.approx(5000 * 2, rel=0.05)
    strengths = torch.tensor([operation.strength for operation in flat])
    assert strengths.mean() == pytest.approx(0.7, abs=0.01) and strengths.std() == pytest.approx(0.05, abs=0.005)
    for name in NAMES:
        share = sum(operation.name == name for operation in flat) / len(flat)
        assert share == pytest.approx(1 / len(NAMES), abs=0.015)
    assert abs(sum(operation.sign for operation in flat)) / len(flat) < 0.05
    assert len(NAMES) == len(GEOMETRY) + len(COLOUR) == 15

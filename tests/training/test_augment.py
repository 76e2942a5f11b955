from __future__ import annotations

import pytest
import torch
from fixtures_shards import COCO_17
from torch import Tensor

from training.augment import (
    MEAN,
    View,
    augment,
    draw_view,
    erased,
    move_pictures,
    move_skeleton,
    moved_before,
    prepare,
    recolour,
    seen,
)
from training.config import AugmentConfig
from training.randaugment import GEOMETRY, Operation, geometry

SIZE = 64
MOVES = AugmentConfig(flip=0.5, jitter=0.0, zoom=0.2, shift=0.1)


def scene(clips: int = 16) -> tuple[Tensor, Tensor]:
    """Each joint alone in a frame, a bright blob: pictures [B, 1, 17, S, S], skeleton [B, 3, 17, 17, 1]."""
    generator = torch.Generator().manual_seed(5)
    positions = torch.rand(clips, 2, 17, generator=generator) * 1.2 - 0.6
    axis = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    distance = (axis[None, None, None, :] - positions[:, 0, :, None, None]) ** 2
    distance = distance + (axis[None, None, :, None] - positions[:, 1, :, None, None]) ** 2
    pictures = torch.exp(-distance / 0.005)[:, None]
    joints = torch.zeros(clips, 3, 17, 17, 1)
    for joint in range(17):
        joints[:, :2, joint, joint, 0] = positions[:, :, joint]
        joints[:, 2, joint, joint, 0] = 1
    return pictures, joints


def bright_place(pictures: Tensor) -> Tensor:
    """Mean position of the light, [B, 2, T], x then y in -1..1."""
    axis = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    light = pictures[:, 0] / pictures[:, 0].sum(dim=(2, 3), keepdim=True)
    return torch.stack([(light.sum(dim=2) * axis).sum(dim=2), (light.sum(dim=3) * axis).sum(dim=2)], dim=1)


def test_skeleton_stays_on_the_picture_and_left_becomes_right() -> None:
    pictures, joints = scene()
    view = draw_view(MOVES, len(pictures), torch.Generator().manual_seed(0))
    assert view.flip.any() and not view.flip.all()
    places = bright_place(move_pictures(pictures, view))
    moved = move_skeleton(joints, view, COCO_17.mirror)
    left, right = COCO_17.joints.index("left_wrist"), COCO_17.joints.index("right_wrist")
    for clip in range(len(pictures)):
        for drawn, partner in ((left, right), (right, left), (0, 0)):
            # Frame `drawn` shows that joint alone; in the mirror image it is the partner's.
            joint = partner if view.flip[clip] else drawn
            assert moved[clip, 2, drawn, joint, 0] == 1
            assert moved[clip, :2, drawn, joint, 0] == pytest.approx(places[clip, :, drawn], abs=0.02)


def test_flow_points_where_the_picture_moves() -> None:
    pictures, _ = scene()
    view = draw_view(MOVES, len(pictures), torch.Generator().manual_seed(1))
    before, after = pictures[:, :, :1], pictures[:, :, 1:2]
    step = (bright_place(after) - bright_place(before))[..., 0]
    flow = step[:, :, None, None, None].expand(-1, 2, 1, SIZE, SIZE)
    found = seen("flow", flow, view, ())[:, :, 0, SIZE // 2, SIZE // 2]
    moved = (bright_place(move_pictures(after, view)) - bright_place(move_pictures(before, view)))[..., 0]
    assert torch.allclose(found, moved, atol=0.03)


def test_a_pure_flip_is_the_mirror_image() -> None:
    pictures, _ = scene()
    view = draw_view(AugmentConfig(flip=1.0), len(pictures), torch.Generator().manual_seed(0))
    assert torch.allclose(move_pictures(pictures, view), pictures.flip(-1), atol=1e-5)


def test_unseen_joints_stay_at_zero() -> None:
    view = draw_view(MOVES, 4, torch.Generator().manual_seed(0))
    assert not move_skeleton(torch.zeros(4, 3, 2, 17, 1), view, COCO_17.mirror).any()


def test_seed_alone_decides() -> None:
    pictures, joints = scene(4)
    inputs = {"rgb": (pictures.expand(-1, 3, -1, -1, -1) * 255).byte(), "skeleton": joints}
    config = AugmentConfig(zoom=0.1)
    first, again, other = (augment(inputs, config, COCO_17.mirror, seed) for seed in (7, 7, 8))
    assert all(torch.equal(first[m], again[m]) for m in inputs)
    assert not torch.equal(first["rgb"], other["rgb"])


def test_nothing_to_augment_is_the_plain_input() -> None:
    pictures, joints = scene(4)
    inputs = {"rgb": (pictures.expand(-1, 3, -1, -1, -1) * 255).byte(), "skeleton": joints}
    plain, still = (
        prepare(inputs),
        augment(inputs, AugmentConfig(flip=0.0, jitter=0.0, operations=0, erase=0.0), COCO_17.mirror, 0),
    )
    assert torch.allclose(plain["rgb"], still["rgb"], atol=1e-4)
    assert torch.allclose(plain["skeleton"], still["skeleton"], atol=1e-6)


def test_colours_by_hand_and_alike_in_all_frames() -> None:
    # Halved brightness, nothing else: 0.8 → 0.4. Saturation 0 gives grey of the same lightness (Rec. 601).
    clip = torch.tensor([0.8, 0.4, 0.2])[None, :, None, None, None].expand(2, 3, 3, 4, 4).contiguous()
    dark = recolour(clip, torch.tensor([[0.5, 1.0], [1.0, 1.0], [1.0, 0.0]]))
    assert dark[0, :, 0, 0, 0] == pytest.approx(torch.tensor([0.4, 0.2, 0.1]))
    grey = 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2
    assert dark[1, :, 2, 3, 3] == pytest.approx(torch.full((3,), grey), abs=1e-3)
    assert torch.equal(dark[:, :, 0], dark[:, :, 2])


def test_one_rectangle_is_erased_in_all_frames_alike_and_its_share_is_as_said() -> None:
    clips = torch.rand(64, 3, 2, 32, 32) * 0.1
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    result = erased(clips, 0.5, 7)
    assert torch.equal(before, torch.random.get_rng_state()), "dropout draws what it would have drawn"
    assert torch.equal(result, erased(clips, 0.5, 7))
    gone = result != clips
    assert torch.equal(gone, gone[:, :1, :1].expand_as(gone)) and bool((result[gone] == MEAN).all())
    hit = gone.flatten(1).any(dim=1)
    assert 20 <= int(hit.sum()) <= 44
    for mask in gone[hit, 0, 0]:
        rows, columns = mask.any(dim=1).sum(), mask.any(dim=0).sum()
        assert mask.sum() == rows * columns and 0.01 < mask.float().mean() < 0.36


def test_operations_move_the_skeleton_with_the_picture() -> None:
    """Rotated, sheared and moved, at full strength, before zoom and shift: joints stay on their blobs."""
    pictures, joints = scene()
    joints[:, :2] *= 0.5  # near the middle, or they would leave the picture
    pictures = move_pictures(pictures, View(2 * torch.eye(2).expand(16, 2, 2), torch.zeros(16, 2), torch.zeros(16)))
    generator = torch.Generator().manual_seed(2)
    maps = [geometry([Operation(name, 0.8, sign) for name in GEOMETRY]) for sign in [1.0, -1.0] * 8]
    view = moved_before(draw_view(MOVES, 16, generator), maps)
    places = bright_place(move_pictures(pictures, view))
    moved = move_skeleton(joints, view, tuple(range(17)))
    found = [(c, j) for c in range(16) for j in range(17) if (moved[c, :2, j, j, 0].abs() < 0.8).all()]
    assert len(found) > 100
    for clip, joint in found:
        assert moved[clip, :2, joint, joint, 0] == pytest.approx(places[clip, :, joint], abs=0.03)


def test_erasing_leaves_the_skeleton_alone() -> None:
    inputs = {"rgb": torch.rand(8, 3, 2, 32, 32), "skeleton": torch.rand(8, 3, 4, 17, 1)}
    plain, holes = (augment(inputs, AugmentConfig(erase=erase), COCO_17.mirror, 3) for erase in (0.0, 1.0))
    assert torch.equal(plain["skeleton"], holes["skeleton"]) and not torch.equal(plain["rgb"], holes["rgb"])

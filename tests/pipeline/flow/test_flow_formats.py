"""Flow files of other projects: bytes laid out by hand from their published descriptions, and round trips."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.flow.formats import read_denseflow, read_flo, read_mmcv, write_denseflow, write_flo, write_mmcv

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(2))
PICTURES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def smooth(height: int = 24, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x / 4 - 5, y / 3 - 2], axis=-1).astype(np.float32)


def test_flo_bytes_are_middleburys(tmp_path: Path) -> None:
    field = np.array([[[1, 2], [3, 4], [5, 6]]], np.float32)
    by_hand = b"PIEH" + struct.pack("<ii6f", 3, 1, 1, 2, 3, 4, 5, 6)
    write_flo(tmp_path / "a.flo", field)
    assert (tmp_path / "a.flo").read_bytes() == by_hand
    assert (read_flo(tmp_path / "a.flo") == field).all()


@PICTURES
@given(arrays(np.float32, SIZES, elements=st.floats(width=32, allow_nan=False)))
def test_flo_keeps_every_bit(tmp_path: Path, field: np.ndarray) -> None:
    write_flo(tmp_path / "a.flo", field)
    assert (read_flo(tmp_path / "a.flo") == field).all()


@pytest.mark.parametrize(
    "data",
    [b"", b"PIEH", b"PIEX" + bytes(16), b"PIEH" + struct.pack("<ii", 2, 2) + bytes(31), b"PIEH" + bytes(8)],
)
def test_broken_flo_is_refused_with_its_path(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.flo"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"bad\.flo"):
        read_flo(path)


def test_denseflow_folder_has_its_names_and_levels(tmp_path: Path) -> None:
    flow = np.stack([np.full((16, 24, 2), (1.5 * t, -t), np.float32) for t in range(12)])
    write_denseflow(tmp_path, flow, 20)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"flow_{axis}_{t:05d}.jpg" for axis in "xy" for t in range(12)]
    level = cv2.imread(str(tmp_path / "flow_x_00004.jpg"), cv2.IMREAD_UNCHANGED)
    assert level.shape == (16, 24) and (level == round(255 * 26 / 40)).all()
    assert np.abs(read_denseflow(tmp_path, 20) - flow).max() <= 20 / 255 + 1e-5


def test_denseflow_jpegs_are_close_on_smooth_flow(tmp_path: Path) -> None:
    write_denseflow(tmp_path, smooth()[None], 20)
    assert np.abs(read_denseflow(tmp_path, 20)[0] - smooth()).mean() < 0.1


def test_denseflow_numbers_may_start_at_one(tmp_path: Path) -> None:
    for number in (1, 2):
        for axis, level in (("x", 10 * number), ("y", 200)):
            picture = np.full((8, 8), level, np.uint8)
            cv2.imwrite(str(tmp_path / f"flow_{axis}_{number:05d}.jpg"), picture)
    flow = read_denseflow(tmp_path, 255 / 2)
    assert flow[:, 0, 0].round(3).tolist() == [[-117.5, 72.5], [-107.5, 72.5]]


@pytest.mark.parametrize("remove", ["flow_x_00001.jpg", "flow_y_00002.jpg", "*"])
def test_a_folder_with_gaps_is_refused(tmp_path: Path, remove: str) -> None:
    write_denseflow(tmp_path, np.zeros((3, 8, 8, 2), np.float32), 20)
    for path in tmp_path.glob(remove):
        path.unlink()
    with pytest.raises(ValueError, match="no gap"):
        read_denseflow(tmp_path, 20)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    write_denseflow(tmp_path, np.zeros((2, 8, 8, 2), np.float32), 20)
    for data in (b"", b"text"):
        (tmp_path / "flow_y_00001.jpg").write_bytes(data)
        with pytest.raises(ValueError, match="flow_y_00001"):
            read_denseflow(tmp_path, 20)


def test_mmcv_levels_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "field.png"
    x, y = np.array([[127, 254]], np.uint8), np.array([[0, 127]], np.uint8)
    step = 2 * 0.02 / 255
    by_hand = [[[0, -0.02 + step / 2], [(0.02 - step / 2) * 2, 0]]]  # the picture is two wide, one high
    for stack in (0, 1):
        cv2.imwrite(str(path), np.concatenate([x, y], axis=stack))
        assert np.allclose(read_mmcv(path, stack=stack), by_hand, atol=1e-7)


@PICTURES
@given(arrays(np.float32, SIZES, elements=st.floats(-5, 5, width=32)), st.sampled_from([0, 1]), st.booleans())
def test_mmcv_round_trip_is_within_half_a_step(tmp_path: Path, field: np.ndarray, stack: int, relative: bool) -> None:
    limit = 6.0
    path = tmp_path / "field.png"
    write_mmcv(path, field, stack=stack, limit=limit, relative=relative)
    back = read_mmcv(path, stack=stack, limit=limit, relative=relative)
    unit = np.array(field.shape[1::-1]) if relative else 1
    assert back.shape == field.shape
    assert (np.abs(back - field) <= limit / 255 * unit * 1.001).all()


def test_mmcv_keeps_zero(tmp_path: Path) -> None:
    write_mmcv(tmp_path / "still.jpg", np.zeros((16, 16, 2), np.float32))
    assert np.abs(read_mmcv(tmp_path / "still.jpg")).max() < 1e-9


def test_mmcv_picture_that_does_not_halve_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "odd.png"), np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match=r"odd\.png"):
        read_mmcv(tmp_path / "odd.png")
    cv2.imwrite(str(tmp_path / "colour.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=r"colour\.png"):
        read_mmcv(tmp_path / "colour.png")

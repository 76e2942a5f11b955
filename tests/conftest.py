"""What all tests share: a small real video, and the folder of real clips where it is at hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import media

sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty frames of 64x48 at 20 per second; frame i is told by its brightness, 4 i."""
    path = tmp_path_factory.mktemp("video") / "small.mp4"
    frames = (np.full((48, 64, 3), 4 * i, dtype=np.uint8) for i in range(60))
    assert media.encode(frames, path, 20, crf=0, gop=12) == 60
    return path


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """The folder of real clips. Skips where it is not there."""
    folder = SHARED / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}")
    return folder

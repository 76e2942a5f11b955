"""What the pose tests share: the model file, and real frames of one person."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.config import SkeletonConfig
from pipeline.errors import UserError
from pipeline.pose.models import model_path


@pytest.fixture(scope="session")
def model() -> Path:
    """MoveNet's file. Skips where `make setup` has not put it in place."""
    try:
        return model_path(SkeletonConfig().backend)
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def jumping(real_videos: Path) -> np.ndarray:
    """Thirty frames [30, 256, 342, 3] of a woman who does jumping jacks, all of her in the picture."""
    clip = real_videos / "jumping-jack" / "guilleccc_3.mp4"
    return np.stack([frame for _, frame in itertools.islice(media.decode(clip, short_side=256), 30)])

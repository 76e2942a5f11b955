"""The user's own DenseFlow (github.com/open-mmlab/denseflow), run on a clip's file; its folder is read back."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from pipeline.errors import UserError
from pipeline.flow.formats import read_denseflow_levels

TAIL = 500
"""How many characters of the program's last words go into the error."""


class DenseflowError(Exception):
    """The program failed, or wrote something else than the clip's flow; the message has its last words."""


def check(binary: Path) -> None:
    """Raises UserError if there is no such program."""
    if not (binary.is_file() and os.access(binary, os.X_OK)):
        raise UserError(f"{binary}: no program that can be run; set flow.binary to the path of your denseflow")


def levels(binary: Path, clip: Path, bound: int, shape: tuple[int, ...]) -> np.ndarray:
    """TV-L1 by DenseFlow of a clip whose frames have `shape` [T, H, W, 3], quantised: uint8 [T−1, H, W, 2]."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(binary), str(clip), f"-o={folder}", "-a=tvl1", "-s=1", f"-b={bound}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        words = done.stdout.strip()[-TAIL:]
        if done.returncode:
            raise DenseflowError(f"{binary} ended with code {done.returncode}: {words}")
        try:
            found = read_denseflow_levels(Path(folder) / clip.stem)
        except (ValueError, FileNotFoundError) as error:
            raise DenseflowError(f"{error}; {binary} said: {words}") from None
    count, height, width, _ = shape
    if found.shape != (count - 1, height, width, 2):
        raise DenseflowError(f"{binary} wrote fields {list(found.shape)} for frames {list(shape)}")
    return found
